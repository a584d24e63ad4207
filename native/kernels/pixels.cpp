// SPDX-License-Identifier: Apache-2.0
// From bytes to the first layer's input: sixteen images, each a row of bytes, become rows of sixteen floats.
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

// Sixteen bytes of each of sixteen images, to sixteen pixels of all images: four rounds of interleaving the
// first half of the rows with the second.
void transpose(const std::uint8_t* const* examples, std::int64_t at, std::uint8_t* out) {
#if defined(__SSE2__)
  __m128i a[TILE], b[TILE];
  for (int i = 0; i < TILE; ++i) a[i] = _mm_loadu_si128((const __m128i*)(examples[i] + at));
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < TILE / 2; ++i) {
      b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + TILE / 2]);
      b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + TILE / 2]);
    }
    for (int i = 0; i < TILE; ++i) a[i] = b[i];
  }
  for (int i = 0; i < TILE; ++i) _mm_storeu_si128((__m128i*)(out + i * TILE), a[i]);
#else
  for (int example = 0; example < TILE; ++example) {
    for (int pixel = 0; pixel < TILE; ++pixel) out[pixel * TILE + example] = examples[example][at + pixel];
  }
#endif
}

}  // namespace

// out (C, H, W, L) = byte * scale + shift, of TILE images of C * H * W bytes
void load_pixels(const std::uint8_t* const* examples, float scale, float shift, const Image& out) {
  const int pixels = out.channels * out.height * out.width;
  alignas(64) std::uint8_t bytes[TILE * TILE];
  float* to = out.data;
  int column = 0;
  for (int at = 0; at < pixels; at += TILE) {
    int fresh = 0, count = pixels - at < TILE ? pixels - at : TILE;
    if (pixels >= TILE) {
      fresh = TILE - count;  // the last block starts earlier rather than read past an image
      transpose(examples, at - fresh, bytes);
    } else {
      for (int p = 0; p < pixels; ++p) {
        for (int example = 0; example < TILE; ++example) bytes[p * TILE + example] = examples[example][p];
      }
    }
    for (int p = fresh; p < fresh + count; ++p) {
      for (int lanes = 0; lanes < TILE; lanes += LANES) {
        store(to + lanes, widen(bytes + p * TILE + lanes) * broadcast(scale) + broadcast(shift));
      }
      to += TILE;
      if (++column == out.width) {
        to += (out.pitch - out.width) * TILE;
        column = 0;
      }
    }
  }
}

}  // namespace shoal::SHOAL_ISA
