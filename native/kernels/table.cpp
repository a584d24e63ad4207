// SPDX-License-Identifier: Apache-2.0
// The table of the kernels compiled for one instruction set. CMakeLists.txt names the set.
#include "kernels.h"

#define SHOAL_TEXT(name) #name
#define SHOAL_NAME(name) SHOAL_TEXT(name)

namespace shoal {
namespace SHOAL_ISA {

void load_pixels(const std::uint8_t* const*, float, float, const Image&);
void linear_forward(const Tiles&, const float*, const float*, const MutableTiles&, int, int);
void linear_backward_input(const Tiles&, const float*, const MutableTiles&, int, int);
void linear_turn(const float*, float*, int);
void linear_backward_weight(const Tiles&, const Tiles&, float*, int, Part, Part, bool);
void linear_backward_bias(const Tiles&, float*, int, bool);
void conv2d_forward(const Image&, const float*, const float*, const Image&, const Window&);
void conv2d_backward_weight(const Image&, const Image&, float*, float*, float*, const Window&);
void max_pool2d_forward(const Image&, const Image&, const Window&);
void max_pool2d_backward(const Image&, const Image&, const Image&, const Image&, const Window&);
void avg_pool2d_forward(const Image&, const Image&, const Window&);
void avg_pool2d_backward(const Image&, const Image&, const Window&);
void global_avg_pool2d_forward(const Image&, const Image&);
void global_avg_pool2d_backward(const Image&, const Image&);
void relu_forward(const Image&, const Image&);
void relu_backward(const Image&, const Image&);
void leaky_relu_forward(const Image&, const Image&, float);
void leaky_relu_backward(const Image&, const Image&, float);
void sigmoid_forward(const Image&, const Image&);
void sigmoid_backward(const Image&, const Image&);
void tanh_forward(const Image&, const Image&);
void tanh_backward(const Image&, const Image&);
void gelu_forward(const Image&, const Image&);
void gelu_backward(const Image&, const Image&);
void silu_forward(const Image&, const Image&);
void silu_backward(const Image&, const Image&);
void add(const Image&, const Image&, const Image&);
void dropout_mask(const std::uint64_t*, std::uint64_t, const std::uint64_t*, std::uint32_t, float, const Image&);
void multiply(const Image&, const Image&, const Image&);
void batch_norm_moments(const Image&, int, float*, float*);
void batch_norm_forward(const Image&, const float*, const float*, const float*, const Image&);
void batch_norm_backward_sums(const Image&, const Image&, const float*, const float*, int, float*, float*);
void batch_norm_backward(const Image&, const Image&, const float*, const float*, const float*, const float*,
                         const float*, int, const Image&);
TileLoss softmax_cross_entropy(const float*, const std::uint16_t*, int, int, float, float, float*);
TileLoss shifted_cross_entropy(const float*, const std::uint16_t*, int, int, float, float*);
TileLoss naive_cross_entropy(const float*, const std::uint16_t*, int, int, float, float*);
void sum_tiles(const Tiles&, float*, std::int64_t, bool);
void copy(const Image&, const Image&);
double sum_of_squares(const float*, std::int64_t);
void multiply_by(float*, std::int64_t, float);
void clamp(float*, std::int64_t, float);
void sgd_step(const Update&);
void lion_step(const Update&);
void adagrad_step(const Update&);
void rmsprop_step(const Update&);
void adam_step(const Update&);

extern const Kernels KERNELS;
const Kernels KERNELS = {
    .name = SHOAL_NAME(SHOAL_ISA),
#if defined(__FMA__) || defined(__ARM_NEON)
    .fused = true,
#else
    .fused = false,
#endif
    .load_pixels = load_pixels,
    .linear_forward = linear_forward,
    .linear_backward_input = linear_backward_input,
    .linear_turn = linear_turn,
    .linear_backward_weight = linear_backward_weight,
    .linear_backward_bias = linear_backward_bias,
    .conv2d_forward = conv2d_forward,
    .conv2d_backward_weight = conv2d_backward_weight,
    .max_pool2d_forward = max_pool2d_forward,
    .max_pool2d_backward = max_pool2d_backward,
    .avg_pool2d_forward = avg_pool2d_forward,
    .avg_pool2d_backward = avg_pool2d_backward,
    .global_avg_pool2d_forward = global_avg_pool2d_forward,
    .global_avg_pool2d_backward = global_avg_pool2d_backward,
    .relu_forward = relu_forward,
    .relu_backward = relu_backward,
    .leaky_relu_forward = leaky_relu_forward,
    .leaky_relu_backward = leaky_relu_backward,
    .sigmoid_forward = sigmoid_forward,
    .sigmoid_backward = sigmoid_backward,
    .tanh_forward = tanh_forward,
    .tanh_backward = tanh_backward,
    .gelu_forward = gelu_forward,
    .gelu_backward = gelu_backward,
    .silu_forward = silu_forward,
    .silu_backward = silu_backward,
    .add = add,
    .dropout_mask = dropout_mask,
    .multiply = multiply,
    .batch_norm_moments = batch_norm_moments,
    .batch_norm_forward = batch_norm_forward,
    .batch_norm_backward_sums = batch_norm_backward_sums,
    .batch_norm_backward = batch_norm_backward,
    .softmax_cross_entropy = softmax_cross_entropy,
    .shifted_cross_entropy = shifted_cross_entropy,
    .naive_cross_entropy = naive_cross_entropy,
    .sum_tiles = sum_tiles,
    .copy = copy,
    .sum_of_squares = sum_of_squares,
    .multiply_by = multiply_by,
    .clamp = clamp,
    .sgd_step = sgd_step,
    .lion_step = lion_step,
    .adagrad_step = adagrad_step,
    .rmsprop_step = rmsprop_step,
    .adam_step = adam_step,
};

}  // namespace SHOAL_ISA
}  // namespace shoal
