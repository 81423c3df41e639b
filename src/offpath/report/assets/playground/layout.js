"use strict";
// Where vertices are drawn: positions in the unit square, the same for the same graph. Each
// component is laid out by stress majorization (Gansner, Koren, North 2004) from several starts,
// of which the drawing with the fewest crossings and the clearest vertices is taken.
const Layout = (() => {
  const STARTS = 6, ROUNDS = 120, ASPECT = 1.5; // width by height for which drawings are judged
  const ARC = 2.6; // angle that the longest of the shortest paths bends by, to use the height

  function layout(vertices, edges) {
    const places = new Map(), parts = components(vertices, edges);
    const single = parts.filter((part) => part.length === 1);
    const joined = parts.filter((part) => part.length > 1);
    const floor = joined.length && single.length ? 0.8 : 1; // single vertices stand in a row below
    const shares = joined.map((part) => part.length ** 0.75), sum = shares.reduce((a, b) => a + b, 0);
    let left = 0;
    joined.forEach((part, i) => {
      const width = shares[i] / sum, gap = joined.length > 1 ? 0.12 : 0;
      const drawn = best(part, edges.filter(([a]) => part.includes(a)), (ASPECT * (width - gap)) / floor);
      drawn.forEach(([x, y], k) => places.set(part[k], [left + gap / 2 + x * (width - gap), y * floor]));
      left += width;
    });
    single.forEach(([vertex], i) => {
      const x = single.length === 1 && joined.length ? 0 : (i + 0.5) / single.length;
      places.set(vertex, [x, joined.length ? 1 : 0.5]);
    });
    return places;
  }

  function components(vertices, edges) {
    const left = new Set(vertices), parts = [];
    for (const vertex of vertices) {
      if (!left.has(vertex)) continue;
      const part = [...Graphs.hops(edges, vertex).keys()].sort((a, b) => a - b);
      part.forEach((v) => left.delete(v));
      parts.push(part);
    }
    return parts;
  }

  // The best of several drawings of a connected graph, stretched to the unit square.
  function best(part, edges, aspect) {
    const ends = Graphs.distinct(edges).map(({ ends }) => ends.map((v) => part.indexOf(v)));
    const hops = part.map((v) => Graphs.hops(edges, v));
    const radius = Math.max(...hops.flatMap((h) => [...h.values()])) / ARC;
    const ideal = hops.map((h) => part.map((w) => 2 * radius * Math.sin(h.get(w) / radius / 2))); // chords of an arc
    let chosen = null, least = Infinity;
    for (let start = 0; start < (part.length > 20 ? 2 : STARTS); start += 1) {
      const places = stretched(turned(majorized(initial(part.length, start), ideal)), aspect);
      const cost = badness(places, ends, aspect);
      if (cost < least - 1e-9) [chosen, least] = [places, cost];
    }
    return chosen;
  }

  // Points on a circle in an order that differs by start.
  function initial(count, start) {
    const step = 1 + ((start * 7) % Math.max(1, count - 1));
    return Array.from({ length: count }, (_, i) => {
      const angle = ((i * step + 0.1 * start * (i % 3)) / count) * 2 * Math.PI;
      const radius = 1 + 0.13 * ((i * (start + 3)) % 5);
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    });
  }

  function majorized(places, ideal) {
    let now = places;
    for (let round = 0; round < ROUNDS; round += 1) {
      now = now.map(([x, y], i) => {
        let sumX = 0, sumY = 0, sum = 0;
        now.forEach(([u, v], j) => {
          if (i === j) return;
          const wanted = ideal[i][j], weight = wanted ** -2;
          const pull = wanted / Math.max(1e-6, Math.hypot(x - u, y - v));
          sumX += weight * (u + (x - u) * pull);
          sumY += weight * (v + (y - v) * pull);
          sum += weight;
        });
        return [sumX / sum, sumY / sum];
      });
    }
    return now;
  }

  // Turned so that the longest extent is horizontal, and the first vertex lies to the left.
  function turned(places) {
    const mean = [0, 1].map((k) => places.reduce((sum, p) => sum + p[k], 0) / places.length);
    const moved = places.map(([x, y]) => [x - mean[0], y - mean[1]]);
    const [xx, xy, yy] = moved.reduce(([a, b, c], [x, y]) => [a + x * x, b + x * y, c + y * y], [0, 0, 0]);
    const angle = -0.5 * Math.atan2(2 * xy, xx - yy), cos = Math.cos(angle), sin = Math.sin(angle);
    const flat = moved.map(([x, y]) => [x * cos - y * sin, x * sin + y * cos]);
    const [flipX, flipY] = flat[0].map((at) => (at > 0 ? -1 : 1));
    return flat.map(([x, y]) => [x * flipX, y * flipY]);
  }

  // Into the unit square of a canvas with this aspect, keeping shapes where the stretch would be large.
  function stretched(places, aspect) {
    const range = (k) => [Math.min(...places.map((p) => p[k])), Math.max(...places.map((p) => p[k]))];
    const spans = [0, 1].map((k) => range(k)[1] - range(k)[0]);
    const scale = Math.max(spans[0] / aspect, spans[1], 1e-9);
    const used = [spans[0] / aspect / scale, spans[1] / scale].map((share) => Math.min(1, share * 1.8));
    return places.map((p) =>
      [0, 1].map((k) => 0.5 + (spans[k] > 1e-6 ? used[k] * ((p[k] - range(k)[0]) / spans[k] - 0.5) : 0)));
  }

  const NEAR = 0.14; // of the height: what is nearer than this is unclear

  // Crossings of edges, vertices that are near each other or near an edge of others.
  function badness(places, ends, aspect) {
    const at = places.map(([x, y]) => [x * aspect, y]);
    let cost = 0;
    ends.forEach(([a, b], i) => {
      at.forEach((p, v) => {
        if (v !== a && v !== b) cost += 12 * Math.max(0, 1 - toSegment(p, at[a], at[b]) / NEAR) ** 2;
      });
      for (const [c, d] of ends.slice(i + 1)) {
        if (new Set([a, b, c, d]).size === 4 && crosses(at[a], at[b], at[c], at[d])) cost += 3;
      }
    });
    at.forEach((p, i) => at.slice(i + 1).forEach((q) => {
      cost += 6 * Math.max(0, 1 - Math.hypot(p[0] - q[0], p[1] - q[1]) / (1.6 * NEAR)) ** 2;
    }));
    return cost;
  }

  function toSegment([x, y], [ax, ay], [bx, by]) {
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    const share = length ? Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length)) : 0;
    return Math.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay));
  }

  function crosses(a, b, c, d) {
    const side = (p, q, r) => Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
    return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
  }

  return { layout, toSegment };
})();
