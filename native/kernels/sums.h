// SPDX-License-Identifier: Apache-2.0
// Sums over the lanes of many values at once.
#pragma once

#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace sums {

template <int... I>
struct Indices {};

// Lane `lane` of the first (SIDE 0) or second half of every group of 2 · HALF lanes of two vectors.
template <int HALF, int SIDE>
constexpr int source(int lane) {
  return lane / HALF * 2 * HALF + SIDE * HALF + lane % HALF;
}

template <int HALF, int... LANE>
SHOAL_INLINE vec halve(vec a, vec b, Indices<LANE...>) {
  return __builtin_shufflevector(a, b, source<HALF, 0>(LANE)...) +
         __builtin_shufflevector(a, b, source<HALF, 1>(LANE)...);
}

template <int N, int... I>
struct Count : Count<N - 1, N - 1, I...> {};
template <int... I>
struct Count<0, I...> {
  using type = Indices<I...>;
};

// Of neighbouring vectors, each of groups of 2 · HALF lanes: groups of HALF lanes, in half as many vectors.
template <int HALF>
SHOAL_INLINE void fold(vec* values, int count) {
  for (int i = 0; i < count / 2; ++i) {
    values[i] = halve<HALF>(values[2 * i], values[2 * i + 1], typename Count<LANES>::type{});
  }
}

// LANES sums of LANES values each of TILE lanes.
SHOAL_INLINE vec of_lanes(const float* lanes) {
  vec values[LANES];
  SHOAL_UNROLL
  for (int i = 0; i < LANES; ++i) {
    vec parts[VECS];
    SHOAL_UNROLL
    for (int v = 0; v < VECS; ++v) parts[v] = load(lanes + i * TILE + v * LANES);
    SHOAL_UNROLL
    for (int half = VECS / 2; half > 0; half /= 2) {
      for (int v = 0; v < half; ++v) parts[v] += parts[v + half];
    }
    values[i] = parts[0];
  }
  if constexpr (LANES == 16) fold<8>(values, 16);
  if constexpr (LANES >= 8) fold<4>(values, 8);
  fold<2>(values, 4);
  fold<1>(values, 2);
  return values[0];
}

}  // namespace sums

// sums (N) = sum over lanes of lanes (N, L), pairwise: 0 + 8, 1 + 9, ... then halves again, whatever the width of a
// vector. The same tree as sum_of_lanes in vec.h.
SHOAL_INLINE void sum_lanes(const float* lanes, float* out, int count) {
  int i = 0;
  for (; i + LANES <= count; i += LANES, lanes += LANES * TILE) store(out + i, sums::of_lanes(lanes));
  for (; i < count; ++i, lanes += TILE) out[i] = sum_of_lanes(lanes);
}

}  // namespace shoal::SHOAL_ISA
