// SPDX-License-Identifier: Apache-2.0
// Activations. The derivative of each is a function of its own output, so `out` may be `inp`. Twins:
// relu_forward, relu_backward and so on in engines/reference/activation.py.
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

template <typename Apply>
void each_value(const Image& inp, const Image& out, const Apply& apply) {
  for (int c = 0; c < inp.channels; ++c) {
    for (int y = 0; y < inp.height; ++y) {
      const float* from = inp.row(c, y);
      float* to = out.row(c, y);
      for (int at = 0; at < inp.width * TILE; at += LANES) store(to + at, apply(load(from + at)));
    }
  }
}

template <typename Apply>
void each_pair(const Image& out, const Image& grad, const Apply& apply) {
  for (int c = 0; c < out.channels; ++c) {
    for (int y = 0; y < out.height; ++y) {
      const float* outs = out.row(c, y);
      float* grads = grad.row(c, y);
      for (int at = 0; at < out.width * TILE; at += LANES) {
        store(grads + at, apply(load(outs + at), load(grads + at)));
      }
    }
  }
}

// 1 / (1 + e^-x)
SHOAL_INLINE vec sigmoid(vec x) { return broadcast(1.0f) / (broadcast(1.0f) + exp(-x)); }

// (1 - e) / (1 + e) with e = exp(-2|x|); near 0, where that cancels, an odd polynomial (Cephes).
SHOAL_INLINE vec tanh(vec x) {
  const vec size = x < vec{} ? -x : x;
  const vec e = exp(broadcast(-2.0f) * size);
  const vec far = (broadcast(1.0f) - e) / (broadcast(1.0f) + e);
  const vec square = x * x;
  vec p = broadcast(-5.70498872745e-3f);
  p = fma(p, square, broadcast(2.06390887954e-2f));
  p = fma(p, square, broadcast(-5.37397155531e-2f));
  p = fma(p, square, broadcast(1.33314422036e-1f));
  p = fma(p, square, broadcast(-3.33332819422e-1f));
  const vec near = fma(p * square, x, x);
  return select(size < broadcast(0.625f), near, x < vec{} ? -far : far);
}

}  // namespace

// max(x, 0); a NaN stays, so that a diverged run is seen to have diverged
void relu_forward(const Image& inp, const Image& out) {
  each_value(inp, out, [](vec x) { return at_least(0.0f, x); });
}

// grad *= out > 0
void relu_backward(const Image& out, const Image& grad) {
  each_pair(out, grad, [](vec y, vec d) { return select(y > vec{}, d, vec{}); });
}

void sigmoid_forward(const Image& inp, const Image& out) {
  each_value(inp, out, [](vec x) { return sigmoid(x); });
}

// grad *= out (1 - out)
void sigmoid_backward(const Image& out, const Image& grad) {
  each_pair(out, grad, [](vec y, vec d) { return d * (y * (broadcast(1.0f) - y)); });
}

void tanh_forward(const Image& inp, const Image& out) {
  each_value(inp, out, [](vec x) { return tanh(x); });
}

// grad *= 1 - out²
void tanh_backward(const Image& out, const Image& grad) {
  each_pair(out, grad, [](vec y, vec d) { return d * (broadcast(1.0f) - y * y); });
}

}  // namespace shoal::SHOAL_ISA
