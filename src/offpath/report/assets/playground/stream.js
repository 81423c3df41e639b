"use strict";
// The residual stream of a network: token by coordinate, before the first layer and after each, with
// the norm of each token and what the read-out would answer.
const Stream = (() => {
  const { element, number } = Elements;
  const SATURATION = 3; // times the median of what is not 0 in a layer: there its colours are full

  const serves = () => true;
  const compute = (model, edges, target) => Forward.trace(model, edges, target);

  function show({ page, entry: { network, index }, found, truth }) {
    const names = found.tokens.map((token) => Inside.tokenName(token, page.maxVertices));
    const text = element("p", { class: "readout", "aria-live": "polite" }, "Point at a cell, or move there with the arrow keys, to read its value.");
    const norms = found.streams.map((stream) => names.map((_, t) => Math.hypot(...stream.subarray(t * network.width, (t + 1) * network.width))));
    const longest = Math.max(...norms.flat());
    const rows = found.streams.flatMap((stream, layer) => {
      const title = layer === 0 ? "input" : `layer ${layer}`, line = Answers.track(`var(--network-${index})`), full = SATURATION * median(stream);
      Answers.place(line, found.readouts[layer], truth, page.maxVertices);
      return [
        element("span", { class: "layer" }, title, element("small", {}, `±${number(full, 1)}`)),
        Heat.heat({
          rows: names.length, columns: network.width, value: (r, c) => stream[r * network.width + c] / full,
          label: `Residual stream, ${title}: ${names.length} tokens by ${network.width} coordinates`,
          describe: (r, c) => `${title}, token ${names[r]}, ${coordinate(network, c)}: ${number(stream[r * network.width + c], 3)}`,
          say: (words) => { text.textContent = words; },
        }),
        element("div", { class: "norms", role: "img", "aria-label": `Norms, ${title}: ${names.map((name, t) => `${name} ${number(norms[layer][t], 1)}`).join(", ")}` },
          ...norms[layer].map((norm, t) => element("i", { "--share": norm / longest, title: `${names[t]}: norm ${number(norm, 2)}` }))),
        element("div", { class: "reading" }, line, element("span", {}, number(found.readouts[layer]))),
      ];
    });
    return [
      element("p", { class: "intro" }, "Each strip has a row per token, the question last, and a column per coordinate. Orange is positive, blue negative; colours are full at the number under each layer’s name. On the right, the read-out of the question after each layer, beside the truth as a notch; only after the last layer is it meant as the answer."),
      element("div", { class: "strips" }, ...["", "tokens by coordinates", "norms", "read-out of the question"].map((head) => element("span", { class: "top" }, head)), ...rows),
      text,
    ];
  }

  function coordinate(network, c) {
    const name = network.directions?.[c]?.name;
    return name ? `coordinate ${c} (${name})` : `coordinate ${c}`;
  }

  function median(stream) {
    const sizes = [...stream].map(Math.abs).filter((x) => x > 1e-9).sort((a, b) => a - b);
    return sizes[Math.floor(sizes.length / 2)] ?? 1;
  }

  return { serves, compute, show, coordinate };
})();
