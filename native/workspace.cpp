// SPDX-License-Identifier: Apache-2.0
#include "workspace.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace shoal {

Workspace::Workspace(const Layout& layout, const Kernels& kernels, const std::atomic<bool>& cancelled)
    : layout_(layout),
      network_(layout_.network),
      kernels_(kernels),
      cancelled_(cancelled),
      passing_(layout_.passing(), layout_.tiles_together()),
      alone_(layout_.kept(), layout_.tiles_together()),
      lanes_(layout_.lanes()),
      factors_(layout_.most_channels()) {}

// ---- stages -------------------------------------------------------------------------------------------

void Workspace::train(int stage, const Group& group, Batch& batch, const float* tensors, const Examples& examples,
                      const Objective& objective, std::uint64_t epoch, float share, TileLoss* losses) {
  const Pass pass{group, batch.kept, group.first, tensors, &batch, &objective, epoch};
  const std::vector<int>& norms = network_.batch_norms();
  const int turn = static_cast<int>(norms.size()), layers = static_cast<int>(network_.layers().size());
  if (stage <= turn) {
    if (stage == 0) load(pass, examples);
    const int begin = stage == 0 ? 0 : norms[stage - 1], end = stage < turn ? norms[stage] : layers;
    forward(pass, begin, end);
    if (stage < turn) return moments(end, pass);
    lose(pass, examples, share, losses);
  }
  // Back from the last batch norm that was done to the one before it.
  const int left = 2 * turn - stage;
  if (stage > turn) back_through_norm(norms[left], pass);
  const int from = stage == turn ? layers : norms[left],
            to = left > 0 ? norms[left - 1] + 1 : network_.first_learning();
  backward(pass, from, to);
  if (left > 0) gradient_sums(norms[left - 1], pass);
}

// There only, as in evaluation.
Workspace::Pass Workspace::look(const Group& group, const float* tensors, const Examples& examples) const {
  const Pass pass{group, alone_, 0, tensors, nullptr, nullptr, 0};
  load(pass, examples);
  forward(pass, 0, static_cast<int>(network_.layers().size()));
  return pass;
}

void Workspace::evaluate(const Group& group, const float* tensors, const Examples& examples, TileLoss* losses) {
  const Pass pass = look(group, tensors, examples);
  for (int tile = 0; tile < group.count; ++tile) {
    const int count = examples_of(group, tile);
    const Labels labels = labels_of(group, tile, examples);
    const Image logits = image(layout_.values.back(), pass, tile);
    losses[tile] =
        kernels_.softmax_cross_entropy(logits.data, labels.data(), count, network_.classes(), 0.0f, 0.0f, nullptr);
  }
}

void Workspace::predict(const Group& group, const float* tensors, const Examples& examples, float* logits) {
  const Pass pass = look(group, tensors, examples);
  for (int tile = 0; tile < group.count; ++tile) {
    const float* from = image(layout_.values.back(), pass, tile).data;
    for (int lane = 0; lane < examples_of(group, tile); ++lane) {
      for (int c = 0; c < network_.classes(); ++c) *logits++ = from[c * TILE + lane];
    }
  }
}

// ---- what a layer works on ----------------------------------------------------------------------------

void Workspace::go_on() const {
  if (cancelled_.load(std::memory_order_relaxed)) throw Cancelled{};
}

int Workspace::examples_of(const Group& group, int tile) const {
  return static_cast<int>(std::min<std::int64_t>(group.remaining - std::int64_t{tile} * TILE, TILE));
}

// Lanes beyond a tile's last example repeat its first, so that they overflow only where a real example does; what
// sums over examples leaves them out.
int Workspace::example_at(const Group& group, int tile, int lane) const {
  return tile * TILE + (lane < examples_of(group, tile) ? lane : 0);
}

Workspace::Labels Workspace::labels_of(const Group& group, int tile, const Examples& examples) const {
  Labels labels;
  for (int lane = 0; lane < TILE; ++lane) labels[lane] = examples.labels[group.indices[example_at(group, tile, lane)]];
  return labels;
}

Image Workspace::image(const Place& place, const Pass& pass, int tile) const {
  if (place.nowhere()) return {};
  float* data = place.kept ? pass.kept.at(place, pass.first + tile) : passing_.at(place, tile);
  return {data + std::int64_t{place.left} * TILE, place.shape.channels, place.shape.height, place.shape.width,
          place.pitch};
}

template <typename T>
T Workspace::tiles(const Place& place, const Pass& pass) const {
  return {image(place, pass, 0).data, place.floats, pass.group.count};
}

void Workspace::load(const Pass& pass, const Examples& examples) const {
  const Group& group = pass.group;
  for (int tile = 0; tile < group.count; ++tile) {
    const std::uint8_t* images[TILE];
    for (int lane = 0; lane < TILE; ++lane) {
      images[lane] = examples.images + std::int64_t{group.indices[example_at(group, tile, lane)]} * examples.bytes;
    }
    kernels_.load_pixels(images, examples.scale, examples.shift, image(layout_.values.front(), pass, tile));
  }
}

// ---- there --------------------------------------------------------------------------------------------

void Workspace::forward(const Pass& pass, int begin, int end) const {
  for (int i = begin; i < end; ++i) {
    go_on();
    forward_layer(i, pass);
  }
}

void Workspace::forward_layer(int index, const Pass& pass) const {
  const Layer& layer = network_.layers()[index];
  if (layer.kind == Kind::Linear) {
    kernels_.linear_forward(tiles<Tiles>(layout_.values[index], pass), pass.tensors + layer.weight,
                            pass.tensors + layer.bias, tiles<MutableTiles>(layout_.values[index + 1], pass),
                            layer.inp.channels, layer.out.channels);
    return;
  }
  for (int tile = 0; tile < pass.group.count; ++tile) forward_tile(index, pass, tile);
}

void Workspace::forward_tile(int index, const Pass& pass, int tile) const {
  const Layer& layer = network_.layers()[index];
  const Image inp = image(layout_.values[index], pass, tile), out = image(layout_.values[index + 1], pass, tile);
  switch (layer.kind) {
    case Kind::Linear: break;
    case Kind::Conv2d:
      kernels_.conv2d_forward(inp, pass.tensors + layer.weight, pass.tensors + layer.bias, out, layer.window);
      break;
    case Kind::MaxPool2d: kernels_.max_pool2d_forward(inp, out, layer.window); break;
    case Kind::AvgPool2d: kernels_.avg_pool2d_forward(inp, out, layer.window); break;
    case Kind::GlobalAvgPool2d: kernels_.global_avg_pool2d_forward(inp, out); break;
    case Kind::Flatten: break;
    case Kind::BatchNorm: normalise(index, pass, tile); break;
    case Kind::Dropout: drop(index, pass, tile); break;
    case Kind::Add: kernels_.add(inp, image(layout_.values[index - layer.back], pass, tile), out); break;
    case Kind::ReLU: kernels_.relu_forward(inp, out); break;
    case Kind::LeakyReLU: kernels_.leaky_relu_forward(inp, out, layer.slope); break;
    case Kind::Sigmoid: kernels_.sigmoid_forward(inp, out); break;
    case Kind::Tanh: kernels_.tanh_forward(inp, out); break;
    case Kind::GELU: kernels_.gelu_forward(inp, out); break;
    case Kind::SiLU: kernels_.silu_forward(inp, out); break;
  }
}

// By the minibatch's mean and variance while training, else by the running ones.
void Workspace::normalise(int index, const Pass& pass, int tile) const {
  const Layer& layer = network_.layers()[index];
  const Image inp = image(layout_.values[index], pass, tile), out = image(layout_.values[index + 1], pass, tile);
  const float *weight = pass.tensors + layer.weight, *bias = pass.tensors + layer.bias;
  if (pass.batch != nullptr) {
    const Batch::Statistics& found = pass.batch->statistics[layer.ordinal];
    kernels_.batch_norm_forward(inp, found.mean.data(), found.factor.data(), bias, out);
    return;
  }
  const float* running = pass.tensors + network_.parameters();
  for (int c = 0; c < layer.out.channels; ++c) {
    const double variance = running[layer.variance + c];
    factors_.data()[c] = static_cast<float>(weight[c] / std::sqrt(variance + layer.eps));
  }
  kernels_.batch_norm_forward(inp, running + layer.mean, factors_.data(), bias, out);
}

void Workspace::drop(int index, const Pass& pass, int tile) const {
  const Layer& layer = network_.layers()[index];
  const Image inp = image(layout_.values[index], pass, tile), out = image(layout_.values[index + 1], pass, tile);
  const Image mask = image(layout_.masks[index], pass, tile);
  std::uint64_t places[TILE];
  for (int lane = 0; lane < TILE; ++lane) places[lane] = pass.group.place + example_at(pass.group, tile, lane);
  if (pass.batch != nullptr) {
    const float scale = static_cast<float>(1 / (1 - layer.threshold / 65536.0));
    kernels_.dropout_mask(pass.objective->dropout_keys[layer.ordinal].data(), pass.epoch, places, layer.threshold,
                          scale, mask);
    kernels_.multiply(inp, mask, out);
  } else if (inp.data != out.data) {
    kernels_.copy(inp, out);
  }
}

// What a batch norm has to know of this tile.
void Workspace::moments(int index, const Pass& pass) const {
  const Sums& sums = layout_.sums[index];
  for (int tile = 0; tile < pass.group.count; ++tile) {
    const int at = pass.first + tile;
    kernels_.batch_norm_moments(image(layout_.values[index], pass, tile), examples_of(pass.group, tile),
                                pass.kept.at(sums.mean, at), pass.kept.at(sums.squares, at));
  }
}

void Workspace::lose(const Pass& pass, const Examples& examples, float share, TileLoss* losses) const {
  for (int tile = 0; tile < pass.group.count; ++tile) {
    const int count = examples_of(pass.group, tile), classes = network_.classes();
    const Labels labels = labels_of(pass.group, tile, examples);
    const float* logits = image(layout_.values.back(), pass, tile).data;
    float* dlogits = image(layout_.grads.back(), pass, tile).data;
    switch (pass.objective->form) {
      case Form::LogSumExp:
        losses[tile] = kernels_.softmax_cross_entropy(logits, labels.data(), count, classes, share,
                                                      pass.objective->smoothing, dlogits);
        break;
      case Form::Shifted:
        losses[tile] = kernels_.shifted_cross_entropy(logits, labels.data(), count, classes, share, dlogits);
        break;
      case Form::Naive:
        losses[tile] = kernels_.naive_cross_entropy(logits, labels.data(), count, classes, share, dlogits);
        break;
    }
  }
}

// ---- and back -----------------------------------------------------------------------------------------

// Through the layers before `last`, down to `first`.
void Workspace::backward(const Pass& pass, int last, int first) const {
  for (int i = last; i-- > first;) {
    go_on();
    backward_layer(i, pass);
    add_taps(i, pass);
  }
}

void Workspace::backward_layer(int index, const Pass& pass) const {
  const Layer& layer = network_.layers()[index];
  if (layer.kind != Kind::Linear) {
    for (int tile = 0; tile < pass.group.count; ++tile) backward_tile(index, pass, tile);
    return;
  }
  const Tiles dout = tiles<Tiles>(layout_.grads[index + 1], pass);
  for (int tile = 0; tile < pass.group.count; ++tile) {
    kernels_.linear_turn(dout.data + tile * dout.step, pass.kept.at(layout_.sums[index].turned, pass.first + tile),
                         layer.out.channels);
  }
  if (layout_.grads[index].nowhere()) return;
  kernels_.linear_backward_input(dout, pass.tensors + layer.weight, tiles<MutableTiles>(layout_.grads[index], pass),
                                 layer.inp.channels, layer.out.channels);
}

void Workspace::backward_tile(int index, const Pass& pass, int tile) const {
  const Layer& layer = network_.layers()[index];
  const Image inp = image(layout_.values[index], pass, tile), out = image(layout_.values[index + 1], pass, tile);
  const Image dinp = image(layout_.grads[index], pass, tile), dout = image(layout_.grads[index + 1], pass, tile);
  switch (layer.kind) {
    case Kind::Linear: break;
    case Kind::BatchNorm: break;  // back_through_norm: between two stages
    case Kind::Conv2d: backward_conv2d(index, pass, tile); break;
    case Kind::MaxPool2d: kernels_.max_pool2d_backward(inp, out, dout, dinp, layer.window); break;
    case Kind::AvgPool2d: kernels_.avg_pool2d_backward(dout, dinp, layer.window); break;
    case Kind::GlobalAvgPool2d: kernels_.global_avg_pool2d_backward(dout, dinp); break;
    case Kind::Flatten:
      if (dinp.data != dout.data) kernels_.copy({dout.data, dinp.channels, dinp.height, dinp.width, dinp.width}, dinp);
      break;
    case Kind::Dropout: kernels_.multiply(dout, image(layout_.masks[index], pass, tile), dout); break;
    case Kind::Add: kernels_.copy(dout, dinp); break;
    case Kind::ReLU: kernels_.relu_backward(out, dout); break;
    case Kind::LeakyReLU: kernels_.leaky_relu_backward(out, dout, layer.slope); break;
    case Kind::Sigmoid: kernels_.sigmoid_backward(out, dout); break;
    case Kind::Tanh: kernels_.tanh_backward(out, dout); break;
    case Kind::GELU: kernels_.gelu_backward(inp, dout); break;
    case Kind::SiLU: kernels_.silu_backward(inp, dout); break;
  }
}

// The gradient that came along the other way of every sum that this layer's input is part of.
void Workspace::add_taps(int index, const Pass& pass) const {
  if (layout_.grads[index].nowhere()) return;
  for (const int sum : layout_.taps[index]) {
    for (int tile = 0; tile < pass.group.count; ++tile) {
      const Image dinp = image(layout_.grads[index], pass, tile);
      kernels_.add(dinp, image(layout_.grads[sum + 1], pass, tile), dinp);
    }
  }
}

void Workspace::backward_conv2d(int index, const Pass& pass, int tile) const {
  const Layer& layer = network_.layers()[index];
  const Sums& sums = layout_.sums[index];
  const Image inp = image(layout_.values[index], pass, tile);
  const Image dinp = image(layout_.grads[index], pass, tile), dout = image(layout_.grads[index + 1], pass, tile);
  kernels_.conv2d_backward_weight(inp, dout, pass.kept.at(sums.weight, pass.first + tile),
                                  pass.kept.at(sums.bias, pass.first + tile), lanes_.data(), layer.window);
  if (dinp.data == nullptr) return;
  const Image dilated = image(layout_.dilated[index], pass, tile);
  const int stride = layer.window.stride;
  for (int c = 0; stride > 1 && c < dout.channels; ++c) {
    for (int y = 0; y < dout.height; ++y) {
      for (int x = 0; x < dout.width; ++x) {
        std::memcpy(dilated.row(c, y * stride) + std::int64_t{x} * stride * TILE, dout.row(c, y) + x * TILE,
                    TILE * sizeof(float));
      }
    }
  }
  const Window full{layer.window.kernel, 1, layer.window.kernel - 1 - layer.window.padding};
  kernels_.conv2d_forward(stride > 1 ? dilated : dout, pass.batch->turned.data() + layer.turned, nullptr, dinp, full);
}

// What the gradient at a batch norm has to know of this tile.
void Workspace::gradient_sums(int index, const Pass& pass) const {
  const Batch::Statistics& found = pass.batch->statistics[network_.layers()[index].ordinal];
  const Sums& sums = layout_.sums[index];
  for (int tile = 0; tile < pass.group.count; ++tile) {
    const int at = pass.first + tile;
    kernels_.batch_norm_backward_sums(image(layout_.values[index], pass, tile),
                                      image(layout_.grads[index + 1], pass, tile), found.mean.data(),
                                      found.inv_std.data(), examples_of(pass.group, tile), pass.kept.at(sums.bias, at),
                                      pass.kept.at(sums.weight, at));
  }
}

void Workspace::back_through_norm(int index, const Pass& pass) const {
  if (layout_.grads[index].nowhere()) return;
  const Batch::Statistics& found = pass.batch->statistics[network_.layers()[index].ordinal];
  for (int tile = 0; tile < pass.group.count; ++tile) {
    const Image dout = image(layout_.grads[index + 1], pass, tile);
    kernels_.batch_norm_backward(image(layout_.values[index], pass, tile), dout, found.mean.data(),
                                 found.inv_std.data(), found.factor.data(), found.mean_dout.data(),
                                 found.mean_dout_xhat.data(), examples_of(pass.group, tile),
                                 image(layout_.grads[index], pass, tile));
  }
  add_taps(index, pass);
}

}  // namespace shoal
