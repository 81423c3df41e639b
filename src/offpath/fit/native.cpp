// One training step of the transformer on one core: answers, and gradients of squared errors.
//
// In: the parameters as torch holds them (a linear map's weight is output x input), and examples as
// `data/tokens.py` describes them. Out: answers; gradients are added to those that are there.
// Method: the tokens of 32 examples lie one after the other, without padding, and the layers run
// over all of them, so that activations stay in the cache. Weights are packed into panels as wide as
// a tile; a tile of 6 x 16 sums stays in registers (Goto, van de Geijn 2008, "Anatomy of
// high-performance matrix multiplication"). Biases, ReLU and residuals are part of the product that
// they follow. Two savings are exact: repeated edges are one token, whose attention logit gets the
// logarithm of their number; the last layer computes its output for the question alone.
// Widths, head sizes and feed-forward parts are multiples of 8 (`LANES`). The vectors are those of
// the compiler: AVX2, NEON or whatever else it is told to build for.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace {

constexpr int LANES = 8, TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES;
constexpr int CHUNK_EXAMPLES = 32, TOKEN_BLOCK = 64;
constexpr float NORM_EPSILON = 1e-5f, NEVER = -1e30f;

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t Integers __attribute__((vector_size(4 * LANES)));
typedef float Unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const Unaligned*>(from); }
inline void store(float* to, Vector v) { *reinterpret_cast<Unaligned*>(to) = v; }
inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }

inline float total(Vector v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

inline float largest(Vector v) {
  return std::max(std::max(std::max(v[0], v[4]), std::max(v[2], v[6])),
                  std::max(std::max(v[1], v[5]), std::max(v[3], v[7])));
}

// e to the power of numbers at most 0: the polynomial of Cephes' expf (Moshier 1989).
inline Vector exponential(Vector x) {
  x = larger(x, Vector{} - 87.0f);
  const Integers exponent = __builtin_convertvector(x * 1.44269504f - 0.5f, Integers);
  const Vector whole = __builtin_convertvector(exponent, Vector);
  const Vector rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Vector sum = rest * 1.9875691500e-4f + 1.3981999507e-3f;
  sum = sum * rest + 8.3334519073e-3f;
  sum = sum * rest + 4.1665795894e-2f;
  sum = sum * rest + 1.6666665459e-1f;
  sum = sum * rest + 5.0000001201e-1f;
  sum = sum * (rest * rest) + rest + 1.0f;
  return sum * reinterpret_cast<Vector>((exponent + 127) << 23);
}

struct Matrix {  // rows in memory, `stride` numbers apart
  float* data = nullptr;
  long stride = 0;
  float* operator[](long row) const { return data + row * stride; }
  Matrix from(long row, long column) const { return {data + row * stride + column, stride}; }
};

struct Factor {  // the right factor of a product: rows in memory, or panels made by `pack`
  const float* data;
  long stride;
  bool packed = false;
  Factor(Matrix m) : data(m.data), stride(m.stride) {}
  explicit Factor(const float* panels) : data(panels), stride(0), packed(true) {}
};

struct Finish {  // what a product is added to, and what follows it
  const float* bias = nullptr;
  Matrix base = {};
  bool relu = false;
  Matrix gate = {};  // the product counts where this is above 0: the gradient of ReLU
};

// One tile of `c`, at row i and column j: `TRANSPOSED` takes `a` as depth x rows.
template <int ROWS, int VECTORS, bool TRANSPOSED>
inline void tile(int i, int j, int depth, Matrix a, const float* b, long b_stride, Matrix c,
                 const Finish& finish) {
  Vector sum[ROWS][VECTORS];
#pragma GCC unroll 8
  for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) {
      const int column = j + v * LANES;
      sum[row][v] = finish.base.data ? load(finish.base[i + row] + column) : Vector{};
      if (finish.bias) sum[row][v] += load(finish.bias + column);
    }
  const float* left = TRANSPOSED ? a.data + i : a[i];
  const long row_step = TRANSPOSED ? 1 : a.stride, depth_step = TRANSPOSED ? a.stride : 1;
  for (int k = 0; k < depth; k++, left += depth_step, b += b_stride) {
    Vector right[VECTORS];
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) right[v] = load(b + v * LANES);
#pragma GCC unroll 8
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) sum[row][v] += left[row * row_step] * right[v];
  }
#pragma GCC unroll 8
  for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) {
      const int column = j + v * LANES;
      if (finish.relu) sum[row][v] = larger(sum[row][v], Vector{});
      if (finish.gate.data) {
        sum[row][v] = load(finish.gate[i + row] + column) > 0.0f ? sum[row][v] : Vector{};
      }
      store(c[i + row] + column, sum[row][v]);
    }
}

template <int VECTORS, bool TRANSPOSED>
inline void tiles(int rows, int j, int depth, Matrix a, const float* b, long b_stride, Matrix c,
                  const Finish& finish) {
  int i = 0;
  for (; i + TILE_ROWS <= rows; i += TILE_ROWS)
    tile<TILE_ROWS, VECTORS, TRANSPOSED>(i, j, depth, a, b, b_stride, c, finish);
  switch (rows - i) {
    case 5: tile<5, VECTORS, TRANSPOSED>(i, j, depth, a, b, b_stride, c, finish); break;
    case 4: tile<4, VECTORS, TRANSPOSED>(i, j, depth, a, b, b_stride, c, finish); break;
    case 3: tile<3, VECTORS, TRANSPOSED>(i, j, depth, a, b, b_stride, c, finish); break;
    case 2: tile<2, VECTORS, TRANSPOSED>(i, j, depth, a, b, b_stride, c, finish); break;
    case 1: tile<1, VECTORS, TRANSPOSED>(i, j, depth, a, b, b_stride, c, finish); break;
  }
}

// c (rows x columns) = a b, or a transposed times b; `depth` is the length of the sums.
template <bool TRANSPOSED = false>
void multiply(int rows, int columns, int depth, Matrix a, Factor b, Matrix c, Finish finish = {}) {
  for (int j = 0; j < columns; j += TILE_COLUMNS) {
    const bool narrow = columns - j < TILE_COLUMNS;
    const float* panel = b.data + (b.packed ? static_cast<long>(j) * depth : j);
    const long stride = !b.packed ? b.stride : narrow ? LANES : TILE_COLUMNS;
    if (narrow) tiles<1, TRANSPOSED>(rows, j, depth, a, panel, stride, c, finish);
    else tiles<2, TRANSPOSED>(rows, j, depth, a, panel, stride, c, finish);
  }
}

// Panels of the factor with entry (k, j) at w[k * depth_step + j * column_step].
void pack(int depth, int columns, const float* w, long depth_step, long column_step, float* out) {
  for (int j = 0; j < columns; j += TILE_COLUMNS)
    for (int k = 0; k < depth; k++)
      for (int column = j; column < std::min(columns, j + TILE_COLUMNS); column++)
        *out++ = w[k * depth_step + column * column_step];
}

struct Parameters {  // the next tensors of the model, and their gradients
  float* const* value;
  float* const* gradient;
};

struct Linear {  // y = x W^T + b
  int inputs, outputs;
  float *weight, *bias, *d_weight, *d_bias, *panels, *panels_back;

  void read(Parameters& next, long first_row = 0) {
    weight = next.value[0] + first_row * inputs, bias = next.value[1] + first_row;
    pack(inputs, outputs, weight, 1, inputs, panels);
    if (!next.gradient) return;
    d_weight = next.gradient[0] + first_row * inputs, d_bias = next.gradient[1] + first_row;
    pack(outputs, inputs, weight, inputs, 1, panels_back);
  }

  void forward(int rows, Matrix x, Matrix y, Finish finish = {}) const {
    finish.bias = bias;
    multiply(rows, outputs, inputs, x, Factor(panels), y, finish);
  }

  // dx = base + the gradient at x; `gate` as in `Finish`.
  void backward(int rows, Matrix dy, Matrix dx, Matrix base = {}, Matrix gate = {}) const {
    multiply(rows, inputs, outputs, dy, Factor(panels_back), dx, {nullptr, base, false, gate});
  }

  void add_gradients(int rows, Matrix dy, Matrix x) const {
    const int step = outputs > inputs ? TILE_ROWS : outputs;  // the smaller factor stays in cache
    for (int t = 0; t < rows; t += TOKEN_BLOCK)
      for (int i = 0; i < outputs; i += step) {
        const Matrix sums{d_weight + static_cast<long>(i) * inputs, inputs};
        multiply<true>(std::min(step, outputs - i), inputs, std::min(TOKEN_BLOCK, rows - t),
                       dy.from(t, i), x.from(t, 0), sums, {nullptr, sums});
      }
    for (int t = 0; t < rows; t++)
      for (int j = 0; j < outputs; j += LANES) store(d_bias + j, load(d_bias + j) + load(dy[t] + j));
  }
};

struct Norm {  // layer norm
  int width;
  float *gain, *offset, *d_gain, *d_offset;
  Matrix unit;  // rows with mean 0 and variance 1
  float* scale;  // 1 / standard deviation of each row

  void read(Parameters& next) {
    gain = next.value[0], offset = next.value[1];
    if (next.gradient) d_gain = next.gradient[0], d_offset = next.gradient[1];
  }

  void forward(int rows, Matrix x, Matrix y) const {
    for (int i = 0; i < rows; i++) {
      Vector sum = {}, squares = {};
      for (int j = 0; j < width; j += LANES) sum += load(x[i] + j);
      const float mean = total(sum) / width;
      for (int j = 0; j < width; j += LANES) {
        const Vector centred = load(x[i] + j) - mean;
        squares += centred * centred;
      }
      scale[i] = 1.0f / std::sqrt(total(squares) / width + NORM_EPSILON);
      for (int j = 0; j < width; j += LANES) {
        const Vector normal = (load(x[i] + j) - mean) * scale[i];
        store(unit[i] + j, normal);
        store(y[i] + j, normal * load(gain + j) + load(offset + j));
      }
    }
  }

  // dx = the gradient at x, on top of what is there if `add`.
  void backward(int rows, Matrix dy, Matrix dx, bool add) const {
    for (int i = 0; i < rows; i++) {
      Vector sum = {}, product = {};
      for (int j = 0; j < width; j += LANES) {
        const Vector d = load(dy[i] + j), normal = load(unit[i] + j), inner = d * load(gain + j);
        store(d_gain + j, load(d_gain + j) + d * normal);
        store(d_offset + j, load(d_offset + j) + d);
        sum += inner, product += inner * normal;
      }
      const float mean = total(sum) / width, slope = total(product) / width;
      for (int j = 0; j < width; j += LANES) {
        const Vector inner = load(dy[i] + j) * load(gain + j);
        const Vector change = (inner - mean - load(unit[i] + j) * slope) * scale[i];
        store(dx[i] + j, add ? load(dx[i] + j) + change : change);
      }
    }
  }
};

inline int whole_vectors(int count) { return (count + LANES - 1) / LANES * LANES; }

struct Head {  // one head of one example: softmax(q k^T / sqrt(size) + logits) v
  int queries, keys, size;
  Matrix q, k, v, shares;
  Matrix flipped;  // scratch: keys or values transposed, zeros up to a whole vector

  void flip(Matrix x) const {
    for (int j = 0; j < size; j++) {
      for (int i = 0; i < keys; i++) flipped[j][i] = x[i][j];
      for (int i = keys; i < whole_vectors(keys); i++) flipped[j][i] = 0.0f;
    }
  }

  void forward(const float* logits, Matrix out) const {
    const int columns = whole_vectors(keys);
    const float factor = 1.0f / std::sqrt(static_cast<float>(size));
    flip(k);
    multiply(queries, columns, size, q, flipped, shares);
    for (int i = 0; i < queries; i++) {
      Vector most = Vector{} + NEVER, sum = {};
      for (int j = 0; j < columns; j += LANES) {
        const Vector score = load(shares[i] + j) * factor + load(logits + j);
        store(shares[i] + j, score), most = larger(most, score);
      }
      const float top = largest(most);
      for (int j = 0; j < columns; j += LANES) {
        const Vector weight = exponential(load(shares[i] + j) - top);
        store(shares[i] + j, weight), sum += weight;
      }
      const float inverse = 1.0f / total(sum);
      for (int j = 0; j < columns; j += LANES) store(shares[i] + j, load(shares[i] + j) * inverse);
    }
    multiply(queries, size, keys, shares, v, out);
  }

  void backward(Matrix d_out, Matrix d_shares, Matrix dq, Matrix dk, Matrix dv) const {
    const int columns = whole_vectors(keys);
    const float factor = 1.0f / std::sqrt(static_cast<float>(size));
    flip(v);
    multiply(queries, columns, size, d_out, flipped, d_shares);
    for (int i = 0; i < queries; i++) {
      Vector sum = {};
      for (int j = 0; j < columns; j += LANES) sum += load(shares[i] + j) * load(d_shares[i] + j);
      const float mean = total(sum);
      for (int j = 0; j < columns; j += LANES)
        store(d_shares[i] + j, load(shares[i] + j) * (load(d_shares[i] + j) - mean) * factor);
    }
    multiply(queries, size, keys, d_shares, k, dq);
    multiply<true>(keys, size, queries, d_shares, q, dk);
    multiply<true>(keys, size, queries, shares, d_out, dv);
  }
};

struct Shape {  // as `native.Shape`
  int32_t width, layers, heads, feed_forward, slots, norm_before, final_norm;
};

struct Layer {  // maps, and activations of a chunk
  Linear query, key_value, out, up, down;
  Norm norm1, norm2;
  Matrix x, a, asked, residual, q, kv, shares, mixed, middle, f, hidden;
};

class Step {
 public:
  explicit Step(const Shape& shape)
      : s(shape), d(s.width), size(d / s.heads), keys(whole_vectors(s.slots)), layers(s.layers) {
    const int tokens = CHUNK_EXAMPLES * s.slots;
    for (Layer& l : layers) {
      l.query = linear(d, d), l.key_value = linear(d, 2 * d), l.out = linear(d, d);
      l.up = linear(d, s.feed_forward), l.down = linear(s.feed_forward, d);
      l.norm1 = norm(tokens), l.norm2 = norm(tokens);
      for (Matrix* m : {&l.x, &l.a, &l.q, &l.mixed, &l.middle, &l.f}) *m = matrix(tokens, d);
      l.asked = matrix(CHUNK_EXAMPLES, d), l.residual = matrix(CHUNK_EXAMPLES, d);
      l.kv = matrix(tokens, 2 * d), l.hidden = matrix(tokens, s.feed_forward);
      l.shares = matrix(tokens, s.heads * keys);
    }
    final_norm = norm(tokens);
    for (Matrix* m : {&end, &normed, &gradient, &other, &scratch, &d_mixed, &dq})
      *m = matrix(tokens, d);
    d_kv = matrix(tokens, 2 * d), d_hidden = matrix(tokens, s.feed_forward);
    flipped = matrix(size, keys), d_shares = matrix(s.slots, keys);
  }

  // The loss is the sum of scale * (answer - label)^2; without gradients answers alone.
  void run(Parameters next, int count, const uint8_t* tokens, const float* labels,
           float scale, float* answers) {
    const bool trains = next.gradient;
    read(next);
    for (int first = 0; first < count; first += CHUNK_EXAMPLES) {
      embed(std::min(CHUNK_EXAMPLES, count - first), tokens + 2L * first * s.slots);
      for (int i = 0; i < s.layers; i++) forward(i);
      answer(answers + first);
      if (!trains) continue;
      answer_backward(answers + first, labels + first, scale);
      for (int i = s.layers - 1; i >= 0; i--) feed_forward_backward(i), attention_backward(i);
      embed_backward();
    }
  }

 private:
  const Shape s;
  const int d, size, keys;  // width, of a head, and of a row of `logits`
  std::vector<std::unique_ptr<float, decltype(&std::free)>> memory;
  std::vector<Layer> layers;
  Norm final_norm;
  Matrix end, normed, gradient, other, scratch, d_mixed, dq, d_kv, d_hidden, flipped, d_shares;
  float *embedding, *d_embedding, *readout, *d_readout, *readout_bias, *d_readout_bias;
  std::vector<uint8_t> pairs;  // both entries of each token of the chunk
  std::vector<int> starts, questions;  // each example's first token, the end too; its last token
  std::vector<float> logits;  // of each example's tokens as keys: log of how often they occur

  float* numbers(long count) {
    const long bytes = (4 * count + 63) / 64 * 64;
    memory.emplace_back(static_cast<float*>(std::aligned_alloc(64, bytes)), &std::free);
    std::memset(memory.back().get(), 0, bytes);
    return memory.back().get();
  }

  Matrix matrix(long rows, long columns) {  // with strides of powers of 2 rows share cache sets
    const long stride = (columns + 15) / 16 * 16 + 16;
    return {numbers(rows * stride), stride};
  }

  Linear linear(int inputs, int outputs) {
    const long count = static_cast<long>(inputs) * outputs;
    return {inputs, outputs, {}, {}, {}, {}, numbers(count), numbers(count)};
  }

  Norm norm(int rows) { return {d, {}, {}, {}, {}, matrix(rows, d), numbers(rows)}; }

  void read(Parameters next) {  // in the order of torch's `parameters()`
    const auto skip = [&](int count) {
      next.value += count;
      if (next.gradient) next.gradient += count;
    };
    embedding = next.value[0], d_embedding = next.gradient ? next.gradient[0] : nullptr, skip(1);
    for (Layer& l : layers) {
      l.query.read(next), l.key_value.read(next, d), skip(2);
      for (Linear* map : {&l.out, &l.up, &l.down}) map->read(next), skip(2);
      for (Norm* norm : {&l.norm1, &l.norm2}) norm->read(next), skip(2);
    }
    if (s.final_norm) final_norm.read(next), skip(2);
    readout = next.value[0], readout_bias = next.value[1];
    if (next.gradient) d_readout = next.gradient[0], d_readout_bias = next.gradient[1];
  }

  // The tokens of `count` examples into the residual stream; repeated edges become one token.
  void embed(int count, const uint8_t* tokens) {
    pairs.clear(), starts.assign(1, 0), questions.clear();
    logits.assign(static_cast<size_t>(count) * keys, NEVER);
    for (int e = 0; e < count; e++, tokens += 2 * s.slots) {
      const int start = starts.back();
      float* times = logits_of(e);
      int kept = 0;
      for (const uint8_t* pair = tokens; pair < tokens + 2 * s.slots; pair += 2) {
        if (!pair[1]) continue;  // padding
        int same = 0;
        while (same < kept && std::memcmp(&pairs[2 * (start + same)], pair, 2)) same++;
        times[same] = same < kept ? times[same] + 1 : 1;
        if (same == kept) pairs.insert(pairs.end(), pair, pair + 2), kept++;
      }
      for (int key = 0; key < kept; key++) times[key] = std::log(times[key]);
      starts.push_back(start + kept), questions.push_back(start + kept - 1);
    }
    for (int side = 0; side < 2; side++)
      for (int t = 0; t < starts.back(); t++)
        std::memcpy(layers[0].x[t] + side * d / 2, embedding + pairs[2 * t + side] * (d / 2), 2 * d);
  }

  void embed_backward() {
    for (int t = 0; t < starts.back(); t++)
      for (int j = 0; j < d; j++)
        d_embedding[pairs[2 * t + j / (d / 2)] * (d / 2) + j % (d / 2)] += gradient[t][j];
  }

  float* logits_of(int example) { return &logits[static_cast<size_t>(example) * keys]; }
  int examples() const { return static_cast<int>(questions.size()); }
  bool is_last(int i) const { return i == s.layers - 1; }
  int rows(int i) const { return is_last(i) ? examples() : starts.back(); }

  void copy(Matrix from, int row, Matrix to, int to_row) const {
    std::memcpy(to[to_row], from[row], d * sizeof(float));
  }

  // Calls work(head, example, first row of queries, first column) for every head and example.
  template <typename Work>
  void each_head(int i, Work work) {
    const Layer& l = layers[i];
    for (int e = 0; e < examples(); e++)
      for (int h = 0; h < s.heads; h++) {
        const int first = is_last(i) ? e : starts[e], count = starts[e + 1] - starts[e];
        const Matrix k = l.kv.from(starts[e], h * size), q = l.q.from(first, h * size);
        const Matrix shares = l.shares.from(first, h * keys);
        const int queries = is_last(i) ? 1 : count;
        work(Head{queries, count, size, q, k, k.from(0, d), shares, flipped}, e, first, h * size);
      }
  }

  void forward(int i) {
    Layer& l = layers[i];
    const int tokens = starts.back(), count = rows(i);
    const bool before = s.norm_before;
    if (before) l.norm1.forward(tokens, l.x, l.a);
    else l.a = l.x;
    if (is_last(i)) {
      for (int e = 0; e < count; e++)
        copy(l.a, questions[e], l.asked, e), copy(l.x, questions[e], l.residual, e);
    } else {
      l.asked = l.a, l.residual = l.x;
    }
    l.query.forward(count, l.asked, l.q);
    l.key_value.forward(tokens, l.a, l.kv);
    each_head(i, [&](Head head, int e, int first, int column) {
      head.forward(logits_of(e), l.mixed.from(first, column));
    });
    const Matrix sum = before ? l.middle : scratch, out = is_last(i) ? end : layers[i + 1].x;
    l.out.forward(count, l.mixed, sum, {nullptr, l.residual});
    if (before) l.norm2.forward(count, sum, l.f);
    else l.norm1.forward(count, sum, l.middle), l.f = l.middle;
    l.up.forward(count, l.f, l.hidden, {nullptr, {}, true});
    l.down.forward(count, l.hidden, before ? out : scratch, {nullptr, l.middle});
    if (!before) l.norm2.forward(count, scratch, out);
  }

  void answer(float* answers) {
    if (s.final_norm) final_norm.forward(examples(), end, normed);
    else normed = end;
    for (int e = 0; e < examples(); e++) {
      Vector sum = {};
      for (int j = 0; j < d; j += LANES) sum += load(normed[e] + j) * load(readout + j);
      answers[e] = total(sum) + *readout_bias;
    }
  }

  void answer_backward(const float* answers, const float* labels, float scale) {
    for (int e = 0; e < examples(); e++) {
      const float slope = 2.0f * scale * (answers[e] - labels[e]);
      *d_readout_bias += slope;
      for (int j = 0; j < d; j++) {
        d_readout[j] += slope * normed[e][j];
        gradient[e][j] = slope * readout[j];
      }
    }
    if (s.final_norm) final_norm.backward(examples(), gradient, gradient, false);
  }

  // `gradient` is that at the layer's output before, and at the sum after attention afterwards.
  void feed_forward_backward(int i) {
    Layer& l = layers[i];
    const int count = rows(i);
    const bool before = s.norm_before;
    const Matrix d_sum = before ? gradient : other;
    if (!before) l.norm2.backward(count, gradient, other, false);
    l.down.backward(count, d_sum, d_hidden, {}, l.hidden);
    l.down.add_gradients(count, d_sum, l.hidden);
    l.up.add_gradients(count, d_hidden, l.f);
    l.up.backward(count, d_hidden, other, before ? Matrix{} : other);
    (before ? l.norm2 : l.norm1).backward(count, other, gradient, before);
  }

  // `gradient` is that at the sum after attention before, and at the layer's input afterwards.
  void attention_backward(int i) {
    Layer& l = layers[i];
    const int tokens = starts.back(), count = rows(i);
    const bool before = s.norm_before;
    l.out.backward(count, gradient, d_mixed);
    l.out.add_gradients(count, gradient, l.mixed);
    each_head(i, [&](Head head, int e, int first, int column) {
      const Matrix dk = d_kv.from(starts[e], column);
      head.backward(d_mixed.from(first, column), d_shares, dq.from(first, column), dk,
                    dk.from(0, d));
    });
    l.query.add_gradients(count, dq, l.asked);
    l.key_value.add_gradients(tokens, d_kv, l.a);
    if (is_last(i)) spread(gradient);
    const Matrix d_a = before ? other : gradient;
    l.key_value.backward(tokens, d_kv, d_a, before ? Matrix{} : gradient);
    if (is_last(i)) {
      l.query.backward(count, dq, scratch);
      for (int e = 0; e < count; e++)
        for (int j = 0; j < d; j++) d_a[questions[e]][j] += scratch[e][j];
    } else {
      l.query.backward(count, dq, d_a, d_a);
    }
    if (before) l.norm1.backward(tokens, d_a, gradient, true);
  }

  void spread(Matrix x) {  // rows of the questions alone to rows of all tokens
    for (int e = 0; e < examples(); e++) copy(x, e, scratch, e);
    for (int t = 0; t < starts.back(); t++) std::memset(x[t], 0, d * sizeof(float));
    for (int e = 0; e < examples(); e++) copy(scratch, e, x, questions[e]);
  }
};

}  // namespace

extern "C" {

void* offpath_open(const Shape* shape) { return new Step(*shape); }

void offpath_close(void* step) { delete static_cast<Step*>(step); }

void offpath_run(void* step, float* const* parameters, float* const* gradients, int examples,
                 const uint8_t* tokens, const float* labels, float scale,
                 float* answers) {
  static_cast<Step*>(step)->run({parameters, gradients}, examples, tokens, labels, scale, answers);
}
}
