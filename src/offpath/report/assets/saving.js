"use strict";
// A figure as a file: what is seen as SVG or PNG, what is drawn as CSV or JSON.
const SIZE = 2; // pixels of a PNG for each of the page
const NAME = "http://www.w3.org/2000/svg";

function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// The text of a cell: its parts, which the page sets below each other, with spaces between them.
const words = (cell) => [...cell.childNodes].map((part) => part.textContent.trim()).filter(Boolean).join(" ");

// Rows of every chart and table of a figure, each with what it is of.
function rowsOf(figure) {
  const rows = [];
  for (const box of boxes.filter((one) => figure.contains(one))) {
    const spec = specs.get(box);
    const title = box.parentElement.querySelector("h4")?.textContent ?? "";
    const parts = [spec.data, ...(spec.layer ?? []).map((layer) => layer.data)].filter(Boolean);
    for (const row of parts.flatMap((part) => part.values)) rows.push(title ? { chart: title, ...row } : row);
  }
  for (const table of figure.querySelectorAll("table")) {
    const title = table.closest("[aria-label]").ariaLabel;
    const heads = [...table.tHead.rows[0].cells].map(words);
    for (const line of table.tBodies[0].rows) {
      const [first, ...cells] = line.cells;
      const name = { table: title, row: words(first) };
      const counted = cells.some((cell) => cell.dataset.numbers);
      const texts = cells.map((cell, i) => [heads[i + 1], words(cell)]);
      if (!counted) rows.push({ ...name, ...Object.fromEntries(texts) });
      cells.forEach((cell, i) => {
        if (cell.dataset.numbers) rows.push({ ...name, column: heads[i + 1], ...JSON.parse(cell.dataset.numbers) });
      });
    }
  }
  return rows;
}

function csv(rows) {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const field = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const plain = typeof value === "string" && /^[=+@\t\r]/.test(text) ? `'${text}` : text; // not a formula
    return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))]
    .map((cells) => cells.map(field).join(",")).join("\n") + "\n";
}

function texted(words, x, y, size, weight) {
  const text = document.createElementNS(NAME, "text");
  Object.entries({ x, y, "font-size": size, "font-weight": weight, fill: colourOf("--ink") })
    .forEach(([name, value]) => text.setAttribute(name, value));
  text.setAttribute("font-family", "system-ui, sans-serif");
  text.textContent = words;
  return text;
}
const colourOf = (name) => {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};

// All charts of a figure where they stand on the page, with their titles and the key; colours as they are seen.
function picture(figure) {
  const area = figure.querySelector(".charts");
  const frame = area.getBoundingClientRect();
  const key = figure.querySelector(".legend");
  const head = 34 + (key ? 22 : 0);
  const size = { width: Math.ceil(Math.max(frame.width, area.scrollWidth)) + 20, height: Math.ceil(frame.height) + head + 10 };
  const whole = document.createElementNS(NAME, "svg");
  Object.entries({ xmlns: NAME, ...size, viewBox: `0 0 ${size.width} ${size.height}` })
    .forEach(([name, value]) => whole.setAttribute(name, value));
  const paper = document.createElementNS(NAME, "rect");
  Object.entries({ width: "100%", height: "100%", fill: colourOf("--paper") }).forEach((pair) => paper.setAttribute(...pair));
  const title = (figure.querySelector("h3") ?? figure.parentElement.querySelector("h3")).textContent;
  whole.append(paper, texted(title, 10, 22, 15, 600));
  if (key) legendInto(whole, key);
  for (const box of boxes.filter((one) => figure.contains(one))) {
    const seen = box.querySelector("svg");
    const place = seen.getBoundingClientRect();
    const [x, y] = [place.left - frame.left + area.scrollLeft + 10, place.top - frame.top + head];
    const words = box.parentElement.querySelector("h4");
    if (words) whole.append(texted(words.textContent, x, words.getBoundingClientRect().top - frame.top + head + 13, 12, 600));
    const copy = seen.cloneNode(true);
    const [from, to] = [seen, copy].map((svg) => svg.querySelectorAll("*"));
    from.forEach((element, i) => {
      const style = getComputedStyle(element);
      for (const paint of ["fill", "stroke"]) {
        if (element.hasAttribute(paint)) to[i].setAttribute(paint, style[paint]);
      }
    });
    copy.setAttribute("x", x);
    copy.setAttribute("y", y);
    whole.append(copy);
  }
  return { text: new XMLSerializer().serializeToString(whole), size };
}

function legendInto(whole, key) {
  let x = 10;
  for (const entry of key.children) {
    const path = entry.querySelector("path");
    const mark = document.createElementNS(NAME, "path");
    mark.setAttribute("d", path.getAttribute("d"));
    mark.setAttribute("transform", `translate(${x} 35)`);
    mark.setAttribute("fill", getComputedStyle(path).fill);
    const words = texted(entry.textContent.trim(), x + 15, 44, 11.5, 400);
    whole.append(mark, words);
    x += 16 + entry.getBoundingClientRect().width;
  }
}

async function png({ text, size }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = size.width * SIZE;
  canvas.height = size.height * SIZE;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

const savers = {
  csv: (figure) => [csv(rowsOf(figure)), "text/csv"],
  json: (figure) => [JSON.stringify(rowsOf(figure), null, 1), "application/json"],
  svg: (figure) => [picture(figure).text, "image/svg+xml"],
  png: async (figure) => [await png(picture(figure)), "image/png"],
};
for (const figure of document.querySelectorAll("figure")) {
  const name = (figure.id ? figure : figure.parentElement).id;
  for (const control of figure.querySelectorAll("[data-save]")) {
    control.addEventListener("click", async () => {
      await window.drawAll(figure);
      const kind = control.dataset.save;
      const [content, type] = await savers[kind](figure);
      save(`${document.body.dataset.name}-${name}.${kind}`, content, type);
    });
  }
}
