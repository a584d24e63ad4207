// SPDX-License-Identifier: Apache-2.0
// Pooling. Twins: max_pool2d_forward, max_pool2d_backward, avg_pool2d_forward and so on in
// engines/reference/pool2d.py. Windows may overlap, leave pixels out and reach into padding.
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

// The real pixels under one window.
struct Under {
  int top, bottom, left, right;
};

// Calls visit(channel, y, x, under) for every window of the smaller image, with what it covers of the larger. Windows
// that halve an image have a size known to the compiler, which saves up to a fourth of the time. Visits hold their
// images by value: through a reference they would be read again after every store, for half as much again.
template <typename Visit>
SHOAL_INLINE void each_window(const Image& large, const Image& small, const Window& window, const Visit& visit) {
  const int height = large.height, width = large.width, kernel = window.kernel, stride = window.stride;
  const bool halving = kernel == 2 && stride == 2 && window.padding == 0;
  for (int c = 0; c < small.channels; ++c) {
    for (int y = 0; y < small.height; ++y) {
      if (halving) {
        for (int x = 0; x < small.width; ++x) visit(c, y, x, Under{2 * y, 2 * y + 2, 2 * x, 2 * x + 2});
        continue;
      }
      const int top = y * stride - window.padding, bottom = top + kernel;
      for (int x = 0; x < small.width; ++x) {
        const int left = x * stride - window.padding, right = left + kernel;
        visit(c, y, x,
              Under{top > 0 ? top : 0, bottom < height ? bottom : height, left > 0 ? left : 0,
                    right < width ? right : width});
      }
    }
  }
}

// Windows that lie side by side write each pixel once; others add up, from zero.
bool tiles_exactly(const Image& large, const Image& small, const Window& window) {
  return window.padding == 0 && window.stride == window.kernel && small.height * window.kernel == large.height &&
         small.width * window.kernel == large.width;
}

void clear(const Image& image) {
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < image.height; ++y) {
      float* row = image.row(c, y);
      for (int at = 0; at < image.width * TILE; at += LANES) store(row + at, vec{});
    }
  }
}

// x where it is larger than m or one of the two is NaN, so that a NaN is never lost.
SHOAL_INLINE vec larger(vec m, vec x) { return select((x > m) | (x != x), x, m); }

// Adds dout to the first pixel, in row-major order, that equals the maximum.
template <bool ADD>
void give_to_first(const Image& inp, const Image& out, const Image& dout, const Image& dinp, const Window& window) {
  each_window(dinp, dout, window, [=](int c, int y, int x, Under at) __attribute__((always_inline)) {
    for (int lanes = 0; lanes < TILE; lanes += LANES) {
      const vec largest = load(out.row(c, y) + x * TILE + lanes);
      vec left = load(dout.row(c, y) + x * TILE + lanes);
      for (int row = at.top; row < at.bottom; ++row) {
        const float* from = inp.row(c, row) + lanes;
        float* to = dinp.row(c, row) + lanes;
        for (int col = at.left; col < at.right; ++col) {
          const ivec here = load(from + col * TILE) == largest;
          const vec share = select(here, left, vec{});
          left = select(here, vec{}, left);
          store(to + col * TILE, ADD ? load(to + col * TILE) + share : share);
        }
      }
    }
  });
}

template <bool ADD>
void give_to_all(const Image& dout, const Image& dinp, const Window& window) {
  const vec share = broadcast(1.0f / (static_cast<float>(window.kernel) * window.kernel));
  each_window(dinp, dout, window, [=](int c, int y, int x, Under at) __attribute__((always_inline)) {
    for (int lanes = 0; lanes < TILE; lanes += LANES) {
      const vec d = load(dout.row(c, y) + x * TILE + lanes) * share;
      for (int row = at.top; row < at.bottom; ++row) {
        float* to = dinp.row(c, row) + lanes;
        for (int col = at.left; col < at.right; ++col) {
          store(to + col * TILE, ADD ? load(to + col * TILE) + d : d);
        }
      }
    }
  });
}

}  // namespace

// out (C, H, W, L) = the largest pixel of inp (C, H', W', L) under each window
void max_pool2d_forward(const Image& inp, const Image& out, const Window& window) {
  each_window(inp, out, window, [=](int c, int y, int x, Under at) __attribute__((always_inline)) {
    for (int lanes = 0; lanes < TILE; lanes += LANES) {
      vec largest = broadcast(-__builtin_inff());
      for (int row = at.top; row < at.bottom; ++row) {
        const float* from = inp.row(c, row) + lanes;
        for (int col = at.left; col < at.right; ++col) largest = larger(largest, load(from + col * TILE));
      }
      store(out.row(c, y) + x * TILE + lanes, largest);
    }
  });
}

// dinp (C, H', W', L) = dout (C, H, W, L) at the first largest pixel of each window
void max_pool2d_backward(const Image& inp, const Image& out, const Image& dout, const Image& dinp,
                         const Window& window) {
  if (tiles_exactly(dinp, dout, window)) {
    give_to_first<false>(inp, out, dout, dinp, window);
  } else {
    clear(dinp);
    give_to_first<true>(inp, out, dout, dinp, window);
  }
}

// out (C, H, W, L) = sum of inp (C, H', W', L) under each window / K², padding counting as zeros
void avg_pool2d_forward(const Image& inp, const Image& out, const Window& window) {
  const vec share = broadcast(1.0f / (static_cast<float>(window.kernel) * window.kernel));
  each_window(inp, out, window, [=](int c, int y, int x, Under at) __attribute__((always_inline)) {
    for (int lanes = 0; lanes < TILE; lanes += LANES) {
      vec sum{};
      for (int row = at.top; row < at.bottom; ++row) {
        const float* from = inp.row(c, row) + lanes;
        for (int col = at.left; col < at.right; ++col) sum += load(from + col * TILE);
      }
      store(out.row(c, y) + x * TILE + lanes, sum * share);
    }
  });
}

// dinp (C, H', W', L) = dout (C, H, W, L) / K² at every pixel of each window
void avg_pool2d_backward(const Image& dout, const Image& dinp, const Window& window) {
  if (tiles_exactly(dinp, dout, window)) {
    give_to_all<false>(dout, dinp, window);
  } else {
    clear(dinp);
    give_to_all<true>(dout, dinp, window);
  }
}

// out (C, 1, 1, L) = the mean of inp (C, H, W, L) over its pixels, summed row by row
void global_avg_pool2d_forward(const Image& inp, const Image& out) {
  const vec share = broadcast(1.0f / (inp.height * inp.width));
  for (int c = 0; c < inp.channels; ++c) {
    for (int lanes = 0; lanes < TILE; lanes += LANES) {
      vec sum{};
      for (int y = 0; y < inp.height; ++y) {
        const float* from = inp.row(c, y) + lanes;
        vec row{};
        for (int x = 0; x < inp.width; ++x) row += load(from + x * TILE);
        sum += row;
      }
      store(out.row(c, 0) + lanes, sum * share);
    }
  }
}

// dinp (C, H, W, L) = dout (C, 1, 1, L) / (H W) at every pixel
void global_avg_pool2d_backward(const Image& dout, const Image& dinp) {
  const vec share = broadcast(1.0f / (dinp.height * dinp.width));
  for (int c = 0; c < dinp.channels; ++c) {
    for (int lanes = 0; lanes < TILE; lanes += LANES) {
      const vec d = load(dout.row(c, 0) + lanes) * share;
      for (int y = 0; y < dinp.height; ++y) {
        float* to = dinp.row(c, y) + lanes;
        for (int x = 0; x < dinp.width; ++x) store(to + x * TILE, d);
      }
    }
  }
}

}  // namespace shoal::SHOAL_ISA
