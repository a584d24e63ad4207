// SPDX-License-Identifier: Apache-2.0
#include "network.h"

#include <algorithm>
#include <cstring>

namespace shoal {

// ---- the plan -----------------------------------------------------------------------------------------

Layer& Network::add(Kind kind, Shape out, Window window) {
  layers_.push_back({.kind = kind, .inp = shape_, .out = out, .window = window});
  shape_ = out;
  Layer& layer = layers_.back();
  if (layer.learns()) {
    const int pitch = round_up(out.channels, TILE);
    layer.weight = parameters_;
    layer.bias = parameters_ + (kind == Kind::Linear ? std::int64_t{layer.inp.size()} * pitch
                                                     : (layer.weight_count() + TILE - 1) / TILE * TILE);
    parameters_ = layer.bias + pitch;
    plain_parameters_ += layer.weight_count() + out.channels;
  }
  return layer;
}

void Network::linear(int out_features) { add(Kind::Linear, {out_features, 1, 1}, {}); }

void Network::conv2d(int out_channels, int kernel, int stride, int padding) {
  const int height = (shape_.height + 2 * padding - kernel) / stride + 1;
  const int width = (shape_.width + 2 * padding - kernel) / stride + 1;
  Layer& layer = add(Kind::Conv2d, {out_channels, height, width}, {kernel, stride, padding});
  layer.lanes = lane_sums_;
  lane_sums_ += layer.weight_count() + out_channels;
  layer.turned = turned_;
  turned_ += layer.weight_count();
}

void Network::pool2d(Kind kind, int kernel, int stride, int padding) {
  const int height = (shape_.height + 2 * padding - kernel) / stride + 1;
  const int width = (shape_.width + 2 * padding - kernel) / stride + 1;
  add(kind, {shape_.channels, height, width}, {kernel, stride, padding});
}

void Network::flatten() { add(Kind::Flatten, {shape_.size(), 1, 1}, {}); }

void Network::activation(Kind kind) { add(kind, shape_, {}); }

std::int64_t Network::first_learning() const {
  const auto found = std::find_if(layers_.begin(), layers_.end(), [](const Layer& layer) { return layer.learns(); });
  return found - layers_.begin();
}

namespace {

// Calls visit(plain, packed) for the two places of every parameter.
template <typename Visit>
void each_place(const std::vector<Layer>& layers, const Visit& visit) {
  std::int64_t plain = 0;
  for (const Layer& layer : layers) {
    if (!layer.learns()) continue;
    const int O = layer.out.channels, I = layer.kind == Kind::Linear ? layer.inp.size() : layer.inp.channels;
    const int area = layer.kind == Kind::Linear ? 1 : layer.window.kernel * layer.window.kernel;
    const int pitch = layer.kind == Kind::Linear ? round_up(O, TILE) : O;
    for (int o = 0; o < O; ++o) {
      for (std::int64_t tap = 0; tap < std::int64_t{I} * area; ++tap) visit(plain++, layer.weight + tap * pitch + o);
    }
    for (int o = 0; o < O; ++o) visit(plain++, layer.bias + o);
  }
}

}  // namespace

void Network::from_plain(const float* plain, float* packed) const {
  each_place(layers_, [&](std::int64_t from, std::int64_t to) { packed[to] = plain[from]; });
}

void Network::to_plain(const float* packed, float* plain) const {
  each_place(layers_, [&](std::int64_t to, std::int64_t from) { plain[to] = packed[from]; });
}

// ---- one thread's memory ------------------------------------------------------------------------------

namespace {

// Zero columns left and right of an image, so that a convolution may read beyond its edge.
struct Margin {
  int left = 0, right = 0;
  bool none() const { return left == 0 && right == 0; }
};

Image allocate(Shape shape, Margin margin, std::vector<Buffer>& buffers) {
  const int pitch = margin.left + shape.width + margin.right;
  buffers.emplace_back((std::int64_t{shape.channels} * shape.height * pitch) * TILE);
  return {buffers.back().data() + std::int64_t{margin.left} * TILE, shape.channels, shape.height, shape.width, pitch};
}

Image flat(const Image& image) {
  const int size = image.channels * image.height * image.width;
  return {image.data, size, 1, 1, 1};
}

// An activation may overwrite the output of a layer that does not need it on the way back.
bool overwrites(const std::vector<Layer>& layers, std::size_t index) {
  if (!layers[index].is_activation() || index == 0) return false;
  const Kind before = layers[index - 1].kind;
  return before == Kind::Linear || before == Kind::Conv2d || before == Kind::AvgPool2d;
}

// The convolution that makes the input's gradient reads kernel - 1 - padding columns left of dout, and on the
// right as many as the windows reach.
Margin gradient_margin(const Layer& layer, int width) {
  return {layer.window.kernel - 1 - layer.window.padding, layer.inp.width + layer.window.padding - width};
}

int spread(int size, int stride) { return (size - 1) * stride + 1; }

}  // namespace

Workspace::Workspace(const Network& network, const Kernels& kernels, const std::atomic<bool>& cancelled)
    : network_(network),
      kernels_(kernels),
      cancelled_(cancelled),
      gradient_(network.parameters()),
      lanes_(network.lane_sums() * TILE),
      turned_(network.turned_weights()) {
  const std::vector<Layer>& layers = network.layers();
  const std::size_t count = layers.size(), first = network.first_learning();

  std::vector<Margin> margins(count + 1);  // of values: what the next convolution pads
  for (std::size_t i = count; i-- > 0;) {
    const int padding = layers[i].window.padding;
    if (layers[i].kind == Kind::Conv2d) margins[i] = {padding, padding};
    if (overwrites(layers, i)) margins[i] = margins[i + 1];
  }
  values_.push_back(allocate(network.input(), margins[0], buffers_));
  for (std::size_t i = 0; i < count; ++i) {
    if (overwrites(layers, i)) {
      values_.push_back(values_[i]);
    } else if (layers[i].kind == Kind::Flatten) {
      values_.push_back(flat(values_[i]));
    } else {
      values_.push_back(allocate(layers[i].out, margins[i + 1], buffers_));
    }
  }

  grads_.resize(count + 1);
  dilated_.resize(count);
  Margin margin;  // of the gradient before layer i
  int widest = 0;
  for (std::size_t i = first; i < count; ++i) {
    const Layer& layer = layers[i];
    widest = std::max(widest, layer.kind == Kind::Linear ? round_up(layer.out.channels, TILE) : 0);
    if (i > first && layer.is_activation()) {
      grads_[i + 1] = grads_[i];
      continue;
    }
    if (i > first && layer.kind == Kind::Flatten && margin.none()) {
      grads_[i + 1] = flat(grads_[i]);
      continue;
    }
    margin = {};
    if (i > first && layer.kind == Kind::Conv2d) {
      const Shape wide{layer.out.channels, spread(layer.out.height, layer.window.stride),
                       spread(layer.out.width, layer.window.stride)};
      if (layer.window.stride == 1) {
        margin = gradient_margin(layer, layer.out.width);
      } else {
        dilated_[i] = allocate(wide, gradient_margin(layer, wide.width), buffers_);
      }
    }
    grads_[i + 1] = allocate(layer.out, margin, buffers_);
  }
  scratch_ = Buffer(std::int64_t{widest} * TILE);
}

// ---- there and back -----------------------------------------------------------------------------------

// turned (O, K, K, I) from weight (I, K, K, O), both axes of the kernel reversed.
void Workspace::prepare(const float* weights) {
  const std::size_t first = network_.first_learning();
  for (std::size_t i = first + 1; i < network_.layers().size(); ++i) {
    const Layer& layer = network_.layers()[i];
    if (layer.kind != Kind::Conv2d) continue;
    const int I = layer.inp.channels, O = layer.out.channels, taps = layer.window.kernel * layer.window.kernel;
    const float* weight = weights + layer.weight;
    float* turned = turned_.data() + layer.turned;
    for (int inp = 0; inp < I; ++inp) {
      for (int tap = 0; tap < taps; ++tap) {
        for (int o = 0; o < O; ++o) turned[(o * taps + taps - 1 - tap) * I + inp] = weight[(inp * taps + tap) * O + o];
      }
    }
  }
}

void Workspace::go_on() const {
  if (cancelled_.load(std::memory_order_relaxed)) throw Cancelled{};
}

void Workspace::forward(const float* weights) const {
  for (std::size_t i = 0; i < network_.layers().size(); ++i) {
    go_on();
    const Layer& layer = network_.layers()[i];
    const Image &inp = values_[i], &out = values_[i + 1];
    const float *weight = weights + layer.weight, *bias = weights + layer.bias;
    switch (layer.kind) {
      case Kind::Linear:
        kernels_.linear_forward(inp.data, weight, bias, out.data, layer.inp.channels, layer.out.channels);
        break;
      case Kind::Conv2d: kernels_.conv2d_forward(inp, weight, bias, out, layer.window); break;
      case Kind::MaxPool2d: kernels_.max_pool2d_forward(inp, out, layer.window); break;
      case Kind::AvgPool2d: kernels_.avg_pool2d_forward(inp, out, layer.window); break;
      case Kind::Flatten: break;
      case Kind::ReLU: kernels_.relu_forward(inp, out); break;
      case Kind::Sigmoid: kernels_.sigmoid_forward(inp, out); break;
      case Kind::Tanh: kernels_.tanh_forward(inp, out); break;
    }
  }
}

void Workspace::backward(const float* weights) const {
  const std::size_t first = network_.first_learning();
  for (std::size_t i = network_.layers().size(); i-- > first;) {
    go_on();
    backward_layer(i, weights);
  }
}

void Workspace::backward_layer(std::size_t index, const float* weights) const {
  const Layer& layer = network_.layers()[index];
  const Image &inp = values_[index], &out = values_[index + 1], &dinp = grads_[index], &dout = grads_[index + 1];
  switch (layer.kind) {
    case Kind::Linear:
      kernels_.linear_backward_weight(inp.data, dout.data, gradient_.data() + layer.weight,
                                      gradient_.data() + layer.bias, scratch_.data(), layer.inp.channels,
                                      layer.out.channels);
      if (dinp.data != nullptr) {
        kernels_.linear_backward_input(dout.data, weights + layer.weight, dinp.data, layer.inp.channels,
                                       layer.out.channels);
      }
      break;
    case Kind::Conv2d: backward_conv2d(index); break;
    case Kind::MaxPool2d: kernels_.max_pool2d_backward(inp, out, dout, dinp, layer.window); break;
    case Kind::AvgPool2d: kernels_.avg_pool2d_backward(dout, dinp, layer.window); break;
    case Kind::Flatten:
      if (dinp.data != dout.data) {  // dinp has margins: copy its rows
        const std::int64_t row = std::int64_t{dinp.width} * TILE;
        for (int y = 0; y < dinp.channels * dinp.height; ++y) {
          std::memcpy(dinp.row(0, y), dout.data + y * row, row * sizeof(float));
        }
      }
      break;
    case Kind::ReLU: kernels_.relu_backward(out, dout); break;
    case Kind::Sigmoid: kernels_.sigmoid_backward(out, dout); break;
    case Kind::Tanh: kernels_.tanh_backward(out, dout); break;
  }
}

void Workspace::backward_conv2d(std::size_t index) const {
  const Layer& layer = network_.layers()[index];
  const Image &dinp = grads_[index], &dout = grads_[index + 1], &dilated = dilated_[index];
  float* lanes = lanes_.data() + layer.lanes * TILE;
  kernels_.conv2d_backward_weight(values_[index], dout, lanes, lanes + layer.weight_count() * TILE, layer.window);
  if (dinp.data == nullptr) return;
  const int stride = layer.window.stride;
  if (stride > 1) {
    for (int c = 0; c < dout.channels; ++c) {
      for (int y = 0; y < dout.height; ++y) {
        for (int x = 0; x < dout.width; ++x) {
          std::memcpy(dilated.row(c, y * stride) + std::int64_t{x} * stride * TILE, dout.row(c, y) + x * TILE,
                      TILE * sizeof(float));
        }
      }
    }
  }
  const Window full{layer.window.kernel, 1, layer.window.kernel - 1 - layer.window.padding};
  kernels_.conv2d_forward(stride > 1 ? dilated : dout, turned_.data() + layer.turned, nullptr, dinp, full);
}

void Workspace::finish_gradient() const {
  for (const Layer& layer : network_.layers()) {
    if (layer.kind != Kind::Conv2d) continue;
    float* lanes = lanes_.data() + layer.lanes * TILE;
    const int count = static_cast<int>(layer.weight_count());
    kernels_.sum_lanes(lanes, gradient_.data() + layer.weight, count);
    kernels_.sum_lanes(lanes + std::int64_t{count} * TILE, gradient_.data() + layer.bias, layer.out.channels);
  }
}

}  // namespace shoal
