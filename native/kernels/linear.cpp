// SPDX-License-Identifier: Apache-2.0
// Fully connected layers. Twins: linear_forward, linear_backward in engines/reference/linear.py.
//
// A block of outputs stays in registers while the inputs stream past; each weight is broadcast to all
// examples. Every output is one chain of fused multiply-adds in the order of its inputs, so the size of
// the block changes the speed and never the bits.
#include "blocks.h"
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

// One matrix product serves forward and backward: out (N, L) = weight (K, N) @ inp (K, L) + bias (N),
// where weight[k][n] stands at k * k_step + n * n_step.
struct Product {
  const float* inp;
  const float* weight;
  const float* bias;
  float* out;
  int K, k_step, n_step;
};

template <int BLOCK>
struct ProductBlock {
  static void run(const Product& product, int n) {
    vec sum[BLOCK][VECS];
    SHOAL_UNROLL
    for (int b = 0; b < BLOCK; ++b) {
      SHOAL_UNROLL
      for (int v = 0; v < VECS; ++v) sum[b][v] = broadcast(product.bias ? product.bias[n + b] : 0.0f);
    }
    const float* inp = product.inp;
    const float* weight = product.weight + static_cast<std::int64_t>(n) * product.n_step;
    for (int k = 0; k < product.K; ++k, inp += TILE, weight += product.k_step) {
      vec x[VECS];
      SHOAL_UNROLL
      for (int v = 0; v < VECS; ++v) x[v] = load(inp + v * LANES);
      SHOAL_UNROLL
      for (int b = 0; b < BLOCK; ++b) {
        const vec w = broadcast(weight[static_cast<std::int64_t>(b) * product.n_step]);
        SHOAL_UNROLL
        for (int v = 0; v < VECS; ++v) sum[b][v] = fma(x[v], w, sum[b][v]);
      }
    }
    SHOAL_UNROLL
    for (int b = 0; b < BLOCK; ++b) {
      SHOAL_UNROLL
      for (int v = 0; v < VECS; ++v) store(product.out + (n + b) * TILE + v * LANES, sum[b][v]);
    }
  }
};

// The sums of a block, an input and a weight must fit into registers together.
constexpr int PRODUCT_BLOCK = at_most(16, (REGISTERS - VECS - 1) / VECS);

void multiply(const Product& product, int N) {
  split(N, PRODUCT_BLOCK, [&](int n, int block) { pick<ProductBlock, PRODUCT_BLOCK>(block)(product, n); });
}

// dweight (I, O) += inp (I, L) @ dout^T (L, O), a block of ROWS inputs and COLS vectors of outputs.
struct OuterProduct {
  const float* inp;
  const float* dout;  // transposed: (TILE, pitch)
  float* dweight;
  int pitch;
};

template <int ROWS, int COLS>
void outer_block(const OuterProduct& outer, int i, int o) {
  vec sum[ROWS][COLS];
  float* rows = outer.dweight + static_cast<std::int64_t>(i) * outer.pitch + o;
  SHOAL_UNROLL
  for (int r = 0; r < ROWS; ++r) {
    SHOAL_UNROLL
    for (int c = 0; c < COLS; ++c) sum[r][c] = load(rows + r * outer.pitch + c * LANES);
  }
  for (int example = 0; example < TILE; ++example) {
    vec d[COLS];
    SHOAL_UNROLL
    for (int c = 0; c < COLS; ++c) d[c] = load(outer.dout + example * outer.pitch + o + c * LANES);
    SHOAL_UNROLL
    for (int r = 0; r < ROWS; ++r) {
      const vec x = broadcast(outer.inp[(i + r) * TILE + example]);
      SHOAL_UNROLL
      for (int c = 0; c < COLS; ++c) sum[r][c] = fma(x, d[c], sum[r][c]);
    }
  }
  SHOAL_UNROLL
  for (int r = 0; r < ROWS; ++r) {
    SHOAL_UNROLL
    for (int c = 0; c < COLS; ++c) store(rows + r * outer.pitch + c * LANES, sum[r][c]);
  }
}

template <int COLS>
void outer_columns(const OuterProduct& outer, int I, int o) {
  constexpr int ROWS = at_most(12, (REGISTERS - COLS - 1) / COLS);
  int i = 0;
  for (; i + ROWS <= I; i += ROWS) outer_block<ROWS, COLS>(outer, i, o);
  for (; i < I; ++i) outer_block<1, COLS>(outer, i, o);
}

}  // namespace

// out (O, L) = weight (I, O)^T @ inp (I, L) + bias (O)
void linear_forward(const float* inp, const float* weight, const float* bias, float* out, int I, int O) {
  multiply({inp, weight, bias, out, I, round_up(O, TILE), 1}, O);
}

// dinp (I, L) = weight (I, O) @ dout (O, L)
void linear_backward_input(const float* dout, const float* weight, float* dinp, int I, int O) {
  multiply({dout, weight, nullptr, dinp, O, 1, round_up(O, TILE)}, I);
}

// dweight (I, O) += inp (I, L) @ dout (O, L)^T;  dbias (O) += sum over L of dout
void linear_backward_weight(const float* inp, const float* dout, float* dweight, float* dbias, float* scratch, int I,
                            int O) {
  const int pitch = round_up(O, TILE);
  for (int example = 0; example < TILE; ++example) {
    float* row = scratch + example * pitch;
    for (int o = 0; o < O; ++o) row[o] = dout[o * TILE + example];
    for (int o = O; o < pitch; ++o) row[o] = 0.0f;
  }
  const OuterProduct outer{inp, scratch, dweight, pitch};
  constexpr int COLS = LANES == 16 ? 4 : 2;
  int o = 0;
  for (; o + COLS * LANES <= pitch; o += COLS * LANES) outer_columns<COLS>(outer, I, o);
  for (; o < pitch; o += LANES) outer_columns<1>(outer, I, o);
  for (o = 0; o < pitch; o += LANES) {
    vec sum = load(dbias + o);
    for (int example = 0; example < TILE; ++example) sum += load(scratch + example * pitch + o);
    store(dbias + o, sum);
  }
}

}  // namespace shoal::SHOAL_ISA
