// SPDX-License-Identifier: Apache-2.0
// The sum of a residual connection, and of the gradients that come back from both of its ways. Twins: add_forward,
// add_backward in engines/reference/add.py.
#include "vec.h"

namespace shoal::SHOAL_ISA {

// out (C, H, W, L) = a + b; out may be a
void add(const Image& a, const Image& b, const Image& out) {
  each_value(out, [](vec x, vec y) { return x + y; }, a, b);
}

}  // namespace shoal::SHOAL_ISA
