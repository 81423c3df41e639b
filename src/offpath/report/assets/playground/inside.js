"use strict";
// "Look inside": one network, one panel of it. What a panel shows is computed when it is on the
// screen and the browser has time.
const Inside = (() => {
  const { element, put, byId, refill } = Elements;
  const PANELS = { attention: Attention, stream: Stream, removal: Removal, search: Search };
  const later = window.requestIdleCallback ?? ((run) => setTimeout(run, 16));
  let seen = false, wanted = 0, known = null;

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
    wanted += 1;
    if (!seen || !entry.model) return;
    const mine = wanted;
    later(() => { if (mine === wanted) show(page, entry, drawing); });
  }

  const tabOf = (name) => byId(`tab-${name}`);

  function show(page, entry, drawing) {
    const panel = PANELS[page.state.inside.panel], { edges, target } = drawing;
    const key = JSON.stringify([entry.index, page.state.inside.panel, edges, target]);
    if (known?.key !== key) known = { key, found: panel.compute(entry.model, edges, target) };
    const context = { page, entry, drawing, found: known.found, truth: Graphs.distance(edges, target, page.maxVertices), redraw: () => draw(page) };
    refill(byId("panel"), ...panel.show(context));
    for (const after of context.after ?? []) after();
  }

  // The name of a token as people read it.
  function tokenName(token, maxVertices) {
    if (typeof token === "string") return token;
    const [a, b] = token;
    return b > maxVertices ? `${a} ?` : `${a}–${b}`;
  }

  return { build, draw, tokenName };
})();
