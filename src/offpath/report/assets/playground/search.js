"use strict";
// The handcrafted search over edge tokens: the frontier layer by layer over the graph, and the named
// directions of the residual stream.
const Search = (() => {
  const { element, svg, put, number, byId } = Elements;
  const STEP_MS = 1100, YES = 0.5; // an activation above this means yes
  const COLOURS = { both: "--from-both", source: "--from-source", target: "--from-target", none: "--unreached" };
  const WORDS = { source: "reached from 1", target: "reached from the target", both: "reached from both", none: "not reached" };
  let playing = null;

  const serves = (network) => Boolean(network.directions && network.reach);
  const compute = (model, edges, target) => Forward.trace(model, edges, target);

  // For each vertex 1..n the largest bits, over the tokens that touch it, of "reached from 1" and "reached from the target".
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
    const { page, entry, drawing } = context, last = entry.network.layers;
    const graph = svg("svg", { class: "canvas small", role: "img", "aria-label": "The graph; each vertex coloured by what has reached it" });
    const text = element("p", { class: "readout", id: "search-text", "aria-live": "polite" });
    const slider = element("input", { type: "range", id: "step", min: 0, max: last, value: page.state.inside.step, "aria-label": "Layer" });
    const blocks = element("div", { class: "blocks" }), view = View.view(graph);
    const go = (step) => {
      page.state.inside.step = Math.min(last, Math.max(0, step));
      slider.value = page.state.inside.step;
      drawStep(context, { view, text, slider, blocks });
      if (page.state.inside.step === last) stop();
    };
    slider.addEventListener("input", () => go(Number(slider.value)));
    const button = (id, name, press) => element("button", { type: "button", id, click: press }, name);
    const play = button("play", playing ? "Pause" : "Play", () => {
      if (playing) return stop();
      if (page.state.inside.step === last) go(0);
      playing = setInterval(() => (play.isConnected ? go(page.state.inside.step + 1) : stop()), STEP_MS);
      play.textContent = "Pause";
      return undefined;
    });
    const back = button("back", "Back", () => go(page.state.inside.step - 1)), forth = button("forth", "Forward", () => go(page.state.inside.step + 1));
    context.after = () => go(page.state.inside.step);
    stop();
    return [
      element("p", { class: "intro" }, "The handcrafted network searches from both ends at once: each layer lets what is reached from 1, and from the target, grow by one hop. Where the two meet, the distance is known."),
      element("div", { class: "two" },
        element("div", { class: "pane" }, element("div", { class: "player" }, back, play, forth, slider), graph, legend(), text),
        element("div", { class: "pane" }, element("h3", {}, "Named directions of the residual stream"), blocks)),
    ];
  }

  function stop() {
    clearInterval(playing);
    playing = null;
    if (byId("play")) byId("play").textContent = "Play";
  }

  const legend = () => element("ul", { class: "legend" }, ...Object.entries(WORDS).map(([state, words]) =>
    element("li", {}, element("span", { class: "dot", "--key": `var(${COLOURS[state]})` }), words)));

  function drawStep({ page, entry, drawing, found }, { view, text, slider, blocks }) {
    const { step } = page.state.inside, { network } = entry, bits = frontier(found, network, step, page.maxVertices);
    view.draw(drawing, {
      vertex: (v) => {
        const state = stateOf(bits[v - 1]);
        return { fill: `var(${COLOURS[state]})`, ink: state === "none" ? "var(--ink)" : "var(--on-vertex)" };
      },
      question: {},
    });
    const list = (from) => bits.map((bit, i) => (bit[from] > YES ? i + 1 : 0)).filter(Boolean).join(", ") || "none";
    const title = step === 0 ? "Before the first layer" : `After layer ${step}`;
    text.textContent = `${title}: reached from 1: ${list("source")}; from ${drawing.target}: ${list("target")}. The read-out gives ${number(found.readouts[step])}.`;
    put(slider, "aria-valuetext", title);
    blocks.replaceChildren(...directionBlocks(page, network, found, step));
  }

  // One map per group of directions, each with colours of its own scale.
  function directionBlocks(page, network, found, step) {
    const names = found.tokens.map((token) => Inside.tokenName(token, page.maxVertices)), stream = found.streams[step];
    const text = element("p", { class: "readout", "aria-live": "polite" }, "Rows are tokens, the question last. Point at a cell, or move there with the arrow keys.");
    const groups = new Map();
    for (const { index, name, group } of network.directions) {
      if (group !== "unused") groups.set(group, [...(groups.get(group) ?? []), { index, name }]);
    }
    const value = (row, { index }) => stream[row * network.width + index];
    const maps = [...groups].map(([group, directions]) => {
      const most = Math.max(...found.streams.flatMap((s) => names.flatMap((_, t) => directions.map(({ index }) => Math.abs(s[t * network.width + index])))), 1e-9);
      const map = Heat.heat({
        rows: names.length, columns: directions.length, value: (r, c) => value(r, directions[c]) / most,
        label: `Directions “${group}”: ${directions.map(({ name }) => name).join("; ")}`,
        describe: (r, c) => `${names[r]}: ${directions[c].name}: ${number(value(r, directions[c]), 3)}`,
        say: (words) => { text.textContent = words; },
      });
      const tokens = element("div", { class: "names", "aria-hidden": "true" }, ...names.map((name) => element("span", {}, name)));
      const heads = element("div", { class: "columns", "aria-hidden": "true" }, ...directions.map(({ name }) => element("span", {}, name)));
      return element("div", { class: "block" }, heads, tokens, map, element("h4", {}, group));
    });
    return [element("div", { class: "groups" }, ...maps), text];
  }

  return { serves, compute, show, frontier };
})();
