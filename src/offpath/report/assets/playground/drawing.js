"use strict";
// The canvas: a drawing changed by mouse, touch and keyboard. `page` holds the state and takes each
// change: page.state, page.change(drawing, merge), page.say(text), page.render().
const Drawing = (() => {
  const { svg, put } = Elements;
  const TAP = 6; // pixels that a finger may move in a tap
  const FINGER = 12; // and by which it may miss
  const STEP = 0.03, ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  const TOOLS = [
    { value: "draw", title: "Draw: tap the ground for a vertex, drag from vertex to vertex for an edge", text: "Draw", icon: "M4 15 15 4M2.5 15a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0M13.5 4a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0" },
    { value: "move", title: "Move: drag a vertex", text: "Move", icon: "M9.5 2v15M2 9.5h15M7 4.5 9.5 2 12 4.5M7 14.5 9.5 17 12 14.5M4.5 7 2 9.5 4.5 12M14.5 7 17 9.5 14.5 12" },
    { value: "delete", title: "Delete: tap a vertex or an edge", text: "Delete", icon: "M4 4 15 15M15 4 4 15" },
    { value: "target", title: "Target: tap the vertex to ask for", text: "Target", icon: "M3 9.5a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M7 9.5a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0" },
  ];

  function start(root, toolbar, page) {
    const canvas = View.view(root, { focusable: true, named: (v) => caption(v, page.state.drawing.target) });
    const line = svg("path", { class: "drawn none" });
    root.insertBefore(line, canvas.layers.vertices);
    const self = { page, canvas, line, grip: null };
    root.addEventListener("pointerdown", (event) => press(self, event));
    root.addEventListener("pointermove", (event) => drag(self, event));
    root.addEventListener("pointerup", (event) => release(self, event));
    root.addEventListener("pointercancel", () => letGo(self));
    root.addEventListener("touchstart", (event) => holdStill(self, event), { passive: false });
    root.addEventListener("keydown", (event) => key(self, event));
    drawTools(toolbar, page);
    return { canvas, draw: () => draw(self) };
  }

  function drawTools(toolbar, page) {
    const labels = TOOLS.map(({ value, title, text, icon }) => ({
      value, title, label: [svg("svg", { viewBox: "0 0 19 19", "aria-hidden": "true" }, svg("path", { d: icon })), text],
    }));
    toolbar.append(...Elements.choices("tool", labels, page.state.tool, (tool) => {
      page.state.tool = tool;
      page.state.armed = null;
      page.render();
    }));
  }

  const caption = (vertex, target) =>
    [vertex === 1 ? "start" : "", vertex === target ? "target" : "", vertex === 2 && target !== 2 ? "trained target" : ""].join("");

  function draw(self) {
    const { state } = self.page, { drawing } = state, path = Graphs.shortestPath(drawing.edges, drawing.target) ?? [];
    const onPath = new Set(path.slice(1).map((v, i) => Graphs.edgeKey(Graphs.ordered(v, path[i]))));
    put(self.canvas.root, "class", `canvas tool-${state.tool}`);
    self.canvas.draw(drawing, {
      edge: (e) => ({ halo: onPath.has(e.key) ? "path" : null }),
      vertex: (v) => (v === state.armed ? { ring: "var(--accent)", ringWidth: 3 } : {}),
      question: drawing.places.has(drawing.target) ? null : {},
    });
    const beside = Graphs.neighbours(drawing.edges);
    for (const node of self.canvas.layers.vertices.children) {
      put(node, "aria-label", described(Number(node.dataset.vertex), drawing.target, beside));
      put(node, "aria-pressed", String(Number(node.dataset.vertex) === state.armed));
    }
  }

  function described(vertex, target, beside) {
    const role = vertex === 1 ? ", start" : vertex === target ? ", target" : "";
    const list = beside.get(vertex);
    return `Vertex ${vertex}${role}, ${list ? `edges to ${list.join(", ")}` : "no edges"}`;
  }

  // Which vertex, or else which edge, lies under a point of the canvas.
  function under(self, point, reach) {
    const { drawing } = self.page.state, { canvas } = self;
    const at = new Map([...drawing.places].map(([v, place]) => [v, canvas.toPixels(place)]));
    const near = (gap, name) => ({ gap, name });
    const nearest = (list) => list.reduce((a, b) => (b.gap < a.gap ? b : a), near(Infinity, null));
    const vertex = nearest([...at].map(([v, [x, y]]) => near(Math.hypot(x - point[0], y - point[1]), v)));
    if (vertex.gap <= canvas.radius + reach) return { vertex: vertex.name, edge: null };
    const edge = nearest(Graphs.distinct(drawing.edges).map(({ key, ends: [a, b] }) => near(Layout.toSegment(point, at.get(a), at.get(b)), key)));
    return { vertex: null, edge: edge.gap <= reach + 2 ? edge.name : null };
  }

  function pointOf(self, event) {
    const box = self.canvas.root.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  const reachOf = (event) => (event.pointerType === "touch" ? FINGER : 6);

  // A finger that takes hold of a vertex does not scroll the page. (Chromium heeds `touch-action` of
  // the whole drawing alone.)
  function holdStill(self, event) {
    const [touch] = event.touches;
    if (event.touches.length === 1 && under(self, pointOf(self, touch), FINGER).vertex) event.preventDefault();
  }

  function press(self, event) {
    if (event.button !== 0 || !event.isPrimary) return;
    const from = pointOf(self, event), { state } = self.page;
    const tool = event.shiftKey && state.tool === "draw" ? "move" : state.tool;
    self.grip = { ...under(self, from, reachOf(event)), from, tool, far: false, before: state.drawing };
    if (self.grip.vertex) self.canvas.root.setPointerCapture(event.pointerId);
  }

  function drag(self, event) {
    const { grip, canvas, page } = self;
    if (!grip) return;
    const point = pointOf(self, event);
    grip.far ||= Math.hypot(point[0] - grip.from[0], point[1] - grip.from[1]) > TAP;
    if (!grip.far || !grip.vertex) return;
    if (grip.tool === "move") {
      page.state.drawing = Edits.move(page.state.drawing, grip.vertex, canvas.toUnits(point));
      page.render();
    } else if (grip.tool === "draw") {
      const start = canvas.toPixels(page.state.drawing.places.get(grip.vertex));
      const { vertex } = under(self, point, reachOf(event));
      const end = vertex ? canvas.toPixels(page.state.drawing.places.get(vertex)) : point;
      put(self.line, "d", `M${start.join(" ")}L${end.join(" ")}`);
      put(self.line, "class", "drawn");
    }
  }

  function release(self, event) {
    const { grip } = self, point = pointOf(self, event);
    const moved = self.page.state.drawing;
    letGo(self);
    if (!grip) return;
    if (!grip.far) tap(self, grip, point);
    else if (grip.vertex && grip.tool === "move") self.page.change(moved);
    else if (grip.vertex && grip.tool === "draw") finishEdge(self, grip.vertex, point, reachOf(event));
  }

  // Ends a drag without a change.
  function letGo(self) {
    put(self.line, "class", "drawn none");
    if (self.grip) self.page.state.drawing = self.grip.before;
    self.grip = null;
    self.page.render();
  }

  // An edge drawn to the ground ends at a new vertex.
  function finishEdge(self, from, point, reach) {
    const { page, canvas } = self, { vertex } = under(self, point, reach);
    if (vertex === from) return;
    if (vertex) {
      page.change(Edits.connect(page.state.drawing, from, vertex));
      return;
    }
    const added = Edits.add(page.state.drawing, page.maxVertices, canvas.toUnits(point));
    page.change(typeof added === "string" ? added : Edits.connect(added, from, newest(page.state.drawing, added)));
  }

  const newest = (before, after) => [...after.places.keys()].find((v) => !before.places.has(v));

  function tap(self, { vertex, edge, tool }, point) {
    const { page, canvas } = self, { drawing } = page.state;
    if (tool === "delete" && vertex) page.change(Edits.removeVertex(drawing, vertex));
    else if (tool === "delete" && edge) page.change(Edits.removeEdge(drawing, edge));
    else if (tool === "target" && vertex) page.change(Edits.setTarget(drawing, vertex));
    else if (tool === "draw" && vertex) pick(page, vertex);
    else if (tool === "draw" && !edge && page.state.armed) pick(page, page.state.armed);
    else if (tool === "draw" && !edge) page.change(Edits.add(drawing, page.maxVertices, canvas.toUnits(point)));
  }

  // The first vertex of an edge, or the second.
  function pick(page, vertex) {
    const first = page.state.armed;
    page.state.armed = first === null ? vertex : null;
    if (first === null) page.say(`Vertex ${vertex}: choose another vertex to connect.`);
    else if (first !== vertex) page.change(Edits.connect(page.state.drawing, first, vertex));
    page.render();
  }

  function key(self, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { page } = self, { vertex, edge } = event.target.dataset, id = Number(vertex);
    const done = (change, merge) => {
      event.preventDefault();
      page.change(change, merge);
    };
    const { drawing } = page.state, letter = event.key.toLowerCase();
    if (event.key === "Escape" && page.state.armed) pick(page, page.state.armed);
    else if (letter === "n") addAndFocus(self, event);
    else if (edge && ["Delete", "Backspace"].includes(event.key)) done(Edits.removeEdge(drawing, edge));
    else if (!vertex) return;
    else if (event.key in ARROWS) done(Edits.move(drawing, id, pushed(drawing.places.get(id), ARROWS[event.key])), `move ${id}`);
    else if (["Delete", "Backspace"].includes(event.key)) done(Edits.removeVertex(drawing, id));
    else if (letter === "t") done(Edits.setTarget(drawing, id));
    else if (["enter", " ", "c"].includes(letter)) {
      event.preventDefault();
      pick(page, id);
    }
  }

  const pushed = (place, by) => place.map((u, k) => Math.min(1, Math.max(0, u + by[k])));

  function addAndFocus(self, event) {
    const before = self.page.state.drawing, after = Edits.add(before, self.page.maxVertices);
    event.preventDefault();
    self.page.change(after);
    if (typeof after === "string") return;
    self.canvas.root.querySelector(`[data-vertex="${newest(before, after)}"]`).focus();
  }

  return { start };
})();
