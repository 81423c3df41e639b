"use strict";
// Figures: drawn when they come near the screen, linked by true distance, zoomed, and saved.
const config = JSON.parse(document.getElementById("look").textContent);
const boxes = [...document.querySelectorAll("[data-chart]")];
const specs = new Map(boxes.map((box) => [box, JSON.parse(box.textContent)]));
const views = new Map();
const drawings = new Map();

function draw(box) {
  if (!drawings.has(box)) drawings.set(box, embed(box, specs.get(box)));
  return drawings.get(box);
}

async function embed(box, spec) {
  views.get(box)?.finalize();
  const { view } = await vegaEmbed(box, spec, { renderer: "svg", actions: false, config });
  views.set(box, view);
  box.style.minHeight = "";
  const { distance, zoom } = spec.usermeta ?? {};
  if (distance) linkMarks(view, distance);
  if (zoom) box.tabIndex = 0;
}

// All charts below an element: what tests, and printing, wait for.
window.drawAll = (part = document, which = () => true) =>
  Promise.all(boxes.filter((box) => part.contains(box) && which(box)).map(draw));

const near = new IntersectionObserver((entries) => {
  for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
    near.unobserve(target);
    draw(target);
  }
}, { rootMargin: "1200px 0px" });
for (const box of boxes) {
  box.style.minHeight = `${Number(box.dataset.height) + 40}px`; // so that nothing moves later
  near.observe(box);
}

// One true distance stands out in all charts: while the pointer is on it, or once it is chosen.
let chosen = null;
function single(distance) {
  for (const [box, view] of views) {
    if (specs.get(box).usermeta?.distance) view.signal("distance", distance).runAsync();
  }
  for (const key of document.querySelectorAll("[data-distance]")) {
    key.setAttribute("aria-pressed", String(key.dataset.distance === distance));
  }
}
function choose(distance) {
  chosen = chosen === distance ? null : distance;
  single(chosen);
}
function linkMarks(view, field) {
  const of = (item) => item?.datum?.[field] ?? null;
  view.addEventListener("pointerover", (_, item) => { if (of(item) !== null) single(of(item)); });
  view.addEventListener("pointerout", (_, item) => { if (of(item) !== null) single(chosen); });
  view.addEventListener("click", (_, item) => { if (of(item) !== null) choose(of(item)); });
  if (chosen !== null) view.signal("distance", chosen).runAsync();
}
for (const key of document.querySelectorAll("[data-distance]")) {
  key.addEventListener("click", () => choose(key.dataset.distance));
  key.addEventListener("pointerenter", () => single(key.dataset.distance));
  key.addEventListener("pointerleave", () => single(chosen));
}
addEventListener("keydown", (event) => { if (event.key === "Escape") choose(chosen); });

// Zoom and pan: of each axis by a share of what is seen, in logarithms where the axis has them.
function look(view, name, change) {
  const scale = view.scale(name);
  const [to, from] = scale.type === "log" || scale.base ? [Math.log, Math.exp] : [Number, Number];
  const ends = scale.domain().map(to);
  view.signal(`zoom_${name}`, change === null ? null : change(...ends).map(from));
}
const scaled = (factor, at = 0.5) => (low, high) => {
  const fixed = low + at * (high - low);
  return [fixed - (fixed - low) * factor, fixed + (high - fixed) * factor];
};
const moved = (share) => (low, high) => [low + share * (high - low), high + share * (high - low)];
function change(box, x, y) {
  const view = views.get(box);
  look(view, "x", x);
  look(view, "y", y);
  view.runAsync();
}
const zooms = { in: scaled(0.7), out: scaled(1 / 0.7), back: null };
const still = moved(0);
const keys = {
  "+": [zooms.in, zooms.in], "-": [zooms.out, zooms.out], 0: [null, null],
  ArrowLeft: [moved(-0.1), still], ArrowRight: [moved(0.1), still],
  ArrowUp: [still, moved(0.1)], ArrowDown: [still, moved(-0.1)],
};
// Where in the part with the marks a pointer is, 0 to 1 across and up.
function place(box, event) {
  const view = views.get(box);
  const [left, top] = view.origin();
  const corner = box.querySelector("svg").getBoundingClientRect();
  return [(event.clientX - corner.left - left) / view.width(), 1 - (event.clientY - corner.top - top) / view.height()];
}
// The values of the point of a line that is nearest to the pointer.
const bubble = Object.assign(document.createElement("div"), { className: "bubble", hidden: true });
document.body.append(bubble);
function nearest(box, event) {
  const view = views.get(box);
  const { x, y } = specs.get(box).layer.at(-1).encoding;
  const [left, top] = view.origin();
  const corner = box.querySelector("svg").getBoundingClientRect();
  const at = [event.clientX - corner.left - left, event.clientY - corner.top - top];
  const [across, down] = [view.scale("x"), view.scale("y")];
  let [found, least] = [null, 24 ** 2]; // no farther than 24 pixels
  for (const row of specs.get(box).data.values) {
    const far = (across(row[x.field]) - at[0]) ** 2 + (down(row[y.field]) - at[1]) ** 2;
    if (far < least) [found, least] = [row, far];
  }
  return found && [found.line ?? found.series, ...[x, y].map((axis) => `${axis.title || axis.field}: ${Number(found[axis.field].toPrecision(4))}`)];
}
for (const box of boxes.filter((one) => specs.get(one).usermeta?.lines)) {
  box.addEventListener("pointermove", (event) => {
    const texts = views.has(box) ? nearest(box, event) : null;
    bubble.hidden = !texts;
    if (!texts) return;
    bubble.replaceChildren(...texts.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
    bubble.style.left = `${Math.min(event.clientX + 14, innerWidth - 180)}px`;
    bubble.style.top = `${event.clientY + 14}px`;
  });
  box.addEventListener("pointerleave", () => { bubble.hidden = true; });
}
for (const box of boxes.filter((one) => specs.get(one).usermeta?.zoom)) {
  let from = null;
  box.addEventListener("wheel", (event) => {
    if (!(event.ctrlKey || event.metaKey) || !views.has(box)) return; // a plain wheel scrolls the page
    event.preventDefault();
    const [x, y] = place(box, event);
    const factor = Math.exp(event.deltaY * 0.002);
    change(box, scaled(factor, x), scaled(factor, y));
  }, { passive: false });
  box.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button || !views.has(box)) return; // a finger scrolls
    from = place(box, event);
    box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = place(box, event);
    change(box, moved(from[0] - to[0]), moved(from[1] - to[1]));
    from = to;
  });
  box.addEventListener("pointerup", () => { from = null; });
  box.addEventListener("dblclick", () => change(box, null, null));
  box.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || !views.has(box)) return;
    event.preventDefault();
    change(box, ...keys[event.key]);
  });
}

// A loss on a linear axis instead: the chart is drawn anew, with the ticks of that axis.
function linear(spec) {
  const made = structuredClone(spec);
  for (const layer of made.layer) {
    const y = layer.encoding.y;
    if (y?.scale?.type === "log") {
      y.scale.type = "linear";
      delete y.axis.values;
      delete y.axis.labelExpr;
    }
  }
  return made;
}
async function turn(figure, kind) {
  for (const box of boxes.filter((one) => figure.contains(one) && specs.get(one).usermeta?.log)) {
    await draw(box);
    await embed(box, kind === "log" ? specs.get(box) : linear(specs.get(box)));
  }
  if (chosen !== null) single(chosen);
  zoom(figure, null);
}
function zoom(figure, by) {
  boxes.filter((box) => figure.contains(box) && views.has(box) && specs.get(box).usermeta?.zoom).forEach((box) => change(box, by, by));
}
for (const figure of document.querySelectorAll("figure")) {
  for (const control of figure.querySelectorAll("[data-axis]")) {
    control.addEventListener("click", () => {
      figure.querySelectorAll("[data-axis]").forEach((one) => one.setAttribute("aria-pressed", String(one === control)));
      turn(figure, control.dataset.axis);
    });
  }
  for (const control of figure.querySelectorAll("[data-zoom]")) {
    control.addEventListener("click", () => zoom(figure, zooms[control.dataset.zoom]));
  }
}
