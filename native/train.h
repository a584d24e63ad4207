// SPDX-License-Identifier: Apache-2.0
// One run's state, and what one thread does with it: train for an epoch, evaluate, predict.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "buffer.h"
#include "network.h"

namespace shoal {

// Images of one split as they lie in memory, and how bytes become the network's input.
struct Examples {
  const std::uint8_t* images = nullptr;  // (count, C * H * W)
  const std::uint16_t* labels = nullptr;
  std::int64_t bytes = 0;  // of one image
  float scale = 1, shift = 0;
};

struct Optimizer {
  bool adam = false;
  double momentum = 0, weight_decay = 0;
  bool nesterov = false;
  double beta1 = 0, beta2 = 0, eps = 0;
  bool decoupled = false;

  int state_tensors() const { return adam ? 2 : momentum != 0 ? 1 : 0; }
};

// Weights and optimizer state, in the kernels' layout.
struct State {
  State(const Network& network, const Optimizer& optimizer)
      : weights(network.parameters()),
        first(optimizer.state_tensors() > 0 ? network.parameters() : 0),
        second(optimizer.state_tensors() > 1 ? network.parameters() : 0) {}
  Buffer weights, first, second;
  std::int64_t step = 0;
};

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

// One pass over `order` in minibatches of `batch_size`, the last one smaller; `rates` has a learning rate per
// step. Stops at the first non-finite loss, before its update. Throws Cancelled.
Training train_epoch(Workspace& workspace, const Kernels& kernels, State& state, const Optimizer& optimizer, Form form,
                     const Examples& examples, const std::vector<std::uint32_t>& order, int batch_size,
                     const std::vector<double>& rates);

// The exact mean over `indices`, by log-sum-exp whatever form a run trains with. Throws Cancelled.
Score evaluate(Workspace& workspace, const Kernels& kernels, const float* weights, const Examples& examples,
               const std::vector<std::uint32_t>& indices);

// logits (count, classes) of the first `count` examples.
void predict(Workspace& workspace, const Kernels& kernels, const float* weights, const Examples& examples,
             std::int64_t count, float* logits);

}  // namespace shoal
