"use strict";
// Attention: a small map per layer and head, the chosen one large, and over the graph what the chosen
// token looks at.
const Attention = (() => {
  const { element, number, choices } = Elements;

  const serves = () => true;
  const compute = (model, edges, target) => Forward.trace(model, edges, target);
  const percent = (share) => `${number(100 * share, 0)} %`;

  function show(context) {
    const { page, entry: { network }, found } = context, chosen = page.state.inside;
    chosen.layer = Math.min(chosen.layer, found.attention.length - 1);
    chosen.head = Math.min(chosen.head, network.heads - 1);
    const names = found.tokens.map((token) => Inside.tokenName(token, page.maxVertices));
    const view = View.small("The graph with the attention of the chosen token");
    const sentence = element("p.readout", { id: "attention-text" });
    const preview = (token) => drawGraph(context, view, token, names, sentence);
    context.after = () => preview(tokenOf(chosen, names));
    return [element("div.three",
      smallMaps(context, names),
      largeMap(context, names, preview),
      element("div.pane", view.root, sentence, numbersSwitch(context)))];
  }

  function numbersSwitch({ page: { state: { inside } }, redraw }) {
    const box = element("input", { type: "checkbox", id: "numbers" });
    box.checked = inside.numbers;
    box.addEventListener("change", () => {
      inside.numbers = box.checked;
      redraw();
    });
    return element("label.check", box, "Show numbers");
  }

  // The chosen token; the question until another is chosen, and when that is gone.
  const tokenOf = ({ token }, names) => (token !== null && token < names.length ? token : names.length - 1);

  const painted = (map, count) => Heat.painted(count, count, (r, c) => map[r * count + c], Heat.LOOKS);

  function smallMaps({ page, found, redraw }, names) {
    const { inside } = page.state, heads = found.attention[0].length;
    const options = found.attention.flatMap((maps, layer) => maps.map((map, head) => ({
      value: `${layer},${head}`, title: `Layer ${layer + 1}, head ${head + 1}`, label: painted(map, names.length),
    })));
    const labels = choices("map", options, `${inside.layer},${inside.head}`, (value) => {
      [inside.layer, inside.head] = value.split(",").map(Number);
      redraw();
    });
    const tops = found.attention[0].map((_, head) => element("span.top", `head ${head + 1}`));
    const rows = found.attention.map((_, layer) =>
      [element("span.layer", `layer ${layer + 1}`), ...labels.slice(layer * heads, (layer + 1) * heads)]);
    const about = { role: "radiogroup", "aria-label": "Layer and head", "--heads": heads };
    return element("div.maps", about, element("span"), tops, rows.flat());
  }

  function largeMap({ page, found, redraw }, names, preview) {
    const { inside } = page.state, map = found.attention[inside.layer][inside.head], count = names.length;
    const title = `Layer ${inside.layer + 1}, head ${inside.head + 1}`, chosen = tokenOf(inside, names);
    const text = element("p.readout", " ");
    const heat = Heat.explored(painted(map, count), `Attention of ${title}`, (row, column) => {
      text.textContent = `${names[row]} looks at ${names[column]}: ${number(map[row * count + column], 3)}`;
      preview(row);
    });
    const options = names.map((label, i) => ({ value: String(i), label }));
    const rows = choices("token", options, String(chosen), (token) => {
      inside.token = Number(token) === count - 1 ? null : Number(token);
      redraw();
    });
    rows.forEach((label, row) => label.addEventListener("pointerenter", () => preview(row)));
    [heat, ...rows].forEach((part) => part.addEventListener("pointerleave", () => preview(chosen)));
    heat.addEventListener("click", ({ offsetY }) => rows[Math.floor((offsetY / heat.clientHeight) * count)]?.click());
    return element("div.pane", element("h3", title), element("div.matrix", { "--count": count },
      element("span"), Inside.columnNames(names),
      element("div.rows", { role: "radiogroup", "aria-label": "Token that looks" }, rows), heat), key(), text);
  }

  const key = () => element("p.key", "0", element("i"), "100 %");

  // The attention of one token, summed over equal tokens, as widths of edges or rings of vertices.
  function drawGraph({ page, found, drawing }, view, token, names, sentence) {
    const { layer, head, numbers } = page.state.inside, looker = names[token];
    const row = found.attention[layer][head].subarray(token * names.length, (token + 1) * names.length);
    const weight = new Map();
    names.forEach((name, i) => weight.set(name, (weight.get(name) ?? 0) + (row[i] > 1e-4 ? row[i] : 0)));
    const look = (name) => {
      const share = weight.get(name) ?? 0;
      return { share, own: name === looker, label: numbers && share >= 0.005 ? percent(share) : "" };
    };
    const edgeTokens = typeof found.tokens[0] !== "string";
    view.draw(drawing, {
      edge: ({ ends }) => (edgeTokens ? edgeLook(look(ends.join("–"))) : { opacity: 0.4 }),
      vertex: (v) => (edgeTokens ? {} : vertexLook(look(String(v)))),
      question: questionLook(look(names.at(-1))),
    });
    const most = [...weight].sort(([, a], [, b]) => b - a).slice(0, 3).filter(([, share]) => share >= 0.005);
    const words = most.map(([name, share]) => `${name === looker ? "itself" : named(name)} ${percent(share)}`);
    const rest = total([...weight]) - total(most);
    if (rest >= 0.005) words.push(`others ${percent(rest)}`);
    const subject = named(looker);
    sentence.textContent = `${subject[0].toUpperCase()}${subject.slice(1)} looks at ${words.join(", ")}.`;
  }

  const total = (pairs) => pairs.reduce((sum, [, share]) => sum + share, 0);
  const COLOUR = "var(--looks)", OWN = "var(--accent)";
  const tint = (share) => `color-mix(in oklab, ${COLOUR} ${number(60 * share)}%, var(--card))`;
  const edgeLook = ({ share, own, label }) => ({
    colour: `color-mix(in oklab, ${COLOUR} ${number(100 * Math.sqrt(share))}%, var(--least))`, width: 1.5 + 11 * share, halo: own ? "looker" : null, label,
  });
  const vertexLook = ({ share, own, label }) => ({
    ring: own ? OWN : COLOUR, ringWidth: own ? 3 : 12 * share, fill: tint(share), ink: "var(--ink)", caption: label || " ",
  });
  const questionLook = ({ share, own, label }) => ({
    fill: tint(share), stroke: own ? OWN : COLOUR, width: own ? 3 : 1.5, label,
  });

  // A token in a sentence.
  function named(name) {
    if (name.endsWith("?")) return `the question on ${name.slice(0, -2)}`;
    if (name === "answer") return "the answer token";
    return `${name.includes("–") ? "edge" : "vertex"} ${name}`;
  }

  return { serves, compute, show };
})();
