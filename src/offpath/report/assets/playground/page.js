"use strict";
// The page: its state, undo, the fragment of the address, and what happens on each change.
const Page = (() => {
  const { element, put, byId } = Elements;
  const payload = JSON.parse(byId("payload").textContent);
  const { maxVertices, finetuneVertices } = payload;
  const SLICE_MS = 10; // of answers in one frame; the rest follows in the next

  const examples = Examples.examples(maxVertices, finetuneVertices);
  const opening = () => laidOut(examples[0]);
  const page = {
    payload, maxVertices, finetuneVertices, change, say, render,
    models: payload.networks.map((network, index) =>
      ({ network, index, model: null, failure: null, answer: null, asked: null })),
    state: {
      drawing: opening(), past: [], future: [], merge: null, tool: "draw", armed: null,
      inside: { network: 0, panel: "attention", layer: 0, head: 0, token: null, numbers: false, step: 0 },
    },
  };
  const { state } = page;

  function laidOut({ edges, target, vertices }) {
    const count = vertices ?? Math.max(...edges.flat()), ids = new Set([1, 2, ...edges.flat()]);
    const all = vertices ? Array.from({ length: count }, (_, i) => i + 1) : [...ids].sort((a, b) => a - b);
    return Edits.laidOut(all, edges, target);
  }

  // Takes a new drawing, or says why there is none. Changes with the same `merge` are undone at once.
  function change(drawing, merge = null) {
    if (typeof drawing === "string") return say(drawing);
    if (!merge || merge !== state.merge) state.past.push(state.drawing);
    return set(drawing, { future: [], merge });
  }

  function set(drawing, { future, merge = null }) {
    Object.assign(state, { drawing, future, merge, armed: null });
    writeAddress();
    trouble("");
    say("");
    render();
  }

  function undo() {
    const drawing = state.past.pop();
    if (drawing) set(drawing, { future: [...state.future, state.drawing] });
  }

  function redo() {
    const drawing = state.future.at(-1);
    if (!drawing) return;
    state.past.push(state.drawing);
    set(drawing, { future: state.future.slice(0, -1) });
  }

  function say(text) {
    byId("said").textContent = text;
  }

  function trouble(text) {
    byId("trouble").textContent = text;
    put(byId("trouble"), "hidden", text === "");
  }

  function render() {
    board.draw();
    put(byId("undo"), "disabled", state.past.length === 0);
    put(byId("redo"), "disabled", state.future.length === 0);
    markExample();
    answer();
    Inside.draw(page);
  }

  // Moved vertices leave the graph of an example as it is.
  function markExample() {
    const { edges, target, places } = state.drawing, drawn = new Set([1, 2, ...edges.flat()]).size;
    examples.forEach((example, i) => put(byId("examples").children[i], "aria-pressed",
      String(example.edges === edges && example.target === target && places.size === drawn)));
  }

  // Asks the networks that have not seen this question, as many as a frame has time for.
  let turn = 0;
  function answer() {
    const { edges, target } = state.drawing, question = JSON.stringify([edges, target]);
    const began = performance.now(), mine = (turn += 1);
    for (const entry of page.models) {
      if (!entry.model || entry.asked === question) continue;
      if (performance.now() - began > SLICE_MS) {
        setTimeout(() => { if (mine === turn) answer(); });
        break;
      }
      entry.answer = Forward.answer(entry.model, edges, target);
      entry.asked = question;
    }
    Answers.draw(page);
  }

  // Reads the drawing from the address; a damaged one leaves the graph that the page opens with.
  function fromAddress(past) {
    let drawing = null, fault = "";
    try {
      drawing = Link.read(decodeURIComponent(location.hash), maxVertices);
    } catch (error) {
      fault = error instanceof URIError ? "it is not text" : error.message;
    }
    if (drawing || fault) {
      Object.assign(state, { past, drawing: drawing ?? opening(), future: [], merge: null, armed: null });
    }
    render();
    trouble(fault && `The drawing in this address cannot be read: ${fault}. An example is shown instead.`);
  }

  function writeAddress() {
    try {
      history.replaceState(null, "", Link.write(state.drawing));
    } catch {
      // Safari takes a hundred in half a minute: then a later change is written.
    }
  }

  async function copyLink() {
    writeAddress();
    try {
      await navigator.clipboard.writeText(location.href);
      say("Link copied.");
    } catch {
      say("The browser does not let this page copy: the address bar holds the link.");
    }
  }

  function buildExamples() {
    byId("try").open = innerWidth > 600; // on a phone the answers come first
    byId("examples").append(...examples.map((example) =>
      element("button", { type: "button", click: () => change(laidOut(example)) }, example.title)));
    const worlds = payload.examples, world = byId("world"), shown = worlds.map(() => 0);
    world.append(...worlds.map(({ title }, i) => element("option", { value: i }, title)));
    byId("next").addEventListener("click", () => {
      const i = Number(world.value), { questions, title } = worlds[i];
      change(laidOut(questions[shown[i] % questions.length]));
      shown[i] += 1;
      say(`${title}: example ${((shown[i] - 1) % questions.length) + 1} of ${questions.length}`);
    });
  }

  function wire() {
    const tidy = () => change(Edits.tidy(state.drawing)), clear = () => change(Edits.blank());
    for (const [id, act] of Object.entries({ undo, redo, tidy, clear, copy: copyLink })) {
      byId(id).addEventListener("click", act);
    }
    byId("target").addEventListener("change", ({ target: { value } }) =>
      change(Edits.setTarget(state.drawing, Number(value))));
    document.addEventListener("keydown", (event) => {
      const letter = event.key.toLowerCase();
      if (!(event.ctrlKey || event.metaKey) || event.altKey || !["z", "y"].includes(letter)) return;
      event.preventDefault();
      if (letter === "y" || event.shiftKey) redo();
      else undo();
    });
    addEventListener("hashchange", () => fromAddress([...state.past, state.drawing]));
    addEventListener("themechange", render);
    new ResizeObserver(() => render()).observe(byId("canvas"));
  }

  // One network after the other: the page answers for each as soon as it can.
  async function load() {
    for (const entry of page.models) {
      try {
        entry.model = await Forward.decode(entry.network);
      } catch (error) {
        entry.failure = `The weights cannot be read: ${error.message}`;
      }
      render();
    }
    return page.models.length;
  }

  const board = Drawing.start(byId("canvas"), byId("tools"), page);
  Answers.build(page);
  Inside.build(page);
  buildExamples();
  wire();
  fromAddress([]);
  return { page, loaded: load() };
})();
