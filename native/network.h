// SPDX-License-Identifier: Apache-2.0
// A network: its layers, where their parameters lie, and one tile's way through them and back.
//
// `Network` is the immutable plan, shared by all threads. A `Workspace` belongs to one thread and holds what
// one tile needs: the values between layers, their gradients, and gradient accumulators.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "buffer.h"
#include "kernels/kernels.h"

namespace shoal {

enum class Kind { Linear, Conv2d, MaxPool2d, AvgPool2d, Flatten, ReLU, Sigmoid, Tanh };

struct Shape {
  int channels, height, width;
  int size() const { return channels * height * width; }
};

struct Layer {
  Kind kind;
  Shape inp, out;
  Window window;
  std::int64_t weight = 0, bias = 0;  // offsets into the flat parameters
  std::int64_t lanes = 0;             // offset into a workspace's per-lane accumulators (convolutions)
  std::int64_t turned = 0;            // offset into a workspace's turned weights (convolutions)

  bool learns() const { return kind == Kind::Linear || kind == Kind::Conv2d; }
  bool is_activation() const { return kind == Kind::ReLU || kind == Kind::Sigmoid || kind == Kind::Tanh; }
  std::int64_t weight_count() const {
    return kind == Kind::Linear ? std::int64_t{inp.size()} * out.channels
                                : std::int64_t{inp.channels} * window.kernel * window.kernel * out.channels;
  }
};

class Network {
 public:
  Network(int channels, int height, int width) : shape_{channels, height, width}, input_(shape_) {}

  void linear(int out_features);
  void conv2d(int out_channels, int kernel, int stride, int padding);
  void pool2d(Kind kind, int kernel, int stride, int padding);
  void flatten();
  void activation(Kind kind);

  const std::vector<Layer>& layers() const { return layers_; }
  Shape input() const { return input_; }
  int classes() const { return shape_.channels; }
  std::int64_t first_learning() const;  // index of the first layer with parameters

  // Floats of the flat parameters as the kernels want them (padded), and as PyTorch counts them.
  std::int64_t parameters() const { return parameters_; }
  std::int64_t plain_parameters() const { return plain_parameters_; }
  std::int64_t lane_sums() const { return lane_sums_; }
  std::int64_t turned_weights() const { return turned_; }

  // Between PyTorch's layout, parameters one after the other, and the kernels' own.
  void from_plain(const float* plain, float* packed) const;
  void to_plain(const float* packed, float* plain) const;

 private:
  Layer& add(Kind kind, Shape out, Window window);

  Shape shape_, input_;
  std::vector<Layer> layers_;
  std::int64_t parameters_ = 0, plain_parameters_ = 0, lane_sums_ = 0, turned_ = 0;
};

// Thrown by a pass through the network when whoever asked for it wants it no more.
struct Cancelled {};

class Workspace {
 public:
  // `cancelled` is looked at before every layer.
  Workspace(const Network& network, const Kernels& kernels, const std::atomic<bool>& cancelled);

  const Network& network() const { return network_; }
  const Image& input() const { return values_.front(); }
  const float* logits() const { return values_.back().data; }
  float* logits_gradient() const { return grads_.back().data; }
  float* gradient() const { return gradient_.data(); }

  // Once a step, before the first tile: what depends on the weights only.
  void prepare(const float* weights);
  // From input() to logits(). Throws Cancelled.
  void forward(const float* weights) const;
  // From logits_gradient(), adding to the gradient of every parameter. Throws Cancelled.
  void backward(const float* weights) const;
  // Once a step, after the last tile: gradient() is complete.
  void finish_gradient() const;

 private:
  void go_on() const;
  void backward_layer(std::size_t index, const float* weights) const;
  void backward_conv2d(std::size_t index) const;

  const Network& network_;
  const Kernels& kernels_;
  const std::atomic<bool>& cancelled_;
  std::vector<Buffer> buffers_;
  std::vector<Image> values_, grads_;  // before each layer, and after the last
  std::vector<Image> dilated_;         // of a strided convolution: its output gradient with zeros between
  Buffer gradient_, lanes_, turned_, scratch_;
};

}  // namespace shoal
