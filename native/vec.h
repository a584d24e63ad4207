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

// The larger and the smaller of two; a NaN in `x` stays.
SHOAL_INLINE vec at_least(float bound, vec x) {
#if defined(__AVX512F__)
  return (vec)_mm512_maskz_max_ps(0xffff, (__m512)broadcast(bound), (__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_max_ps((__m256)broadcast(bound), (__m256)x);
#else
  return broadcast(bound) > x ? broadcast(bound) : x;
#endif
}
SHOAL_INLINE vec at_most(float bound, vec x) {
#if defined(__AVX512F__)
  return (vec)_mm512_maskz_min_ps(0xffff, (__m512)broadcast(bound), (__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_min_ps((__m256)broadcast(bound), (__m256)x);
#else
  return broadcast(bound) < x ? broadcast(bound) : x;
#endif
}

SHOAL_INLINE vec magnitude(vec x) { return (vec)((ivec)x & 0x7fffffff); }

// The lanes first, first + 1, ... that are of a real example.
SHOAL_INLINE ivec counted(int first, int examples) {
  ivec lane;
  for (int i = 0; i < LANES; ++i) lane[i] = first + i;
  return lane < examples;
}

// The sum of a value's sixteen lanes, pairwise: 0 + 8, 1 + 9, ... then halves again, whatever the width of a vector.
SHOAL_INLINE float sum_of_lanes(const float* lanes) {
  float tree[TILE / 2];
  for (int lane = 0; lane < 8; ++lane) tree[lane] = lanes[lane] + lanes[lane + 8];
  for (int lane = 0; lane < 4; ++lane) tree[lane] += tree[lane + 4];
  for (int lane = 0; lane < 2; ++lane) tree[lane] += tree[lane + 2];
  return tree[0] + tree[1];
}

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

// LANES 16-bit words as floats.
SHOAL_INLINE vec widen(const std::uint16_t* at) {
#if defined(__AVX512F__)
  return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)at)));
#elif defined(__AVX2__)
  return (vec)_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)at)));
#else
  vec x{};
  for (int lane = 0; lane < LANES; ++lane) x[lane] = at[lane];
  return x;
#endif
}

constexpr float EXP_SHIFTER = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits

// x - n ln 2, with ln 2 in two parts, the first of so few digits that its product with n is exact.
SHOAL_INLINE vec less_logs(vec x, vec n) {
  return fma(n, broadcast(2.12194440e-4f), fma(n, broadcast(-0.693359375f), x));
}

// e^r for x = n ln 2 + r with |r| <= ln 2 / 2, by a polynomial (coefficients of Cephes, Moshier 1989).
SHOAL_INLINE vec exp_rest(vec x, vec n) {
  const vec r = less_logs(x, n);
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

constexpr float POWER_SHIFTER = EXP_SHIFTER + 127.0f;  // the low bits are then the exponent of 2^n as a float has it

// e^r for |r| <= ln 2 / 2, by a minimax polynomial: fewer operations than the one above.
SHOAL_INLINE vec exp_near(vec r) {
  vec p = broadcast(1.418516505e-3f);
  p = fma(p, r, broadcast(8.373932913e-3f));
  p = fma(p, r, broadcast(4.166335240e-2f));
  p = fma(p, r, broadcast(1.666647047e-1f));
  p = fma(p, r, broadcast(5.000000596e-1f));
  p = fma(p, r, broadcast(1.0f));
  return fma(p, r, broadcast(1.0f));
}

// The standard normal distribution at x: the probability of less, and its density.
struct Normal {
  vec below, density;
};

constexpr float NORMAL_END = 13.27f;  // where both are 0

// Both to 5 ulp where they are normal floats, far to the left too, and to 1e-5 without fma; NaN stays NaN.
// With t = |x|, the probability beyond t is exp(-t²/2) M(t); M(t) (t + 2) is a polynomial in v = (t - 2) / (t + 2).
SHOAL_INLINE Normal normal(vec x) {
  const vec t = at_most(NORMAL_END, magnitude(x)), square = t * t;
  const vec shifted = fma(square, broadcast(-0.5f * 1.44269504f), broadcast(POWER_SHIFTER));
  const vec lost = fma(t, t, -square);  // by rounding the square: up to 2^-17 of the tail
  const vec r = fma(broadcast(-0.5f), lost, less_logs(broadcast(-0.5f) * square, shifted - broadcast(POWER_SHIFTER)));
  const vec e = exp_near(r) * (vec)((ivec)shifted << 23);

  const vec d = broadcast(1.0f) / (t + broadcast(2.0f)), v = fma(broadcast(-4.0f), d, broadcast(1.0f));
  vec p = broadcast(-6.86368148e-5f);
  p = fma(p, v, broadcast(4.21554687e-5f));
  p = fma(p, v, broadcast(7.17875257e-4f));
  p = fma(p, v, broadcast(8.70648306e-4f));
  p = fma(p, v, broadcast(-1.88973034e-3f));
  p = fma(p, v, broadcast(-6.74613891e-3f));
  p = fma(p, v, broadcast(-4.82965610e-4f));
  p = fma(p, v, broadcast(3.67207900e-2f));
  p = fma(p, v, broadcast(2.87983809e-2f));
  p = fma(p, v, broadcast(-3.31404537e-1f));
  p = fma(p, v, broadcast(6.72407985e-1f));
  const vec beyond = e * (d * p);
  return {select(x < vec{}, beyond, broadcast(1.0f) - beyond), e * broadcast(0.398942280f)};
}

// out = apply(inputs...), value by value; out may be one of the inputs. Images without margins are one long row.
template <typename Apply, typename... Inputs>
inline void each_value(const Image& out, const Apply& apply, const Inputs&... inputs) {
  const bool whole = out.pitch == out.width && (... && (inputs.pitch == inputs.width));
  const std::int64_t rows = std::int64_t{out.channels} * out.height, row = std::int64_t{out.width} * TILE;
  const std::int64_t count = whole ? 1 : rows, length = whole ? rows * row : row;
  for (std::int64_t y = 0; y < count; ++y) {
    float* to = out.data + y * out.pitch * TILE;
    [&](auto... from) {
      for (std::int64_t at = 0; at < length; at += LANES) store(to + at, apply(load(from + at)...));
    }(inputs.data + y * inputs.pitch * TILE...);
  }
}

}  // namespace shoal::SHOAL_ISA
