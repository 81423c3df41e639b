"use strict";
// "Look inside": one network, one panel of it. What a panel shows is computed when it is on the
// screen and the browser has time.
const Inside = (() => {
  const { element, put, byId, refill } = Elements;
  const PANELS = { attention: Attention, stream: Stream, removal: Removal, search: Search };
  const later = window.requestIdleCallback ?? ((run) => setTimeout(run, 16));
  let seen = false, wanted = 0, known = null, scene = "";

  function build(page) {
    const select = byId("network");
    select.append(...page.models.map(({ network, index }) => element("option", { value: index }, network.title)));
    select.addEventListener("change", () => {
      page.state.inside.network = Number(select.value);
      draw(page);
    });
    for (const tab of byId("tabs").children) {
      tab.addEventListener("click", () => choose(page, tab.dataset.panel));
      tab.addEventListener("keydown", (event) => walk(event));
    }
    new IntersectionObserver(([entry]) => {
      const before = seen;
      seen = entry.isIntersecting;
      if (seen && !before) draw(page);
    }, { rootMargin: "200px" }).observe(byId("inside"));
  }

  const shownTabs = () => [...byId("tabs").children].filter((tab) => !tab.hidden);

  function choose(page, panel) {
    page.state.inside.panel = panel;
    draw(page);
  }

  function walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], tabs = shownTabs();
    if (!step) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  }

  function draw(page) {
    const { inside, drawing } = page.state, entry = page.models[inside.network];
    for (const [name, panel] of Object.entries(PANELS)) tabOf(name).hidden = !panel.serves(entry.network);
    if (!PANELS[inside.panel].serves(entry.network)) inside.panel = "attention";
    for (const tab of byId("tabs").children) {
      const chosen = tab.dataset.panel === inside.panel;
      put(tab, "aria-selected", String(chosen));
      put(tab, "tabindex", chosen ? 0 : -1);
    }
    put(byId("panel"), "aria-labelledby", tabOf(inside.panel).id);
    const asked = sceneOf(entry, page.state), mine = (wanted += 1);
    put(byId("panel"), "data-shown", asked === scene ? `${inside.panel} ${entry.index}` : null);
    if (asked === scene) return;
    if (!entry.model) {
      refill(byId("panel"), element("p", { class: "readout" }, entry.failure ?? "The weights are being read."));
      scene = "";
    }
    if (!seen || !entry.model) return;
    later(() => {
      if (mine !== wanted) return;
      show(page, entry, drawing);
      scene = asked;
    });
  }

  // Everything that a panel depends on; the step of the search it shows by itself.
  function sceneOf({ index, model, failure }, { drawing: { places, edges, target }, inside }) {
    const look = [innerWidth, getComputedStyle(document.body).color];
    return JSON.stringify([index, Boolean(model), failure, [...places], edges, target, { ...inside, step: null }, look]);
  }

  const tabOf = (name) => byId(`tab-${name}`);

  function show(page, entry, drawing) {
    const panel = PANELS[page.state.inside.panel], { edges, target } = drawing;
    const key = JSON.stringify([entry.index, page.state.inside.panel, edges, target]);
    if (known?.key !== key) known = { key, found: panel.compute(entry.model, edges, target) };
    const context = { page, entry, drawing, found: known.found, truth: Graphs.distance(edges, target, page.maxVertices), redraw: () => draw(page) };
    refill(byId("panel"), ...panel.show(context));
    context.after?.();
    put(byId("panel"), "data-shown", `${page.state.inside.panel} ${entry.index}`);
  }

  // The name of a token as people read it.
  function tokenName(token, maxVertices) {
    if (typeof token === "string") return token;
    const [a, b] = token;
    return b > maxVertices ? `${a} ?` : `${a}–${b}`;
  }

  return { build, draw, tokenName };
})();
