// SPDX-License-Identifier: Apache-2.0
// What a kernel is given, and the table of all kernels for one instruction set. Portable: no vectors here.
#pragma once

#include <cstdint>

namespace shoal {

// Examples ride side by side: every value of a network is sixteen floats, one per example of the tile.
inline constexpr int TILE = 16;

constexpr int round_up(int count, int step) { return (count + step - 1) / step * step; }

// The feature maps of one tile: (channels, height, pitch, TILE) floats. `data` is the first real column;
// the columns between width and pitch are zeros that stand for a convolution's padding.
struct Image {
  float* data = nullptr;
  int channels = 0, height = 0, width = 0, pitch = 0;

  float* row(int channel, int y) const {
    return data + (static_cast<std::int64_t>(channel) * height + y) * pitch * TILE;
  }
};

// How a window slides over an image.
struct Window {
  int kernel = 1, stride = 1, padding = 0;
};

// How the cross-entropy is computed while training: see losses.py.
enum class Form { LogSumExp, Shifted, Naive };

// What a cross-entropy says about a tile.
struct TileLoss {
  double loss = 0;  // summed over the tile's examples
  int correct = 0;  // examples whose largest logit (the first, if tied) is their label's
};

// One step of an optimizer on `count` parameters, in place; gradients are set to zero on the way out.
struct Update {
  float* weight;
  float* grad;
  float* first;   // momentum, or Adam's running mean
  float* second;  // Adam's running mean of squares
  std::int64_t count;
  double lr, weight_decay;
  double momentum;
  bool nesterov;
  double beta1, beta2, eps;
  double correction1, correction2;  // 1 - beta^t
  bool decoupled;                   // AdamW
};

struct Kernels {
  const char* name;
  bool fused;  // multiply-adds are rounded once: tables that agree in this agree to the last bit

  // pixels.cpp
  void (*load_pixels)(const std::uint8_t* const* examples, float scale, float shift, const Image& out);

  // linear.cpp; weights are (I, pitch) with pitch = round_up(O, TILE), zeros beyond O
  void (*linear_forward)(const float* inp, const float* weight, const float* bias, float* out, int I, int O);
  void (*linear_backward_input)(const float* dout, const float* weight, float* dinp, int I, int O);
  void (*linear_backward_weight)(const float* inp, const float* dout, float* dweight, float* dbias, float* scratch,
                                 int I, int O);

  // conv2d.cpp; weights are (I, K, K, O)
  void (*conv2d_forward)(const Image& inp, const float* weight, const float* bias, const Image& out,
                         const Window& window);
  void (*conv2d_backward_weight)(const Image& inp, const Image& dout, float* dweight, float* dbias,
                                 const Window& window);

  // pool2d.cpp
  void (*max_pool2d_forward)(const Image& inp, const Image& out, const Window& window);
  void (*max_pool2d_backward)(const Image& inp, const Image& out, const Image& dout, const Image& dinp,
                              const Window& window);
  void (*avg_pool2d_forward)(const Image& inp, const Image& out, const Window& window);
  void (*avg_pool2d_backward)(const Image& dout, const Image& dinp, const Window& window);

  // activation.cpp; out may be inp, grad becomes the input's gradient in place
  void (*relu_forward)(const Image& inp, const Image& out);
  void (*relu_backward)(const Image& out, const Image& grad);
  void (*sigmoid_forward)(const Image& inp, const Image& out);
  void (*sigmoid_backward)(const Image& out, const Image& grad);
  void (*tanh_forward)(const Image& inp, const Image& out);
  void (*tanh_backward)(const Image& out, const Image& grad);

  // loss.cpp
  TileLoss (*softmax_cross_entropy)(const float* logits, const std::uint16_t* labels, int examples, int classes,
                                    float scale, float* dlogits);
  TileLoss (*shifted_cross_entropy)(const float* logits, const std::uint16_t* labels, int examples, int classes,
                                    float scale, float* dlogits);
  TileLoss (*naive_cross_entropy)(const float* logits, const std::uint16_t* labels, int examples, int classes,
                                  float scale, float* dlogits);

  // update.cpp
  void (*sum_lanes)(float* lanes, float* sums, int count);
  void (*sgd_step)(const Update& update);
  void (*adam_step)(const Update& update);
};

}  // namespace shoal
