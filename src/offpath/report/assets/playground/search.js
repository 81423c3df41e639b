"use strict";
// The handcrafted search over edge tokens: the frontier layer by layer over the graph, and the named
// directions of the residual stream.
const Search = (() => {
  const { element, put, number, byId } = Elements;
  const STEP_MS = 1100, YES = 0.5; // an activation above this means yes
  const STATES = {
    source: { colour: "var(--from-source)", words: "reached from 1" },
    target: { colour: "var(--from-target)", words: "reached from the target" },
    both: { colour: "var(--from-both)", words: "reached from both" },
    none: { colour: "var(--unreached)", words: "not reached" },
  };
  const HELP = "Rows are tokens, the question last. Point at a cell, or move there with the arrow keys.";
  let playing = null;

  const serves = (network) => Boolean(network.directions && network.reach);
  const compute = (model, edges, target) => Forward.trace(model, edges, target);

  // For each vertex 1..n two bits, "reached from 1" and "reached from the target": the largest over
  // the tokens that touch it.
  function frontier(found, { width, reach }, layer, maxVertices) {
    const bits = Array.from({ length: maxVertices }, () => ({ source: 0, target: 0 }));
    found.tokens.forEach((ends, token) => ends.forEach((vertex, end) => {
      if (vertex > maxVertices) return; // the marker of the question
      for (const from of ["source", "target"]) {
        const bit = found.streams[layer][token * width + reach[from][end]];
        bits[vertex - 1][from] = Math.max(bits[vertex - 1][from], bit);
      }
    }));
    return bits;
  }

  function stateOf({ source, target }) {
    if (source > YES) return target > YES ? "both" : "source";
    return target > YES ? "target" : "none";
  }

  function show(context) {
    const { page: { state: { inside } }, entry } = context, last = entry.network.layers;
    const parts = {
      view: View.small("The graph; each vertex coloured by what has reached it"),
      text: element("p.readout", { id: "search-text", "aria-live": "polite" }),
      slider: element("input", { type: "range", id: "step", min: 0, max: last, "aria-label": "Layer" }),
      blocks: element("div.blocks"),
    };
    const go = (step) => {
      inside.step = Math.min(last, Math.max(0, step));
      drawStep(context, parts);
      if (inside.step === last) stop();
    };
    parts.slider.addEventListener("input", () => go(Number(parts.slider.value)));
    context.after = () => go(inside.step);
    stop();
    return [element("div.two.search",
      element("div.pane", player(inside, last, go, parts.slider), parts.text, parts.view.root, legend()),
      element("div.pane", element("h3", "Named directions of the residual stream"), parts.blocks))];
  }

  // Buttons and slider; nothing plays before it is asked for.
  function player(inside, last, go, slider) {
    const button = (id, name, press) => element("button", { type: "button", id, click: press }, name);
    const play = button("play", "Play", () => {
      if (playing) {
        stop();
        return;
      }
      if (inside.step === last) go(0);
      playing = setInterval(() => (play.isConnected ? go(inside.step + 1) : stop()), STEP_MS);
      play.textContent = "Pause";
    });
    const back = button("back", "Back", () => go(inside.step - 1));
    const forth = button("forth", "Forward", () => go(inside.step + 1));
    return element("div.player", back, play, forth, slider);
  }

  function stop() {
    clearInterval(playing);
    playing = null;
    if (byId("play")) byId("play").textContent = "Play";
  }

  const legend = () => element("ul.legend", Object.values(STATES).map(({ colour, words }) =>
    element("li", Answers.dot(colour), words)));

  function drawStep({ page, entry: { network }, drawing, found }, { view, text, slider, blocks }) {
    const { step } = page.state.inside, bits = frontier(found, network, step, page.maxVertices);
    view.draw(drawing, {
      vertex: (v) => {
        const state = stateOf(bits[v - 1]);
        return { fill: STATES[state].colour, ink: state === "none" ? "var(--ink)" : "var(--on-vertex)" };
      },
      question: {},
    });
    const reached = (from) => bits.flatMap((bit, i) => (bit[from] > YES ? [i + 1] : [])).join(", ") || "none";
    const title = step === 0 ? "Before the first layer" : `After layer ${step}`;
    const ends = `reached from 1: ${reached("source")}; from ${drawing.target}: ${reached("target")}`;
    const readout = `${number(found.readouts[step])}: ${progress(bits, drawing.edges, found.readouts, step)}`;
    text.textContent = `${title}: ${ends}. The read-out gives ${readout}.`;
    slider.value = step;
    put(slider, "aria-valuetext", title);
    blocks.replaceChildren(...directionBlocks(page, network, found, step));
  }

  // What a read-out says after a step: it starts at the label of "no path".
  function progress(bits, edges, readouts, step) {
    const has = (vertex, from) => bits[vertex - 1][from] > YES;
    const across = ([a, b]) => (has(a, "source") && has(b, "target")) || (has(b, "source") && has(a, "target"));
    const met = bits.some((bit) => stateOf(bit) === "both") || edges.some(across);
    if (step === readouts.length - 1) return met ? "the answer" : "no path, the ends never met";
    if (!met) return "not met yet";
    return readouts[step] > readouts[0] - YES ? "met, but the question has not read it yet" : "met, counting down";
  }

  // One map per group of directions, each with colours of its own scale.
  function directionBlocks(page, network, found, step) {
    const names = found.tokens.map((token) => Inside.tokenName(token, page.maxVertices));
    const text = element("p.readout", { "aria-live": "polite" }, HELP), groups = new Map();
    for (const direction of network.directions.filter(({ group }) => group !== "unused")) {
      groups.set(direction.group, [...(groups.get(direction.group) ?? []), direction]);
    }
    const blocks = [...groups].map(([group, directions]) => {
      const value = (stream, row, column) => stream[row * network.width + directions[column].index];
      const sizes = found.streams.flatMap((stream) =>
        names.flatMap((_, row) => directions.map((__, column) => Math.abs(value(stream, row, column)))));
      const now = found.streams[step], most = Math.max(1e-9, ...sizes);
      const map = Heat.painted(names.length, directions.length, (row, column) => value(now, row, column) / most);
      Heat.explored(map, `Directions “${group}”`, (row, column) => {
        text.textContent = `${names[row]}: ${directions[column].name}: ${number(value(now, row, column), 3)}`;
      });
      const rows = element("div.names", { "aria-hidden": "true" }, names.map((name) => element("span", name)));
      return element("div.block", Inside.columnNames(directions.map(({ name }) => name)), rows, map, element("h4", group));
    });
    return [element("div.groups", blocks), text];
  }

  return { serves, compute, show, frontier };
})();
