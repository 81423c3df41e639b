"use strict";
// The page itself: the table of contents, what print shows.

// Beside the text there is room for the contents; on a narrow screen they are folded.
const contents = document.querySelector(".contents details");
const wide = matchMedia("(min-width: 1200px)");
const unfold = () => { contents.open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();

// The contents mark the section that is being read.
const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
const reading = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((e) => e.isIntersecting)) {
    links.forEach((a) => a.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-15% 0px -75% 0px" });
document.querySelectorAll("section[id]").forEach((section) => reading.observe(section));

// What is drawn late would move the text: a link first draws the charts before its section.
for (const [anchor, link] of links) {
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    history.pushState(null, "", `#${anchor}`);
    const section = document.getElementById(anchor);
    const before = (box) => box.compareDocumentPosition(section) & Node.DOCUMENT_POSITION_FOLLOWING;
    await window.drawAll(document, (box) => box.offsetParent !== null && before(box));
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
    section.scrollIntoView();
  });
}

// A link to a folded figure opens it.
const openTarget = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const fold = target && target.closest("details");
  if (fold) { fold.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", openTarget);
openTarget();

// Paper has no folds: everything is open, and drawn, while the page is printed.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("main details:not([open])")];
  folded.forEach((fold) => { fold.open = true; });
  window.drawAll();
});
addEventListener("afterprint", () => folded.forEach((fold) => { fold.open = false; }));
