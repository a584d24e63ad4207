// SPDX-License-Identifier: Apache-2.0
// A zeroed array of floats on a 64-byte boundary.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace shoal {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t count) : count_(count) {
    if (count == 0) return;
    const std::size_t bytes = (static_cast<std::size_t>(count) * sizeof(float) + 63) / 64 * 64;
    floats_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (!floats_) throw std::bad_alloc();
    std::memset(floats_.get(), 0, bytes);
  }

  float* data() const { return floats_.get(); }
  std::int64_t size() const { return count_; }

 private:
  struct Free {
    void operator()(float* floats) const { std::free(floats); }
  };
  std::unique_ptr<float, Free> floats_;
  std::int64_t count_ = 0;
};

}  // namespace shoal
