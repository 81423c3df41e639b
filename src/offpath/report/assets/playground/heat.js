"use strict";
// Numbers as colours: a canvas of cells from −1 (blue) over 0 (empty) to 1 (orange), or from 0 to 1 in
// one colour. The cell under the pointer, or under the cursor that arrow keys move, is described.
const Heat = (() => {
  const { element, put } = Elements;
  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  // `describe(row, column)` is said as a cell is pointed at, and `point(row, column)` called.
  function heat({ rows, columns, value, label, colours = ["--negative", "--positive"], describe = null, say = null, point = () => {} }) {
    const canvas = element("canvas", { class: "heat-map", width: columns, height: rows, role: "img", "aria-label": label, "--columns": columns, "--rows": rows });
    paint(canvas, value, colours);
    if (!describe) return canvas;
    put(canvas, "tabindex", 0);
    let cursor = [rows - 1, 0];
    const show = (row, column) => {
      cursor = [row, column];
      say(describe(row, column));
      point(row, column);
    };
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const at = [(event.clientY - box.top) / box.height * rows, (event.clientX - box.left) / box.width * columns];
      show(...at.map((u, k) => Math.min([rows, columns][k] - 1, Math.max(0, Math.floor(u)))));
    });
    canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) show(...cursor); });
    canvas.addEventListener("keydown", (event) => {
      const by = MOVES[event.key];
      if (!by) return;
      event.preventDefault();
      show(...cursor.map((u, k) => Math.min([rows, columns][k] - 1, Math.max(0, u + by[k]))));
    });
    return canvas;
  }

  function paint(canvas, value, colours) {
    const { width, height } = canvas, [low, high] = colours.map(resolved), image = new ImageData(width, height);
    for (let cell = 0; cell < width * height; cell += 1) {
      const share = Math.min(1, Math.max(-1, value(Math.floor(cell / width), cell % width)));
      image.data.set([...(share < 0 ? low : high), 255 * Math.abs(share)], 4 * cell);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // Red, green and blue of a colour of the style sheet, as the theme has it now.
  function resolved(name) {
    const probe = Elements.byId("probe");
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  }

  return { heat };
})();
