// SPDX-License-Identifier: Apache-2.0
// Convolutions (cross-correlations, as everywhere in the field). Twins: conv2d_forward, conv2d_backward in
// engines/reference/conv2d.py.
//
// A block of CHANNELS outputs × PIXELS neighbours in a row stays in registers; the kernel's rows that fall
// outside the image are skipped, its columns outside read the zeros beside the image. Every output is one
// chain of fused multiply-adds in the order (channel, ky, kx): the block changes the speed, never the bits
// (what is skipped would have added zero).
//
// The gradient of the input is the same kernel: a convolution of dout with the weights turned around
// (batch.cpp turns them), with padding kernel - 1 - padding.
#include "blocks.h"
#include "sums.h"
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

struct Range {
  int first, last;
};

// Offsets k in [0, kernel) for which some of `count` windows, from window `at` on, sees a real pixel.
Range inside(int at, int count, int size, const Window& window) {
  const int first = window.padding - (at + count - 1) * window.stride;
  const int last = size + window.padding - at * window.stride;
  return {first > 0 ? first : 0, last < window.kernel ? last : window.kernel};
}

struct Convolution {
  Image inp;
  const float* weight;  // (I, K, K, O)
  const float* bias;    // (O), or null
  Image out;
  Window window;
};

// UNIT: stride 1, known to the compiler.
template <int CHANNELS, int PIXELS, bool UNIT>
void convolve(const Convolution& conv, int channel) {
  const auto [K, stride, padding] = conv.window;
  const int O = conv.out.channels;
  const int step = (UNIT ? 1 : stride) * TILE;
  for (int lanes = 0; lanes < TILE; lanes += LANES) {
    for (int y = 0; y < conv.out.height; ++y) {
      const Range rows = inside(y, 1, conv.inp.height, conv.window);
      for (int at = 0; at < conv.out.width; at += PIXELS) {
        const int x = at + PIXELS <= conv.out.width ? at : conv.out.width - PIXELS;  // the last block overlaps
        const Range cols = inside(x, PIXELS, conv.inp.width, conv.window);
        vec sum[CHANNELS][PIXELS];
        SHOAL_UNROLL
        for (int c = 0; c < CHANNELS; ++c) {
          const vec start = broadcast(conv.bias ? conv.bias[channel + c] : 0.0f);
          SHOAL_UNROLL
          for (int p = 0; p < PIXELS; ++p) sum[c][p] = start;
        }
        for (int i = 0; i < conv.inp.channels; ++i) {
          for (int ky = rows.first; ky < rows.last; ++ky) {
            const float* inp =
                conv.inp.row(i, y * stride + ky - padding) + (x * stride + cols.first - padding) * TILE + lanes;
            const float* weight = conv.weight + static_cast<std::int64_t>((i * K + ky) * K + cols.first) * O + channel;
            for (int kx = cols.first; kx < cols.last; ++kx, inp += TILE, weight += O) {
              vec w[CHANNELS];
              SHOAL_UNROLL
              for (int c = 0; c < CHANNELS; ++c) w[c] = broadcast(weight[c]);
              SHOAL_UNROLL
              for (int p = 0; p < PIXELS; ++p) {
                const vec v = load(inp + p * step);
                SHOAL_UNROLL
                for (int c = 0; c < CHANNELS; ++c) sum[c][p] = fma(v, w[c], sum[c][p]);
              }
            }
          }
        }
        SHOAL_UNROLL
        for (int c = 0; c < CHANNELS; ++c) {
          float* out = conv.out.row(channel + c, y) + x * TILE + lanes;
          SHOAL_UNROLL
          for (int p = 0; p < PIXELS; ++p) store(out + p * TILE, sum[c][p]);
        }
      }
    }
  }
}

template <int PIXELS, bool UNIT>
struct Pixels {
  // The sums of a block, its weights and a pixel must fit into registers together.
  static constexpr int MOST = at_most(8, (REGISTERS - 1) / (PIXELS + 1));
  template <int CHANNELS>
  struct Block {
    static void run(const Convolution& conv, int channel) { convolve<CHANNELS, PIXELS, UNIT>(conv, channel); }
  };
  // About how many cycles one row of the kernel takes over one row of the image: the multiply-adds, or the
  // loads where they do not hide behind them, and a few for starting each block.
  static int cost(const Convolution& conv) {
    int columns = 0, blocks = 0;
    for (int at = 0; at < conv.out.width; at += PIXELS, ++blocks) {
      const int x = at + PIXELS <= conv.out.width ? at : conv.out.width - PIXELS;
      const Range cols = inside(x, PIXELS, conv.inp.width, conv.window);
      columns += cols.last - cols.first;
    }
    int cost = 0;
    split(conv.out.channels, MOST, [&](int, int channels) {
      const int loads = PIXELS + channels, products = channels * PIXELS;
      cost += columns * (products > loads ? products : loads) + 6 * blocks;
    });
    return cost;
  }
  static void run(const Convolution& conv) {
    split(conv.out.channels, MOST, [&](int channel, int size) { pick<Block, MOST>(size)(conv, channel); });
  }
};

// Tries block widths and takes the cheapest that fits the row.
template <bool UNIT, int PIXELS, int... WIDER>
void cheapest(const Convolution& conv, int best, void (*run)(const Convolution&)) {
  if (PIXELS <= conv.out.width) {
    const int cost = Pixels<PIXELS, UNIT>::cost(conv);
    if (run == nullptr || cost <= best) {  // of equals, the wider
      best = cost;
      run = &Pixels<PIXELS, UNIT>::run;
    }
  }
  if constexpr (sizeof...(WIDER) > 0) {
    cheapest<UNIT, WIDER...>(conv, best, run);
  } else {
    run(conv);
  }
}

// lanes (I, K, K, O, L) = the products of dout and the pixels under it, summed over the image. A block of COLUMNS
// of the kernel × CHANNELS outputs.
struct Correlation {
  Image inp, dout;
  float* lanes;
  Window window;
};

template <int COLUMNS, int CHANNELS>
void correlate(const Correlation& corr, int i, int ky, int kx, int channel) {
  const auto [K, stride, padding] = corr.window;
  const int O = corr.dout.channels;
  const std::int64_t map = static_cast<std::int64_t>(corr.dout.height) * corr.dout.pitch * TILE;
  float* out = corr.lanes + (static_cast<std::int64_t>((i * K + ky) * K + kx) * O + channel) * TILE;
  for (int lanes = 0; lanes < TILE; lanes += LANES) {
    vec sum[COLUMNS][CHANNELS] = {};
    for (int y = 0; y < corr.dout.height; ++y) {
      const int row = y * stride + ky - padding;
      if (row < 0 || row >= corr.inp.height) continue;
      const float* inp = corr.inp.row(i, row) + (kx - padding) * TILE + lanes;
      const float* dout = corr.dout.row(channel, y) + lanes;
      for (int x = 0; x < corr.dout.width; ++x, inp += stride * TILE, dout += TILE) {
        vec d[CHANNELS];
        SHOAL_UNROLL
        for (int c = 0; c < CHANNELS; ++c) d[c] = load(dout + c * map);
        SHOAL_UNROLL
        for (int k = 0; k < COLUMNS; ++k) {
          const vec v = load(inp + k * TILE);
          SHOAL_UNROLL
          for (int c = 0; c < CHANNELS; ++c) sum[k][c] = fma(v, d[c], sum[k][c]);
        }
      }
    }
    SHOAL_UNROLL
    for (int k = 0; k < COLUMNS; ++k) {
      SHOAL_UNROLL
      for (int c = 0; c < CHANNELS; ++c) store(out + (k * O + c) * TILE + lanes, sum[k][c]);
    }
  }
}

// sum (L) = a channel of dout (H, W, L) over all places: four chains side by side, so that none waits for the last.
void sum_places(const Image& dout, int channel, float* sum) {
  for (int lanes = 0; lanes < TILE; lanes += LANES) {
    vec chains[4] = {};
    for (int y = 0; y < dout.height; ++y) {
      const float* row = dout.row(channel, y) + lanes;
      int x = 0;
      for (; x + 4 <= dout.width; x += 4) {
        SHOAL_UNROLL
        for (int i = 0; i < 4; ++i) chains[i] += load(row + (x + i) * TILE);
      }
      for (; x < dout.width; ++x) chains[x % 4] += load(row + x * TILE);
    }
    store(sum + lanes, (chains[0] + chains[1]) + (chains[2] + chains[3]));
  }
}

constexpr int MOST_COLUMNS = 5;

template <int COLUMNS>
struct Columns {
  static constexpr int MOST = at_most(8, (REGISTERS - 1) / (COLUMNS + 1));
  template <int CHANNELS>
  struct Block {
    static void run(const Correlation& corr, int i, int ky, int kx, int channel) {
      correlate<COLUMNS, CHANNELS>(corr, i, ky, kx, channel);
    }
  };
  static void run(const Correlation& corr, int kx) {
    split(corr.dout.channels, MOST, [&](int channel, int size) {
      const auto block = pick<Block, MOST>(size);
      for (int i = 0; i < corr.inp.channels; ++i) {
        for (int ky = 0; ky < corr.window.kernel; ++ky) block(corr, i, ky, kx, channel);
      }
    });
  }
};

}  // namespace

// out (O, H, W, L) = weight (I, K, K, O) * inp (I, H', W', L) + bias (O)
void conv2d_forward(const Image& inp, const float* weight, const float* bias, const Image& out, const Window& window) {
  const Convolution conv{inp, weight, bias, out, window};
  if (window.stride == 1) {
    cheapest<true, 1, 2, 3, 4, 5, 7>(conv, 0, nullptr);
  } else {
    cheapest<false, 1, 2, 4>(conv, 0, nullptr);
  }
}

// dweight (I, K, K, O) = dout (O, H, W, L) * inp (I, H', W', L), summed over H, W and the tile's lanes;
// dbias (O) = the same sum of dout. `lanes` has room for a float per lane of both.
void conv2d_backward_weight(const Image& inp, const Image& dout, float* dweight, float* dbias, float* lanes,
                            const Window& window) {
  const Correlation corr{inp, dout, lanes, window};
  split(window.kernel, MOST_COLUMNS, [&](int kx, int size) { pick<Columns, MOST_COLUMNS>(size)(corr, kx); });
  const int count = inp.channels * window.kernel * window.kernel * dout.channels;
  sum_lanes(lanes, dweight, count);
  float* rows = lanes + std::int64_t{count} * TILE;
  for (int o = 0; o < dout.channels; ++o) sum_places(dout, o, rows + o * TILE);
  sum_lanes(rows, dbias, dout.channels);
}

}  // namespace shoal::SHOAL_ISA
