// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <cmath>

namespace shoal {

Session::Session(int threads, const Kernels& kernels) : kernels_(kernels) {
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (...) {  // the system gives no more threads: those there are must end before they can be destroyed
    stop();
    throw;
  }
}

Session::~Session() { stop(); }

void Session::stop() {
  cancel();
  for (std::thread& thread : threads_) thread.join();
}

int Session::add_run(RunPlan plan, const float* weights, const float* first, const float* second, std::int64_t step) {
  const Network& network = *plan.network;
  State state(network, plan.optimizer);
  network.from_plain(weights, state.weights.data());
  if (first != nullptr) network.from_plain(first, state.first.data());
  if (second != nullptr) network.from_plain(second, state.second.data());
  state.step = step;
  const std::lock_guard lock(mutex_);
  runs_.push_back(std::make_unique<Run>(Run{.plan = std::move(plan), .state = std::move(state), .waiting = {}}));
  return static_cast<int>(runs_.size()) - 1;
}

void Session::push(int run, Epoch epoch) {
  std::list<Job> job;
  job.push_back({.epoch = std::move(epoch), .result = {}});
  {
    const std::lock_guard lock(mutex_);
    std::list<Job>& waiting = runs_.at(run)->waiting;
    waiting.splice(waiting.end(), job);
  }
  work_.notify_one();
}

std::optional<Result> Session::take(double seconds) {
  std::unique_lock lock(mutex_);
  done_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return !results_.empty(); });
  if (results_.empty()) return std::nullopt;
  Result result = std::move(results_.front().result);
  results_.pop_front();
  return result;
}

void Session::cancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  work_.notify_all();
}

void Session::forget(int run) {
  const std::lock_guard lock(mutex_);
  if (!runs_.at(run)->busy) runs_[run].reset();
}

int Session::find_work() const {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const Run* run = runs_[i].get();
    if (run != nullptr && !run->busy && !run->ended && !run->waiting.empty()) return static_cast<int>(i);
  }
  return -1;
}

void Session::work() {
  std::unique_ptr<Workspace> workspace;  // kept from one epoch to the next of the same network
  std::unique_lock lock(mutex_);
  while (true) {
    int index = -1;
    work_.wait(lock, [&] { return cancelled_ || (index = find_work()) >= 0; });
    if (cancelled_) return;
    Run* run = runs_[index].get();
    run->busy = true;
    std::list<Job> taken;
    taken.splice(taken.end(), run->waiting, run->waiting.begin());
    lock.unlock();
    auto& [epoch, result] = taken.front();
    try {
      result = train(*run, epoch, workspace);
    } catch (const Cancelled&) {
      return;
    } catch (...) {
      workspace.reset();
      result.error = std::current_exception();
    }
    epoch = {};
    lock.lock();
    result.run = index;
    run->busy = false;
    run->ended = result.error != nullptr || result.training.diverged_at.has_value();
    results_.splice(results_.end(), taken);
    done_.notify_one();
  }
}

Result Session::train(Run& run, const Epoch& epoch, std::unique_ptr<Workspace>& workspace) {
  const RunPlan& plan = run.plan;
  const Network& network = *plan.network;
  if (!workspace || &workspace->network() != &network) {
    workspace.reset();
    workspace = std::make_unique<Workspace>(network, kernels_, cancelled_);
  }
  Result result;
  if (!epoch.order.empty()) {
    result.training = train_epoch(*workspace, kernels_, run.state, plan.optimizer, plan.form, plan.training,
                                  epoch.order, plan.batch_size, epoch.rates);
  }
  if (!result.training.diverged_at) {
    result.validation =
        evaluate(*workspace, kernels_, run.state.weights.data(), plan.validation, plan.validation_indices);
    // The last update may have been the one too many: no later step of this epoch has seen its loss.
    if (!std::isfinite(result.validation.loss) && run.state.step > 0) result.training.diverged_at = run.state.step - 1;
  }
  if (result.training.diverged_at) result.validation = {std::nan(""), std::nan("")};
  const auto plain = [&](const Buffer& packed, std::vector<float>& out) {
    if (packed.size() == 0) return;
    out.resize(network.plain_parameters());
    network.to_plain(packed.data(), out.data());
  };
  plain(run.state.weights, result.weights);
  plain(run.state.first, result.first);
  plain(run.state.second, result.second);
  return result;
}

}  // namespace shoal
