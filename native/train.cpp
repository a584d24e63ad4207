// SPDX-License-Identifier: Apache-2.0
#include "train.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace shoal {
namespace {

// The tiles of a block in groups that go through a layer together: pairs, as long as everybody has one.
template <typename Visit>
void each_group(Crew<Workspace>& crew, Workspace& own, int tiles, const Visit& visit) {
  const int together = own.layout().tiles_together();
  const int size = tiles >= together * (1 + crew.helpers()) ? together : 1;
  crew.each((tiles + size - 1) / size, own,
            [&](int item, Workspace& bench) { visit(item * size, std::min(size, tiles - item * size), bench); });
}

void add(TileLoss& total, const TileLoss& more) {
  total.loss += more.loss;
  total.correct += more.correct;
}

auto kernel_of(const Kernels& kernels, Optimizer::Rule rule) {
  switch (rule) {
    case Optimizer::Rule::Adam: return kernels.adam_step;
    case Optimizer::Rule::RMSprop: return kernels.rmsprop_step;
    case Optimizer::Rule::Adagrad: return kernels.adagrad_step;
    case Optimizer::Rule::Lion: return kernels.lion_step;
    default: return kernels.sgd_step;
  }
}

// One epoch of a run.
class Trainer {
 public:
  Trainer(Crew<Workspace>& crew, Workspace& own, Batch& batch, const Kernels& kernels, State& state,
          const Recipe& recipe, const Examples& examples, const Epoch& epoch)
      : crew_(crew),
        own_(own),
        batch_(batch),
        kernels_(kernels),
        state_(state),
        recipe_(recipe),
        examples_(examples),
        epoch_(epoch),
        losses_(batch.block()) {}

  Training run() {
    // Nobody writes the gradient's padding but clipping, whose factor a run that diverged has made NaN.
    std::fill_n(batch_.gradient.data(), batch_.gradient.size(), 0.0f);
    const std::int64_t count = static_cast<std::int64_t>(epoch_.order.size());
    Training training;
    training.step_losses.reserve(epoch_.rates.size());
    TileLoss total;
    for (std::int64_t begin = 0; begin < count && !training.diverged_at; begin += recipe_.batch_size) {
      const std::int64_t end = std::min(begin + recipe_.batch_size, count);
      const TileLoss loss = step(begin, end, epoch_.rates[training.step_losses.size()]);
      training.step_losses.push_back(static_cast<float>(loss.loss / static_cast<double>(end - begin)));
      if (!finite(loss, end - begin)) {
        training.diverged_at = state_.step;
      } else {
        ++state_.step;
      }
      add(total, loss);
    }
    training.score = {total.loss / static_cast<double>(count), total.correct / static_cast<double>(count)};
    return training;
  }

 private:
  static bool finite(const TileLoss& loss, std::int64_t examples) {
    return std::isfinite(static_cast<float>(loss.loss / static_cast<double>(examples)));
  }

  // One minibatch, block by block; the update comes with the last block, while the gradient is in the cache.
  TileLoss step(std::int64_t begin, std::int64_t end, double lr) {
    batch_.turn_weights(state_.weights.data());
    const float share = 1.0f / static_cast<float>(end - begin);
    const std::int64_t whole = std::int64_t{batch_.block()} * TILE;
    TileLoss total;
    for (std::int64_t at = begin; at < end; at += whole) {
      const std::int64_t examples = std::min(whole, end - at);
      const int tiles = tiles_of(examples);
      pass(at, examples, share);
      for (int tile = 0; tile < tiles; ++tile) add(total, losses_[tile]);
      const bool last = at + whole >= end;
      if (last && !finite(total, end - begin)) break;
      gather(tiles, at == begin, last && !clips() ? &lr : nullptr);
    }
    if (finite(total, end - begin)) {
      batch_.move_running(state_.weights.data());
      if (clips()) update_clipped(lr);
    }
    return total;
  }

  // Every tile of a block there and back.
  void pass(std::int64_t begin, std::int64_t examples, float share) {
    const int tiles = tiles_of(examples);
    const std::vector<int>& norms = own_.layout().network.batch_norms();
    for (int stage = 0; stage < own_.stages(); ++stage) {
      each_group(crew_, own_, tiles, [&](int first, int count, Workspace& bench) {
        const std::int64_t place = begin + std::int64_t{first} * TILE;
        const Group group{&epoch_.order[place], begin + examples - place, place, first, count};
        bench.train(stage, group, batch_, state_.weights.data(), examples_, recipe_.objective, epoch_.number, share,
                    &losses_[first]);
      });
      const int turn = static_cast<int>(norms.size());
      if (stage < turn) batch_.merge_moments(norms[stage], state_.weights.data(), examples);
      if (stage >= turn && stage < 2 * turn) batch_.merge_gradients(norms[2 * turn - 1 - stage], examples);
    }
  }

  void gather(int tiles, bool first_block, const double* lr) {
    const Update update = lr ? update_of(*lr) : Update{};
    each_piece([&](const Piece& piece) {
      batch_.gather(piece, tiles, first_block);
      if (!lr) return;
      batch_.each_stretch(piece, [&](std::int64_t offset, std::int64_t count) { apply(update, offset, count); });
    });
  }

  bool clips() const { return recipe_.optimizer.clip_norm != 0 || recipe_.optimizer.clip_value != 0; }

  void update_clipped(double lr) {
    const Optimizer& optimizer = recipe_.optimizer;
    float* const gradient = batch_.gradient.data();
    double factor = 1;
    if (optimizer.clip_norm != 0) {
      factor = optimizer.clip_norm / (std::sqrt(kernels_.sum_of_squares(gradient, batch_.gradient.size())) + 1e-6);
    }
    const Update update = update_of(lr);
    const auto stretch = [&](std::int64_t offset, std::int64_t count) {
      if (!(factor >= 1)) kernels_.multiply_by(gradient + offset, count, static_cast<float>(factor));
      if (optimizer.clip_value != 0) {
        kernels_.clamp(gradient + offset, count, static_cast<float>(optimizer.clip_value));
      }
      apply(update, offset, count);
    };
    each_piece([&](const Piece& piece) { batch_.each_stretch(piece, stretch); });
  }

  // Visits every piece of the gradient, the crew together.
  template <typename Visit>
  void each_piece(const Visit& visit) {
    crew_.each(static_cast<int>(batch_.pieces().size()), own_,
               [&](int item, Workspace&) { visit(batch_.pieces()[item]); });
  }

  Update update_of(double lr) const {
    const double t = static_cast<double>(state_.step + 1);
    const Optimizer& optimizer = recipe_.optimizer;
    return {.weight = state_.weights.data(),
            .grad = batch_.gradient.data(),
            .first = state_.first.data(),
            .second = state_.second.data(),
            .count = 0,
            .lr = optimizer.lr_decay != 0 ? lr / (1 + (t - 1) * optimizer.lr_decay) : lr,
            .weight_decay = optimizer.weight_decay,
            .momentum = optimizer.momentum,
            .nesterov = optimizer.nesterov,
            .beta1 = optimizer.beta1,
            .beta2 = optimizer.beta2,
            .eps = optimizer.eps,
            .correction1 = 1 - std::pow(optimizer.beta1, t),
            .correction2 = 1 - std::pow(optimizer.beta2, t),
            .decoupled = optimizer.decoupled,
            .alpha = optimizer.alpha};
  }

  void apply(Update update, std::int64_t offset, std::int64_t count) const {
    update.weight += offset;
    update.grad += offset;
    if (update.first) update.first += offset;
    if (update.second) update.second += offset;
    update.count = count;
    kernel_of(kernels_, recipe_.optimizer.rule)(update);
  }

  Crew<Workspace>& crew_;
  Workspace& own_;
  Batch& batch_;
  const Kernels& kernels_;
  State& state_;
  const Recipe& recipe_;
  const Examples& examples_;
  const Epoch& epoch_;
  std::vector<TileLoss> losses_;  // of the tiles of a block
};

}  // namespace

Training train_epoch(Crew<Workspace>& crew, Workspace& own, Batch& batch, const Kernels& kernels, State& state,
                     const Recipe& recipe, const Examples& examples, const Epoch& epoch) {
  const auto start = std::chrono::steady_clock::now();
  Training training = Trainer(crew, own, batch, kernels, state, recipe, examples, epoch).run();
  training.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return training;
}

Score evaluate(Crew<Workspace>& crew, Workspace& own, const float* tensors, const Examples& examples,
               const std::vector<std::uint32_t>& indices) {
  constexpr int TILES = 8;  // of an item: one is too little to hand over
  const std::int64_t count = static_cast<std::int64_t>(indices.size()), tiles = tiles_of(count);
  std::vector<TileLoss> losses(tiles);
  crew.each(static_cast<int>((tiles + TILES - 1) / TILES), own, [&](int item, Workspace& bench) {
    const int together = bench.layout().tiles_together();
    const std::int64_t end = std::min<std::int64_t>((item + 1) * TILES, tiles);
    for (std::int64_t tile = item * TILES; tile < end; tile += together) {
      const std::int64_t at = tile * TILE;
      const Group group{&indices[at], count - at, at, 0,
                        static_cast<int>(std::min<std::int64_t>(together, end - tile))};
      bench.evaluate(group, tensors, examples, &losses[tile]);
    }
  });
  TileLoss total;
  for (const TileLoss& loss : losses) add(total, loss);
  return {total.loss / static_cast<double>(count), total.correct / static_cast<double>(count)};
}

void predict(Workspace& workspace, const float* tensors, const Examples& examples, std::int64_t count, float* logits) {
  const int together = workspace.layout().tiles_together(), classes = workspace.layout().network.classes();
  std::vector<std::uint32_t> indices(count);
  for (std::int64_t i = 0; i < count; ++i) indices[i] = static_cast<std::uint32_t>(i);
  for (std::int64_t at = 0; at < count; at += together * TILE) {
    const int tiles = std::min(together, tiles_of(count - at));
    workspace.predict({&indices[at], count - at, at, 0, tiles}, tensors, examples, logits + at * classes);
  }
}

}  // namespace shoal
