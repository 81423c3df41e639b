"use strict";
// Every way to change a drawing { places, edges, target }. Each gives a new drawing, or a text that
// says why there is none.
const Edits = (() => {
  const blank = () => ({ places: new Map([[1, [0.15, 0.5]], [2, [0.85, 0.5]]]), edges: [], target: 2 });
  const laidOut = (vertices, edges, target) => ({ places: Layout.layout(vertices, edges), edges, target });
  const sorted = (places) => new Map([...places].sort(([a], [b]) => a - b));

  // A vertex with the smallest free id, at a place or where there is room.
  function add(drawing, maxVertices, place = room(drawing)) {
    const id = freeId(drawing, maxVertices);
    if (id === null) return `All vertices, 1 to ${maxVertices}, are drawn.`;
    return { ...drawing, places: sorted([...drawing.places, [id, place]]) };
  }

  const freeId = ({ places }, maxVertices) =>
    Array.from({ length: maxVertices }, (_, i) => i + 1).find((id) => !places.has(id)) ?? null;

  function connect(drawing, a, b) {
    const edge = Graphs.ordered(a, b), key = Graphs.edgeKey(edge);
    if (a === b) return "An edge connects two different vertices.";
    if (drawing.edges.some((e) => Graphs.edgeKey(e) === key)) return `${a} and ${b} are connected already.`;
    return { ...drawing, edges: [...drawing.edges, edge] };
  }

  const move = (drawing, vertex, place) => ({ ...drawing, places: new Map(drawing.places).set(vertex, place) });

  // The edges of a vertex go with it; the target may be a vertex that is not drawn.
  function removeVertex(drawing, vertex) {
    if (vertex === 1) return "Vertex 1 stays: every path starts there.";
    const places = new Map(drawing.places);
    places.delete(vertex);
    return { ...drawing, places, edges: drawing.edges.filter((edge) => !edge.includes(vertex)) };
  }

  // All edges between the same two vertices.
  const removeEdge = (drawing, key) =>
    ({ ...drawing, edges: drawing.edges.filter((edge) => Graphs.edgeKey(edge) !== key) });

  function setTarget(drawing, target) {
    return target === 1 ? "Vertex 1 is the start, and no target: its distance is 0." : { ...drawing, target };
  }

  const tidy = ({ places, edges, target }) => laidOut([...places.keys()], edges, target);

  // The place of a coarse grid that is farthest from all vertices and edges.
  function room({ places, edges }) {
    const at = (v) => [places.get(v)[0] * 1.5, places.get(v)[1]];
    let found = [0.5, 0.5], widest = -1;
    for (let x = 0.05; x < 1; x += 0.1) {
      for (let y = 0.05; y < 1; y += 0.15) {
        const here = [x * 1.5, y], toEdge = ([a, b]) => 1.5 * Layout.toSegment(here, at(a), at(b));
        const toVertex = (v) => Math.hypot(here[0] - at(v)[0], here[1] - at(v)[1]);
        const free = Math.min(...[...places.keys()].map(toVertex), ...edges.map(toEdge));
        if (free > widest + 1e-9) [found, widest] = [[x, y], free];
      }
    }
    return found;
  }

  return { blank, laidOut, add, connect, move, removeVertex, removeEdge, setTarget, tidy };
})();
