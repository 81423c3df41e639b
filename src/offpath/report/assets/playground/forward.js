"use strict";
// The transformer of offpath.fit.transformer, for one question at a time.
//
// In: a network of the payload, then a graph and a target. Out: the answer, and all that leads to
// it. Activations are float64, in arrays that are kept from question to question; their rows are
// padded to a multiple of four, because products make four outputs at a time. The shape of recipe
// paper takes some milliseconds, that of laptop less than one.

const Forward = (() => {
  const EPSILON = 1e-5; // of torch's layer norm
  const padded = (size) => (size + 3) & ~3;

  // A model, from bytes that are sorted by their place in a number, compressed, and text.
  async function decode(network) {
    const text = atob(network.weights), packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const sorted = new Uint8Array(await new Response(stream).arrayBuffer());
    const Numbers = network.dtype === "float64" ? Float64Array : Float32Array;
    const bytes = new Uint8Array(sorted.length), size = Numbers.BYTES_PER_ELEMENT;
    for (let place = 0, from = 0; place < size; place++)
      for (let i = place; i < bytes.length; i += size) bytes[i] = sorted[from++];
    const numbers = new Numbers(bytes.buffer); // little-endian, as every machine with a browser is
    const tensors = {};
    let start = 0;
    for (const [name, shape] of network.tensors) {
      const count = shape.reduce((product, length) => product * length, 1);
      tensors[name] = numbers.subarray(start, start += count);
    }
    return assemble(network, tensors);
  }

  function assemble(network, tensors) {
    const { width, heads, headSize, feedForward } = network;
    const edges = network.tokens === "edges", inner = heads * headSize;
    const table = tensors["embedding.weight"]; // a row per entry of a token, or per feature
    const map = (name, inputs) => linear(tensors[`${name}.weight`], tensors[`${name}.bias`], inputs);
    const norm = (name) => tensors[`${name}.weight`] &&
      { gain: tensors[`${name}.weight`], shift: tensors[`${name}.bias`] };
    const layer = (_, number) => {
      const at = `layers.${number}.`, weight = tensors[`${at}self_attn.in_proj_weight`];
      const bias = tensors[`${at}self_attn.in_proj_bias`];
      const [query, key, value] = [0, 1, 2].map((part) => linear(
        weight.subarray(part * inner * width, (part + 1) * inner * width),
        bias.subarray(part * inner, (part + 1) * inner), width));
      return {
        query, key, value, out: map(`${at}self_attn.out_proj`, inner),
        hidden: map(`${at}linear1`, width), back: map(`${at}linear2`, feedForward),
        norm1: norm(`${at}norm1`), norm2: norm(`${at}norm2`),
      };
    };
    return {
      edges, table, width, heads, headSize, space: null, normAfter: network.norm === "post",
      vertices: edges ? 2 * table.length / width - 2 : (table.length / width - 4) / 4,
      stride: padded(width), inner: padded(inner), units: padded(feedForward),
      layers: Array.from({ length: network.layers }, layer),
      finalNorm: norm("final_norm"), readout: map("readout", width),
    };
  }

  // A linear map, for four outputs at a time: which inputs count, and the four weights of each.
  // Trained maps need all inputs; handcrafted ones get ten times as fast.
  function linear(weight, bias, inputs) {
    const outputs = bias.length, rows = padded(outputs), start = new Float64Array(rows);
    const weights = new Float64Array(rows * inputs), reads = new Int32Array(rows * inputs / 4);
    const ends = new Int32Array(rows / 4 + 1);
    let count = 0;
    start.set(bias);
    for (let o = 0; o < rows; o += 4) {
      for (let i = 0; i < inputs; i++) {
        let counts = false;
        for (let k = 0; k < 4; k++) {
          const number = o + k < outputs ? weight[(o + k) * inputs + i] : 0;
          weights[4 * count + k] = number;
          counts ||= number !== 0;
        }
        if (counts) reads[count++] = i;
      }
      ends[o / 4 + 1] = count;
    }
    return { rows, start, ends, reads: reads.slice(0, count), weights: weights.slice(0, 4 * count) };
  }

  // y = map(x) in rows `first` to `end` - 1, two at a time: eight sums at once keep a core busy.
  // What it makes of the row behind an odd number is not looked at.
  function apply(map, x, xStride, y, yStride, first, end, relu = false) {
    const { rows, start, ends, reads, weights } = map, least = relu ? 0 : -Infinity;
    for (let o = 0; o < rows; o += 4) {
      const from = ends[o >> 2], to = ends[(o >> 2) + 1];
      for (let row = first; row < end; row += 2) {
        const x0 = row * xStride, x1 = x0 + xStride, y0 = row * yStride + o, y1 = y0 + yStride;
        let a0 = start[o], b0 = start[o + 1], c0 = start[o + 2], d0 = start[o + 3];
        let a1 = a0, b1 = b0, c1 = c0, d1 = d0;
        for (let r = from, w = 4 * from; r < to; r++, w += 4) {
          const u = x[x0 + reads[r]], v = x[x1 + reads[r]];
          const a = weights[w], b = weights[w + 1], c = weights[w + 2], d = weights[w + 3];
          a0 += u * a; b0 += u * b; c0 += u * c; d0 += u * d;
          a1 += v * a; b1 += v * b; c1 += v * c; d1 += v * d;
        }
        y[y0] = Math.max(a0, least); y[y0 + 1] = Math.max(b0, least);
        y[y0 + 2] = Math.max(c0, least); y[y0 + 3] = Math.max(d0, least);
        y[y1] = Math.max(a1, least); y[y1 + 1] = Math.max(b1, least);
        y[y1 + 2] = Math.max(c1, least); y[y1 + 3] = Math.max(d1, least);
      }
    }
  }

  // Layer norm in rows `first` to `end` - 1; y may be x. Without a norm y becomes x.
  function normalize(m, norm, x, y, first, end) {
    const { width, stride } = m;
    for (let row = first; row < end; row++) {
      const from = row * stride;
      let mean = 0, squares = 0;
      for (let i = 0; i < width; i++) mean += x[from + i] / width;
      for (let i = 0; i < width; i++) squares += (x[from + i] - mean) ** 2;
      const scale = 1 / Math.sqrt(squares / width + EPSILON);
      for (let i = 0; i < width; i++) {
        const value = x[from + i];
        y[from + i] = norm ? (value - mean) * scale * norm.gain[i] + norm.shift[i] : value;
      }
    }
  }

  // `mixed` becomes what the heads take from all tokens for rows `first` to `end` - 1; `maps`, if
  // there are any, get the weights of each head, a row per query.
  function attend(m, first, end, maps) {
    const { queries, keys, values, mixed, scores } = m.space, { headSize, inner } = m;
    const sharpness = 1 / Math.sqrt(headSize);
    for (let head = 0; head < m.heads; head++) {
      for (let row = first; row < end; row++) {
        const at = row * inner + head * headSize;
        let largest = -Infinity, sum = 0;
        for (let other = 0, k = head * headSize; other < end; other++, k += inner) {
          let score = 0;
          for (let i = 0; i < headSize; i++) score += queries[at + i] * keys[k + i];
          scores[other] = score * sharpness;
          largest = Math.max(largest, scores[other]);
        }
        for (let other = 0; other < end; other++) {
          sum += scores[other] = Math.exp(scores[other] - largest);
        }
        mixed.fill(0, at, at + headSize);
        for (let other = 0, v = head * headSize; other < end; other++, v += inner) {
          const share = scores[other] /= sum;
          for (let i = 0; i < headSize; i++) mixed[at + i] += share * values[v + i];
        }
        maps?.[head].set(scores.subarray(0, end), row * end);
      }
    }
  }

  // The stream x becomes that after the layer, in rows `first` to `end` - 1.
  function pass(m, layer, first, end, maps) {
    const { x, normed, added, hidden, queries, keys, values, mixed } = m.space;
    const { stride, inner, units, normAfter } = m;
    const before = (norm, from) => normAfter ? x : (normalize(m, norm, x, normed, from, end), normed);
    const add = (norm) => {
      for (let i = first * stride; i < end * stride; i++) x[i] += added[i];
      if (normAfter) normalize(m, norm, x, x, first, end);
    };
    const seen = before(layer.norm1, 0);
    apply(layer.query, seen, stride, queries, inner, first, end);
    apply(layer.key, seen, stride, keys, inner, 0, end);
    apply(layer.value, seen, stride, values, inner, 0, end);
    attend(m, first, end, maps);
    apply(layer.out, mixed, inner, added, stride, first, end);
    add(layer.norm1);
    apply(layer.hidden, before(layer.norm2, first), stride, hidden, units, first, end, true);
    apply(layer.back, hidden, units, added, stride, first, end);
    add(layer.norm2);
  }

  // The stream before the first layer; returns the tokens, the question or answer last.
  function embed(m, edges, target) {
    const n = m.vertices, pairs = edges.filter(([a, b]) => a !== b);
    const tokens = m.edges
      ? [...pairs.map(([a, b]) => [Math.min(a, b), Math.max(a, b)]), [target, n + 1]]
      : [...Array.from({ length: n }, (_, v) => `${v + 1}`), "answer"];
    m.space = spaceFor(m, tokens.length);
    m.space.x.fill(0);
    const put = (token, row, size, shift = 0) => {
      const from = token * m.stride + shift;
      for (let i = 0; i < size; i++) m.space.x[from + i] += m.table[row * size + i];
    };
    if (m.edges) {
      const half = m.width / 2;
      tokens.forEach(([a, b], token) => { put(token, a, half); put(token, b, half, half); });
      return tokens;
    }
    // Features, as in offpath.fit.embeddings: blocks of n (neighbour, self, source, target), then
    // the flags vertex, answer, asking, asked. The source is vertex 1.
    const near = Array.from({ length: n }, (_, v) => new Set([v]));
    for (const [a, b] of pairs) { near[a - 1].add(b - 1); near[b - 1].add(a - 1); }
    const features = near.map((around, v) => [...around, n + v, 4 * n]);
    features.push([2 * n, 3 * n + target - 1, 4 * n + 1]);
    features[0].push(4 * n + 2);
    features[target - 1].push(4 * n + 3);
    features.forEach((rows, token) => rows.forEach((row) => put(token, row, m.width)));
    return tokens;
  }

  // Room for the activations of so many tokens, kept from question to question.
  function spaceFor(m, tokens) {
    if (m.space?.tokens >= tokens) return m.space;
    const room = (size) => new Float64Array((tokens + 1) * size); // rows are computed in pairs
    const [x, normed, added] = [0, 0, 0].map(() => room(m.stride));
    const [queries, keys, values, mixed] = [0, 0, 0, 0].map(() => room(m.inner));
    const hidden = room(m.units), scores = room(1);
    return { tokens, x, normed, added, queries, keys, values, mixed, hidden, scores };
  }

  // What the read-out gives on the stream of one token.
  function read(m, token) {
    const { x, normed, added } = m.space;
    normalize(m, m.finalNorm, x, normed, token, token + 1);
    apply(m.readout, normed, m.stride, added, m.stride, token, token + 1);
    return added[token * m.stride];
  }

  // How far is `target` from vertex 1? The last layer is computed for the question alone.
  function answer(m, edges, target) {
    const end = embed(m, edges, target).length;
    m.layers.forEach((layer, l) => pass(m, layer, l + 1 < m.layers.length ? 0 : end - 1, end));
    return read(m, end - 1);
  }

  // The answer and all that leads to it: tokens, streams (token, width) before the first layer and
  // after each, attention[layer][head] (query, key), and what the read-out gives on each stream of
  // the question.
  function trace(m, edges, target) {
    const tokens = embed(m, edges, target), end = tokens.length;
    const streams = [], attention = [], readouts = [];
    const note = () => {
      const stream = new Float64Array(end * m.width);
      for (let token = 0, from = 0; token < end; token++, from += m.stride) {
        stream.set(m.space.x.subarray(from, from + m.width), token * m.width);
      }
      streams.push(stream);
      readouts.push(read(m, end - 1));
    };
    note();
    for (const layer of m.layers) {
      attention.push(Array.from({ length: m.heads }, () => new Float64Array(end * end)));
      pass(m, layer, 0, end, attention.at(-1));
      note();
    }
    return { answer: readouts.at(-1), tokens, streams, attention, readouts };
  }

  // The answer without each edge, in the order of the edges; all copies of an edge go together.
  function removals(m, edges, target) {
    const same = ([a, b], [c, d]) => (a === c && b === d) || (a === d && b === c);
    return Float64Array.from(edges, (gone) =>
      answer(m, edges.filter((edge) => !same(edge, gone)), target));
  }

  return { decode, answer, trace, removals };
})();
