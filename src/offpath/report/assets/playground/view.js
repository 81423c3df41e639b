"use strict";
// A graph drawn into an SVG: edges, vertices, and the question token beside the target. What stands
// out is the caller's: a look gives each edge and vertex its colour, width and label.
const View = (() => {
  const { svg, put } = Elements;
  const MARGIN = 46, LIFT = 8; // from the border to the outermost vertex, and less of it at the top
  const LARGEST = 17, SMALLEST = 9, SHARE = 0.13; // radius of vertices; its share of the room for each

  // `named(vertex, target)`: a caption below a vertex. `focusable`: whether the Tab key reaches parts.
  function view(root, { focusable = false, named = () => "" } = {}) {
    const layers = {};
    for (const name of ["edges", "question", "vertices", "handles", "labels"]) layers[name] = svg(`g.${name}`);
    root.append(...Object.values(layers));
    const self = { root, layers, focusable, named, size: [600, 400], radius: LARGEST };
    self.draw = (drawing, look = {}) => draw(self, drawing, look);
    self.toPixels = ([x, y]) => [MARGIN + x * room(self, 0), MARGIN - LIFT + y * room(self, 1)];
    self.toUnits = ([x, y]) => [(x - MARGIN) / room(self, 0), (y - MARGIN + LIFT) / room(self, 1)]
      .map((u) => Math.min(1, Math.max(0, u)));
    return self;
  }

  const small = (label) => view(svg("svg.canvas.small", { role: "img", "aria-label": label }));
  const room = ({ size }, k) => size[k] - 2 * MARGIN;

  function draw(self, drawing, { edge = () => ({}), vertex = () => ({}), question = null }) {
    measure(self, drawing.places.size);
    const at = new Map([...drawing.places].map(([v, place]) => [v, self.toPixels(place)]));
    const edges = Graphs.distinct(drawing.edges).map((e) => ({ ...e, look: edge(e), middle: middle(e.ends, at) }));
    const vertices = [...at].map(([id, place]) => ({ key: id, place, look: vertex(id) }));
    const { layers } = self, beside = Graphs.neighbours(drawing.edges);
    for (const vertex of vertices) vertex.towards = (beside.get(vertex.key) ?? []).map((v) => at.get(v));
    reconcile(layers.edges, edges, newEdge, (node, e) => drawEdge(node, e, at));
    reconcile(layers.vertices, vertices, (v) => newVertex(self, v), (node, v) => drawVertex(self, node, v, drawing.target));
    reconcile(layers.handles, self.focusable ? edges : [], newHandle, drawHandle);
    reconcile(layers.labels, edges.filter((e) => e.look.label), () => svg("text.number"), drawLabel);
    layers.question.replaceChildren(...(question ? questionToken(self, at, drawing.target, question) : []));
  }

  // Sizes follow the screen, so that text and vertices are as large everywhere.
  function measure(self, vertices) {
    const { width, height } = self.root.getBoundingClientRect();
    if (width) self.size = [width, height];
    self.radius = Math.min(LARGEST, Math.max(SMALLEST, SHARE * Math.sqrt((self.size[0] * self.size[1]) / vertices)));
    put(self.root, "viewBox", `0 0 ${self.size.join(" ")}`);
  }

  // One child per item, known by its key, in the order of the items.
  function reconcile(parent, items, create, update) {
    const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
    items.forEach((item, i) => {
      const node = old.get(String(item.key)) ?? create(item);
      node.dataset.key = item.key;
      old.delete(node.dataset.key);
      if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
      update(node, item);
    });
    old.forEach((node) => node.remove());
  }

  const middle = ([a, b], at) => [0, 1].map((k) => (at.get(a)[k] + at.get(b)[k]) / 2);

  const newEdge = ({ key }) => svg("g.edge", { "data-edge": key }, svg("path.halo"), svg("path.line"), svg("path.hit"));

  // A repeated edge is drawn as that many lines side by side.
  function drawEdge(node, { ends, times, look: { colour, width, opacity, halo } }, at) {
    const [[ax, ay], [bx, by]] = ends.map((v) => at.get(v)), length = Math.hypot(bx - ax, by - ay) || 1;
    const [under, line, hit] = node.children;
    const beside = (shift) => {
      const [dx, dy] = [(shift * (ay - by)) / length, (shift * (bx - ax)) / length];
      return `M${ax + dx} ${ay + dy}L${bx + dx} ${by + dy}`;
    };
    put(line, "d", Array.from({ length: times }, (_, i) => beside(5 * (i - (times - 1) / 2))).join(""));
    put(under, "d", beside(0));
    put(hit, "d", beside(0));
    put(under, "class", `halo ${halo ?? "none"}`);
    Object.assign(line.style, { stroke: colour ?? "", strokeWidth: width ?? "", strokeOpacity: opacity ?? "" });
  }

  function newVertex({ focusable }, { key }) {
    const parts = [svg("circle.ring"), svg("circle.disc"), svg("text.id", String(key)), svg("text.caption")];
    return svg("g", { "data-vertex": key, ...(focusable ? { tabindex: 0, role: "button" } : {}) }, parts);
  }

  function drawVertex(self, node, { key, place, look, towards }, target) {
    const [ring, disc, name, caption] = node.children, { radius } = self, { ringWidth = 0 } = look;
    put(node, "transform", `translate(${place.join(" ")})`);
    put(node, "class", `vertex ${key === 1 ? "start" : key === target ? "target" : ""}`);
    put(disc, "r", radius);
    put(ring, "r", radius + 2 + ringWidth / 2);
    put(name, "y", 5);
    Object.assign(ring.style, { stroke: look.ring ?? "none", strokeWidth: ringWidth });
    disc.style.fill = look.fill ?? "";
    name.style.fill = look.ink ?? "";
    caption.textContent = look.caption ?? self.named(key, target);
    const [x, y] = captionAt(self, place, towards, 2.8 * caption.textContent.length);
    put(caption, "x", x);
    put(caption, "y", y);
  }

  // Where a caption stands beside its vertex: on the first side that no edge goes to, and inside.
  function captionAt({ radius, size: [width] }, [x, y], towards, half) {
    const across = radius + 8 + half;
    const sides = [[0, 1], [0, -1], [1, 0], [-1, 0]]
      .filter(([dx]) => x + dx * (across + half) >= 0 && x + dx * (across + half) <= width);
    const crowded = ([dx, dy]) => Math.max(0.35, ...towards.map(([u, v]) =>
      ((u - x) * dx + (v - y) * dy) / (Math.hypot(u - x, v - y) || 1)));
    const [dx, dy] = sides.reduce((a, b) => (crowded(b) < crowded(a) ? b : a));
    return [dx * across, dy ? dy * (radius + 11) + 4 : 4];
  }

  // What the Tab key reaches of an edge: a handle in its middle, over the vertices and not for pointers.
  const newHandle = ({ key }) =>
    svg("g.handle", { tabindex: 0, role: "button", "data-edge": key }, svg("circle", { r: 11 }));

  function drawHandle(node, { ends, times, middle: [x, y] }) {
    put(node, "transform", `translate(${x} ${y})`);
    put(node, "aria-label", `Edge ${ends.join(" to ")}${times > 1 ? `, ${times} times` : ""}`);
  }

  function drawLabel(node, { look: { label }, middle: [x, y] }) {
    put(node, "x", x);
    put(node, "y", y);
    if (node.textContent !== label) node.textContent = label;
  }

  // The question token (t, TARGET): beside its target, or in the corner if that is not drawn.
  function questionToken(self, at, target, { fill = "", stroke = "", width = "", label }) {
    const place = at.get(target);
    const [x, y] = place ? beside(place, [...at.values()], self.size) : [self.size[0] - 44, 26];
    const box = svg("rect.token", { x: x - 19, y: y - 11, width: 38, height: 22, rx: 6 });
    Object.assign(box.style, { fill, stroke, strokeWidth: width });
    const tie = place ? [svg("path.tie", { d: `M${place.join(" ")}L${x} ${y}` })] : [];
    const number = label ? [svg("text.number", { x, y: y - 19 }, label)] : [];
    return [...tie, box, svg("text.id", { x, y: y + 4.5 }, `${target} ?`), ...number];
  }

  // The place around a vertex that is farthest from all others and from the border.
  function beside([x, y], others, [width, height]) {
    const angles = Array.from({ length: 8 }, (_, i) => (i * Math.PI) / 4);
    const around = angles.map((angle) => [x + 50 * Math.cos(angle), y + 38 * Math.sin(angle)]);
    const free = ([u, v]) => Math.min(
      ...others.map(([a, b]) => Math.hypot(a - u, b - v)),
      ...[u - 16, v - 12, width - u - 16, height - v - 12].map((gap) => 4 * gap),
    );
    return around.reduce((a, b) => (free(b) > free(a) + 1 ? b : a));
  }

  return { view, small };
})();
