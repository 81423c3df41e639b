"use strict";
// Numbers as colours: a canvas of cells from −1 (blue) over 0 (empty) to 1 (orange), or from 0 to 1 in
// one colour. The cell under the pointer, or under the cursor that arrow keys move, is described.
const Heat = (() => {
  const { element, put, byId } = Elements;
  const BOTH = ["--negative", "--positive"], LOOKS = ["--card", "--looks"]; // colours below 0 and above
  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  // Cells of which only the colours are there to see.
  function painted(rows, columns, value, colours = BOTH) {
    const size = { width: columns, height: rows, "--columns": columns, "--rows": rows };
    const canvas = element("canvas.heat-map", size, { "aria-hidden": "true" });
    const [low, high] = colours.map(resolved), image = new ImageData(columns, rows);
    for (let cell = 0; cell < rows * columns; cell += 1) {
      const share = Math.min(1, Math.max(-1, value(Math.floor(cell / columns), cell % columns)));
      image.data.set([...(share < 0 ? low : high), 255 * Math.abs(share)], 4 * cell);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  // Cells that can be pointed at, or gone to by arrow keys: `at(row, column)` is then called.
  function explored(canvas, label, at) {
    const sizes = [canvas.height, canvas.width];
    let cursor = [canvas.height - 1, 0];
    const show = (place) => {
      cursor = place.map((u, k) => Math.min(sizes[k] - 1, Math.max(0, Math.floor(u))));
      at(...cursor);
    };
    put(canvas, "aria-hidden", null);
    Object.entries({ role: "img", tabindex: 0, "aria-label": label }).forEach((pair) => put(canvas, ...pair));
    canvas.addEventListener("pointermove", ({ clientX, clientY }) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      show([((clientY - top) / height) * sizes[0], ((clientX - left) / width) * sizes[1]]);
    });
    canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) show(cursor); });
    canvas.addEventListener("keydown", (event) => {
      const by = MOVES[event.key];
      if (!by) return;
      event.preventDefault();
      show(cursor.map((u, k) => u + by[k]));
    });
    return canvas;
  }

  // Red, green and blue of a colour of the style sheet, as the theme has it now.
  function resolved(name) {
    byId("probe").style.color = `var(${name})`;
    return getComputedStyle(byId("probe")).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  }

  return { painted, explored, LOOKS };
})();
