"use strict";
// "Look inside": one network, one panel of it. What a panel shows is computed when it is on the
// screen and the browser has time.
const Inside = (() => {
  const { element, put, byId, refill } = Elements;
  // Each: serves(network), compute(model, edges, target), show(context): what the panel holds; it may
  // set context.after, for what needs the sizes of the screen.
  const PANELS = { attention: Attention, stream: Stream, removal: Removal, search: Search };
  const later = window.requestIdleCallback
    ? (run) => requestIdleCallback(run, { timeout: 300 }) // a busy machine is never idle
    : (run) => setTimeout(run, 16);
  let seen = false, wanted = 0, known = null, scene = "";

  function build(page) {
    const select = byId("network");
    select.append(...page.models.map(({ network, index }) => element("option", { value: index }, network.title)));
    select.addEventListener("change", () => {
      page.state.inside.network = Number(select.value);
      draw(page);
    });
    for (const name of Object.keys(PANELS)) {
      tabOf(name).addEventListener("click", () => {
        choosePanel(page, name);
      });
      tabOf(name).addEventListener("keydown", walk);
    }
    new IntersectionObserver(([entry]) => {
      const before = seen;
      seen = entry.isIntersecting;
      if (seen && !before) draw(page);
    }, { rootMargin: "200px" }).observe(byId("inside"));
  }

  // A panel that serves only some networks goes to the first of them.
  function choosePanel(page, name) {
    const { inside } = page.state, serves = ({ network }) => PANELS[name].serves(network);
    if (!serves(page.models[inside.network])) inside.network = page.models.findIndex(serves);
    inside.panel = name;
    byId("network").value = inside.network;
    draw(page);
  }

  const tabOf = (name) => byId(`tab-${name}`);

  // Arrow keys go from tab to tab.
  function walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const tabs = Object.keys(PANELS).map(tabOf).filter((tab) => !tab.hidden);
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    event.preventDefault();
    next.focus();
    next.click();
  }

  function draw(page) {
    const { inside } = page.state, entry = page.models[inside.network];
    if (!PANELS[inside.panel].serves(entry.network)) inside.panel = "attention";
    drawTabs(inside.panel, page.models);
    const asked = sceneOf(entry, page.state), mine = (wanted += 1);
    put(byId("panel"), "data-shown", asked === scene ? `${inside.panel} ${entry.index}` : null);
    if (asked === scene) return;
    if (!entry.model) {
      refill(byId("panel"), element("p.readout", entry.failure ?? "The weights are being read."));
      scene = "";
    }
    if (!seen || !entry.model) return;
    later(() => {
      if (mine !== wanted) return;
      show(page, entry);
      scene = asked;
    });
  }

  function drawTabs(chosen, models) {
    for (const [name, panel] of Object.entries(PANELS)) {
      put(tabOf(name), "hidden", !models.some(({ network }) => panel.serves(network)));
      put(tabOf(name), "aria-selected", String(name === chosen));
      put(tabOf(name), "tabindex", name === chosen ? 0 : -1);
      put(byId(`intro-${name}`), "hidden", name !== chosen);
    }
    put(byId("panel"), "aria-labelledby", tabOf(chosen).id);
  }

  // Everything that a panel depends on; the step of the search it shows by itself.
  function sceneOf({ index, model, failure }, { drawing: { places, edges, target }, inside }) {
    const look = [innerWidth, getComputedStyle(document.body).color], loaded = Boolean(model);
    return JSON.stringify([index, loaded, failure, [...places], edges, target, { ...inside, step: null }, look]);
  }

  function show(page, entry) {
    const { inside, drawing } = page.state, { edges, target } = drawing, panel = PANELS[inside.panel];
    const key = JSON.stringify([entry.index, inside.panel, edges, target]);
    if (known?.key !== key) known = { key, found: panel.compute(entry.model, edges, target) };
    const truth = Graphs.distance(edges, target, page.maxVertices);
    const context = { page, entry, drawing, truth, found: known.found, redraw: () => draw(page) };
    refill(byId("panel"), ...panel.show(context));
    context.after?.();
    put(byId("panel"), "data-shown", `${inside.panel} ${entry.index}`);
  }

  // The name of a token as people read it.
  function tokenName(token, maxVertices) {
    if (typeof token === "string") return token;
    const [a, b] = token;
    return b > maxVertices ? `${a} ?` : `${a}–${b}`;
  }

  // Names above the columns of a map, upright.
  const columnNames = (names) =>
    element("div.columns", { "aria-hidden": "true" }, names.map((name) => element("span", name)));

  return { build, draw, tokenName, columnNames };
})();
