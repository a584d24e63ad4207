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

// Waits a little: hot, since steps are short; true once it has waited so long that the core is better left to others.
class Patience {
 public:
  bool ended() {
    if (++waits_ > 2000) return true;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
    return false;
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
    call();
    take_items(own);
    open_.store(false);
    wait_until_none(inside_);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  void enlist() { helpers_.fetch_add(1); }
  void leave() { helpers_.fetch_sub(1); }

  // Between enlisting and leaving: helps until the run's epoch is over or this thread is `wanted` elsewhere, which it
  // learns at the latest when there is something to do here. Returns how many items it has done.
  template <typename Wanted>
  int help(Bench& own, const Wanted& wanted) {
    int done = 0;
    for (Patience patience; !closed_.load() && !wanted();) {
      const unsigned heard = calls_.load();
      if (open_.load()) {
        inside_.fetch_add(1);
        if (open_.load()) done += take_items(own);
        inside_.fetch_sub(1);
        patience = {};
      } else if (patience.ended()) {
        calls_.wait(heard);
      }
    }
    return done;
  }

  int helpers() const { return helpers_.load(std::memory_order_relaxed); }

  // An epoch begins, for which others may enlist.
  void begin() { closed_.store(false); }

  // The epoch is over, and nobody enlists any more: sends everybody away, and waits until they are gone.
  void close() {
    closed_.store(true);
    call();
    wait_until_none(helpers_);
  }

 private:
  int take_items(Bench& bench) {
    int done = 0;
    try {
      for (int item; (item = next_.fetch_add(1, std::memory_order_relaxed)) < count_; ++done)
        body_(given_, item, bench);
    } catch (...) {
      next_.store(count_, std::memory_order_relaxed);
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    return done;
  }

  // Wakes helpers that have stopped listening.
  void call() {
    calls_.fetch_add(1);
    calls_.notify_all();
  }

  static void wait_until_none(const std::atomic<int>& threads) {
    for (Patience patience; threads.load() > 0;) {
      if (patience.ended()) std::this_thread::yield();
    }
  }

  void (*body_)(const void*, int, Bench&) = nullptr;
  const void* given_ = nullptr;
  int count_ = 0;
  std::atomic<int> next_{0}, inside_{0}, helpers_{0};
  std::atomic<bool> open_{false}, closed_{true};
  std::atomic<unsigned> calls_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace shoal
