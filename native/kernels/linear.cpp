// SPDX-License-Identifier: Apache-2.0
// Fully connected layers. Twins: linear_forward, linear_backward in engines/reference/linear.py.
//
// Weights lie in panels of TILE outputs, (O / TILE, I, TILE), so that what a block of outputs reads, input
// after input, lies in a row. A block of sums stays in registers while the inputs stream past; each weight is
// broadcast to all examples of the tiles. Every sum is one chain of fused multiply-adds in the order of what
// is summed, so neither the size of a block nor how many tiles share it changes the bits.
#include "blocks.h"
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

// One matrix product serves forward and backward: out (N, L) = weight (K, N) @ inp (K, L) + bias (N). The
// weights of k = 0 .. K come in runs of `run`, `k_step` apart; from run to run it is `run_step`.
struct Product {
  const float* inp;
  std::int64_t inp_step;  // from tile to tile
  const float* weight;
  const float* bias;
  float* out;
  std::int64_t out_step;
  int K, run;
  std::int64_t run_step, k_step, n_step;
};

// N outputs of TILES tiles.
template <int N, int TILES>
void multiply_block(const Product& product) {
  vec sum[N][TILES * VECS];
  SHOAL_UNROLL
  for (int n = 0; n < N; ++n) {
    SHOAL_UNROLL
    for (int v = 0; v < TILES * VECS; ++v) sum[n][v] = broadcast(product.bias ? product.bias[n] : 0.0f);
  }
  const float* inp = product.inp;
  const float* run = product.weight;
  for (int begin = 0; begin < product.K; begin += product.run, run += product.run_step) {
    const int end = begin + product.run < product.K ? begin + product.run : product.K;
    const float* weight = run;
    for (int k = begin; k < end; ++k, inp += TILE, weight += product.k_step) {
      vec x[TILES * VECS];
      SHOAL_UNROLL
      for (int v = 0; v < TILES * VECS; ++v) x[v] = load(inp + v / VECS * product.inp_step + v % VECS * LANES);
      SHOAL_UNROLL
      for (int n = 0; n < N; ++n) {
        const vec w = broadcast(weight[n * product.n_step]);
        SHOAL_UNROLL
        for (int v = 0; v < TILES * VECS; ++v) sum[n][v] = fma(x[v], w, sum[n][v]);
      }
    }
  }
  SHOAL_UNROLL
  for (int n = 0; n < N; ++n) {
    SHOAL_UNROLL
    for (int v = 0; v < TILES * VECS; ++v) {
      store(product.out + n * TILE + v / VECS * product.out_step + v % VECS * LANES, sum[n][v]);
    }
  }
}

template <int TILES>
struct Multiply {
  // The sums of a block, the inputs and a weight must fit into registers together; blocks do not straddle panels.
  static constexpr int MOST = at_most(TILE, (REGISTERS - TILES * VECS - 1) / (TILES * VECS));
  template <int N>
  struct Block {
    static void run(const Product& product) { multiply_block<N, TILES>(product); }
  };
  static void run(const Product& product, int N) {
    split(N, MOST, [&](int n, int size) {
      Product part = product;
      part.weight += n * product.n_step;
      part.bias = product.bias ? product.bias + n : nullptr;
      part.out += n * TILE;
      pick<Block, MOST>(size)(part);
    });
  }
};

// Two tiles share every weight where there are registers for both.
constexpr int TOGETHER = REGISTERS / VECS >= 32 ? 2 : 1;

void multiply(Product product, int N, int tiles) {
  int tile = 0;
  for (; tile + TOGETHER <= tiles; tile += TOGETHER) {
    Multiply<TOGETHER>::run(product, N);
    product.inp += TOGETHER * product.inp_step;
    product.out += TOGETHER * product.out_step;
  }
  for (; tile < tiles; ++tile) {
    Multiply<1>::run(product, N);
    product.inp += product.inp_step;
    product.out += product.out_step;
  }
}

// dweight (PANELS, ROWS, TILE) (+)= inp (ROWS, L) @ dout^T (L, PANELS * TILE), summed over all tiles.
struct OuterProduct {
  const float* inp;
  std::int64_t inp_step;
  const float* turned;  // of one tile (panels, L, TILE)
  std::int64_t turned_step;
  int tiles;
  float* dweight;
  std::int64_t panel_step;  // from panel to panel of dweight
  bool add;
};

template <int ROWS, int PANELS>
void outer_block(const OuterProduct& outer) {
  constexpr int COLS = PANELS * VECS;
  vec sum[ROWS][COLS];
  const auto at = [&](int r, int c) {
    return outer.dweight + c / VECS * outer.panel_step + r * TILE + c % VECS * LANES;
  };
  SHOAL_UNROLL
  for (int r = 0; r < ROWS; ++r) {
    SHOAL_UNROLL
    for (int c = 0; c < COLS; ++c) sum[r][c] = outer.add ? load(at(r, c)) : vec{};
  }
  const float *inp = outer.inp, *turned = outer.turned;
  for (int tile = 0; tile < outer.tiles; ++tile, inp += outer.inp_step, turned += outer.turned_step) {
    for (int example = 0; example < TILE; ++example) {
      vec d[COLS];
      SHOAL_UNROLL
      for (int c = 0; c < COLS; ++c) d[c] = load(turned + (c / VECS * TILE + example) * TILE + c % VECS * LANES);
      SHOAL_UNROLL
      for (int r = 0; r < ROWS; ++r) {
        const vec x = broadcast(inp[r * TILE + example]);
        SHOAL_UNROLL
        for (int c = 0; c < COLS; ++c) sum[r][c] = fma(x, d[c], sum[r][c]);
      }
    }
  }
  SHOAL_UNROLL
  for (int r = 0; r < ROWS; ++r) {
    SHOAL_UNROLL
    for (int c = 0; c < COLS; ++c) store(at(r, c), sum[r][c]);
  }
}

template <int PANELS>
struct Outer {
  static constexpr int MOST = at_most(14, (REGISTERS - PANELS * VECS - 1) / (PANELS * VECS));
  template <int ROWS>
  struct Block {
    static void run(const OuterProduct& outer) { outer_block<ROWS, PANELS>(outer); }
  };
  static void run(const OuterProduct& outer, int rows) {
    split(rows, MOST, [&](int row, int size) {
      OuterProduct part = outer;
      part.inp += row * TILE;
      part.dweight += row * TILE;
      pick<Block, MOST>(size)(part);
    });
  }
};

// As many panels at once as leave registers for a few rows.
constexpr int MOST_PANELS = LANES == 16 ? 4 : 1;

}  // namespace

// out (O, L) = weight (O, I) @ inp (I, L) + bias (O), of each tile
void linear_forward(const Tiles& inp, const float* weight, const float* bias, const MutableTiles& out, int I, int O) {
  for (int o = 0; o < O; o += TILE, weight += std::int64_t{I} * TILE) {
    const Product product{inp.data, inp.step, weight, bias + o, out.data + std::int64_t{o} * TILE, out.step, I,
                          I,        0,        TILE,   1};
    multiply(product, O - o < TILE ? O - o : TILE, inp.count);
  }
}

// dinp (I, L) = weight (O, I)^T @ dout (O, L), of each tile
void linear_backward_input(const Tiles& dout, const float* weight, const MutableTiles& dinp, int I, int O) {
  const Product product{dout.data, dout.step, weight, nullptr, dinp.data, dinp.step, O, TILE, std::int64_t{I} * TILE,
                        1,         TILE};
  multiply(product, I, dout.count);
}

// turned (O / TILE, L, TILE) from dout (O, L), zeros beyond O
void linear_turn(const float* dout, float* turned, int O) {
  for (int o = 0; o < O; o += TILE) {
    for (int example = 0; example < TILE; ++example) {
      for (int n = 0; n < TILE; ++n, ++turned) *turned = o + n < O ? dout[(o + n) * TILE + example] : 0.0f;
    }
  }
}

// dweight (panels of O, rows of I) = the sum over tiles of inp (I, L) @ dout (O, L)^T; added to it if `add`
void linear_backward_weight(const Tiles& inp, const Tiles& turned, float* dweight, int I, Part rows, Part panels,
                            bool add) {
  OuterProduct outer{inp.data + std::int64_t{rows.first} * TILE,
                     inp.step,
                     turned.data,
                     turned.step,
                     inp.count,
                     nullptr,
                     std::int64_t{I} * TILE,
                     add};
  split(panels.count, MOST_PANELS, [&](int first, int size) {
    const std::int64_t panel = panels.first + first;
    outer.turned = turned.data + panel * TILE * TILE;
    outer.dweight = dweight + (panel * I + rows.first) * TILE;
    pick<Outer, MOST_PANELS>(size)(outer, rows.count);
  });
}

// dbias (O) = the sum over tiles and examples of dout; added to it if `add`
void linear_backward_bias(const Tiles& turned, float* dbias, int O, bool add) {
  for (int o = 0; o < O; o += TILE) {
    for (int lanes = 0; lanes < TILE; lanes += LANES) {
      vec sum = add ? load(dbias + o + lanes) : vec{};
      for (int tile = 0; tile < turned.count; ++tile) {
        const float* panel = turned.data + tile * turned.step + std::int64_t{o} * TILE + lanes;
        for (int example = 0; example < TILE; ++example) sum += load(panel + example * TILE);
      }
      store(dbias + o + lanes, sum);
    }
  }
}

}  // namespace shoal::SHOAL_ISA
