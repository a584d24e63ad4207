// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

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
  const Network& network = plan.layout->network;
  State state(network, plan.recipe.optimizer);
  network.from_plain(weights, state.weights.data(), true);
  if (first != nullptr) network.from_plain(first, state.first.data(), false);
  if (second != nullptr) network.from_plain(second, state.second.data(), false);
  state.step = step;
  const int cores = std::max<int>(std::thread::hardware_concurrency(), 1);
  const int seats = std::min(plan.layout->block(tiles_of(plan.recipe.batch_size)), cores) - 1;
  auto run =
      std::unique_ptr<Run>(new Run{.plan = std::move(plan), .state = std::move(state), .waiting = {}, .seats = seats});
  const std::lock_guard lock(mutex_);
  runs_.push_back(std::move(run));
  return static_cast<int>(runs_.size()) - 1;
}

void Session::push(int run, Epoch epoch) {
  std::list<Job> job;
  job.push_back({.epoch = std::move(epoch), .result = {}});
  {
    const std::lock_guard lock(mutex_);
    Run& asked = at(run);
    if (asked.waiting.empty() && !asked.busy && !asked.ended) ++waiting_;
    asked.waiting.splice(asked.waiting.end(), job);
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
  const Run& asked = at(run);
  if (asked.busy) return;
  if (!asked.waiting.empty() && !asked.ended) --waiting_;
  runs_[run].reset();
}

Session::Run& Session::at(int run) const {
  if (run < 0 || run >= static_cast<int>(runs_.size()) || runs_[run] == nullptr) {
    throw std::invalid_argument("no such run, or it is over");
  }
  return *runs_[run];
}

int Session::find_work() const {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const Run* run = runs_[i].get();
    if (run != nullptr && !run->busy && !run->ended && !run->waiting.empty()) return static_cast<int>(i);
  }
  return -1;
}

Session::Run* Session::find_crew() const {
  Run* fewest = nullptr;
  for (const std::unique_ptr<Run>& run : runs_) {
    if (run == nullptr || !run->crewed || run->crew.helpers() >= run->seats) continue;
    if (fewest == nullptr || run->crew.helpers() < fewest->crew.helpers()) fewest = run.get();
  }
  return fewest;
}

void Session::work() {
  Desk desk;
  std::unique_lock lock(mutex_);
  while (!cancelled_) {
    Run* crew = nullptr;
    if (const int index = find_work(); index >= 0) {
      lead(*runs_[index], index, desk, lock);
    } else if ((crew = find_crew()) != nullptr) {
      help(*crew, desk, lock);
    } else {
      work_.wait(lock);
    }
  }
}

void Session::lead(Run& run, int index, Desk& desk, std::unique_lock<std::mutex>& lock) {
  std::list<Job> taken;
  taken.splice(taken.end(), run.waiting, run.waiting.begin());
  run.busy = run.crewed = true;
  run.crew.begin();
  --waiting_;
  lock.unlock();
  work_.notify_all();
  auto& [epoch, result] = taken.front();
  try {
    result = train(run, epoch, desk);
  } catch (const Cancelled&) {
  } catch (...) {
    desk = {};
    result.error = std::current_exception();
  }
  epoch = {};
  lock.lock();
  run.crewed = false;
  lock.unlock();
  run.crew.close();
  lock.lock();
  if (cancelled_) return;
  result.run = index;
  run.busy = false;
  run.ended = result.error != nullptr || result.training.diverged_at.has_value();
  if (!run.waiting.empty() && !run.ended) ++waiting_;
  results_.splice(results_.end(), taken);
  done_.notify_one();
}

void Session::help(Run& run, Desk& desk, std::unique_lock<std::mutex>& lock) {
  run.crew.enlist();  // until it leaves, the run stays
  lock.unlock();
  try {
    sit_down(desk, *run.plan.layout);
    helped_ += run.crew.help(*desk.workspace, [this] { return cancelled_ || waiting_ > 0; });
  } catch (const std::bad_alloc&) {  // the epoch goes on without this thread
    desk = {};
  }
  run.crew.leave();
  lock.lock();
}

// What a thread needs for a network, if it does not have it yet.
void Session::sit_down(Desk& desk, const Layout& layout) const {
  if (desk.workspace && &desk.workspace->layout() == &layout) return;
  desk = {};
  desk.workspace = std::make_unique<Workspace>(layout, kernels_, cancelled_);
}

Result Session::train(Run& run, const Epoch& epoch, Desk& desk) const {
  const RunPlan& plan = run.plan;
  const Network& network = plan.layout->network;
  sit_down(desk, *plan.layout);
  Result result;
  if (!epoch.order.empty()) {
    const int tiles = tiles_of(plan.recipe.batch_size);
    if (!desk.batch || desk.batch->block() < plan.layout->block(tiles)) {
      desk.batch.reset();
      desk.batch = std::make_unique<Batch>(*plan.layout, kernels_, tiles);
    }
    result.training =
        train_epoch(run.crew, *desk.workspace, *desk.batch, kernels_, run.state, plan.recipe, plan.training, epoch);
  }
  if (!result.training.diverged_at) {
    result.validation =
        evaluate(run.crew, *desk.workspace, run.state.weights.data(), plan.validation, plan.validation_indices);
    // The last update may have been the one too many: no later step of this epoch has seen its loss.
    if (!std::isfinite(result.validation.loss) && run.state.step > 0) result.training.diverged_at = run.state.step - 1;
  }
  if (result.training.diverged_at) result.validation = {std::nan(""), std::nan("")};
  const auto plain = [&](const Buffer& packed, std::vector<float>& out, bool running) {
    if (packed.size() == 0) return;
    out.resize(running ? network.plain_tensors() : network.plain_parameters());
    network.to_plain(packed.data(), out.data(), running);
  };
  plain(run.state.weights, result.weights, true);
  plain(run.state.first, result.first, false);
  plain(run.state.second, result.second, false);
  return result;
}

}  // namespace shoal
