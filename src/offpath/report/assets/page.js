"use strict";
const axis = {
  labelColor: "var(--muted)", titleColor: "var(--muted)", titleFontWeight: "normal", titlePadding: 8,
  gridColor: "var(--line)", domainColor: "var(--line)", tickColor: "var(--line)", tickSize: 4, labelPadding: 5, labelSeparation: 8,
  labelFontSize: 11, titleFontSize: 11.5,
};
const config = {
  background: "transparent", font: "system-ui, sans-serif", view: { stroke: null }, axis,
  header: { labelColor: "var(--ink)" }, facet: { spacing: 10 },
};

window.drawn = Promise.all(
  [...document.querySelectorAll("[data-chart]")].map((box) =>
    vegaEmbed(box, JSON.parse(box.textContent), { renderer: "svg", actions: false, config })
  )
).then((charts) => charts.length);

// The table of contents marks the section that is being read.
const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
const reading = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((e) => e.isIntersecting)) {
    links.forEach((a) => a.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-15% 0px -75% 0px" });
document.querySelectorAll("section[id]").forEach((section) => reading.observe(section));
