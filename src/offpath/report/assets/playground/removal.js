"use strict";
// What each edge is worth: how the answer moves when it is deleted, beside how the truth moves.
const Removal = (() => {
  const { element, number, signed } = Elements;

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
    if (found.edges.length === 0) return [element("p.readout", "There is no edge to delete: draw one.")];
    const rows = found.edges.map((edge) => {
      const distance = Graphs.distance(edge.rest, drawing.target, noPath);
      return { ...edge, moves: edge.answer - found.answer, distance, truthMoves: distance - truth };
    }).sort((a, b) => Math.abs(b.moves) - Math.abs(a.moves));
    const largest = Math.max(1, ...rows.map(({ moves }) => Math.abs(moves)));
    const view = View.small("The graph; each edge coloured by how the answer moves without it");
    const byKey = new Map(rows.map((row) => [row.key, edgeLook(row.moves, largest)]));
    context.after = () => view.draw(drawing, { edge: ({ key }) => byKey.get(key) });
    return [element("div.two", element("div.pane", view.root), table(rows, found.answer, truth, largest, noPath))];
  }

  const side = (moves) => (moves < 0 ? "var(--negative)" : "var(--positive)");

  function edgeLook(moves, largest) {
    const share = Math.abs(moves) / largest;
    return {
      colour: side(moves), width: 1.5 + 9 * share, opacity: 0.25 + 0.75 * Math.sqrt(share), label: signed(moves),
    };
  }

  function table(rows, answer, truth, largest, noPath) {
    const label = (distance) => Answers.labelText(distance, noPath);
    const heads = [
      "edge", "answer moves by", `from ${number(answer)} to`, "truth moves by", `from ${label(truth)} to`,
    ];
    const body = rows.map(({ ends, moves, answer: moved, distance, truthMoves }) => element("tr",
      element("th", { scope: "row" }, ends.join("–")),
      element("td", element("div.moves", bar(moves, largest), signed(moves))),
      element("td", number(moved)), element("td", signed(truthMoves, 0)), element("td", label(distance))));
    const region = { tabindex: 0, role: "region", "aria-label": "Edges by how far the answer moves" };
    return element("div.scroll", region, element("table.removals",
      element("thead", element("tr", heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", body)));
  }

  const bar = (moves, largest) => element("i", { "--share": moves / largest, "--key": side(moves) });

  return { serves, compute, show };
})();
