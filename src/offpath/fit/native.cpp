// One training step of the transformer on one core: answers, and gradients of squared errors.
//
// In: the parameters as torch holds them (a linear map's weight is output x input), and examples as
// `data/tokens.py` describes them. Out: answers; gradients, added to what is there. Method: the
// tokens of 32 examples lie one after the other, without padding, and all layers run over them, so
// that activations stay in the cache. Weights are packed into panels as wide as a tile; a tile of
// 6 x 16 sums stays in registers (Goto, van de Geijn 2008, "Anatomy of high-performance matrix
// multiplication"). Biases, ReLU and residuals are part of the product that they follow. Exact
// savings: repeated edges are one token, whose attention logit gets the logarithm of their number;
// the last layer computes its output for the question alone. Vectors are those of the compiler:
// AVX2, NEON or what else it builds for. All sizes are multiples of 8 (`LANES`).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int LANES = 8, TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES;
constexpr int CHUNK_EXAMPLES = 32, TOKEN_BLOCK = 64, REGRESSION = 0, ORDINAL = 2;
constexpr float NORM_EPSILON = 1e-5f, NEVER = -1e30f;

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t Integers __attribute__((vector_size(4 * LANES)));
typedef float Unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const Unaligned*>(from); }
inline void store(float* to, Vector v) { *reinterpret_cast<Unaligned*>(to) = v; }
inline void add(float* to, Vector v) { store(to, load(to) + v); }
inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }  // b where one is no number

float total(Vector v) { return (v[0] + v[4] + (v[2] + v[6])) + (v[1] + v[5] + (v[3] + v[7])); }

// e to the power of numbers at most 0: the polynomial of Cephes' expf (Moshier 1989).
inline Vector exponential(Vector x) {
  x = larger(Vector{} - 87.0f, x);
  const Integers exponent = __builtin_convertvector(x * 1.44269504f - 0.5f, Integers);
  const Vector whole = __builtin_convertvector(exponent, Vector);
  const Vector rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Vector sum = Vector{} + 1.9875691500e-4f;
  for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                  5.0000001201e-1f, 1.0f, 1.0f})
    sum = sum * rest + c;
  return sum * reinterpret_cast<Vector>((exponent + 127) << 23);
}

struct alignas(64) CacheLine { float numbers[16]; };

struct Matrix {  // rows in memory, `stride` numbers apart
  float* data = nullptr;
  long stride = 0;
  float* operator[](long row) const { return data + row * stride; }
  Matrix from(long row, long column) const { return {data + row * stride + column, stride}; }
};

struct Finish {  // what a product is added to, and what follows it
  const float* bias = nullptr;
  Matrix base = {};
  bool relu = false;
  Matrix gate = {};  // the product counts where this is above 0: the gradient of ReLU
};

// One tile of `c`, at row i and column j; `TRANSPOSED` takes `a` as depth x rows.
template <int ROWS, int VECTORS, bool TRANSPOSED>
inline void tile(int i, int j, int depth, Matrix a, Matrix b, Matrix c, const Finish& finish) {
  Vector sum[ROWS * VECTORS], right[VECTORS];
#pragma GCC unroll 12
  for (int n = 0; n < ROWS * VECTORS; n++) {
    const int row = i + n / VECTORS, column = j + n % VECTORS * LANES;
    sum[n] = finish.base.data ? load(finish.base[row] + column) : Vector{};
    if (finish.bias) sum[n] += load(finish.bias + column);
  }
  const float* left = TRANSPOSED ? a.data + i : a[i];
  const long row_step = TRANSPOSED ? 1 : a.stride, depth_step = TRANSPOSED ? a.stride : 1;
  for (int k = 0; k < depth; k++, left += depth_step) {
    for (int v = 0; v < VECTORS; v++) right[v] = load(b[k] + v * LANES);
#pragma GCC unroll 12
    for (int n = 0; n < ROWS * VECTORS; n++)
      sum[n] += left[n / VECTORS * row_step] * right[n % VECTORS];
  }
#pragma GCC unroll 12
  for (int n = 0; n < ROWS * VECTORS; n++) {
    const int row = i + n / VECTORS, column = j + n % VECTORS * LANES;
    if (finish.relu) sum[n] = larger(Vector{}, sum[n]);
    if (finish.gate.data) sum[n] = load(finish.gate[row] + column) > 0.0f ? sum[n] : Vector{};
    store(c[row] + column, sum[n]);
  }
}

template <int ROWS, int VECTORS, bool TRANSPOSED>  // a column of tiles, the last ones lower
inline void tiles(int i, int rows, int j, int depth, Matrix a, Matrix b, Matrix c,
                  const Finish& finish) {
  for (; i + ROWS <= rows; i += ROWS) tile<ROWS, VECTORS, TRANSPOSED>(i, j, depth, a, b, c, finish);
  if constexpr (ROWS > 1)
    if (i < rows) tiles<ROWS - 1, VECTORS, TRANSPOSED>(i, rows, j, depth, a, b, c, finish);
}

// c (rows x columns) = a b, or a transposed times b; `depth` is the length of the sums.
template <bool TRANSPOSED = false>
void multiply(int rows, int columns, int depth, Matrix a, Matrix b, Matrix c, Finish finish = {}) {
  for (int j = 0; j < columns; j += TILE_COLUMNS) {
    const bool narrow = columns - j < TILE_COLUMNS;
    const Matrix panel = b.stride ? Matrix{b.data + j, b.stride}
                                  : Matrix{b.data + j * depth, narrow ? LANES : TILE_COLUMNS};
    if (narrow) tiles<TILE_ROWS, 1, TRANSPOSED>(0, rows, j, depth, a, panel, c, finish);
    else tiles<TILE_ROWS, 2, TRANSPOSED>(0, rows, j, depth, a, panel, c, finish);
  }
}

// Panels of the matrix with entry (k, j) at w[k * depth_step + j * column_step].
void pack(int depth, int columns, const float* w, long depth_step, long column_step, float* out) {
  for (int j = 0; j < columns; j += TILE_COLUMNS)
    for (int k = 0; k < depth; k++)
      for (int column = j; column < std::min(columns, j + TILE_COLUMNS); column++)
        *out++ = w[k * depth_step + column * column_step];
}

struct Linear {  // y = x W^T + b
  int inputs, outputs;
  float *panels, *panels_back;
  float *weight = nullptr, *bias = nullptr, *d_weight = nullptr, *d_bias = nullptr;

  void set(float* const* values, float* const* gradients, long first_row = 0) {
    weight = values[0] + first_row * inputs, bias = values[1] + first_row;
    d_weight = gradients[0] + first_row * inputs, d_bias = gradients[1] + first_row;
    pack(inputs, outputs, weight, 1, inputs, panels);
    pack(outputs, inputs, weight, inputs, 1, panels_back);
  }

  void forward(int rows, Matrix x, Matrix y, Matrix base = {}, bool relu = false) const {
    multiply(rows, outputs, inputs, x, {panels, 0}, y, {bias, base, relu});
  }

  // Gradients of weight and bias, and dx = base + the gradient at x where `gate` is above 0.
  void backward(int rows, Matrix dy, Matrix x, Matrix dx, Matrix base, Matrix gate = {}) const {
    multiply(rows, inputs, outputs, dy, {panels_back, 0}, dx, {nullptr, base, false, gate});
    const int step = outputs > inputs ? TILE_ROWS : outputs;  // the smaller factor stays in cache
    for (int t = 0; t < rows; t += TOKEN_BLOCK)
      for (int i = 0; i < outputs; i += step) {
        const Matrix sums{d_weight + i * inputs, inputs};
        multiply<true>(std::min(step, outputs - i), inputs, std::min(TOKEN_BLOCK, rows - t),
                       dy.from(t, i), x.from(t, 0), sums, {nullptr, sums});
      }
    for (int t = 0; t < rows; t++)
      for (int j = 0; j < outputs; j += LANES) add(d_bias + j, load(dy[t] + j));
  }
};

struct Norm {  // layer norm
  int width;
  Matrix unit;  // rows with mean 0 and variance 1
  float* scale;  // 1 / standard deviation of each row
  float *gain = nullptr, *offset = nullptr, *d_gain = nullptr, *d_offset = nullptr;

  void set(float* const* values, float* const* gradients) {
    gain = values[0], offset = values[1], d_gain = gradients[0], d_offset = gradients[1];
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

  // dx = base + the gradient at x; `base` may be absent.
  void backward(int rows, Matrix dy, Matrix dx, Matrix base = {}) const {
    for (int i = 0; i < rows; i++) {
      Vector sum = {}, product = {};
      for (int j = 0; j < width; j += LANES) {
        const Vector d = load(dy[i] + j), normal = load(unit[i] + j), inner = d * load(gain + j);
        add(d_gain + j, d * normal), add(d_offset + j, d);
        sum += inner, product += inner * normal;
      }
      const float mean = total(sum) / width, slope = total(product) / width;
      for (int j = 0; j < width; j += LANES) {
        const Vector inner = load(dy[i] + j) * load(gain + j);
        const Vector change = (inner - mean - load(unit[i] + j) * slope) * scale[i];
        store(dx[i] + j, base.data ? load(base[i] + j) + change : change);
      }
    }
  }
};

struct Head {  // one head of one example: softmax(q k^T / sqrt(size) + logits) v
  int queries, keys, size, example;
  Matrix q, k, v, shares, out, dq, dk, dv, d_out;
  Matrix flipped, d_shares;  // scratch

  int columns() const { return (keys + LANES - 1) / LANES * LANES; }
  float factor() const { return 1.0f / std::sqrt(static_cast<float>(size)); }

  void flip(Matrix x) const {  // keys or values transposed, zeros up to a whole vector
    for (int j = 0; j < size; j++)
      for (int i = 0; i < columns(); i++) flipped[j][i] = i < keys ? x[i][j] : 0.0f;
  }

  void forward(const float* logits) const {
    flip(k);
    multiply(queries, columns(), size, q, flipped, shares);
    for (int i = 0; i < queries; i++) {
      Vector most = Vector{} + NEVER, sum = {};
      for (int j = 0; j < columns(); j += LANES) {
        store(shares[i] + j, load(shares[i] + j) * factor() + load(logits + j));
        most = larger(most, load(shares[i] + j));
      }
      for (int lane = 1; lane < LANES; lane++) most[0] = std::max(most[0], most[lane]);
      for (int j = 0; j < columns(); j += LANES) {
        const Vector weight = exponential(load(shares[i] + j) - most[0]);
        store(shares[i] + j, weight), sum += weight;
      }
      const float scale = 1.0f / total(sum);
      for (int j = 0; j < columns(); j += LANES) store(shares[i] + j, load(shares[i] + j) * scale);
    }
    multiply(queries, size, keys, shares, v, out);
  }

  void backward() const {
    flip(v);
    multiply(queries, columns(), size, d_out, flipped, d_shares);
    for (int i = 0; i < queries; i++) {
      Vector sum = {};
      for (int j = 0; j < columns(); j += LANES) sum += load(shares[i] + j) * load(d_shares[i] + j);
      const float mean = total(sum);
      for (int j = 0; j < columns(); j += LANES)
        store(d_shares[i] + j, load(shares[i] + j) * (load(d_shares[i] + j) - mean) * factor());
    }
    multiply(queries, size, keys, d_shares, k, dq);
    multiply<true>(keys, size, queries, d_shares, q, dk);
    multiply<true>(keys, size, queries, shares, d_out, dv);
  }
};

struct Shape {  // as `native.Shape`
  int32_t width, layers, heads, feed_forward, slots, outputs, norm_before, final_norm, head;
};

struct Layer {  // maps, and activations of a chunk
  Linear query, key_value, out, up, down;
  Norm norm1, norm2;
  Matrix x, a, asked, residual, q, kv, shares, mixed, middle, f, hidden;
};

class Step {
 public:
  explicit Step(const Shape& shape) : s(shape), d(s.width), layers(s.layers) {
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
    flipped = matrix(d / s.heads, keys), d_shares = matrix(s.slots, keys);
  }

  // The loss of regression: `squared` * (answer - label)^2 + `entropy` * cross-entropy of the label
  // as a class; of the other heads `entropy` * their own. Each example has a row of `outputs`.
  void run(float* const* values, float* const* gradients, int count, const uint8_t* tokens,
           const float* labels, float squared, float entropy, float* outputs) {
    set(values, gradients);
    for (int first = 0; first < count; first += CHUNK_EXAMPLES) {
      embed(std::min(CHUNK_EXAMPLES, count - first), tokens + 2L * first * s.slots);
      for (int i = 0; i < s.layers; i++) forward(i);
      answer(labels + first, squared, entropy, outputs + 1L * first * s.outputs);
      if (!squared && !entropy) continue;  // answers alone
      for (int i = s.layers - 1; i >= 0; i--) backward(i);
      for (int t = 0; t < starts.back(); t++)
        for (int j = 0; j < d; j++)
          d_embedding[pairs[2 * t + j / (d / 2)] * (d / 2) + j % (d / 2)] += gradient[t][j];
    }
  }

  int64_t bytes = 0;  // of memory

 private:
  const Shape s;
  // Width; numbers of a row of `logits`; the first output that is a logit of a label.
  const int d, keys = (s.slots + LANES - 1) / LANES * LANES, first_label = s.head == REGRESSION;
  std::vector<std::vector<CacheLine>> memory;
  std::vector<Layer> layers;
  Norm final_norm;
  Matrix end, normed, gradient, other, scratch, d_mixed, dq, d_kv, d_hidden, flipped, d_shares;
  float *embedding, *d_embedding;
  float* const *readout, *const *d_readout;  // weight and bias
  std::vector<uint8_t> pairs;  // both entries of each token of the chunk
  std::vector<int> starts, questions;  // each example's first token, the end too; its last token
  std::vector<float> logits;  // of each example's tokens as keys: log of how often they occur

  float* numbers(long count) {
    memory.emplace_back((count + 15) / 16), bytes += 64 * memory.back().size();
    return memory.back().data()->numbers;
  }

  Matrix matrix(long rows, long columns) {  // with strides of powers of 2 rows share cache sets
    const long stride = (columns + 15) / 16 * 16 + 16;
    return {numbers(rows * stride), stride};
  }

  Linear linear(int inputs, int outputs) {
    return {inputs, outputs, numbers(1L * inputs * outputs), numbers(1L * inputs * outputs)};
  }

  Norm norm(int rows) { return {d, matrix(rows, d), numbers(rows)}; }

  void set(float* const* values, float* const* gradients) {  // in the order of `parameters()`
    embedding = *values++, d_embedding = *gradients++;
    for (Layer& l : layers) {
      l.query.set(values, gradients), l.key_value.set(values, gradients, d);
      l.out.set(values + 2, gradients + 2), l.up.set(values + 4, gradients + 4);
      l.down.set(values + 6, gradients + 6), l.norm1.set(values + 8, gradients + 8);
      l.norm2.set(values + 10, gradients + 10), values += 12, gradients += 12;
    }
    if (s.final_norm) final_norm.set(values, gradients), values += 2, gradients += 2;
    readout = values, d_readout = gradients;
  }

  // The tokens of `count` examples into the residual stream; repeated edges become one token.
  void embed(int count, const uint8_t* tokens) {
    pairs.clear(), starts.assign(1, 0), questions.clear();
    logits.assign(static_cast<size_t>(count) * keys, NEVER);
    for (int e = 0; e < count; e++, tokens += 2 * s.slots) {
      const int start = starts.back();
      float* times = &logits[static_cast<size_t>(e) * keys];
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
    const int half = d / 2;
    for (int t = 0; t < starts.back(); t++)
      for (int side = 0; side < 2; side++)
        std::copy_n(embedding + pairs[2 * t + side] * half, half, layers[0].x[t] + side * half);
  }

  int examples() const { return static_cast<int>(questions.size()); }

  template <typename Work>  // calls work(head) for every head of every example
  void each_head(const Layer& l, bool last, Work work) const {
    const int size = d / s.heads;
    for (int e = 0; e < examples(); e++)
      for (int h = 0; h < s.heads; h++) {
        const int start = starts[e], count = starts[e + 1] - start, first = last ? e : start;
        const Matrix k = l.kv.from(start, h * size), dk = d_kv.from(start, h * size);
        const auto at = [&](Matrix m) { return m.from(first, h * size); };
        work(Head{last ? 1 : count, count, size, e, at(l.q), k, k.from(0, d),
                  l.shares.from(first, h * keys), at(l.mixed), at(dq), dk, dk.from(0, d),
                  at(d_mixed), flipped, d_shares});
      }
  }

  void forward(int i) {
    Layer& l = layers[i];
    const bool before = s.norm_before, last = i == s.layers - 1;
    const int tokens = starts.back(), count = last ? examples() : tokens;
    if (before) l.norm1.forward(tokens, l.x, l.a);
    else l.a = l.x;
    if (!last) l.asked = l.a, l.residual = l.x;
    for (int e = 0; last && e < count; e++) {
      std::copy_n(l.a[questions[e]], d, l.asked[e]);
      std::copy_n(l.x[questions[e]], d, l.residual[e]);
    }
    l.query.forward(count, l.asked, l.q);
    l.key_value.forward(tokens, l.a, l.kv);
    each_head(l, last, [&](const Head& h) { h.forward(&logits[size_t(h.example) * keys]); });
    const Matrix sum = before ? l.middle : scratch, out = last ? end : layers[i + 1].x;
    l.out.forward(count, l.mixed, sum, l.residual);
    if (before) l.norm2.forward(count, sum, l.f);
    else l.norm1.forward(count, sum, l.middle), l.f = l.middle;
    l.up.forward(count, l.f, l.hidden, {}, true);
    l.down.forward(count, l.hidden, before ? out : scratch, l.middle);
    if (!before) l.norm2.forward(count, scratch, out);
  }

  // Of regression, output 0 is the answer, and logits of labels 0, 1, ... may follow; a head of
  // classification has those of labels 1, 2, ..., an ordinal one those of "is it at least k?" for
  // k = 2, 3, ... Then the gradient at `end`.
  void answer(const float* labels, float squared, float entropy, float* outputs) {
    if (s.final_norm) final_norm.forward(examples(), end, normed);
    else normed = end;
    std::vector<float> slopes(s.outputs);
    const Matrix weight{readout[0], d}, d_weight{d_readout[0], d};
    for (int e = 0; e < examples(); e++) {
      float most = NEVER, sum = 0.0f;
      for (int o = 0; o < s.outputs; o++) {
        Vector product = {};
        for (int j = 0; j < d; j += LANES) product += load(normed[e] + j) * load(weight[o] + j);
        slopes[o] = *outputs++ = total(product) + readout[1][o];
        if (o >= first_label) most = std::max(most, slopes[o]);
      }
      if (first_label) slopes[0] = 2.0f * squared * (slopes[0] - labels[e]);
      for (int o = first_label; o < s.outputs; o++)
        if (s.head == ORDINAL) slopes[o] = entropy / (1 + std::exp(-slopes[o]));
        else sum += slopes[o] = std::exp(slopes[o] - most);
      for (int o = 0; s.head == ORDINAL && o + 1 < labels[e]; o++) slopes[o] -= entropy;
      for (int o = first_label; o < s.outputs && sum; o++) slopes[o] *= entropy / sum;
      if (sum) slopes[static_cast<int>(labels[e]) + (first_label ? 1 : -1)] -= entropy;
      std::fill_n(gradient[e], d, 0.0f);
      for (int o = 0; o < s.outputs; d_readout[1][o] += slopes[o], o++)
        for (int j = 0; j < d; j += LANES) {
          add(d_weight[o] + j, load(normed[e] + j) * slopes[o]);
          add(gradient[e] + j, load(weight[o] + j) * slopes[o]);
        }
    }
    if (s.final_norm) final_norm.backward(examples(), gradient, gradient);
  }

  void backward(int i) {  // `gradient`: at the layer's output before, at its input afterwards
    const Layer& l = layers[i];
    const bool before = s.norm_before, last = i == s.layers - 1;
    const int tokens = starts.back(), count = last ? examples() : tokens;
    if (!before) l.norm2.backward(count, gradient, other), std::swap(gradient, other);
    l.down.backward(count, gradient, l.hidden, d_hidden, {}, l.hidden);
    l.up.backward(count, d_hidden, l.f, other, before ? Matrix{} : gradient);
    if (before) l.norm2.backward(count, other, gradient, gradient);
    else l.norm1.backward(count, other, gradient);
    l.out.backward(count, gradient, l.mixed, d_mixed, {});
    each_head(l, last, [](const Head& head) { head.backward(); });
    if (last) {  // from rows of the questions alone to rows of all tokens
      for (int t = 0; t < tokens; t++) std::fill_n(other[t], d, 0.0f);
      for (int e = 0; e < count; e++) std::copy_n(gradient[e], d, other[questions[e]]);
      std::swap(gradient, other);
    }
    const Matrix d_a = before ? other : gradient;
    l.key_value.backward(tokens, d_kv, l.a, d_a, before ? Matrix{} : gradient);
    l.query.backward(count, dq, l.asked, last ? scratch : d_a, last ? Matrix{} : d_a);
    for (int n = 0; last && n < count * d; n += LANES)
      add(d_a[questions[n / d]] + n % d, load(scratch[n / d] + n % d));
    if (before) l.norm1.backward(tokens, d_a, gradient, gradient);
  }
};

}  // namespace

extern "C" {

Step* offpath_open(const Shape* shape) try { return new Step(*shape); } catch (...) { return 0; }

int64_t offpath_bytes(const Step* step) { return step->bytes; }

void offpath_close(Step* step) { delete step; }

void offpath_run(Step* step, float* const* values, float* const* gradients, int count,
                 const uint8_t* tokens, const float* labels, float squared, float entropy,
                 float* outputs) {
  step->run(values, gradients, count, tokens, labels, squared, entropy, outputs);
}
}
