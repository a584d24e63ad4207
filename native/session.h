// SPDX-License-Identifier: Apache-2.0
// Threads that train runs. The caller adds runs, then pushes epochs (an order of examples and a learning rate
// per step) and takes results. A run's epochs are done one after the other, each wholly by one thread; a free
// thread takes the first run in the list that has an epoch waiting. So runs at the head of the list finish
// first, and nothing a run computes depends on how many threads there are or who else is training.
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
  const Network* network;  // must outlive the session, as the examples must
  Optimizer optimizer;
  Form form;  // of the loss while training
  int batch_size;
  Examples training, validation;
  std::vector<std::uint32_t> validation_indices;
};

// One epoch to do. An empty order means: only evaluate (epoch 0).
struct Epoch {
  std::vector<std::uint32_t> order;
  std::vector<double> rates;
};

struct Result {
  int run = 0;
  Training training;
  Score validation;
  // PyTorch's layout; empty where the optimizer keeps no such state.
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
    bool busy = false, ended = false;
  };

  void stop();
  void work();
  int find_work() const;  // the first run with an epoch waiting, or -1
  Result train(Run& run, const Epoch& epoch, std::unique_ptr<Workspace>& workspace);

  const Kernels& kernels_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::vector<std::unique_ptr<Run>> runs_;
  std::list<Job> results_;
  std::atomic<bool> cancelled_{false};
  std::vector<std::thread> threads_;
};

}  // namespace shoal
