"use strict";
// What each edge is worth: how the answer moves when it is deleted, beside how the truth moves.
const Removal = (() => {
  const { element, svg, number, signed } = Elements;

  const serves = () => true;

  // Per distinct edge the answer without it; all copies of an edge go at once.
  function compute(model, edges, target) {
    const answers = Forward.removals(model, edges, target), keys = edges.map(Graphs.edgeKey);
    return {
      answer: Forward.answer(model, edges, target),
      edges: Graphs.distinct(edges).map(({ key, ends }) => ({
        key, ends, rest: edges.filter((_, i) => keys[i] !== key), answer: answers[keys.indexOf(key)],
      })),
    };
  }

  function show(context) {
    const { page, drawing, found, truth } = context, noPath = page.maxVertices;
    const rows = found.edges.map((edge) => {
      const distance = Graphs.distance(edge.rest, drawing.target, noPath);
      return { ...edge, moves: edge.answer - found.answer, distance, truthMoves: distance - truth };
    }).sort((a, b) => Math.abs(b.moves) - Math.abs(a.moves));
    const largest = Math.max(1, ...rows.map(({ moves }) => Math.abs(moves))), byKey = new Map(rows.map((row) => [row.key, row]));
    const graph = svg("svg", { class: "canvas small", role: "img", "aria-label": "The graph; each edge coloured by how the answer moves without it" });
    const view = View.view(graph);
    context.after = () => view.draw(drawing, {
      edge: ({ key }) => {
        const { moves } = byKey.get(key), share = Math.abs(moves) / largest;
        return { colour: side(moves), width: 1.5 + 9 * share, opacity: 0.25 + 0.75 * Math.sqrt(share), label: signed(moves) };
      },
    });
    const intro = element("p", { class: "intro" }, "Each edge is deleted in turn. Orange: the answer grows without it; blue: it falls. An exact network moves as the true distance does.");
    if (rows.length === 0) return [intro, element("p", { class: "readout" }, "There is no edge to delete: draw one.")];
    return [intro, element("div", { class: "two" }, element("div", { class: "pane" }, graph), table(rows, found.answer, truth, largest, noPath))];
  }

  const side = (moves) => (moves < 0 ? "var(--negative)" : "var(--positive)");

  function table(rows, answer, truth, largest, noPath) {
    const label = (distance) => Answers.labelText(distance, noPath);
    const head = ["edge", "answer moves by", `from ${number(answer)} to`, "truth moves by", `from ${label(truth)} to`];
    const body = rows.map(({ ends, moves, answer: moved, distance, truthMoves }) => element("tr", {},
      element("th", { scope: "row" }, ends.join("–")),
      element("td", {}, element("div", { class: "moves" }, element("i", { "--share": moves / largest, "--key": side(moves) }), signed(moves))),
      element("td", {}, number(moved)),
      element("td", {}, signed(truthMoves, 0)),
      element("td", {}, label(distance))));
    return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Edges by how far the answer moves" },
      element("table", { class: "removals" }, element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))), element("tbody", {}, ...body)));
  }

  return { serves, compute, show };
})();
