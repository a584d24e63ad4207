// SPDX-License-Identifier: Apache-2.0
#include "train.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace shoal {
namespace {

// The labels of a tile whose pixels have been loaded. Lanes beyond the tile's last example repeat its first,
// so that they overflow only where a real example does; the loss leaves them out.
struct Tile {
  std::uint16_t labels[TILE];
  int examples;
};

Tile load_tile(const Workspace& workspace, const Kernels& kernels, const Examples& examples,
               const std::uint32_t* indices, std::int64_t remaining) {
  Tile tile;
  tile.examples = static_cast<int>(std::min<std::int64_t>(remaining, TILE));
  const std::uint8_t* images[TILE];
  for (int lane = 0; lane < TILE; ++lane) {
    const std::int64_t index = indices[lane < tile.examples ? lane : 0];
    images[lane] = examples.images + index * examples.bytes;
    tile.labels[lane] = examples.labels != nullptr ? examples.labels[index] : 0;
  }
  kernels.load_pixels(images, examples.scale, examples.shift, workspace.input());
  return tile;
}

void update(const Workspace& workspace, const Kernels& kernels, State& state, const Optimizer& optimizer, double lr) {
  const double t = static_cast<double>(state.step + 1);
  const Update step{.weight = state.weights.data(),
                    .grad = workspace.gradient(),
                    .first = state.first.data(),
                    .second = state.second.data(),
                    .count = state.weights.size(),
                    .lr = lr,
                    .weight_decay = optimizer.weight_decay,
                    .momentum = optimizer.momentum,
                    .nesterov = optimizer.nesterov,
                    .beta1 = optimizer.beta1,
                    .beta2 = optimizer.beta2,
                    .eps = optimizer.eps,
                    .correction1 = 1 - std::pow(optimizer.beta1, t),
                    .correction2 = 1 - std::pow(optimizer.beta2, t),
                    .decoupled = optimizer.decoupled};
  (optimizer.adam ? kernels.adam_step : kernels.sgd_step)(step);
}

}  // namespace

Training train_epoch(Workspace& workspace, const Kernels& kernels, State& state, const Optimizer& optimizer, Form form,
                     const Examples& examples, const std::vector<std::uint32_t>& order, int batch_size,
                     const std::vector<double>& rates) {
  const auto start = std::chrono::steady_clock::now();
  const std::int64_t count = static_cast<std::int64_t>(order.size());
  const int classes = workspace.network().classes();
  const float* weights = state.weights.data();
  const auto cross_entropy = form == Form::LogSumExp ? kernels.softmax_cross_entropy
                             : form == Form::Shifted ? kernels.shifted_cross_entropy
                                                     : kernels.naive_cross_entropy;
  Training training;
  training.step_losses.reserve(rates.size());
  TileLoss total;
  for (std::int64_t begin = 0; begin < count && !training.diverged_at; begin += batch_size) {
    const std::int64_t end = std::min(begin + batch_size, count);
    const float share = 1.0f / static_cast<float>(end - begin);
    workspace.prepare(weights);
    double batch_loss = 0;
    for (std::int64_t at = begin; at < end; at += TILE) {
      const Tile tile = load_tile(workspace, kernels, examples, &order[at], end - at);
      workspace.forward(weights);
      const TileLoss loss =
          cross_entropy(workspace.logits(), tile.labels, tile.examples, classes, share, workspace.logits_gradient());
      workspace.backward(weights);
      batch_loss += loss.loss;
      total.correct += loss.correct;
    }
    total.loss += batch_loss;
    training.step_losses.push_back(static_cast<float>(batch_loss / static_cast<double>(end - begin)));
    workspace.finish_gradient();
    if (!std::isfinite(training.step_losses.back())) {
      training.diverged_at = state.step;
    } else {
      update(workspace, kernels, state, optimizer, rates[training.step_losses.size() - 1]);
      ++state.step;
    }
  }
  if (training.diverged_at) std::fill_n(workspace.gradient(), workspace.network().parameters(), 0.0f);
  training.score = {total.loss / static_cast<double>(count), total.correct / static_cast<double>(count)};
  training.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return training;
}

Score evaluate(Workspace& workspace, const Kernels& kernels, const float* weights, const Examples& examples,
               const std::vector<std::uint32_t>& indices) {
  const std::int64_t count = static_cast<std::int64_t>(indices.size());
  TileLoss total;
  for (std::int64_t at = 0; at < count; at += TILE) {
    const Tile tile = load_tile(workspace, kernels, examples, &indices[at], count - at);
    workspace.forward(weights);
    const TileLoss loss = kernels.softmax_cross_entropy(workspace.logits(), tile.labels, tile.examples,
                                                        workspace.network().classes(), 0.0f, nullptr);
    total.loss += loss.loss;
    total.correct += loss.correct;
  }
  return {total.loss / static_cast<double>(count), total.correct / static_cast<double>(count)};
}

void predict(Workspace& workspace, const Kernels& kernels, const float* weights, const Examples& examples,
             std::int64_t count, float* logits) {
  const int classes = workspace.network().classes();
  for (std::int64_t at = 0; at < count; at += TILE) {
    std::uint32_t indices[TILE];
    for (int lane = 0; lane < TILE; ++lane) indices[lane] = static_cast<std::uint32_t>(at + lane);
    const Tile tile = load_tile(workspace, kernels, examples, indices, count - at);
    workspace.forward(weights);
    for (int lane = 0; lane < tile.examples; ++lane) {
      for (int c = 0; c < classes; ++c) logits[(at + lane) * classes + c] = workspace.logits()[c * TILE + lane];
    }
  }
}

}  // namespace shoal
