// SPDX-License-Identifier: Apache-2.0
// A zeroed array of floats on a 64-byte boundary: the only memory kernels work in.
//
// With SHOAL_GUARD, a build for tests, it lies between two pages that nobody may touch: reading or writing one
// float beyond it ends the process. Memory comes in pages, so it is flush with one of the two only: with the
// end, or, where the environment says SHOAL_GUARD=start, with the start. Flush with the end it is as badly
// aligned as its size makes it; kernels must not mind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#if defined(SHOAL_GUARD)
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#endif

namespace shoal {

#if !defined(SHOAL_GUARD)

struct Pages {
  static constexpr std::align_val_t LINE{64};
  // Throws std::bad_alloc.
  static float* take(std::size_t bytes) { return static_cast<float*>(::operator new(bytes, LINE)); }
  static void give_back(float* floats, std::size_t) { ::operator delete(floats, LINE); }
};

#else

struct Pages {
  static std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
  static std::size_t whole(std::size_t bytes) { return (bytes + page() - 1) / page() * page(); }
  static std::size_t offset(std::size_t bytes) {
    static const char* const at = std::getenv("SHOAL_GUARD");
    return at != nullptr && std::string_view(at) == "start" ? page() : page() + whole(bytes) - bytes;
  }
  static float* take(std::size_t bytes) {
    void* all = mmap(nullptr, whole(bytes) + 2 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    char* begin = static_cast<char*>(all);
    if (mprotect(begin + page(), whole(bytes), PROT_READ | PROT_WRITE) != 0) {
      munmap(all, whole(bytes) + 2 * page());
      throw std::bad_alloc();
    }
    return reinterpret_cast<float*>(begin + offset(bytes));
  }
  static void give_back(float* floats, std::size_t bytes) {
    munmap(reinterpret_cast<char*>(floats) - offset(bytes), whole(bytes) + 2 * page());
  }
};

#endif

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t count) : count_(count) {
    if (count == 0) return;
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
    floats_ = {Pages::take(bytes), {bytes}};
    std::memset(floats_.get(), 0, bytes);
  }

  float* data() const { return floats_.get(); }
  std::int64_t size() const { return count_; }

 private:
  struct GiveBack {
    std::size_t bytes;
    void operator()(float* floats) const { Pages::give_back(floats, bytes); }
  };
  std::unique_ptr<float, GiveBack> floats_;
  std::int64_t count_ = 0;
};

}  // namespace shoal
