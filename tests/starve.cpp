// SPDX-License-Identifier: Apache-2.0
// Replaces operator new of a whole process, loaded before it (LD_PRELOAD): counts the pieces of memory that are
// alive, and lets the N-th request fail, or all from the N-th on. Every Buffer, vector and list of the engine
// asks here; Python's own memory does not. Nothing of the engine needs to be built for it.
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> alive{0}, asked{0}, first{0};
std::atomic<bool> lasting{false};

void* count(void* piece) {
  if (piece == nullptr) throw std::bad_alloc();
  ++alive;
  return piece;
}

bool refused() {
  const long nth = ++asked, from = first;
  return from > 0 && (lasting ? nth >= from : nth == from);
}

void release(void* piece) noexcept {
  if (piece != nullptr) --alive;
  std::free(piece);
}

}  // namespace

extern "C" {
// From now on the nth request fails, counted from here; or none, if nth is 0.
void starve(long nth, int for_good) {
  first = 0;
  asked = 0;
  lasting = for_good != 0;
  first = nth;
}
long pieces_alive() { return alive; }
long pieces_asked() { return asked; }
}

void* operator new(std::size_t bytes) { return count(refused() ? nullptr : std::malloc(bytes)); }
void* operator new(std::size_t bytes, std::align_val_t line) {
  const std::size_t step = static_cast<std::size_t>(line);
  return count(refused() ? nullptr : std::aligned_alloc(step, (bytes + step - 1) / step * step));
}
void operator delete(void* piece) noexcept { release(piece); }
void operator delete(void* piece, std::size_t) noexcept { release(piece); }
void operator delete(void* piece, std::align_val_t) noexcept { release(piece); }
void operator delete(void* piece, std::size_t, std::align_val_t) noexcept { release(piece); }
