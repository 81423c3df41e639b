"use strict";
// Elements of the page, and numbers as it writes them. Text becomes text, never markup.
const Elements = (() => {
  const filled = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) put(node, name, value);
    node.append(...children.filter((child) => child !== null));
    return node;
  };
  const element = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  // An attribute; null, undefined and false take it away, a function is a listener, --x a property.
  function put(node, name, value) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
  }

  const byId = (id) => document.getElementById(id);
  const number = (x, digits = 2) => x.toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
  const signed = (x, digits = 2) => (x > 0 && Number(x.toFixed(digits)) !== 0 ? "+" : "") + number(x, digits);

  // Radio buttons, shown as their labels: one stop of the Tab key, arrow keys choose.
  function choices(name, options, chosen, choose) {
    return options.map(({ value, label, title }) => {
      const input = element("input", { type: "radio", name, value, class: "hidden", "aria-label": title ?? null });
      input.checked = value === chosen;
      input.addEventListener("change", () => choose(value));
      return element("label", { class: "choice", title: title ?? null }, input, ...[label].flat());
    });
  }

  // Replaces what a node holds, and leaves the focus on the choice that had it.
  function refill(node, ...children) {
    const held = node.contains(document.activeElement) ? document.activeElement : null;
    const { name, value, id } = held ?? {};
    node.replaceChildren(...children.filter((child) => child !== null));
    if (!held) return;
    const again = id ? byId(id) : [...node.querySelectorAll("input")].find((i) => i.name === name && (i.value === value || i.checked));
    again?.focus({ preventScroll: true });
  }

  return { element, svg, put, byId, number, signed, choices, refill };
})();
