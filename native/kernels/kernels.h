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

// One flat layer's values, of neighbouring tiles: (features, TILE) floats each, `step` apart.
struct Tiles {
  const float* data;
  std::int64_t step;
  int count;
};
struct MutableTiles {
  float* data;
  std::int64_t step;
  int count;
};

// Some of a matrix's rows or panels.
struct Part {
  int first, count;
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

// One step of an optimizer on `count` parameters, in place; the gradients stay.
struct Update {
  float* weight;
  const float* grad;
  float* first;   // SGD's momentum, Lion's and Adam's mean, Adagrad's sum, RMSprop's square
  float* second;  // Adam's square, RMSprop's momentum
  std::int64_t count;
  double lr;  // of this step: Adagrad's own decay is in it
  double weight_decay;
  double momentum;
  bool nesterov;
  double beta1, beta2, eps;
  double correction1, correction2;  // 1 - beta^t
  bool decoupled;                   // AdamW
  double alpha = 0;                 // RMSprop
};

struct Kernels {
  const char* name;
  bool fused;  // multiply-adds are rounded once: tables that agree in this agree to the last bit

  // pixels.cpp
  void (*load_pixels)(const std::uint8_t* const* examples, float scale, float shift, const Image& out);

  // linear.cpp; weights are (O / TILE, I, TILE), zeros beyond O
  void (*linear_forward)(const Tiles& inp, const float* weight, const float* bias, const MutableTiles& out, int I,
                         int O);
  void (*linear_backward_input)(const Tiles& dout, const float* weight, const MutableTiles& dinp, int I, int O);
  void (*linear_turn)(const float* dout, float* turned, int O);
  void (*linear_backward_weight)(const Tiles& inp, const Tiles& turned, float* dweight, int I, Part rows, Part panels,
                                 bool add);
  void (*linear_backward_bias)(const Tiles& turned, float* dbias, int O, bool add);

  // conv2d.cpp; weights are (I, K, K, O)
  void (*conv2d_forward)(const Image& inp, const float* weight, const float* bias, const Image& out,
                         const Window& window);
  void (*conv2d_backward_weight)(const Image& inp, const Image& dout, float* dweight, float* dbias, float* lanes,
                                 const Window& window);

  // pool2d.cpp
  void (*max_pool2d_forward)(const Image& inp, const Image& out, const Window& window);
  void (*max_pool2d_backward)(const Image& inp, const Image& out, const Image& dout, const Image& dinp,
                              const Window& window);
  void (*avg_pool2d_forward)(const Image& inp, const Image& out, const Window& window);
  void (*avg_pool2d_backward)(const Image& dout, const Image& dinp, const Window& window);
  void (*global_avg_pool2d_forward)(const Image& inp, const Image& out);
  void (*global_avg_pool2d_backward)(const Image& dout, const Image& dinp);

  // activation.cpp; out may be inp, grad becomes the input's gradient in place
  void (*relu_forward)(const Image& inp, const Image& out);
  void (*relu_backward)(const Image& out, const Image& grad);
  void (*leaky_relu_forward)(const Image& inp, const Image& out, float slope);
  void (*leaky_relu_backward)(const Image& out, const Image& grad, float slope);
  void (*sigmoid_forward)(const Image& inp, const Image& out);
  void (*sigmoid_backward)(const Image& out, const Image& grad);
  void (*tanh_forward)(const Image& inp, const Image& out);
  void (*tanh_backward)(const Image& out, const Image& grad);
  void (*gelu_forward)(const Image& inp, const Image& out);
  void (*gelu_backward)(const Image& inp, const Image& grad);
  void (*silu_forward)(const Image& inp, const Image& out);
  void (*silu_backward)(const Image& inp, const Image& grad);

  // add.cpp; out may be a
  void (*add)(const Image& a, const Image& b, const Image& out);

  // dropout.cpp; out may be inp
  void (*dropout_mask)(const std::uint64_t key[2], std::uint64_t epoch, const std::uint64_t* places,
                       std::uint32_t threshold, float scale, const Image& mask);
  void (*multiply)(const Image& inp, const Image& mask, const Image& out);

  // batch_norm.cpp; per channel: mean, squares, factor, bias, inv_std and the sums; dinp may be dout
  void (*batch_norm_moments)(const Image& inp, int examples, float* mean, float* squares);
  void (*batch_norm_forward)(const Image& inp, const float* mean, const float* factor, const float* bias,
                             const Image& out);
  void (*batch_norm_backward_sums)(const Image& inp, const Image& dout, const float* mean, const float* inv_std,
                                   int examples, float* sum_dout, float* sum_dout_xhat);
  void (*batch_norm_backward)(const Image& inp, const Image& dout, const float* mean, const float* inv_std,
                              const float* factor, const float* mean_dout, const float* mean_dout_xhat, int examples,
                              const Image& dinp);

  // loss.cpp
  TileLoss (*softmax_cross_entropy)(const float* logits, const std::uint16_t* labels, int examples, int classes,
                                    float scale, float smoothing, float* dlogits);
  TileLoss (*shifted_cross_entropy)(const float* logits, const std::uint16_t* labels, int examples, int classes,
                                    float scale, float* dlogits);
  TileLoss (*naive_cross_entropy)(const float* logits, const std::uint16_t* labels, int examples, int classes,
                                  float scale, float* dlogits);

  // sums.cpp
  void (*sum_tiles)(const Tiles& sums, float* out, std::int64_t count, bool add);
  void (*copy)(const Image& from, const Image& to);

  // update.cpp
  double (*sum_of_squares)(const float* values, std::int64_t count);
  void (*multiply_by)(float* values, std::int64_t count, float factor);
  void (*clamp)(float* values, std::int64_t count, float bound);
  void (*sgd_step)(const Update& update);
  void (*lion_step)(const Update& update);
  void (*adagrad_step)(const Update& update);
  void (*rmsprop_step)(const Update& update);
  void (*adam_step)(const Update& update);
};

}  // namespace shoal
