"use strict";
// Elements of the page, and numbers as it writes them. Text becomes text, never markup.
const Elements = (() => {
  // element("p.readout", { id: "x" }, "words", child): a tag with classes, attributes, and children,
  // also in lists.
  function element(tag, ...parts) {
    const [name, ...classes] = tag.split(".");
    return filled(document.createElement(name), classes, parts);
  }

  function svg(tag, ...parts) {
    const [name, ...classes] = tag.split(".");
    return filled(document.createElementNS("http://www.w3.org/2000/svg", name), classes, parts);
  }

  function filled(node, classes, parts) {
    if (classes.length) node.setAttribute("class", classes.join(" "));
    for (const part of parts.flat()) {
      if (typeof part === "string" || part instanceof Node) node.append(part);
      else Object.entries(part ?? {}).forEach(([name, value]) => put(node, name, value));
    }
    return node;
  }

  // An attribute; null, undefined and false take it away, a function is a listener, --x a property.
  function put(node, name, value) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
  }

  const byId = (id) => document.getElementById(id);
  const minus = (text) => text.replace("-", "−");
  const number = (x, digits = 2) => minus(x.toFixed(digits).replace(/^-(0\.?0*)$/, "$1"));
  const signed = (x, digits = 2) => (Number(x.toFixed(digits)) > 0 ? "+" : "") + number(x, digits);

  // Radio buttons, shown as their labels: one stop of the Tab key, and arrow keys choose.
  function choices(name, options, chosen, choose) {
    return options.map(({ value, label, title }) => {
      const input = element("input.hidden", { type: "radio", name, value, "aria-label": title });
      input.checked = value === chosen;
      input.addEventListener("change", () => choose(value));
      return element("label.choice", { title }, input, label);
    });
  }

  // Replaces what a node holds; what had the focus, or is chosen in its place, has it again.
  function refill(node, ...children) {
    const { name, value, id } = node.contains(document.activeElement) ? document.activeElement : {};
    node.replaceChildren(...children);
    const same = (input) => input.name === name && (input.value === value || input.checked);
    const again = id ? byId(id) : name && [...node.querySelectorAll("input")].find(same);
    if (again && node.contains(again)) again.focus({ preventScroll: true });
  }

  return { element, svg, put, byId, minus, number, signed, choices, refill };
})();
