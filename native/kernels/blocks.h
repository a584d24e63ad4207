// SPDX-License-Identifier: Apache-2.0
// Cutting a loop into register blocks whose sizes are known to the compiler.
#pragma once

namespace shoal::SHOAL_ISA {

constexpr int at_most(int bound, int x) { return x < bound ? x : bound; }

// Cuts `count` into the fewest blocks of at most `largest`, as equal as they can be, and calls
// visit(start, size) for each: 10 by at most 4 is 4, 3, 3 and not 4, 4, 2.
template <typename Visit>
inline void split(int count, int largest, const Visit& visit) {
  const int blocks = (count + largest - 1) / largest;
  for (int block = 0, start = 0; block < blocks; ++block) {
    const int size = (count - start + blocks - block - 1) / (blocks - block);
    visit(start, size);
    start += size;
  }
}

// The function Block<size>::run, for a size in 1..LARGEST known only at run time.
template <template <int> class Block, int LARGEST>
inline auto pick(int size) -> decltype(&Block<1>::run) {
  if constexpr (LARGEST > 1) {
    if (size < LARGEST) return pick<Block, LARGEST - 1>(size);
  }
  return &Block<LARGEST>::run;
}

}  // namespace shoal::SHOAL_ISA
