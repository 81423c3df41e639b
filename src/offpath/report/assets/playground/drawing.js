"use strict";
// The canvas: a drawing changed by mouse, touch and keyboard. `page` holds the state and takes each
// change: page.state, page.change(drawing, merge), page.say(text), page.render().
const Drawing = (() => {
  const { svg, put, byId } = Elements;
  const TAP = 6; // pixels that a finger may move in a tap
  const FINGER = 12; // and by which it may miss
  const STEP = 0.03; // of the canvas, by an arrow key
  const ARROWS = {
    ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP],
  };

  function start(root, toolbar, page) {
    const canvas = View.view(root, { focusable: true, named: caption });
    const line = svg("path.drawn.none");
    root.insertBefore(line, canvas.layers.vertices);
    const self = { page, canvas, line, toolbar, grip: null };
    root.addEventListener("pointerdown", (event) => press(self, event));
    root.addEventListener("pointermove", (event) => drag(self, event));
    root.addEventListener("pointerup", (event) => release(self, event));
    root.addEventListener("pointercancel", () => letGo(self));
    root.addEventListener("touchstart", (event) => holdStill(self, event), { passive: false });
    root.addEventListener("keydown", (event) => key(self, event));
    toolbar.addEventListener("change", ({ target: { value } }) => {
      Object.assign(page.state, { tool: value, armed: null });
      page.render();
    });
    return { canvas, draw: () => draw(self) };
  }

  function caption(vertex, target) {
    if (vertex === 1) return "start";
    if (vertex === target) return "target";
    return vertex === 2 ? "trained target" : "";
  }

  function draw(self) {
    const { state } = self.page, { drawing } = state;
    const path = Graphs.shortestPath(drawing.edges, drawing.target) ?? [];
    const onPath = new Set(path.slice(1).map((v, i) => Graphs.edgeKey(Graphs.ordered(v, path[i]))));
    put(self.canvas.root, "class", `canvas tool-${state.tool}`);
    byId("hint").textContent = self.toolbar.querySelector(`[value=${state.tool}]`).parentNode.title;
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
    const edge = nearest(Graphs.distinct(drawing.edges).map(({ key, ends }) =>
      near(Layout.toSegment(point, ...ends.map((v) => at.get(v))), key)));
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
    const [touch, ...others] = event.touches;
    if (!others.length && under(self, pointOf(self, touch), FINGER).vertex) event.preventDefault();
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
    const whole = typeof added === "string" ? added : Edits.connect(added, from, newest(page.state.drawing, added));
    page.change(whole);
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
    else if (event.key in ARROWS) done(pushed(drawing, id, ARROWS[event.key]), `move ${id}`);
    else if (["Delete", "Backspace"].includes(event.key)) done(Edits.removeVertex(drawing, id));
    else if (letter === "t") done(Edits.setTarget(drawing, id));
    else if (["enter", " ", "c"].includes(letter)) {
      event.preventDefault();
      pick(page, id);
    }
  }

  const pushed = (drawing, vertex, by) =>
    Edits.move(drawing, vertex, drawing.places.get(vertex).map((u, k) => Math.min(1, Math.max(0, u + by[k]))));

  function addAndFocus(self, event) {
    const before = self.page.state.drawing, after = Edits.add(before, self.page.maxVertices);
    event.preventDefault();
    self.page.change(after);
    if (typeof after === "string") return;
    self.canvas.root.querySelector(`[data-vertex="${newest(before, after)}"]`).focus();
  }

  return { start };
})();
