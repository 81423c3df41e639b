"use strict";
// The residual stream of a network: token by coordinate, before the first layer and after each, with
// the norm of each token and what the read-out would answer.
const Stream = (() => {
  const { element, number } = Elements;
  const SATURATION = 3; // times the median of what is not 0 in a layer: there its colours are full
  const HEADS = ["", "tokens by coordinates", "norms", "read-out of the question"];
  const HELP = "Point at a cell, or move there with the arrow keys, to read its value.";

  const serves = () => true;
  const compute = (model, edges, target) => Forward.trace(model, edges, target);

  function show({ page, entry: { network, index }, found, truth }) {
    const names = found.tokens.map((token) => Inside.tokenName(token, page.maxVertices));
    const text = element("p.readout", { "aria-live": "polite" }, HELP);
    const norms = found.streams.map((stream) => normsOf(stream, network.width));
    const longest = Math.max(...norms.flat());
    const rows = found.streams.flatMap((stream, layer) => {
      const title = layer === 0 ? "input" : `layer ${layer}`, full = SATURATION * median(stream);
      const line = Answers.track(`var(--network-${index})`);
      Answers.place(line, found.readouts[layer], truth, page.maxVertices);
      return [
        element("span.layer", title, element("small", `±${number(full, 1)}`)),
        strip(network, stream, full, names, title, text),
        normBars(names, norms[layer], longest, title),
        element("div.reading", line, element("span", number(found.readouts[layer]))),
      ];
    });
    return [element("div.strips", HEADS.map((head) => element("span.top", head)), rows), text];
  }

  function strip(network, stream, full, names, title, text) {
    const { width } = network, value = (row, column) => stream[row * width + column];
    const map = Heat.painted(names.length, width, (row, column) => value(row, column) / full);
    const label = `Residual stream, ${title}: ${names.length} tokens by ${width} coordinates`;
    return Heat.explored(map, label, (row, column) => {
      const meaning = network.directions ? ` (${network.directions[column].name})` : "";
      const place = `${title}, token ${names[row]}, coordinate ${column}${meaning}`;
      text.textContent = `${place}: ${number(value(row, column), 3)}`;
    });
  }

  function normBars(names, norms, longest, title) {
    const words = names.map((name, token) => `${name} ${number(norms[token], 1)}`);
    const bars = norms.map((norm, token) => element("i", { "--share": norm / longest, title: words[token] }));
    return element("div.norms", { role: "img", "aria-label": `Norms, ${title}: ${words.join(", ")}` }, bars);
  }

  function normsOf(stream, width) {
    const tokens = Array.from({ length: stream.length / width }, (_, t) => stream.subarray(t * width, (t + 1) * width));
    return tokens.map((token) => Math.hypot(...token));
  }

  function median(stream) {
    const sizes = [...stream].map(Math.abs).filter((x) => x > 1e-9).sort((a, b) => a - b);
    return sizes[Math.floor(sizes.length / 2)] ?? 1;
  }

  return { serves, compute, show };
})();
