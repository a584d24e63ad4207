// SPDX-License-Identifier: Apache-2.0
// The threads that share the steps of one run. Whoever leads it cuts a step into items that are independent of
// each other; threads that have nothing else to do come in, take items, and leave whenever they like. What an
// item computes does not depend on who computes it, so the bits do not depend on the crew.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace shoal {

// Waits a little: hot at first, since steps are short, then leaving the core to others.
class Patience {
 public:
  void wait() {
    if (++waits_ < 2000) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else {
      std::this_thread::yield();
    }
  }

 private:
  int waits_ = 0;
};

// `Bench` is what each thread works at: its own memory.
template <typename Bench>
class Crew {
 public:
  // body(item, bench) for every item of 0 .. count - 1, the leader and its crew together. What an item throws is
  // thrown here, once all have stopped.
  template <typename Body>
  void each(int count, Bench& own, const Body& body) {
    if (count < 2 || helpers_.load(std::memory_order_relaxed) == 0) {
      for (int item = 0; item < count; ++item) body(item, own);
      return;
    }
    body_ = [](const void* given, int item, Bench& bench) { (*static_cast<const Body*>(given))(item, bench); };
    given_ = &body;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    open_.store(true);
    take_items(own);
    open_.store(false);
    for (Patience patience; inside_.load() > 0;) patience.wait();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  void enlist() { helpers_.fetch_add(1); }
  void leave() { helpers_.fetch_sub(1); }

  // Between enlisting and leaving: helps until the run's epoch is over or this thread is `wanted` elsewhere.
  template <typename Wanted>
  void help(Bench& own, const Wanted& wanted) {
    for (Patience patience; !closed_.load() && !wanted();) {
      if (!open_.load()) {
        patience.wait();
        continue;
      }
      inside_.fetch_add(1);
      if (open_.load()) take_items(own);
      inside_.fetch_sub(1);
      patience = {};
    }
  }

  int helpers() const { return helpers_.load(std::memory_order_relaxed); }

  // An epoch begins, for which others may enlist.
  void begin() { closed_.store(false); }

  // The epoch is over, and nobody enlists any more: sends everybody away, and waits until they are gone.
  void close() {
    closed_.store(true);
    for (Patience patience; helpers_.load() > 0;) patience.wait();
  }

 private:
  void take_items(Bench& bench) {
    try {
      for (int item; (item = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) body_(given_, item, bench);
    } catch (...) {
      next_.store(count_, std::memory_order_relaxed);
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
  }

  void (*body_)(const void*, int, Bench&) = nullptr;
  const void* given_ = nullptr;
  int count_ = 0;
  std::atomic<int> next_{0}, inside_{0}, helpers_{0};
  std::atomic<bool> open_{false}, closed_{true};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace shoal
