"use strict";
// Graphs to begin with: six that show one thing each, as far as the vertices allow.
const Examples = (() => {
  const range = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  const chain = (vertices) => vertices.slice(1).map((v, i) => Graphs.ordered(vertices[i], v));

  function examples(maxVertices, finetuneVertices) {
    const others = range(3, maxVertices), half = Math.ceil(others.length / 2);
    const rows = [
      { title: "Trained target", edges: trained(maxVertices), target: 2 },
      { title: "Long path", edges: chain([1, ...others, 2]), target: 2 },
      { title: "Two components", edges: apart(others.slice(0, half), others.slice(half)), target: 2 },
      { title: "Off-path target", ...offPath(maxVertices) },
      { title: "Star", edges: [1, 2, ...others.slice(1)].map((v) => Graphs.ordered(3, v)), target: 2 },
    ];
    if (finetuneVertices < maxVertices) {
      rows.splice(4, 0, { title: "Unseen target", edges: chain([1, 3, maxVertices, 2]), target: maxVertices });
    }
    return rows;
  }

  // Two cycles, or what of them is possible: with some vertices through 1, with others through 2.
  const apart = (some, others) => [...ring([1, ...some]), ...ring([2, ...others])];
  const ring = (vertices) => chain(vertices.length > 2 ? [...vertices, vertices[0]] : vertices);

  const trained = (maxVertices) => maxVertices < 5 ? [[1, 2], [1, 3]] : [[1, 3], [2, 3], [1, 4], [4, 5]];

  // The target lies off the path from 1 to 2, and at another distance: copying d(1,2) is wrong there.
  function offPath(maxVertices) {
    if (maxVertices < 5) return { edges: [[1, 2], [1, 3]], target: 3 };
    return { edges: [[1, 2], [1, 3], [3, 4], [4, 5]], target: 5 };
  }

  return { examples };
})();
