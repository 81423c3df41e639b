"use strict";
// The exact answer, every network's answer beside it, and where the question lies beside the
// training distributions.
const Answers = (() => {
  const { element, svg, put, byId, number, signed } = Elements;
  const SAY_AFTER_MS = 600; // a screen reader hears the answers once the drawing rests

  const MANY = 7; // from so many networks on, their answers come last

  const labelText = (distance, noPath) => (distance === noPath ? "no path" : String(distance));

  function draw(page) {
    const { drawing } = page.state, { maxVertices } = page;
    const truth = Graphs.distance(drawing.edges, drawing.target, maxVertices);
    drawTruth(drawing, truth, maxVertices);
    page.models.forEach((entry) => drawAnswer(entry, truth, maxVertices));
    drawMembership(page);
    sayLater(page, truth);
  }

  function drawTruth({ places, edges, target }, truth, noPath) {
    const path = Graphs.shortestPath(edges, target), value = labelText(truth, noPath);
    byId("target").value = target;
    byId("truth").textContent = value;
    put(byId("truth"), "class", path ? "" : "words");
    byId("path").textContent = path ? path.join(" → ")
      : places.has(target) ? `1 does not reach ${target}; the label is ${noPath}` : `${target} is not drawn; the label is ${noPath}`;
  }

  // The rows of the networks, before their first answers.
  function build(page) {
    const rows = page.models.map((entry) => {
      const { network } = entry;
      put(document.documentElement, `--network-${entry.index}`, `light-dark(${network.colour.join(", ")})`);
      const name = element("th", { scope: "row" }, element("span", { class: "dot", "--key": `var(--network-${entry.index})` }), element("span", {}, network.title));
      const parts = { line: track(`var(--network-${entry.index})`), answer: element("td", { class: "value" }, "…"), error: element("td", { class: "error" }), verdict: element("td", { class: "verdict" }) };
      entry.parts = parts;
      return element("tr", {}, name, element("td", { class: "line" }, parts.line), parts.answer, parts.error, parts.verdict);
    });
    byId("answers").append(...rows);
    if (rows.length > MANY) put(byId("results"), "class", "results many");
    byId("answers").closest("table").querySelector(".scale").append(...scale(page.maxVertices));
    for (const { title, why } of page.payload.omitted) byId("omitted").append(element("li", {}, `Left out: ${title}, because ${why}.`));
    const targets = Array.from({ length: page.maxVertices - 1 }, (_, i) => element("option", { value: i + 2 }, String(i + 2)));
    byId("target").append(...targets);
  }

  const scale = (noPath) => [1, noPath].map((at) => element("span", { "--at": at / noPath }, labelText(at, noPath)));

  // An answer on a line from 0 to the label of "no path"; the truth is a notch in it.
  const track = (colour) => element("div", { class: "track", "--key": colour, "aria-hidden": "true" }, element("i", { class: "notch" }), element("i", { class: "answer" }));

  function place(line, answer, truth, noPath) {
    const share = answer / noPath;
    put(line, "--truth", truth / noPath);
    put(line, "--at", Math.min(1.04, Math.max(-0.04, share)));
    put(line.lastChild, "class", share > 1.06 ? "answer above" : share < -0.06 ? "answer below" : "answer");
  }

  function drawAnswer({ answer, failure, parts }, truth, noPath) {
    if (failure) {
      parts.answer.textContent = "unreadable";
      put(parts.answer, "title", failure);
      return;
    }
    put(parts.line, "hidden", answer === null);
    if (answer === null) return;
    const label = Math.round(answer), right = label === truth;
    place(parts.line, answer, truth, noPath);
    parts.answer.textContent = number(answer);
    parts.error.textContent = signed(answer - truth);
    put(parts.verdict, "class", `verdict ${right ? "right" : "wrong"}`);
    parts.verdict.replaceChildren(icon(right ? "good" : "bad"), element("span", {}, labelText(label, noPath).replace("-", "−")), element("span", { class: "hidden" }, right ? ", right" : ", wrong"));
  }

  const ICONS = { good: "M2 6.5 4.8 9.5 10 3", bad: "M2.5 2.5 9.5 9.5M9.5 2.5 2.5 9.5", leaves: "M3 9 9 3M4.2 3H9V7.8" };
  const icon = (name) => svg("svg", { viewBox: "0 0 12 12", class: "icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

  function drawMembership({ state: { drawing }, maxVertices, finetuneVertices, payload }) {
    const { edges, target, places } = drawing;
    const stratum = payload.strata.find(({ slice }) => slice === Graphs.stratum(edges, target, places.has(target)));
    byId("stratum").textContent = stratum.title;
    byId("stratum-meaning").textContent = stratum.meaning;
    const rows = [
      ["pretraining", Graphs.pretrainingAxes(edges, target, maxVertices)],
      ["finetuning", Graphs.finetuningAxes(edges, target, finetuneVertices)],
    ];
    for (const [world, axes] of rows) {
      const items = axes.map(({ axis, text }) => element("li", {}, element("strong", {}, axis), `: ${text}`));
      const where = element("span", {}, icon(axes.length ? "leaves" : "good"), axes.length ? "outside" : "inside");
      put(byId(world), "class", axes.length ? "beyond" : "within");
      byId(world).querySelector(".where").replaceChildren(where);
      byId(world).querySelector("ul").replaceChildren(...items);
    }
  }

  let timer = null;
  function sayLater({ models, maxVertices }, truth) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const words = models.filter(({ answer }) => answer !== null).map(({ network, answer }) =>
        `${network.title}: ${number(answer)}, ${Math.round(answer) === truth ? "right" : "wrong"}`);
      byId("live").textContent = `True distance: ${labelText(truth, maxVertices)}. ${words.join(". ")}.`;
    }, SAY_AFTER_MS);
  }

  return { build, draw, track, place, labelText };
})();
