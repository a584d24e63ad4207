// SPDX-License-Identifier: Apache-2.0
#include "workspace.h"

#include <algorithm>

namespace shoal {

Workspace::Workspace(const Layout& layout, const Kernels& kernels, const std::atomic<bool>& cancelled)
    : layout_(layout),
      network_(layout_.network),
      kernels_(kernels),
      cancelled_(cancelled),
      passing_(layout_.passing(), layout_.tiles_together()),
      alone_(layout_.kept(), layout_.tiles_together()),
      lanes_(layout_.lanes()),
      factors_(layout_.most_channels()) {}

// ---- stages -------------------------------------------------------------------------------------------

void Workspace::train(int stage, const Group& group, Batch& batch, const float* tensors, const Examples& examples,
                      const Objective& objective, std::uint64_t epoch, float share, TileLoss* losses) {
  const Pass pass{group, batch.kept, group.first, tensors, &batch, &objective, epoch};
  const std::vector<int>& norms = network_.batch_norms();
  const int turn = static_cast<int>(norms.size()), layers = static_cast<int>(network_.layers().size());
  if (stage <= turn) {
    if (stage == 0) load(pass, examples);
    const int begin = stage == 0 ? 0 : norms[stage - 1], end = stage < turn ? norms[stage] : layers;
    forward(pass, begin, end);
    if (stage < turn) return moments(end, pass);
    lose(pass, examples, share, losses);
  }
  // Back from the last batch norm that was done to the one before it.
  const int left = 2 * turn - stage;
  if (stage > turn) back_through_norm(norms[left], pass);
  const int from = stage == turn ? layers : norms[left],
            to = left > 0 ? norms[left - 1] + 1 : network_.first_learning();
  backward(pass, from, to);
  if (left > 0) gradient_sums(norms[left - 1], pass);
}

// There only, as in evaluation.
Workspace::Pass Workspace::look(const Group& group, const float* tensors, const Examples& examples) const {
  const Pass pass{group, alone_, 0, tensors, nullptr, nullptr, 0};
  load(pass, examples);
  forward(pass, 0, static_cast<int>(network_.layers().size()));
  return pass;
}

void Workspace::evaluate(const Group& group, const float* tensors, const Examples& examples, TileLoss* losses) {
  const Pass pass = look(group, tensors, examples);
  for (int tile = 0; tile < group.count; ++tile) {
    const int count = examples_of(group, tile);
    const Labels labels = labels_of(group, tile, examples);
    const Image logits = image(layout_.values.back(), pass, tile);
    losses[tile] =
        kernels_.softmax_cross_entropy(logits.data, labels.data(), count, network_.classes(), 0.0f, 0.0f, nullptr);
  }
}

void Workspace::predict(const Group& group, const float* tensors, const Examples& examples, float* logits) {
  const Pass pass = look(group, tensors, examples);
  for (int tile = 0; tile < group.count; ++tile) {
    const float* from = image(layout_.values.back(), pass, tile).data;
    for (int lane = 0; lane < examples_of(group, tile); ++lane) {
      for (int c = 0; c < network_.classes(); ++c) *logits++ = from[c * TILE + lane];
    }
  }
}

// ---- what a layer works on ----------------------------------------------------------------------------

void Workspace::go_on() const {
  if (cancelled_.load(std::memory_order_relaxed)) throw Cancelled{};
}

int Workspace::examples_of(const Group& group, int tile) const {
  return static_cast<int>(std::min<std::int64_t>(group.remaining - std::int64_t{tile} * TILE, TILE));
}

// Lanes beyond a tile's last example repeat its first, so that they overflow only where a real example does; what
// sums over examples leaves them out.
int Workspace::example_at(const Group& group, int tile, int lane) const {
  return tile * TILE + (lane < examples_of(group, tile) ? lane : 0);
}

Workspace::Labels Workspace::labels_of(const Group& group, int tile, const Examples& examples) const {
  Labels labels;
  for (int lane = 0; lane < TILE; ++lane) labels[lane] = examples.labels[group.indices[example_at(group, tile, lane)]];
  return labels;
}

Image Workspace::image(const Place& place, const Pass& pass, int tile) const {
  if (place.nowhere()) return {};
  float* data = place.kept ? pass.kept.at(place, pass.first + tile) : passing_.at(place, tile);
  return {data + std::int64_t{place.left} * TILE, place.shape.channels, place.shape.height, place.shape.width,
          place.pitch};
}

void Workspace::load(const Pass& pass, const Examples& examples) const {
  const Group& group = pass.group;
  for (int tile = 0; tile < group.count; ++tile) {
    const std::uint8_t* images[TILE];
    for (int lane = 0; lane < TILE; ++lane) {
      images[lane] = examples.images + std::int64_t{group.indices[example_at(group, tile, lane)]} * examples.bytes;
    }
    kernels_.load_pixels(images, examples.scale, examples.shift, image(layout_.values.front(), pass, tile));
  }
}

}  // namespace shoal
