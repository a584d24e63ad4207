// SPDX-License-Identifier: Apache-2.0
// The table of the kernels compiled for one instruction set. CMakeLists.txt names the set.
#include "kernels.h"

#define SHOAL_TEXT(name) #name
#define SHOAL_NAME(name) SHOAL_TEXT(name)

namespace shoal {
namespace SHOAL_ISA {

void load_pixels(const std::uint8_t* const*, float, float, const Image&);
void linear_forward(const float*, const float*, const float*, float*, int, int);
void linear_backward_input(const float*, const float*, float*, int, int);
void linear_backward_weight(const float*, const float*, float*, float*, float*, int, int);
void conv2d_forward(const Image&, const float*, const float*, const Image&, const Window&);
void conv2d_backward_weight(const Image&, const Image&, float*, float*, const Window&);
void max_pool2d_forward(const Image&, const Image&, const Window&);
void max_pool2d_backward(const Image&, const Image&, const Image&, const Image&, const Window&);
void avg_pool2d_forward(const Image&, const Image&, const Window&);
void avg_pool2d_backward(const Image&, const Image&, const Window&);
void relu_forward(const Image&, const Image&);
void relu_backward(const Image&, const Image&);
void sigmoid_forward(const Image&, const Image&);
void sigmoid_backward(const Image&, const Image&);
void tanh_forward(const Image&, const Image&);
void tanh_backward(const Image&, const Image&);
TileLoss softmax_cross_entropy(const float*, const std::uint16_t*, int, int, float, float*);
TileLoss shifted_cross_entropy(const float*, const std::uint16_t*, int, int, float, float*);
TileLoss naive_cross_entropy(const float*, const std::uint16_t*, int, int, float, float*);
void sum_lanes(float*, float*, int);
void sgd_step(const Update&);
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
    .linear_backward_weight = linear_backward_weight,
    .conv2d_forward = conv2d_forward,
    .conv2d_backward_weight = conv2d_backward_weight,
    .max_pool2d_forward = max_pool2d_forward,
    .max_pool2d_backward = max_pool2d_backward,
    .avg_pool2d_forward = avg_pool2d_forward,
    .avg_pool2d_backward = avg_pool2d_backward,
    .relu_forward = relu_forward,
    .relu_backward = relu_backward,
    .sigmoid_forward = sigmoid_forward,
    .sigmoid_backward = sigmoid_backward,
    .tanh_forward = tanh_forward,
    .tanh_backward = tanh_backward,
    .softmax_cross_entropy = softmax_cross_entropy,
    .shifted_cross_entropy = shifted_cross_entropy,
    .naive_cross_entropy = naive_cross_entropy,
    .sum_lanes = sum_lanes,
    .sgd_step = sgd_step,
    .adam_step = adam_step,
};

}  // namespace SHOAL_ISA
}  // namespace shoal
