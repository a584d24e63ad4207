// SPDX-License-Identifier: Apache-2.0
// One thread's memory, and a few tiles' way through a network and back in it. `Batch` is what the threads of one
// step share; every tile writes its own part of it, and every piece of the gradient is one thread's.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "buffer.h"
#include "layout.h"

namespace shoal {

// Images of one split as they lie in memory, and how bytes become the network's input.
struct Examples {
  const std::uint8_t* images = nullptr;  // (count, C * H * W)
  const std::uint16_t* labels = nullptr;
  std::int64_t bytes = 0;  // of one image
  float scale = 1, shift = 0;
};

// What is minimised: the cross-entropy in one of its forms, and the dropouts' random streams.
struct Objective {
  Form form = Form::LogSumExp;
  float smoothing = 0;
  std::vector<std::array<std::uint64_t, 2>> dropout_keys;
};

// Thrown by a pass through the network when whoever asked for it wants it no more.
struct Cancelled {};

// A contiguous piece of the gradient: rows and panels of a linear layer's weight, or, without rows, its bias;
// everything of another layer.
struct Piece {
  int layer;
  Part rows, panels;
};

// What the threads of a step share. A minibatch is done in blocks of tiles.
class Batch {
 public:
  // `tiles` of a whole minibatch.
  Batch(const Layout& layout, const Kernels& kernels, int tiles);

  const Layout& layout() const { return layout_; }
  int block() const { return kept.tiles(); }
  const std::vector<Piece>& pieces() const { return pieces_; }

  // Once a step, before its first tile: what depends on the weights only.
  void turn_weights(const float* weights);
  // Adds what the first `tiles` of a block left of a piece; the first block of a step starts from nothing.
  void gather(const Piece& piece, int tiles, bool first_block);
  // Calls visit(offset, count) for the stretches of the flat parameters that a piece is made of.
  template <typename Visit>
  void each_stretch(const Piece& piece, const Visit& visit) const;

  // Mean and variance of all tiles at a batch norm.
  void merge_moments(int layer, const float* tensors, std::int64_t examples);
  // Moves the running ones towards them, once the loss is known to be finite.
  void move_running(float* tensors) const;
  // The sums of all tiles' gradients at a batch norm, which are the gradients of its weight and bias.
  void merge_gradients(int layer, std::int64_t examples);

  // Of a batch norm in this step.
  struct Statistics {
    Buffer mean, variance, inv_std, factor, mean_dout, mean_dout_xhat;  // the variance is the unbiased one
  };

  Arena kept;
  Buffer gradient, turned;
  std::vector<Statistics> statistics;  // by batch norm

 private:
  const Layout& layout_;
  const Kernels& kernels_;
  std::vector<Piece> pieces_;
};

// A few neighbouring tiles of a minibatch.
struct Group {
  const std::uint32_t* indices;  // of the examples of its first tile
  std::int64_t remaining;        // examples from there to the end of the minibatch
  std::int64_t place;            // of the first of them in the epoch's order
  int first, count;              // tiles of the block
};

class Workspace {
 public:
  // `cancelled` is looked at before every layer.
  Workspace(const Layout& layout, const Kernels& kernels, const std::atomic<bool>& cancelled);

  const Layout& layout() const { return layout_; }
  // How many stretches there are between batch norms, there and back: each needs all tiles to have done the last.
  int stages() const { return 2 * static_cast<int>(layout_.network.batch_norms().size()) + 1; }

  // A stage of training on a group: values, gradients and sums are left in the arenas. `losses` has an entry for each
  // tile of the block; `share` is 1 / the examples of the minibatch. Throws Cancelled.
  void train(int stage, const Group& group, Batch& batch, const float* tensors, const Examples& examples,
             const Objective& objective, std::uint64_t epoch, float share, TileLoss* losses);
  // The loss of a group, by log-sum-exp. Throws Cancelled.
  void evaluate(const Group& group, const float* tensors, const Examples& examples, TileLoss* losses);
  // logits (examples, classes) of a group. Throws Cancelled.
  void predict(const Group& group, const float* tensors, const Examples& examples, float* logits);

 private:
  // What a layer works on: where the tiles of a group lie, and what is shared.
  struct Pass {
    const Group& group;
    const Arena& kept;
    int first;  // of the kept arena
    const float* tensors;
    Batch* batch;  // null in evaluation
    const Objective* objective;
    std::uint64_t epoch;
  };

  using Labels = std::array<std::uint16_t, TILE>;

  void go_on() const;
  Pass look(const Group& group, const float* tensors, const Examples& examples) const;
  int examples_of(const Group& group, int tile) const;
  int example_at(const Group& group, int tile, int lane) const;
  Labels labels_of(const Group& group, int tile, const Examples& examples) const;
  Image image(const Place& place, const Pass& pass, int tile) const;
  template <typename T>
  T tiles(const Place& place, const Pass& pass) const;

  void load(const Pass& pass, const Examples& examples) const;
  void forward(const Pass& pass, int begin, int end) const;
  void forward_layer(int index, const Pass& pass) const;
  void forward_tile(int index, const Pass& pass, int tile) const;
  void normalise(int index, const Pass& pass, int tile) const;
  void drop(int index, const Pass& pass, int tile) const;
  void moments(int index, const Pass& pass) const;
  void lose(const Pass& pass, const Examples& examples, float share, TileLoss* losses) const;
  void backward(const Pass& pass, int last, int first) const;
  void backward_layer(int index, const Pass& pass) const;
  void backward_tile(int index, const Pass& pass, int tile) const;
  void backward_conv2d(int index, const Pass& pass, int tile) const;
  void gradient_sums(int index, const Pass& pass) const;
  void back_through_norm(int index, const Pass& pass) const;
  void add_taps(int index, const Pass& pass) const;

  const Layout& layout_;
  const Network& network_;
  const Kernels& kernels_;
  const std::atomic<bool>& cancelled_;
  Arena passing_, alone_;  // alone_ stands in for what is kept where nothing is trained
  Buffer lanes_, factors_;
};

template <typename T>
T Workspace::tiles(const Place& place, const Pass& pass) const {
  return {image(place, pass, 0).data, place.floats, pass.group.count};
}

template <typename Visit>
void Batch::each_stretch(const Piece& piece, const Visit& visit) const {
  const Layer& layer = layout_.network.layers()[piece.layer];
  if (layer.kind != Kind::Linear) {  // weight and bias lie side by side
    visit(layer.weight, layer.bias + layer.pitch() - layer.weight);
  } else if (piece.rows.count == 0) {
    visit(layer.bias, layer.pitch());
  } else {
    for (int panel = piece.panels.first; panel < piece.panels.first + piece.panels.count; ++panel) {
      visit(layer.weight + (std::int64_t{panel} * layer.inp.size() + piece.rows.first) * TILE,
            std::int64_t{piece.rows.count} * TILE);
    }
  }
}

}  // namespace shoal
