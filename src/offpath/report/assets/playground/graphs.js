"use strict";
// Graphs as lists of edges [a, b] with a < b, in which an edge may occur several times: searches,
// strata, and where a question lies beside the training distributions. Pure functions.
const Graphs = (() => {
  const edgeKey = ([a, b]) => `${a}-${b}`;
  const ordered = (a, b) => (a < b ? [a, b] : [b, a]);

  // Each edge once, with the number of times it occurs, sorted.
  function distinct(edges) {
    const found = new Map();
    for (const edge of edges) {
      const entry = found.get(edgeKey(edge)) ?? { key: edgeKey(edge), ends: edge, times: 0 };
      entry.times += 1;
      found.set(entry.key, entry);
    }
    return [...found.values()].sort((e, f) => e.ends[0] - f.ends[0] || e.ends[1] - f.ends[1]);
  }

  // The neighbours of each vertex that has some, in ascending order.
  function neighbours(edges) {
    const found = new Map();
    for (const { ends: [a, b] } of distinct(edges)) {
      for (const [v, w] of [[a, b], [b, a]]) found.set(v, [...(found.get(v) ?? []), w]);
    }
    return found;
  }

  // Hops from a vertex to every vertex that it reaches: breadth-first search.
  function hops(edges, source) {
    const beside = neighbours(edges), found = new Map([[source, 0]]);
    for (const vertex of found.keys()) { // a Map also visits what is added meanwhile
      for (const next of beside.get(vertex) ?? []) {
        if (!found.has(next)) found.set(next, found.get(vertex) + 1);
      }
    }
    return found;
  }

  // Hops from vertex 1 to the target; without a path, the label of "no path".
  const distance = (edges, target, noPath) => hops(edges, 1).get(target) ?? noPath;

  // The vertices of one shortest path from 1 to the target, or null.
  function shortestPath(edges, target) {
    const left = hops(edges, target), beside = neighbours(edges);
    if (!left.has(1)) return null;
    const path = [1];
    while (path.at(-1) !== target) {
      path.push(beside.get(path.at(-1)).find((v) => left.get(v) < left.get(path.at(-1))));
    }
    return path;
  }

  // What a question is about, computed once: distances, and whether the target lies on the path.
  function facts(edges, target) {
    const from1 = hops(edges, 1), fromTarget = hops(edges, target);
    return {
      reached: from1.has(target),
      reaches2: from1.has(2),
      onPath: from1.has(2) && from1.get(target) + fromTarget.get(2) === from1.get(2),
      touched: edges.some((edge) => edge.includes(target)),
      largest: Math.max(1, ...edges.flat()),
    };
  }

  // The stratum of a question, as `slices.py` names it; `exists`: whether the graph has the target.
  function stratum(edges, target, exists) {
    if (target === 2) return "trained";
    if (!exists) return "absent";
    const { reached, reaches2, onPath } = facts(edges, target);
    if (!reached) return "unreachable";
    if (!reaches2) return "off_path_cut";
    return onPath ? "on_path" : "off_path";
  }

  // By what a question leaves a training distribution of graphs of 3 to `most` vertices: a list of
  // axes, empty inside. A graph of n vertices has at most n edges; networks do not see n.
  function sizeAxes(edges, largest, most) {
    const axes = [];
    if (largest > most) {
      axes.push({ axis: "more vertices", text: `vertex ${largest}; its graphs have vertices 1 to ${most}` });
    }
    if (edges.length > most) {
      axes.push({ axis: "more edges", text: `${edges.length} edges; its graphs have at most ${most}` });
    }
    return axes;
  }

  function pretrainingAxes(edges, target, maxVertices) {
    const axes = sizeAxes(edges, facts(edges, target).largest, maxVertices);
    return target === 2 ? axes : [{ axis: "not target 2", text: "it asks for vertex 2 only" }, ...axes];
  }

  function finetuningAxes(edges, target, most) {
    const { reached, reaches2, onPath, touched, largest } = facts(edges, target);
    const axes = [];
    const leaves = (axis, text) => axes.push({ axis, text });
    if (target > most) leaves("unseen id", `it asks for vertices 2 to ${most}, never ${target}`);
    if (!touched) leaves("isolated or absent", `no edge touches ${target}; to a network both look the same`);
    else if (!reached && target !== 2) leaves("unreachable", `no path leads from 1 to ${target}`);
    if (!reaches2) leaves("vertex 2 is cut off", "no path leads from 1 to 2");
    if (reached && reaches2 && !onPath) leaves("off path", `${target} is on no shortest path from 1 to 2`);
    return [...axes, ...sizeAxes(edges, largest, most)];
  }

  return {
    edgeKey, ordered, distinct, neighbours, hops, distance, shortestPath, stratum, pretrainingAxes, finetuningAxes,
  };
})();
