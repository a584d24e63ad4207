// SPDX-License-Identifier: Apache-2.0
// Threads that train runs. The caller adds runs, then pushes epochs and takes results. A run's epochs are done one
// after the other; a free thread takes the first run in the list that has an epoch waiting, so runs at the head of
// the list finish first. A thread that finds no epoch waiting helps with one that is being done (crew.h), until
// there is one. Nothing a run computes depends on how many threads there are or who else is training.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "train.h"

namespace shoal {

struct RunPlan {
  const Layout* layout;  // must outlive the session, as the examples must
  Recipe recipe;
  Examples training, validation;
  std::vector<std::uint32_t> validation_indices;
};

struct Result {
  int run = 0;
  Training training;
  Score validation;
  // PyTorch's layout, running statistics behind the weights; empty where the optimizer keeps no such state.
  std::vector<float> weights, first, second;
  std::exception_ptr error;  // what went wrong inside the thread: memory ran out
};

class Session {
 public:
  Session(int threads, const Kernels& kernels);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Weights and optimizer state in PyTorch's layout; `step` counts the updates already made.
  int add_run(RunPlan plan, const float* weights, const float* first, const float* second, std::int64_t step);
  void push(int run, Epoch epoch);
  // Frees what a run holds, once all its epochs have been taken.
  void forget(int run);
  // The next finished epoch, or nothing after `seconds`.
  std::optional<Result> take(double seconds);
  // Items of other threads' runs that threads have done.
  long helped() const { return helped_; }
  // Threads stop at the next layer; epochs in progress are lost.
  void cancel();

 private:
  // An epoch and what comes of it. Jobs move from list to list whole: handing over a result takes no memory,
  // and so cannot fail where memory has just run out.
  struct Job {
    Epoch epoch;
    Result result;
  };

  struct Run {
    RunPlan plan;
    State state;
    std::list<Job> waiting;
    int seats = 0;  // for helpers: as many as find something to do
    Crew<Workspace> crew{};
    bool busy = false, crewed = false, ended = false;  // crewed: others may help
  };

  // What a thread works with, kept from one epoch to the next of the same network.
  struct Desk {
    std::unique_ptr<Workspace> workspace;
    std::unique_ptr<Batch> batch;
  };

  Run& at(int run) const;  // throws std::invalid_argument for one that is over
  void stop();
  void work();
  int find_work() const;   // the first run with an epoch waiting, or -1
  Run* find_crew() const;  // the run in progress with the fewest helpers, or null
  void lead(Run& run, int index, Desk& desk, std::unique_lock<std::mutex>& lock);
  void help(Run& run, Desk& desk, std::unique_lock<std::mutex>& lock);
  Result train(Run& run, const Epoch& epoch, Desk& desk) const;
  void sit_down(Desk& desk, const Layout& layout) const;

  const Kernels& kernels_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::vector<std::unique_ptr<Run>> runs_;
  std::list<Job> results_;
  std::atomic<bool> cancelled_{false};
  std::atomic<long> helped_{0};
  std::atomic<int> waiting_{0};  // runs with an epoch that nobody does yet
  std::vector<std::thread> threads_;
};

}  // namespace shoal
