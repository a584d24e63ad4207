// SPDX-License-Identifier: Apache-2.0
// Activations. The derivatives of most are functions of their output, so `out` may be `inp`; those of GELU and SiLU,
// which are not monotonic, need the input. Twins: relu_forward, relu_backward and so on in
// engines/reference/activation.py.
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

// 1 / (1 + e^-x), to 3 ulp; 0 below -88.4, where it is no normal float. Where it is 0 or 1, 2^n is infinite or 0 by
// itself: so it needs less than `exp` does.
SHOAL_INLINE vec sigmoid(vec x) {
  const vec bounded = at_least(-88.0f, at_most(89.0f, -x));
  const vec shifted = fma(bounded, broadcast(1.44269504f), broadcast(POWER_SHIFTER));
  const vec power = (vec)((ivec)shifted << 23);
  const vec rest = exp_near(less_logs(bounded, shifted - broadcast(POWER_SHIFTER)));
  return broadcast(1.0f) / fma(rest, power, broadcast(1.0f));
}

// (1 - e) / (1 + e) with e = exp(-2|x|); near 0, where that cancels, an odd polynomial (Cephes).
SHOAL_INLINE vec tanh(vec x) {
  const vec size = magnitude(x);
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
  each_value(out, [](vec x) { return at_least(0.0f, x); }, inp);
}

// grad *= out > 0
void relu_backward(const Image& out, const Image& grad) {
  each_value(grad, [](vec y, vec d) { return select(y > vec{}, d, vec{}); }, out, grad);
}

// x > 0 ? x : slope x, with a slope >= 0, so that the output tells the sign
void leaky_relu_forward(const Image& inp, const Image& out, float slope) {
  each_value(out, [=](vec x) { return select(x > vec{}, x, broadcast(slope) * x); }, inp);
}

// grad *= out > 0 ? 1 : slope
void leaky_relu_backward(const Image& out, const Image& grad, float slope) {
  each_value(grad, [=](vec y, vec d) { return select(y > vec{}, d, broadcast(slope) * d); }, out, grad);
}

void sigmoid_forward(const Image& inp, const Image& out) {
  each_value(out, [](vec x) { return sigmoid(x); }, inp);
}

// grad *= out (1 - out)
void sigmoid_backward(const Image& out, const Image& grad) {
  each_value(grad, [](vec y, vec d) { return d * (y * (broadcast(1.0f) - y)); }, out, grad);
}

void tanh_forward(const Image& inp, const Image& out) {
  each_value(out, [](vec x) { return tanh(x); }, inp);
}

// grad *= 1 - out²
void tanh_backward(const Image& out, const Image& grad) {
  each_value(grad, [](vec y, vec d) { return d * (broadcast(1.0f) - y * y); }, out, grad);
}

// x Φ(x), with Φ the standard normal distribution function; its limit 0 at -infinity
void gelu_forward(const Image& inp, const Image& out) {
  each_value(out, [](vec x) { return at_least(-NORMAL_END, x) * normal(x).below; }, inp);
}

// grad *= Φ(inp) + inp φ(inp)
void gelu_backward(const Image& inp, const Image& grad) {
  each_value(
      grad,
      [](vec x, vec d) {
        const Normal at = normal(x);
        const vec bounded = at_least(-NORMAL_END, at_most(NORMAL_END, x));
        return d * fma(bounded, at.density, at.below);
      },
      inp, grad);
}

// x sigmoid(x); its limit 0 at -infinity
void silu_forward(const Image& inp, const Image& out) {
  each_value(out, [](vec x) { return at_least(-89.0f, x) * sigmoid(x); }, inp);
}

// grad *= s (1 + x (1 - s)) with s = sigmoid(x) and 1 - s = sigmoid(-x), which does not cancel
void silu_backward(const Image& inp, const Image& grad) {
  each_value(
      grad,
      [](vec x, vec d) {
        const vec bounded = at_least(-89.0f, at_most(89.0f, x));
        return d * (sigmoid(x) * fma(bounded, sigmoid(-x), broadcast(1.0f)));
      },
      inp, grad);
}

}  // namespace shoal::SHOAL_ISA
