// SPDX-License-Identifier: Apache-2.0
// Batch normalization, tile by tile: its statistics are over the whole minibatch, so what a tile has to say of them is
// merged by the caller, and a second pass uses them. Twins: batch_norm_forward, batch_norm_backward in
// engines/reference/batch_norm.py. Lanes from `examples` on are in no sum and get no gradient.
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

// N sums over the pixels of one channel and the tile's examples, of the terms that visit(y, at, terms) gives for the
// value at `at` floats from the start of row y. Row by row, then lane by lane: short chains of additions.
template <int N, typename Visit>
SHOAL_INLINE void sum_channel(const Image& image, int examples, float (&sums)[N], const Visit& visit) {
  alignas(64) float lanes[N][TILE];
  for (int lane = 0; lane < TILE; lane += LANES) {
    vec totals[N]{};
    for (int y = 0; y < image.height; ++y) {
      vec row[N]{}, terms[N];
      for (int x = 0; x < image.width; ++x) {
        visit(y, x * TILE + lane, terms);
        for (int i = 0; i < N; ++i) row[i] += terms[i];
      }
      for (int i = 0; i < N; ++i) totals[i] += row[i];
    }
    for (int i = 0; i < N; ++i) store(lanes[i] + lane, select(counted(lane, examples), totals[i], vec{}));
  }
  for (int i = 0; i < N; ++i) sums[i] = sum_of_lanes(lanes[i]);
}

// One channel of an image, as an image.
Image channel(const Image& image, int c) { return {image.row(c, 0), 1, image.height, image.width, image.pitch}; }

}  // namespace

// mean (C) = the tile's mean of inp (C, H, W, L), squares (C) = its sum of squared deviations from there.
// The mean is corrected by the mean deviation (Chan, Golub and LeVeque 1983), so nothing cancels far from 0 either.
void batch_norm_moments(const Image& inp, int examples, float* mean, float* squares) {
  const float count = static_cast<float>(std::int64_t{examples} * inp.height * inp.width);
  for (int c = 0; c < inp.channels; ++c) {
    const Image image = channel(inp, c);
    float sum[1], off[2];
    sum_channel(image, examples, sum, [&](int y, int at, vec(&terms)[1]) { terms[0] = load(image.row(0, y) + at); });
    const float around = sum[0] / count;
    sum_channel(image, examples, off, [&](int y, int at, vec(&terms)[2]) {
      terms[0] = load(image.row(0, y) + at) - broadcast(around);
      terms[1] = terms[0] * terms[0];
    });
    mean[c] = around + off[0] / count;
    squares[c] = off[1] - off[0] * (off[0] / count);
  }
}

// out (C, H, W, L) = (inp - mean (C)) * factor (C) + bias (C), with factor = weight / √(variance + eps); out may be inp
void batch_norm_forward(const Image& inp, const float* mean, const float* factor, const float* bias, const Image& out) {
  for (int c = 0; c < inp.channels; ++c) {
    const vec m = broadcast(mean[c]), f = broadcast(factor[c]), b = broadcast(bias[c]);
    each_value(channel(out, c), [=](vec x) { return fma(x - m, f, b); }, channel(inp, c));
  }
}

// The tile's sum_dout (C) = sum of dout (C, H, W, L) and sum_dout_xhat (C) = sum of dout * xhat, with
// xhat = (inp - mean) * inv_std: the gradients of bias and weight
void batch_norm_backward_sums(const Image& inp, const Image& dout, const float* mean, const float* inv_std,
                              int examples, float* sum_dout, float* sum_dout_xhat) {
  for (int c = 0; c < inp.channels; ++c) {
    const Image image = channel(inp, c), grad = channel(dout, c);
    const vec m = broadcast(mean[c]);
    float sums[2];
    sum_channel(image, examples, sums, [&](int y, int at, vec(&terms)[2]) {
      terms[0] = load(grad.row(0, y) + at);
      terms[1] = terms[0] * (load(image.row(0, y) + at) - m);
    });
    sum_dout[c] = sums[0];
    sum_dout_xhat[c] = sums[1] * inv_std[c];
  }
}

// dinp (C, H, W, L) = factor * (dout - mean_dout - xhat * mean_dout_xhat), the means over the minibatch; dinp may be
// dout
void batch_norm_backward(const Image& inp, const Image& dout, const float* mean, const float* inv_std,
                         const float* factor, const float* mean_dout, const float* mean_dout_xhat, int examples,
                         const Image& dinp) {
  for (int c = 0; c < inp.channels; ++c) {
    const Image image = channel(inp, c), grad = channel(dout, c), to = channel(dinp, c);
    const vec m = broadcast(mean[c]), f = broadcast(factor[c]), d = broadcast(mean_dout[c]);
    const vec slope = broadcast(-inv_std[c] * mean_dout_xhat[c]);
    for (int lane = 0; lane < TILE; lane += LANES) {
      const ivec real = counted(lane, examples);
      for (int y = 0; y < image.height; ++y) {
        const float *values = image.row(0, y) + lane, *grads = grad.row(0, y) + lane;
        float* row = to.row(0, y) + lane;
        for (int at = 0; at < image.width * TILE; at += TILE) {
          const vec off = fma(load(values + at) - m, slope, load(grads + at) - d);
          store(row + at, select(real, f * off, vec{}));
        }
      }
    }
  }
}

}  // namespace shoal::SHOAL_ISA
