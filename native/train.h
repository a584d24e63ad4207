// SPDX-License-Identifier: Apache-2.0
// One run's state, and what is done with it: train for an epoch, evaluate, predict.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "buffer.h"
#include "crew.h"
#include "workspace.h"

namespace shoal {

struct Optimizer {
  enum class Rule { SGD, Adam, RMSprop, Adagrad, Lion };
  Rule rule = Rule::SGD;
  double momentum = 0, weight_decay = 0;
  bool nesterov = false;
  double alpha = 0;  // RMSprop
  double beta1 = 0, beta2 = 0, eps = 0;
  bool decoupled = false;
  double lr_decay = 0;
  double clip_norm = 0, clip_value = 0;  // 0: not at all

  int state_tensors() const {
    if (rule == Rule::Adam) return 2;
    if (rule == Rule::SGD) return momentum != 0 ? 1 : 0;
    return rule == Rule::RMSprop && momentum != 0 ? 2 : 1;
  }
};

// Weights, running statistics and optimizer state, in the kernels' layout.
struct State {
  State(const Network& network, const Optimizer& optimizer)
      : weights(network.tensors()),
        first(optimizer.state_tensors() > 0 ? network.parameters() : 0),
        second(optimizer.state_tensors() > 1 ? network.parameters() : 0) {}
  Buffer weights, first, second;
  std::int64_t step = 0;
};

// How a run is trained.
struct Recipe {
  Optimizer optimizer;
  Objective objective;
  int batch_size = 1;
};

// One epoch to do: the order of examples and a learning rate per step. `number` counts from 0; an empty order
// means only to evaluate.
struct Epoch {
  std::vector<std::uint32_t> order;
  std::vector<double> rates;
  std::uint64_t number = 0;
};

// Tiles that so many examples fill.
inline int tiles_of(std::int64_t examples) { return static_cast<int>((examples + TILE - 1) / TILE); }

// Means over examples.
struct Score {
  double loss = 0, accuracy = 0;
};

struct Training {
  Score score;                     // running, while training
  std::vector<float> step_losses;  // of each minibatch, before its update
  std::optional<std::int64_t> diverged_at;
  double seconds = 0;
};

// One pass over the epoch's order in minibatches, the last one smaller. Stops at the first non-finite loss, before
// its update. Throws Cancelled.
Training train_epoch(Crew<Workspace>& crew, Workspace& own, Batch& batch, const Kernels& kernels, State& state,
                     const Recipe& recipe, const Examples& examples, const Epoch& epoch);

// The exact mean over `indices`, by log-sum-exp whatever a run trains with. Throws Cancelled.
Score evaluate(Crew<Workspace>& crew, Workspace& own, const float* tensors, const Examples& examples,
               const std::vector<std::uint32_t>& indices);

// logits (count, classes) of the first `count` examples.
void predict(Workspace& workspace, const float* tensors, const Examples& examples, std::int64_t count, float* logits);

}  // namespace shoal
