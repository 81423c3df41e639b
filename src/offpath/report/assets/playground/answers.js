"use strict";
// The exact answer, every network's answer beside it, and where the question lies beside the
// training distributions.
const Answers = (() => {
  const { element, svg, put, byId, minus, number, signed } = Elements;
  const SAY_AFTER_MS = 600; // a screen reader hears the answers once the drawing rests
  const MANY = 7; // of more networks than this, the answers come last

  const labelText = (distance, noPath) => (distance === noPath ? "no path" : String(distance));

  // What does not change with the drawing: a row per network, what was left out, the targets.
  function build({ models, maxVertices, payload }) {
    byId("answers").append(...models.map(row));
    byId("scale").append(...[1, maxVertices].map((at) =>
      element("span", { "--at": at / maxVertices }, labelText(at, maxVertices))));
    byId("omitted").append(...payload.omitted.map(({ title, why }) =>
      element("li", `Left out: ${title}, because ${why}.`)));
    const targets = Array.from({ length: maxVertices - 1 }, (_, i) => String(i + 2));
    byId("target").append(...targets.map((id) => element("option", { value: id }, id)));
    byId("results").classList.toggle("many", models.length > MANY);
  }

  function row(entry) {
    const { network: { title, colour }, index } = entry, own = `--network-${index}`;
    put(document.documentElement, own, `light-dark(${colour.join(", ")})`);
    entry.parts = {
      line: track(`var(${own})`), answer: element("td.value", "…"), error: element("td.error"),
      verdict: element("td.verdict"),
    };
    const { line, answer, error, verdict } = entry.parts;
    const name = element("th", { scope: "row" }, dot(`var(${own})`), element("span", title));
    return element("tr", name, element("td.line", line), answer, error, verdict);
  }

  const dot = (colour) => element("span.dot", { "--key": colour });

  function draw(page) {
    const { drawing } = page.state, { maxVertices } = page;
    const truth = Graphs.distance(drawing.edges, drawing.target, maxVertices);
    drawTruth(drawing, truth, maxVertices);
    page.models.forEach((entry) => drawAnswer(entry, truth, maxVertices));
    drawMembership(page);
    sayLater(page, truth);
  }

  function drawTruth({ places, edges, target }, truth, noPath) {
    const path = Graphs.shortestPath(edges, target);
    const gap = places.has(target) ? `1 does not reach ${target}` : `${target} is not drawn`;
    byId("target").value = target;
    byId("truth").textContent = labelText(truth, noPath);
    byId("path").textContent = path ? path.join(" → ") : `${gap}; the label is ${noPath}`;
    put(byId("truth"), "class", path ? "" : "words");
  }

  function drawAnswer({ answer, failure, parts }, truth, noPath) {
    put(parts.line, "hidden", answer === null);
    if (failure) parts.answer.textContent = "unreadable";
    if (answer === null) return;
    const label = Math.round(answer), right = label === truth;
    place(parts.line, answer, truth, noPath);
    parts.answer.textContent = number(answer);
    parts.error.textContent = signed(answer - truth);
    put(parts.verdict, "class", `verdict ${right ? "right" : "wrong"}`);
    parts.verdict.replaceChildren(icon(right ? "good" : "bad"), minus(labelText(label, noPath)),
      element("span.hidden", right ? ", right" : ", wrong"));
  }

  // An answer on a line from 0 to the label of "no path"; the truth is a notch in it.
  const track = (colour) =>
    element("div.track", { "--key": colour, "aria-hidden": "true" }, element("i.notch"), element("i.answer"));

  function place(line, answer, truth, noPath) {
    const share = answer / noPath;
    put(line, "--truth", truth / noPath);
    put(line, "--at", Math.min(1.04, Math.max(-0.04, share)));
    put(line.lastChild, "class", share > 1.06 ? "answer above" : share < -0.06 ? "answer below" : "answer");
  }

  const ICONS = {
    good: "M2 6.5 4.8 9.5 10 3", bad: "M2.5 2.5 9.5 9.5M9.5 2.5 2.5 9.5", leaves: "M3 9 9 3M4.2 3H9V7.8",
  };
  const icon = (name) =>
    svg("svg.icon", { viewBox: "0 0 12 12", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

  function drawMembership({ state: { drawing }, maxVertices, finetuneVertices, payload }) {
    const { edges, target, places } = drawing;
    const name = Graphs.stratum(edges, target, places.has(target));
    const stratum = payload.strata.find(({ slice }) => slice === name);
    byId("stratum").textContent = stratum.title;
    byId("stratum-meaning").textContent = stratum.meaning;
    drawAxes("pretraining", Graphs.pretrainingAxes(edges, target, maxVertices));
    drawAxes("finetuning", Graphs.finetuningAxes(edges, target, finetuneVertices));
  }

  function drawAxes(world, axes) {
    const box = byId(world), outside = axes.length > 0;
    if (!box) return; // reporters are taught other questions
    put(box, "class", outside ? "beyond" : "within");
    box.querySelector(".where").replaceChildren(icon(outside ? "leaves" : "good"), outside ? "outside" : "inside");
    box.querySelector("ul").replaceChildren(...axes.map(({ axis, text }) =>
      element("li", element("strong", axis), `: ${text}`)));
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

  return { build, draw, track, place, dot, labelText };
})();
