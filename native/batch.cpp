// SPDX-License-Identifier: Apache-2.0
// What the threads of a step share: the gradient, put together from what the tiles left, and the statistics of
// batch norms. Tiles are always taken in their order.
#include <algorithm>
#include <cmath>

#include "workspace.h"

namespace shoal {
namespace {

// Of a linear layer's weight: small enough for gradient, weight and optimizer state to stay in the first cache.
constexpr int PIECE_ROWS = 48, PIECE_PANELS = 4;

}  // namespace

Batch::Batch(const Layout& layout, const Kernels& kernels, int tiles)
    : kept(layout.kept(), layout.block(tiles)),
      gradient(layout.network.parameters()),
      turned(layout.network.turned_weights()),
      layout_(layout),
      kernels_(kernels) {
  const std::vector<Layer>& layers = layout_.network.layers();
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) {
    const Layer& layer = layers[i];
    if (!layer.learns()) continue;
    pieces_.push_back({i, {0, 0}, {0, 0}});
    if (layer.kind == Kind::BatchNorm) {
      const int n = layer.pitch();
      statistics.push_back({Buffer(n), Buffer(n), Buffer(n), Buffer(n), Buffer(n), Buffer(n)});
    }
    if (layer.kind != Kind::Linear) continue;
    for (int panel = 0; panel < layer.pitch() / TILE; panel += PIECE_PANELS) {
      for (int row = 0; row < layer.inp.size(); row += PIECE_ROWS) {
        pieces_.push_back({i,
                           {row, std::min(PIECE_ROWS, layer.inp.size() - row)},
                           {panel, std::min(PIECE_PANELS, layer.pitch() / TILE - panel)}});
      }
    }
  }
}

// turned (O, K, K, I) from weight (I, K, K, O), both axes of the kernel reversed.
void Batch::turn_weights(const float* weights) {
  const std::vector<Layer>& layers = layout_.network.layers();
  for (std::size_t i = layout_.network.first_learning() + 1; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    if (layer.kind != Kind::Conv2d) continue;
    const int I = layer.inp.channels, O = layer.out.channels, taps = layer.window.kernel * layer.window.kernel;
    const float* weight = weights + layer.weight;
    float* out = turned.data() + layer.turned;
    for (int inp = 0; inp < I; ++inp) {
      for (int tap = 0; tap < taps; ++tap) {
        for (int o = 0; o < O; ++o) out[(o * taps + taps - 1 - tap) * I + inp] = weight[(inp * taps + tap) * O + o];
      }
    }
  }
}

void Batch::gather(const Piece& piece, int tiles, bool first_block) {
  const Layer& layer = layout_.network.layers()[piece.layer];
  const Sums& sums = layout_.sums[piece.layer];
  const auto of = [&](const Place& place) { return Tiles{kept.at(place, 0), place.floats, tiles}; };
  float *weight = gradient.data() + layer.weight, *bias = gradient.data() + layer.bias;
  const bool add = !first_block;
  if (layer.kind == Kind::Conv2d) {
    kernels_.sum_tiles(of(sums.weight), weight, sums.weight.floats, add);
    kernels_.sum_tiles(of(sums.bias), bias, sums.bias.floats, add);
  } else if (layer.kind == Kind::Linear && piece.rows.count == 0) {
    kernels_.linear_backward_bias(of(sums.turned), bias, layer.out.channels, add);
  } else if (layer.kind == Kind::Linear) {
    kernels_.linear_backward_weight(of(layout_.values[piece.layer]), of(sums.turned), weight, layer.inp.size(),
                                    piece.rows, piece.panels, add);
  }
}

// Chan, Golub and LeVeque 1983: means and squared deviations of parts give those of the whole without cancellation.
void Batch::merge_moments(int index, const float* tensors, std::int64_t examples) {
  const Layer& layer = layout_.network.layers()[index];
  const Sums& sums = layout_.sums[index];
  Statistics& found = statistics[layer.ordinal];
  const double area = layer.out.height * layer.out.width;
  for (int c = 0; c < layer.out.channels; ++c) {
    double count = 0, mean = 0, squares = 0;
    for (int tile = 0; tile * TILE < examples; ++tile) {
      const double more = std::min<std::int64_t>(TILE, examples - tile * TILE) * area;
      const double off = kept.at(sums.mean, tile)[c] - mean;
      mean += off * more / (count + more);
      squares += kept.at(sums.squares, tile)[c] + off * off * count * more / (count + more);
      count += more;
    }
    const double inv_std = 1 / std::sqrt(squares / count + layer.eps);
    found.mean.data()[c] = static_cast<float>(mean);
    found.inv_std.data()[c] = static_cast<float>(inv_std);
    found.factor.data()[c] = static_cast<float>(tensors[layer.weight + c] * inv_std);
    found.variance.data()[c] = static_cast<float>(squares / (count - 1));
  }
}

void Batch::move_running(float* tensors) const {
  const Network& network = layout_.network;
  float* running = tensors + network.parameters();
  for (const int index : network.batch_norms()) {
    const Layer& layer = network.layers()[index];
    const Statistics& found = statistics[layer.ordinal];
    const auto move = [&](float& at, float to) {
      at = static_cast<float>((1 - layer.momentum) * at + layer.momentum * to);
    };
    for (int c = 0; c < layer.out.channels; ++c) {
      move(running[layer.mean + c], found.mean.data()[c]);
      move(running[layer.variance + c], found.variance.data()[c]);
    }
  }
}

void Batch::merge_gradients(int index, std::int64_t examples) {
  const Layer& layer = layout_.network.layers()[index];
  const Sums& sums = layout_.sums[index];
  Statistics& found = statistics[layer.ordinal];
  const double count = static_cast<double>(examples) * layer.out.height * layer.out.width;
  for (int c = 0; c < layer.out.channels; ++c) {
    double dbias = 0, dweight = 0;
    for (int tile = 0; tile * TILE < examples; ++tile) {
      dbias += kept.at(sums.bias, tile)[c];
      dweight += kept.at(sums.weight, tile)[c];
    }
    gradient.data()[layer.weight + c] = static_cast<float>(dweight);
    gradient.data()[layer.bias + c] = static_cast<float>(dbias);
    found.mean_dout.data()[c] = static_cast<float>(dbias / count);
    found.mean_dout_xhat.data()[c] = static_cast<float>(dweight / count);
  }
}

}  // namespace shoal
