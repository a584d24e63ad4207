// SPDX-License-Identifier: Apache-2.0
// A group's way there: every layer in turn, then the loss. What a layer computes is in kernels/.
#include <cmath>

#include "workspace.h"

namespace shoal {

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

}  // namespace shoal
