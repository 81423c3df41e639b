"use strict";
// A drawing as the fragment of an address and back. A drawing is { places: Map of vertex to [x, y] in
// the unit square, edges, target }; a damaged fragment gives an Error that says what is wrong.
//
//   #vertices=1.120.500,2.900.500&edges=1-4,2-4&target=2
//
// Places are thousandths. Without `vertices`, the vertices of the edges are laid out.
const Link = (() => {
  const number = (text) => (/^\d{1,4}$/.test(text) ? Number(text) : NaN);

  function write({ places, edges, target }) {
    const vertices = [...places].map(([v, at]) => [v, ...at.map((u) => Math.round(1000 * u))].join("."));
    return `#vertices=${vertices.join(",")}&edges=${edges.map(Graphs.edgeKey).join(",")}&target=${target}`;
  }

  // The drawing that a fragment describes, or null if it is empty.
  function read(fragment, maxVertices) {
    const text = fragment.replace(/^#/, "");
    if (text === "") return null;
    const parts = new Map(text.split("&").map((part) => part.split(/=(.*)/s).slice(0, 2)));
    const unknown = [...parts.keys()].find((name) => !["vertices", "edges", "target"].includes(name));
    if (unknown !== undefined) fail(unknown, "none of its parts: vertices, edges and target");
    const edges = listed(parts.get("edges")).map((edge) => readEdge(edge, maxVertices));
    const most = (maxVertices * (maxVertices - 1)) / 2;
    if (edges.length > most) throw new Error(`it has ${edges.length} edges; at most ${most} are allowed`);
    const target = readTarget(parts.get("target") ?? "2", maxVertices);
    return { places: readPlaces(listed(parts.get("vertices")), edges, maxVertices), edges, target };
  }

  const listed = (text) => (text ? text.split(",") : []);

  function fail(text, what) {
    throw new Error(`“${text.length > 24 ? `${text.slice(0, 24)}…` : text}” is ${what}`);
  }

  function readEdge(text, maxVertices) {
    const ends = text.split("-").map(number);
    if (ends.length !== 2 || ends.some((v) => !(v >= 1 && v <= maxVertices)) || ends[0] === ends[1]) {
      fail(text, `no edge; an edge is two different vertices of 1 to ${maxVertices}, such as 1-2`);
    }
    return Graphs.ordered(...ends);
  }

  function readTarget(text, maxVertices) {
    const target = number(text);
    if (!(target >= 2 && target <= maxVertices)) fail(text, `no target; a target is a vertex of 2 to ${maxVertices}`);
    return target;
  }

  // What has no place, and what an edge names in addition, is laid out; vertex 1 is always there.
  function readPlaces(texts, edges, maxVertices) {
    const places = new Map();
    for (const text of texts) {
      const [vertex, x, y, ...more] = text.split(".").map(number);
      if (!(vertex >= 1 && vertex <= maxVertices) || !(x <= 1000 && y <= 1000) || more.length) {
        fail(text, `no vertex; one is written as id.x.y, with ids 1 to ${maxVertices} and places 0 to 1000`);
      }
      places.set(vertex, [x / 1000, y / 1000]);
    }
    const all = [...new Set([1, ...places.keys(), ...edges.flat()])].sort((a, b) => a - b);
    if (texts.length === 0 || all.length > places.size) return Layout.layout(all, edges);
    return new Map([...places].sort(([a], [b]) => a - b));
  }

  return { write, read };
})();
