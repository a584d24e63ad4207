// SPDX-License-Identifier: Apache-2.0
// What happens to gradients and weights at the end of a step, over flat arrays whose length is a multiple of TILE.
// Twins: clip, sgd_step, lion_step and so on in engines/reference/update.py; the formulas in words: optimizers.py.
// Padding has zero gradient and stays zero, but where infinities have made it NaN in a run that is lost.
#include "vec.h"

namespace shoal::SHOAL_ISA {

// The sum of values². A product of two floats is exact in double, so nothing that matters is lost, nothing
// overflows, and the bits are the same with or without fma: sixteen sums, then those pairwise.
double sum_of_squares(const float* values, std::int64_t count) {
  double sums[TILE] = {};
  for (std::int64_t i = 0; i < count; i += TILE) {
    for (int lane = 0; lane < TILE; ++lane) {
      const double value = values[i + lane];
      sums[lane] += value * value;
    }
  }
  for (int half = TILE / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

// values *= factor: clipping by norm
void multiply_by(float* values, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; i += LANES) store(values + i, load(values + i) * broadcast(factor));
}

// values = min(max(values, -bound), bound), NaN staying: clipping by value
void clamp(float* values, std::int64_t count, float bound) {
  for (std::int64_t i = 0; i < count; i += LANES) store(values + i, at_least(-bound, at_most(bound, load(values + i))));
}

namespace {

// A number of the optimizer, in every lane.
SHOAL_INLINE vec every(double x) { return broadcast(static_cast<float>(x)); }

// A running mean that has faded to a subnormal number counts as zero: that of a weight whose gradient is 0 would stay
// one, and arithmetic on those takes several times longer. Not Lion's, whose sign alone counts.
SHOAL_INLINE vec faded(vec mean) { return select(magnitude(mean) < broadcast(1.17549435e-38f), vec{}, mean); }

// Calls step(i, w, g) for each vector of parameters, with the L2 penalty in the gradient, and keeps the new w.
template <typename Step>
SHOAL_INLINE void each_weight(const Update& update, double weight_decay, const Step& step) {
  const Update u = update;
  const vec decay = every(weight_decay);
  for (std::int64_t i = 0; i < u.count; i += LANES) {
    const vec w = load(u.weight + i), g = load(u.grad + i);
    store(u.weight + i, step(i, w, weight_decay != 0 ? fma(decay, w, g) : g));
  }
}

}  // namespace

void sgd_step(const Update& u) {
  const vec lr = every(-u.lr), momentum = every(u.momentum);
  float* const velocities = u.first;
  if (u.momentum == 0) {
    each_weight(u, u.weight_decay, [=](std::int64_t, vec w, vec g) { return fma(lr, g, w); });
    return;
  }
  const bool nesterov = u.nesterov;
  each_weight(u, u.weight_decay, [=](std::int64_t i, vec w, vec g) {
    const vec velocity = faded(fma(momentum, load(velocities + i), g));
    store(velocities + i, velocity);
    return fma(lr, nesterov ? fma(momentum, velocity, g) : velocity, w);
  });
}

// Where the running mean is 0 there is no direction, only the decay; a NaN stays.
void lion_step(const Update& u) {
  const vec keep1 = every(u.beta1), keep2 = every(u.beta2), take1 = every(1 - u.beta1), take2 = every(1 - u.beta2);
  const vec lr = every(-u.lr), shrink = every(1 - u.lr * u.weight_decay);
  float* const means = u.first;
  each_weight(u, 0, [=](std::int64_t i, vec w, vec g) {
    const vec mean = load(means + i), ahead = fma(keep1, mean, take1 * g);
    store(means + i, fma(keep2, mean, take2 * g));
    const vec sign = select(ahead > vec{}, broadcast(1.0f), select(ahead < vec{}, broadcast(-1.0f), ahead));
    return fma(lr, sign, w * shrink);
  });
}

void adagrad_step(const Update& u) {
  const vec lr = every(-u.lr), eps = every(u.eps);
  float* const totals = u.first;
  each_weight(u, u.weight_decay, [=](std::int64_t i, vec w, vec g) {
    const vec total = fma(g, g, load(totals + i));
    store(totals + i, total);
    return fma(lr, g / (sqrt(total) + eps), w);
  });
}

void rmsprop_step(const Update& u) {
  const vec keep = every(u.alpha), take = every(1 - u.alpha), momentum = every(u.momentum);
  const vec lr = every(-u.lr), eps = every(u.eps);
  float *const squares = u.first, *const buffers = u.momentum != 0 ? u.second : nullptr;
  each_weight(u, u.weight_decay, [=](std::int64_t i, vec w, vec g) {
    const vec square = faded(fma(keep, load(squares + i), take * (g * g)));
    store(squares + i, square);
    vec direction = g / (sqrt(square) + eps);
    if (buffers != nullptr) {
      direction = faded(fma(momentum, load(buffers + i), direction));
      store(buffers + i, direction);
    }
    return fma(lr, direction, w);
  });
}

// lr m̂ / (√v̂ + eps) with the corrections taken out of the loop: lr √c2 / c1 · m / (√v + eps √c2), c = 1 - beta^t
void adam_step(const Update& u) {
  const vec keep1 = every(u.beta1), keep2 = every(u.beta2), take1 = every(1 - u.beta1), take2 = every(1 - u.beta2);
  const double root = __builtin_sqrt(u.correction2);
  const vec lr = every(-u.lr * root / u.correction1), eps = every(u.eps * root);
  const vec shrink = every(u.decoupled ? 1 - u.lr * u.weight_decay : 1);
  float *const means = u.first, *const squares = u.second;
  each_weight(u, u.decoupled ? 0 : u.weight_decay, [=](std::int64_t i, vec w, vec g) {
    const vec mean = faded(fma(keep1, load(means + i), take1 * g));
    const vec square = faded(fma(keep2, load(squares + i), take2 * (g * g)));
    store(means + i, mean);
    store(squares + i, square);
    return fma(lr, mean / (sqrt(square) + eps), w * shrink);
  });
}

}  // namespace shoal::SHOAL_ISA
