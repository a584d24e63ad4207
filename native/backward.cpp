// SPDX-License-Identifier: Apache-2.0
// A group's way back: every layer's gradient by its input and weights. What a layer computes is in kernels/.
#include <cstring>

#include "workspace.h"

namespace shoal {

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
