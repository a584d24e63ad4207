// SPDX-License-Identifier: Apache-2.0
#include "network.h"

#include <algorithm>

namespace shoal {

namespace {

int slide(int size, const Window& window) { return (size + 2 * window.padding - window.kernel) / window.stride + 1; }

// Calls visit(plain, packed) for the two places of every parameter.
template <typename Visit>
void each_parameter(const std::vector<Layer>& layers, const Visit& visit) {
  std::int64_t plain = 0;
  for (const Layer& layer : layers) {
    if (!layer.learns()) continue;
    const std::int64_t O = layer.out.channels, taps = layer.weight_count() / O;
    for (std::int64_t o = 0; o < O; ++o) {
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        const std::int64_t at = layer.kind == Kind::Linear ? (o / TILE * taps + tap) * TILE + o % TILE : tap * O + o;
        visit(plain++, layer.weight + at);
      }
    }
    for (std::int64_t o = 0; o < O; ++o) visit(plain++, layer.bias + o);
  }
}

// The same for the running means and variances, counted on from `plain`.
template <typename Visit>
void each_running(const std::vector<Layer>& layers, std::int64_t plain, const Visit& visit) {
  for (const Layer& layer : layers) {
    if (layer.kind != Kind::BatchNorm) continue;
    for (int c = 0; c < layer.out.channels; ++c) visit(plain++, layer.mean + c);
    for (int c = 0; c < layer.out.channels; ++c) visit(plain++, layer.variance + c);
  }
}

}  // namespace

Layer& Network::append(Kind kind, Shape out) {
  layers_.push_back({.kind = kind, .inp = shape_, .out = out});
  shape_ = out;
  return layers_.back();
}

void Network::linear(int out_features) {
  Layer& layer = append(Kind::Linear, {out_features, 1, 1});
  layer.weight = parameters_;
  layer.bias = parameters_ + std::int64_t{layer.inp.size()} * layer.pitch();
  parameters_ = layer.bias + layer.pitch();
  plain_parameters_ += layer.weight_count() + out_features;
}

void Network::conv2d(int out_channels, int kernel, int stride, int padding) {
  const Window window{kernel, stride, padding};
  Layer& layer = append(Kind::Conv2d, {out_channels, slide(shape_.height, window), slide(shape_.width, window)});
  layer.window = window;
  layer.turned = turned_;
  turned_ += layer.weight_count();
  layer.weight = parameters_;
  layer.bias = parameters_ + (layer.weight_count() + TILE - 1) / TILE * TILE;
  parameters_ = layer.bias + layer.pitch();
  plain_parameters_ += layer.weight_count() + out_channels;
}

void Network::pool2d(Kind kind, int kernel, int stride, int padding) {
  const Window window{kernel, stride, padding};
  append(kind, {shape_.channels, slide(shape_.height, window), slide(shape_.width, window)}).window = window;
}

void Network::global_avg_pool2d() { append(Kind::GlobalAvgPool2d, {shape_.channels, 1, 1}); }

void Network::flatten() { append(Kind::Flatten, {shape_.size(), 1, 1}); }

void Network::batch_norm(double eps, double momentum) {
  Layer& layer = append(Kind::BatchNorm, shape_);
  layer.eps = eps;
  layer.momentum = momentum;
  layer.ordinal = static_cast<int>(batch_norms_.size());
  layer.weight = parameters_;
  layer.bias = parameters_ + layer.pitch();
  parameters_ = layer.bias + layer.pitch();
  plain_parameters_ += 2 * layer.out.channels;
  layer.mean = running_;
  layer.variance = running_ + layer.pitch();
  running_ += 2 * layer.pitch();
  plain_running_ += 2 * layer.out.channels;
  batch_norms_.push_back(static_cast<int>(layers_.size()) - 1);
}

void Network::dropout(std::uint32_t threshold) {
  Layer& layer = append(Kind::Dropout, shape_);
  layer.threshold = threshold;
  layer.ordinal = dropouts_++;
}

void Network::add(int back) { append(Kind::Add, shape_).back = back; }

void Network::activation(Kind kind, float slope) { append(kind, shape_).slope = slope; }

int Network::first_learning() const {
  const auto found = std::find_if(layers_.begin(), layers_.end(), [](const Layer& layer) { return layer.learns(); });
  return static_cast<int>(found - layers_.begin());
}

void Network::from_plain(const float* plain, float* packed, bool running) const {
  const auto move = [&](std::int64_t from, std::int64_t to) { packed[to] = plain[from]; };
  each_parameter(layers_, move);
  if (running) {
    each_running(layers_, plain_parameters_,
                 [&](std::int64_t from, std::int64_t to) { packed[parameters_ + to] = plain[from]; });
  }
}

void Network::to_plain(const float* packed, float* plain, bool running) const {
  each_parameter(layers_, [&](std::int64_t to, std::int64_t from) { plain[to] = packed[from]; });
  if (running) {
    each_running(layers_, plain_parameters_,
                 [&](std::int64_t to, std::int64_t from) { plain[to] = packed[parameters_ + from]; });
  }
}

}  // namespace shoal
