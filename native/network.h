// SPDX-License-Identifier: Apache-2.0
// A network: its layers and where their parameters lie. An immutable plan, shared by all threads.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace shoal {

enum class Kind {
  Linear,
  Conv2d,
  MaxPool2d,
  AvgPool2d,
  GlobalAvgPool2d,
  Flatten,
  BatchNorm,
  Dropout,
  Add,
  ReLU,
  LeakyReLU,
  Sigmoid,
  Tanh,
  GELU,
  SiLU
};

struct Shape {
  int channels, height, width;
  int size() const { return channels * height * width; }
};

struct Layer {
  Kind kind;
  Shape inp{}, out{};
  Window window{};
  std::int64_t weight = 0, bias = 0;    // offsets into the packed parameters
  std::int64_t mean = 0, variance = 0;  // of a batch norm: its running ones, counted from the end of the parameters
  std::int64_t turned = 0;              // of a convolution: offset into a step's turned weights
  float slope = 0;                      // of a leaky ReLU
  double eps = 0, momentum = 0;         // of a batch norm
  std::uint32_t threshold = 0;          // of a dropout: random words of 16 bits below it drop a unit
  int back = 0;                         // of a sum: how many layers before it the other summand went in
  int ordinal = 0;                      // of a batch norm or a dropout: how many of its kind come before

  bool learns() const { return kind == Kind::Linear || kind == Kind::Conv2d || kind == Kind::BatchNorm; }
  // Its derivative is a function of its own output, so it may overwrite its input.
  bool forgets_input() const {
    return kind == Kind::ReLU || kind == Kind::LeakyReLU || kind == Kind::Sigmoid || kind == Kind::Tanh ||
           kind == Kind::Dropout;
  }
  // Its gradient takes the place of its output's.
  bool in_place() const {
    return forgets_input() || kind == Kind::GELU || kind == Kind::SiLU || kind == Kind::BatchNorm;
  }
  int pitch() const { return round_up(out.channels, TILE); }
  std::int64_t weight_count() const {
    switch (kind) {
      case Kind::Linear: return std::int64_t{inp.size()} * out.channels;
      case Kind::Conv2d: return std::int64_t{inp.channels} * window.kernel * window.kernel * out.channels;
      case Kind::BatchNorm: return out.channels;
      default: return 0;
    }
  }
};

class Network {
 public:
  Network(int channels, int height, int width) : shape_{channels, height, width}, input_(shape_) {}

  void linear(int out_features);
  void conv2d(int out_channels, int kernel, int stride, int padding);
  void pool2d(Kind kind, int kernel, int stride, int padding);
  void global_avg_pool2d();
  void flatten();
  void batch_norm(double eps, double momentum);
  void dropout(std::uint32_t threshold);
  void add(int back);
  void activation(Kind kind, float slope = 0);

  const std::vector<Layer>& layers() const { return layers_; }
  Shape input() const { return input_; }
  int classes() const { return shape_.channels; }
  int first_learning() const;  // index of the first layer with parameters
  // Indices of the batch norms, in order: between two of them a tile goes its way without the others.
  const std::vector<int>& batch_norms() const { return batch_norms_; }
  int dropouts() const { return dropouts_; }

  // Floats the optimizer moves, as the kernels want them (padded); after them in the packed tensors come the
  // running means and variances.
  std::int64_t parameters() const { return parameters_; }
  std::int64_t tensors() const { return parameters_ + running_; }
  std::int64_t turned_weights() const { return turned_; }
  // The same as PyTorch counts them.
  std::int64_t plain_parameters() const { return plain_parameters_; }
  std::int64_t plain_tensors() const { return plain_parameters_ + plain_running_; }

  // Between PyTorch's layout (parameters one after the other, then running means and variances) and the
  // kernels' own. Of optimizer state there are only the parameters.
  void from_plain(const float* plain, float* packed, bool running) const;
  void to_plain(const float* packed, float* plain, bool running) const;

 private:
  Layer& append(Kind kind, Shape out);

  Shape shape_, input_;
  std::vector<Layer> layers_;
  std::vector<int> batch_norms_;
  int dropouts_ = 0;
  std::int64_t parameters_ = 0, running_ = 0, plain_parameters_ = 0, plain_running_ = 0, turned_ = 0;
};

}  // namespace shoal
