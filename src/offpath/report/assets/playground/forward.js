"use strict";
// The transformer of offpath.fit.transformer, for one graph at a time.
//
// In: a network of the payload. Out: its answers, and everything on the way to them. Rows of all
// activations are padded to a multiple of four numbers, and weights lie as products need them: four
// outputs side by side, for each input in turn. The paper's shape takes some milliseconds.

const Forward = (() => {
  const EPSILON = 1e-5; // of torch's layer norm
  const padded = (size) => (size + 3) & ~3;

  // Weights: bytes sorted by their place in a number, compressed, as text.
  async function decode(network) {
    const text = atob(network.weights), packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const sorted = new Uint8Array(await new Response(stream).arrayBuffer());
    const Numbers = network.dtype === "float64" ? Float64Array : Float32Array;
    const bytes = new Uint8Array(sorted.length), size = Numbers.BYTES_PER_ELEMENT;
    for (let place = 0, from = 0; place < size; place++)
      for (let i = place; i < bytes.length; i += size) bytes[i] = sorted[from++];
    const numbers = new Numbers(bytes.buffer); // little-endian, as all browsers' machines are
    const tensors = new Map();
    let start = 0;
    for (const [name, shape] of network.tensors) {
      const count = shape.reduce((product, length) => product * length, 1);
      tensors.set(name, numbers.subarray(start, start += count));
    }
    return modelOf(network, tensors);
  }

  function modelOf(a, tensors) {
    const edges = a.tokens === "edges", inner = a.heads * a.headSize, stride = padded(a.width);
    const table = tensors.get("embedding.weight");
    const get = (name) => tensors.get(name);
    const layers = Array.from({ length: a.layers }, (_, number) => {
      const at = `layers.${number}.`, weight = get(at + "self_attn.in_proj_weight");
      const offset = get(at + "self_attn.in_proj_bias");
      const part = (i) => linear(weight.subarray(i * inner * a.width, (i + 1) * inner * a.width),
        offset.subarray(i * inner, (i + 1) * inner), a.width);
      const named = (name, inputs) => linear(get(`${at}${name}.weight`), get(`${at}${name}.bias`), inputs);
      return {
        query: part(0), key: part(1), value: part(2),
        out: named("self_attn.out_proj", inner),
        hidden: named("linear1", a.width), back: named("linear2", a.feedForward),
        norm1: normOf(get, at + "norm1"), norm2: normOf(get, at + "norm2"),
      };
    });
    return {
      edges, table, layers, stride, inner: padded(inner),
      width: a.width, heads: a.heads, headSize: a.headSize, hidden: padded(a.feedForward),
      after: a.norm === "post",
      vertices: edges ? table.length / (a.width / 2) - 2 : (table.length / a.width - 4) / 4,
      finalNorm: normOf(get, "final_norm"),
      readout: get("readout.weight"), offset: get("readout.bias")[0],
      space: null,
    };
  }

  function normOf(get, name) {
    const weight = get(name + ".weight");
    return weight ? { weight, offset: get(name + ".bias") } : null;
  }

  // A linear map: the weights of four outputs for input 0, then for input 1 ...
  function linear(weight, offset, inputs) {
    const outputs = offset.length, rows = padded(outputs);
    const laid = new Float64Array(rows * inputs), start = new Float64Array(rows);
    start.set(offset);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++)
        laid[((o >> 2) * inputs + i) * 4 + (o & 3)] = weight[o * inputs + i];
    return { laid, start, inputs, rows };
  }

  // y = map(x) of the rows from `first` on, two at a time: eight sums at once keep a core busy.
  function multiply(map, x, xStride, y, yStride, first, end, relu) {
    const { laid, start, inputs, rows } = map;
    for (let o = 0; o < rows; o += 4) {
      const a = start[o], b = start[o + 1], c = start[o + 2], d = start[o + 3];
      for (let row = first; row < end; row += 2) {
        const other = row + 1 < end ? row + 1 : row;
        let a0 = a, b0 = b, c0 = c, d0 = d, a1 = a, b1 = b, c1 = c, d1 = d;
        const x0 = row * xStride, x1 = other * xStride;
        for (let i = 0, w = o * inputs; i < inputs; i++, w += 4) {
          const u = x[x0 + i], v = x[x1 + i];
          const wa = laid[w], wb = laid[w + 1], wc = laid[w + 2], wd = laid[w + 3];
          a0 += u * wa; b0 += u * wb; c0 += u * wc; d0 += u * wd;
          a1 += v * wa; b1 += v * wb; c1 += v * wc; d1 += v * wd;
        }
        if (relu) {
          a0 = Math.max(a0, 0); b0 = Math.max(b0, 0); c0 = Math.max(c0, 0); d0 = Math.max(d0, 0);
          a1 = Math.max(a1, 0); b1 = Math.max(b1, 0); c1 = Math.max(c1, 0); d1 = Math.max(d1, 0);
        }
        const y0 = row * yStride + o, y1 = other * yStride + o;
        y[y0] = a0; y[y0 + 1] = b0; y[y0 + 2] = c0; y[y0 + 3] = d0;
        y[y1] = a1; y[y1 + 1] = b1; y[y1 + 2] = c1; y[y1 + 3] = d1;
      }
    }
  }

  // Layer norm of the rows from `first` on; y may be x. Without a norm, y becomes x.
  function normalize(norm, x, y, width, stride, first, end) {
    for (let row = first; row < end; row++) {
      const from = row * stride;
      let mean = 0, variance = 0, scale = 1;
      if (norm) {
        for (let i = 0; i < width; i++) mean += x[from + i];
        mean /= width;
        for (let i = 0; i < width; i++) variance += (x[from + i] - mean) ** 2;
        scale = 1 / Math.sqrt(variance / width + EPSILON);
      }
      for (let i = 0; i < width; i++) {
        const value = (x[from + i] - mean) * scale;
        y[from + i] = norm ? value * norm.weight[i] + norm.offset[i] : value;
      }
    }
  }

  // What the heads take over for the rows from `first` on; `maps` gets the weights of each head.
  function attend(m, space, first, end, maps) {
    const { queries, keys, values, mixed, scores } = space, { headSize, inner } = m;
    const sharpness = 1 / Math.sqrt(headSize);
    for (let head = 0; head < m.heads; head++) {
      const from = head * headSize;
      for (let row = first; row < end; row++) {
        const at = row * inner + from;
        let most = -Infinity, sum = 0;
        for (let other = 0; other < end; other++) {
          let score = 0;
          for (let i = 0, k = other * inner + from; i < headSize; i++, k++) score += queries[at + i] * keys[k];
          scores[other] = score *= sharpness;
          if (score > most) most = score;
        }
        for (let other = 0; other < end; other++) sum += scores[other] = Math.exp(scores[other] - most);
        for (let i = 0; i < headSize; i++) mixed[at + i] = 0;
        for (let other = 0; other < end; other++) {
          const share = scores[other] /= sum;
          for (let i = 0, v = other * inner + from; i < headSize; i++, v++) mixed[at + i] += share * values[v];
        }
        if (maps) maps[head].set(scores.subarray(0, end), row * end);
      }
    }
  }

  // One layer: space.x becomes the stream after it, at the rows from `first` on.
  function pass(m, layer, space, first, end, maps) {
    const { x, normed, added, hidden, queries, keys, values, mixed } = space, { stride, inner, width } = m;
    let seen = x;
    if (!m.after) normalize(layer.norm1, x, seen = normed, width, stride, 0, end);
    multiply(layer.query, seen, stride, queries, inner, first, end);
    multiply(layer.key, seen, stride, keys, inner, 0, end);
    multiply(layer.value, seen, stride, values, inner, 0, end);
    attend(m, space, first, end, maps);
    multiply(layer.out, mixed, inner, added, stride, first, end);
    add(x, added, first * stride, end * stride);
    if (m.after) normalize(layer.norm1, x, x, width, stride, first, end);
    else normalize(layer.norm2, x, normed, width, stride, first, end);
    multiply(layer.hidden, m.after ? x : normed, stride, hidden, m.hidden, first, end, true);
    multiply(layer.back, hidden, m.hidden, added, stride, first, end);
    add(x, added, first * stride, end * stride);
    if (m.after) normalize(layer.norm2, x, x, width, stride, first, end);
  }

  function add(x, added, from, end) {
    for (let i = from; i < end; i++) x[i] += added[i];
  }

  // Edges with the smaller end first, without loops; last the question.
  function edgeTokens(m, edges, target) {
    const pairs = edges.filter(([a, b]) => a !== b).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    return [...pairs, [target, m.vertices + 1]];
  }

  // The stream before the first layer, in space.x; returns the tokens.
  function embed(m, edges, target) {
    const n = m.vertices, pairs = edgeTokens(m, edges, target);
    const count = m.edges ? pairs.length : n + 1;
    const { x } = m.space = spaceFor(m, count);
    x.fill(0, 0, count * m.stride);
    const put = (token, row, size, shift = 0) => {
      for (let i = 0; i < size; i++) x[token * m.stride + shift + i] += m.table[row * size + i];
    };
    if (m.edges) {
      const half = m.width / 2;
      pairs.forEach(([a, b], token) => { put(token, a, half); put(token, b, half, half); });
      return pairs;
    }
    const feature = (token, row) => put(token, row, m.width);
    const near = Array.from({ length: n }, (_, v) => new Set([v]));
    for (const [a, b] of pairs.slice(0, -1)) { near[a - 1].add(b - 1); near[b - 1].add(a - 1); }
    near.forEach((around, v) => {
      around.forEach((u) => feature(v, u));
      for (const row of [n + v, 4 * n]) feature(v, row);
    });
    feature(0, 4 * n + 2); // the source's vertex
    feature(target - 1, 4 * n + 3);
    for (const row of [2 * n, 3 * n + target - 1, 4 * n + 1]) feature(n, row);
    return [...near.map((_, v) => `${v + 1}`), "answer"];
  }

  function spaceFor(m, tokens) {
    if (m.space && m.space.tokens >= tokens) return m.space;
    const rows = (size) => new Float64Array(tokens * size);
    return {
      tokens, scores: rows(1), x: rows(m.stride), normed: rows(m.stride), added: rows(m.stride),
      queries: rows(m.inner), keys: rows(m.inner), values: rows(m.inner), mixed: rows(m.inner),
      hidden: rows(m.hidden),
    };
  }

  function readout(m, token) {
    const { x, normed } = m.space;
    normalize(m.finalNorm, x, normed, m.width, m.stride, token, token + 1);
    let sum = m.offset;
    for (let i = 0; i < m.width; i++) sum += normed[token * m.stride + i] * m.readout[i];
    return sum;
  }

  // The network's answer: how far is `target` from vertex 1?
  function answer(m, edges, target) {
    const end = embed(m, edges, target).length, last = m.layers.length - 1;
    m.layers.forEach((layer, l) => pass(m, layer, m.space, l < last ? 0 : end - 1, end, null));
    return readout(m, end - 1);
  }

  // The same with everything on the way: streams and attention of all tokens, and what the
  // read-out gives before the first layer and after each.
  function trace(m, edges, target) {
    const tokens = embed(m, edges, target), end = tokens.length;
    const streams = [], attention = [], readouts = [];
    const note = () => {
      const stream = new Float64Array(end * m.width);
      for (let t = 0; t < end; t++)
        stream.set(m.space.x.subarray(t * m.stride, t * m.stride + m.width), t * m.width);
      streams.push(stream);
      readouts.push(readout(m, end - 1));
    };
    note();
    for (const layer of m.layers) {
      const maps = Array.from({ length: m.heads }, () => new Float64Array(end * end));
      pass(m, layer, m.space, 0, end, maps);
      attention.push(maps);
      note();
    }
    return { answer: readouts.at(-1), tokens, streams, attention, readouts };
  }

  // The answer without each edge, in the order of the edges; all copies of an edge go at once.
  function removals(m, edges, target) {
    const same = ([a, b], [c, d]) => (a === c && b === d) || (a === d && b === c);
    return Float64Array.from(edges, (gone) => answer(m, edges.filter((edge) => !same(edge, gone)), target));
  }

  return { decode, answer, trace, removals };
})();
