"use strict";
// Attention: a small map per layer and head, the chosen one large, and over the graph what the chosen
// token looks at.
const Attention = (() => {
  const { element, svg, put, number, choices } = Elements;
  const LOOK = ["--heat", "--looks"];

  const serves = () => true;
  const compute = (model, edges, target) => Forward.trace(model, edges, target);
  const percent = (share) => `${number(100 * share, 0)} %`;

  function show(context) {
    const { page, entry: { network }, found } = context, chosen = page.state.inside;
    chosen.layer = Math.min(chosen.layer, found.attention.length - 1);
    chosen.head = Math.min(chosen.head, network.heads - 1);
    const names = found.tokens.map((token) => Inside.tokenName(token, page.maxVertices));
    const graph = svg("svg", { class: "canvas small", role: "img", "aria-label": "The graph with the attention of the chosen token" });
    const sentence = element("p", { class: "readout", id: "attention-text" });
    const preview = (token) => drawGraph(context, view, token, names, sentence);
    const view = View.view(graph);
    context.after = () => preview(tokenOf(chosen, names));
    const numbers = element("input", { type: "checkbox", id: "numbers", change: () => {
      chosen.numbers = numbers.checked;
      context.redraw();
    } });
    numbers.checked = chosen.numbers;
    return [
      element("p", { class: "intro" }, "Each map has a row per token that looks and a column per token that is looked at; rows sum to 1. Choose a map, then a row: the graph shows what that token looks at. The question is the token beside the target."),
      element("div", { class: "three" },
        smallMaps(context, names),
        largeMap(context, names, preview),
        element("div", { class: "pane" }, graph, sentence, element("label", { class: "check" }, numbers, "Show numbers"))),
    ];
  }

  // The chosen token; the question until another is chosen, and when that is gone.
  const tokenOf = ({ token }, names) => (token !== null && token < names.length ? token : names.length - 1);

  function smallMaps({ page, found, redraw }, names) {
    const { inside } = page.state, heads = found.attention[0].length;
    const options = found.attention.flatMap((maps, layer) => maps.map((map, head) => ({
      value: `${layer},${head}`, title: `Layer ${layer + 1}, head ${head + 1}`,
      label: Heat.heat({ rows: names.length, columns: names.length, value: (r, c) => map[r * names.length + c], label: "", colours: LOOK }),
    })));
    options.forEach(({ label }) => {
      put(label, "role", null);
      put(label, "aria-label", null);
      put(label, "aria-hidden", "true");
    });
    const labels = choices("map", options, `${inside.layer},${inside.head}`, (value) => {
      [inside.layer, inside.head] = value.split(",").map(Number);
      redraw();
    });
    const cells = found.attention.flatMap((_, layer) => [element("span", { class: "layer" }, `layer ${layer + 1}`), ...labels.slice(layer * heads, (layer + 1) * heads)]);
    const tops = Array.from({ length: heads }, (_, head) => element("span", { class: "top" }, `head ${head + 1}`));
    return element("div", { class: "maps", role: "radiogroup", "aria-label": "Layer and head", "--heads": heads }, element("span"), ...tops, ...cells);
  }

  function largeMap({ page, found, redraw }, names, preview) {
    const { inside } = page.state, map = found.attention[inside.layer][inside.head], count = names.length;
    const chosen = tokenOf(inside, names);
    const text = element("p", { class: "readout" }, " ");
    const heat = Heat.heat({
      rows: count, columns: count, colours: LOOK, value: (r, c) => map[r * count + c],
      label: `Attention of layer ${inside.layer + 1}, head ${inside.head + 1}`,
      describe: (r, c) => `${names[r]} looks at ${names[c]}: ${number(map[r * count + c], 3)}`,
      say: (words) => { text.textContent = words; },
      point: (row) => preview(row),
    });
    heat.addEventListener("pointerleave", () => preview(chosen));
    const rows = choices("token", names.map((name, i) => ({ value: String(i), label: name })), String(chosen), (token) => {
      inside.token = Number(token) === count - 1 ? null : Number(token);
      redraw();
    });
    rows.forEach((label, row) => {
      label.addEventListener("pointerenter", () => preview(row));
      label.addEventListener("pointerleave", () => preview(chosen));
    });
    heat.addEventListener("click", (event) => rows[Math.floor((event.offsetY / heat.clientHeight) * count)]?.click());
    return element("div", { class: "pane" },
      element("h3", {}, `Layer ${inside.layer + 1}, head ${inside.head + 1}`),
      element("div", { class: "matrix", "--count": count },
        element("span"), element("div", { class: "columns", "aria-hidden": "true" }, ...names.map((name) => element("span", {}, name))),
        element("div", { class: "rows", role: "radiogroup", "aria-label": "Token that looks" }, ...rows), heat),
      text);
  }

  // The attention of one token, summed over equal tokens, as widths of edges and rings of vertices.
  function drawGraph({ page, found, drawing }, view, token, names, sentence) {
    const { layer, head, numbers } = page.state.inside, count = names.length;
    const row = found.attention[layer][head].subarray(token * count, (token + 1) * count);
    const weight = new Map();
    names.forEach((name, i) => weight.set(name, (weight.get(name) ?? 0) + (row[i] > 1e-4 ? row[i] : 0)));
    const looker = names[token], question = names.at(-1), edges = typeof found.tokens[0] !== "string";
    const own = (name) => (name === looker ? "var(--accent)" : null);
    const label = (share) => (numbers && share >= 0.005 ? percent(share) : "");
    const strength = (share) => ({ width: 1.5 + 11 * share, opacity: 0.12 + 0.88 * Math.sqrt(share) });
    view.draw(drawing, {
      edge: ({ ends }) => {
        const share = weight.get(ends.join("–")) ?? 0;
        if (!edges) return { opacity: 0.4 };
        return { colour: "var(--looks)", ...strength(share), halo: own(ends.join("–")) ? "looker" : null, label: label(share) };
      },
      vertex: (v) => {
        const share = weight.get(String(v)) ?? 0;
        if (edges) return {};
        return { ring: own(String(v)) ?? "var(--looks)", ringWidth: own(String(v)) ? 3 : 12 * share, fill: tint(share), ink: "var(--ink)", caption: label(share) || " " };
      },
      question: { fill: tint(weight.get(question)), stroke: own(question) ?? "var(--looks)", width: own(question) ? 3 : 1.5, label: label(weight.get(question)) },
    });
    const most = [...weight].sort(([, a], [, b]) => b - a).slice(0, 3).filter(([, share]) => share >= 0.005).map(([name, share]) => `${name === looker ? "itself" : named(name)} ${percent(share)}`);
    sentence.textContent = `${capital(named(looker))} looks at ${most.join(", ")}.`;
  }

  const tint = (share) => `color-mix(in oklab, var(--looks) ${number(60 * share)}%, var(--card))`;
  const named = (name) => (name.endsWith("?") ? `the question on ${name.slice(0, -2)}` : name.includes("–") ? `edge ${name}` : name === "answer" ? "the answer token" : `vertex ${name}`);
  const capital = (text) => text[0].toUpperCase() + text.slice(1);

  return { serves, compute, show };
})();
