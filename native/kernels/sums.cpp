// SPDX-License-Identifier: Apache-2.0
// What goes on between tiles, and between places of one tile.
#include "vec.h"

namespace shoal::SHOAL_ISA {

// out (N) = the sum over tiles, in their order; added to it if `add`. N is a multiple of TILE.
void sum_tiles(const Tiles& sums, float* out, std::int64_t count, bool add) {
  for (std::int64_t i = 0; i < count; i += LANES) {
    vec sum = add ? load(out + i) : vec{};
    for (int tile = 0; tile < sums.count; ++tile) sum += load(sums.data + tile * sums.step + i);
    store(out + i, sum);
  }
}

// to (C, H, W, L) = from, whatever their margins
void copy(const Image& from, const Image& to) {
  for (int c = 0; c < to.channels; ++c) {
    for (int y = 0; y < to.height; ++y) {
      const float* row = from.row(c, y);
      float* out = to.row(c, y);
      for (int at = 0; at < to.width * TILE; at += LANES) store(out + at, load(row + at));
    }
  }
}

}  // namespace shoal::SHOAL_ISA
