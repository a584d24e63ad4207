// SPDX-License-Identifier: Apache-2.0
// One vector of floats, as wide as the instruction set this file is compiled for, and the few operations
// the kernels need. Every kernel is compiled once per instruction set, in a namespace of its own
// (SHOAL_ISA), and uses nothing but this header: no standard containers, whose inline code the linker
// could hand to a machine that lacks the instructions.
//
// A tile is sixteen examples side by side; one "value" of a tile is VECS vectors of LANES floats. The same
// operations in the same order on every width: where fma exists the results agree to the last bit.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define SHOAL_INLINE static inline __attribute__((always_inline))
#define SHOAL_UNROLL _Pragma("GCC unroll 16")

namespace shoal::SHOAL_ISA {

#if defined(__AVX512F__)
constexpr int LANES = 16;
constexpr int REGISTERS = 32;
#elif defined(__AVX2__)
constexpr int LANES = 8;
constexpr int REGISTERS = 16;
#elif defined(__ARM_NEON)
constexpr int LANES = 4;
constexpr int REGISTERS = 32;
#else
constexpr int LANES = 4;
constexpr int REGISTERS = 14;  // of 16: without fma a product needs one of its own
#endif

constexpr int VECS = TILE / LANES;

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));
typedef std::int32_t ivec __attribute__((vector_size(LANES * sizeof(float))));
typedef float loose __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

SHOAL_INLINE vec load(const float* at) { return *reinterpret_cast<const loose*>(at); }
SHOAL_INLINE void store(float* at, vec x) { *reinterpret_cast<loose*>(at) = x; }
SHOAL_INLINE vec broadcast(float x) { return x - vec{}; }
SHOAL_INLINE vec select(ivec mask, vec yes, vec no) { return mask ? yes : no; }

// a * b + c, rounded once where the machine can.
SHOAL_INLINE vec fma(vec a, vec b, vec c) {
#if defined(__AVX512F__)
  return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON)
  return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

SHOAL_INLINE vec sqrt(vec x) {
#if defined(__AVX512F__)
  return (vec)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_sqrt_ps((__m256)x);
#elif defined(__aarch64__)
  return (vec)vsqrtq_f32((float32x4_t)x);
#else
  for (int lane = 0; lane < LANES; ++lane) x[lane] = __builtin_sqrtf(x[lane]);
  return x;
#endif
}

// The larger of two; a NaN in `x` stays.
SHOAL_INLINE vec at_least(float bound, vec x) { return broadcast(bound) > x ? broadcast(bound) : x; }
SHOAL_INLINE vec at_most(float bound, vec x) { return broadcast(bound) < x ? broadcast(bound) : x; }

// LANES bytes as floats.
SHOAL_INLINE vec widen(const std::uint8_t* at) {
#if defined(__AVX512F__)
  return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)at)));
#elif defined(__AVX2__)
  return (vec)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)at)));
#else
  vec x{};
  for (int lane = 0; lane < LANES; ++lane) x[lane] = at[lane];
  return x;
#endif
}

constexpr float EXP_SHIFTER = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits

// e^r for x = n ln 2 + r with |r| <= ln 2 / 2, by a polynomial (coefficients of Cephes, Moshier 1989).
SHOAL_INLINE vec exp_rest(vec x, vec n) {
  vec r = fma(n, broadcast(-0.693359375f), x);
  r = fma(n, broadcast(2.12194440e-4f), r);
  vec p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  return fma(p, r * r, r + broadcast(1.0f));
}

// exp(x) to 2 ulp; 0 below -87.3, e^88 above 88; NaN stays NaN.
SHOAL_INLINE vec exp(vec x) {
  const vec bounded = at_least(-87.33f, at_most(88.0f, x));
  const vec shifted = fma(bounded, broadcast(1.44269504f), broadcast(EXP_SHIFTER));
  const vec power = (vec)(((ivec)shifted + 127) << 23);  // 2^n
  return select(x < broadcast(-87.33f), vec{}, exp_rest(bounded, shifted - broadcast(EXP_SHIFTER)) * power);
}

// log(x) to 2 ulp for normal x > 0. x = 2^n m with m in [√½, √2); coefficients of Cephes.
SHOAL_INLINE vec log(vec x) {
  const ivec bits = (ivec)x;
  vec m = (vec)((bits & 0x007fffff) | 0x3f000000);  // in [0.5, 1)
  const ivec small = m < broadcast(0.707106781f);
  const ivec exponent = (bits >> 23) - 126 + small;  // a true lane of a mask is -1
  vec n{};
  for (int lane = 0; lane < LANES; ++lane) n[lane] = (float)exponent[lane];
  m = select(small, m + m, m) - broadcast(1.0f);
  vec p = broadcast(7.0376836292e-2f);
  p = fma(p, m, broadcast(-1.1514610310e-1f));
  p = fma(p, m, broadcast(1.1676998740e-1f));
  p = fma(p, m, broadcast(-1.2420140846e-1f));
  p = fma(p, m, broadcast(1.4249322787e-1f));
  p = fma(p, m, broadcast(-1.6668057665e-1f));
  p = fma(p, m, broadcast(2.0000714765e-1f));
  p = fma(p, m, broadcast(-2.4999993993e-1f));
  p = fma(p, m, broadcast(3.3333331174e-1f));
  const vec square = m * m;
  vec y = p * m * square;
  y = fma(n, broadcast(-2.12194440e-4f), y);
  y = fma(square, broadcast(-0.5f), y);
  return fma(n, broadcast(0.693359375f), m + y);
}

// exp(x) to 2 ulp over the whole range of float: infinite above 88.7228, subnormal below -87.33 and 0 below
// -103.972, as the C library's. Slower than exp(x); for what has to break where the C library's does.
SHOAL_INLINE vec exp_whole(vec x) {
  const vec bounded = at_least(-104.5f, at_most(89.0f, x));
  const vec shifted = fma(bounded, broadcast(1.44269504f), broadcast(EXP_SHIFTER));
  const ivec n = (ivec)shifted - (ivec)broadcast(EXP_SHIFTER);
  const ivec half = n >> 1;  // 2^n itself may be no float: two factors, of which only the last can round
  const vec first = (vec)((half + 127) << 23), second = (vec)((n - half + 127) << 23);
  return exp_rest(bounded, shifted - broadcast(EXP_SHIFTER)) * first * second;
}

// log(x) to 2 ulp for finite x >= 0, subnormals too; log(0) is -infinity, NaN stays NaN.
SHOAL_INLINE vec log_whole(vec x) {
  const ivec subnormal = x < broadcast(1.17549435e-38f);
  const vec y = log(select(subnormal, x * broadcast(16777216.0f), x));  // 2^24
  const vec logarithm = select(subnormal, y - broadcast(16.6355323f), y);
  return select(x == vec{}, broadcast(-__builtin_inff()), select(x != x, x, logarithm));
}

}  // namespace shoal::SHOAL_ISA
