"use strict";
// A graph drawn into an SVG: edges, vertices, and the question token beside the target. What stands
// out is the caller's: a look gives each edge and vertex its colour, width and label.
const View = (() => {
  const { svg, put } = Elements;
  const MARGIN = 46; // from the edge of the canvas to the outermost vertex

  // `named(vertex)`: a caption below a vertex. `focusable`: whether parts can be reached by the Tab key.
  function view(root, { focusable = false, named = () => "" } = {}) {
    const layers = {};
    for (const name of ["edges", "question", "vertices", "handles", "labels"]) {
      layers[name] = svg("g", { class: name });
      root.append(layers[name]);
    }
    const self = { root, layers, size: [600, 400], focusable, named, radius: 17 };
    self.measure = () => {
      const box = root.getBoundingClientRect();
      if (box.width) self.size = [box.width, box.height];
      put(root, "viewBox", `0 0 ${self.size.join(" ")}`);
    };
    self.toPixels = ([x, y]) => [MARGIN + x * (self.size[0] - 2 * MARGIN), MARGIN - 8 + y * (self.size[1] - 2 * MARGIN)];
    self.toUnits = ([x, y]) => [(x - MARGIN) / (self.size[0] - 2 * MARGIN), (y - MARGIN + 8) / (self.size[1] - 2 * MARGIN)]
      .map((u) => Math.min(1, Math.max(0, u)));
    self.draw = (drawing, look = {}) => draw(self, drawing, look);
    return self;
  }

  function draw(self, drawing, { edge = () => ({}), vertex = () => ({}), question = null }) {
    self.measure();
    const { places, edges, target } = drawing;
    self.radius = Math.min(17, Math.max(9, 0.13 * Math.sqrt((self.size[0] * self.size[1]) / places.size)));
    const at = new Map([...places].map(([v, place]) => [v, self.toPixels(place)]));
    const distinct = Graphs.distinct(edges);
    reconcile(self.layers.edges, distinct, "key", () => newEdge(), (node, e) => drawEdge(node, e, at, edge(e)));
    reconcile(self.layers.vertices, [...at.keys()].map((id) => ({ id })), "id", ({ id }) => newVertex(self, id),
      (node, { id }) => drawVertex(self, node, id, at, drawing, vertex(id)));
    if (self.focusable) {
      reconcile(self.layers.handles, distinct, "key", (e) => newHandle(e), (node, e) => {
        put(node, "transform", `translate(${middle(e, at).join(" ")})`);
        put(node, "aria-label", `Edge ${e.ends[0]} to ${e.ends[1]}${e.times > 1 ? `, ${e.times} times` : ""}`);
      });
    }
    const labels = distinct.map((e) => ({ key: e.key, text: edge(e).label, at: middle(e, at) })).filter((l) => l.text);
    reconcile(self.layers.labels, labels, "key", () => svg("text", { class: "number" }), (node, { text, at: [x, y] }) => {
      put(node, "x", x);
      put(node, "y", y);
      if (node.textContent !== text) node.textContent = text;
    });
    drawQuestion(self, at, target, question);
  }

  // One child per item, known by its key, in the order of the items.
  function reconcile(parent, items, key, create, update) {
    const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
    items.forEach((item, i) => {
      const node = old.get(String(item[key])) ?? create(item);
      node.dataset.key = item[key];
      old.delete(node.dataset.key);
      if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
      update(node, item);
    });
    old.forEach((node) => node.remove());
  }

  const newEdge = () => svg("g", { class: "edge" }, svg("path", { class: "halo" }), svg("path", { class: "line" }), svg("path", { class: "hit" }));
  const newHandle = ({ key }) => svg("g", { class: "handle", tabindex: 0, role: "button", "data-edge": key }, svg("circle", { r: 11 }));
  const newVertex = (self, id) => svg("g", { class: "vertex", "data-vertex": id, tabindex: self.focusable ? 0 : null, role: self.focusable ? "button" : null },
    svg("circle", { class: "ring" }), svg("circle", { class: "disc" }), svg("text", { class: "id" }), svg("text", { class: "caption" }));

  const middle = ({ ends: [a, b] }, at) => [0, 1].map((k) => (at.get(a)[k] + at.get(b)[k]) / 2);

  // A repeated edge is drawn as that many lines side by side.
  function drawEdge(node, { key, ends, times }, at, { colour, width, opacity, halo, off }) {
    const [[ax, ay], [bx, by]] = ends.map((v) => at.get(v));
    const length = Math.hypot(bx - ax, by - ay) || 1, [nx, ny] = [(ay - by) / length, (bx - ax) / length];
    const lines = Array.from({ length: times }, (_, i) => {
      const shift = 5 * (i - (times - 1) / 2);
      return `M${ax + nx * shift} ${ay + ny * shift}L${bx + nx * shift} ${by + ny * shift}`;
    }).join("");
    const [under, line, hit] = node.children;
    put(node, "data-edge", key);
    [under, line, hit].forEach((path) => put(path, "d", path === line ? lines : `M${ax} ${ay}L${bx} ${by}`));
    put(under, "class", halo ? `halo ${halo}` : "halo none");
    line.style.stroke = colour ?? "";
    line.style.strokeWidth = width ?? "";
    line.style.strokeOpacity = opacity ?? "";
    node.classList.toggle("off", Boolean(off));
  }

  function drawVertex(self, node, id, at, drawing, { fill, ink, ring, ringWidth, caption }) {
    const [ringNode, disc, name, below] = node.children, role = id === 1 ? "start" : id === drawing.target ? "target" : "plain";
    put(node, "transform", `translate(${at.get(id).join(" ")})`);
    put(node, "class", `vertex ${role}`);
    put(disc, "r", self.radius);
    put(ringNode, "r", self.radius + 2 + (ringWidth ?? 0) / 2);
    ringNode.style.stroke = ring ?? "none";
    ringNode.style.strokeWidth = ringWidth ?? "";
    disc.style.fill = fill ?? "";
    name.style.fill = ink ?? "";
    name.textContent = id;
    put(name, "y", 5);
    below.textContent = caption ?? self.named(id);
    put(below, "y", self.radius + 15);
  }

  // The question token (t, TARGET) stands beside its target, or in the corner if the target is not drawn.
  function drawQuestion(self, at, target, look) {
    self.layers.question.replaceChildren();
    if (!look) return;
    const place = at.get(target), [w] = self.size;
    const [x, y] = place ? besides(place, [...at.values()], self.size) : [w - 44, 26];
    const box = svg("rect", { class: "token", x: x - 19, y: y - 11, width: 38, height: 22, rx: 6 });
    box.style.fill = look.fill ?? "";
    box.style.stroke = look.stroke ?? "";
    box.style.strokeWidth = look.width ?? "";
    box.style.strokeOpacity = look.opacity ?? "";
    const text = svg("text", { class: "id", x, y: y + 4.5 });
    text.textContent = `${target} ?`;
    text.style.fill = look.ink ?? "";
    const tie = place ? svg("path", { class: "tie", d: `M${place.join(" ")}L${x} ${y}` }) : null;
    const label = look.label ? svg("text", { class: "number", x, y: y - 19 }) : null;
    if (label) label.textContent = look.label;
    self.layers.question.append(...[tie, box, text, label].filter(Boolean));
  }

  // The place around a vertex that is farthest from all others and on the canvas.
  function besides([x, y], others, [w, h]) {
    const around = Array.from({ length: 8 }, (_, i) => [x + 50 * Math.cos((i * Math.PI) / 4), y + 38 * Math.sin((i * Math.PI) / 4)]);
    const room = ([u, v]) => Math.min(...others.map(([a, b]) => Math.hypot(a - u, b - v)).filter((d) => d > 0), 4 * Math.min(u - 16, v - 12, w - u - 16, h - v - 12));
    return around.reduce((a, b) => (room(b) > room(a) + 1 ? b : a));
  }

  return { view };
})();
