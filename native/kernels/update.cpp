// SPDX-License-Identifier: Apache-2.0
// Optimizer steps over flat arrays whose length is a multiple of TILE. Twins: sgd_step, adam_step in
// engines/reference/update.py; the formulas in words: optimizers.py. Padding has zero gradient and stays zero.
#include "vec.h"

namespace shoal::SHOAL_ISA {

// sums (N) = sum over lanes of lanes (N, L), pairwise: 0 + 8, 1 + 9, ... then halves again, whatever the
// width of a vector; lanes become zero
void sum_lanes(float* lanes, float* sums, int count) {
  for (int i = 0; i < count; ++i, lanes += TILE) {
    alignas(64) float tree[TILE];
    for (int lane = 0; lane < TILE; ++lane) tree[lane] = lanes[lane];
    for (int lane = 0; lane < 8; ++lane) tree[lane] += tree[lane + 8];
    for (int lane = 0; lane < 4; ++lane) tree[lane] += tree[lane + 4];
    for (int lane = 0; lane < 2; ++lane) tree[lane] += tree[lane + 2];
    sums[i] = tree[0] + tree[1];
    for (int lane = 0; lane < TILE; ++lane) lanes[lane] = 0.0f;
  }
}

// A number of the optimizer, in every lane.
SHOAL_INLINE vec every(double x) { return broadcast(static_cast<float>(x)); }

void sgd_step(const Update& u) {
  const vec lr = every(-u.lr), decay = every(u.weight_decay), momentum = every(u.momentum);
  for (std::int64_t i = 0; i < u.count; i += LANES) {
    const vec w = load(u.weight + i);
    vec g = load(u.grad + i);
    if (u.weight_decay != 0) g = fma(decay, w, g);
    if (u.momentum != 0) {
      const vec velocity = fma(momentum, load(u.first + i), g);
      store(u.first + i, velocity);
      g = u.nesterov ? fma(momentum, velocity, g) : velocity;
    }
    store(u.weight + i, fma(lr, g, w));
    store(u.grad + i, vec{});
  }
}

void adam_step(const Update& u) {
  const vec keep1 = every(u.beta1), keep2 = every(u.beta2), take1 = every(1 - u.beta1), take2 = every(1 - u.beta2);
  const vec step = every(-u.lr / u.correction1), root = every(__builtin_sqrt(u.correction2)), eps = every(u.eps);
  const vec decay = every(u.weight_decay), shrink = every(1 - u.lr * u.weight_decay);
  for (std::int64_t i = 0; i < u.count; i += LANES) {
    vec w = load(u.weight + i), g = load(u.grad + i);
    if (u.decoupled) {
      w = w * shrink;
    } else if (u.weight_decay != 0) {
      g = fma(decay, w, g);
    }
    const vec mean = fma(keep1, load(u.first + i), take1 * g);
    const vec square = fma(keep2, load(u.second + i), take2 * (g * g));
    store(u.first + i, mean);
    store(u.second + i, square);
    store(u.weight + i, fma(step, mean / (sqrt(square) / root + eps), w));
    store(u.grad + i, vec{});
  }
}

}  // namespace shoal::SHOAL_ISA
