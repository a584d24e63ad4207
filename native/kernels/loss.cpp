// SPDX-License-Identifier: Apache-2.0
// The loss. Twin: softmax_cross_entropy in engines/reference.py.
#include "vec.h"

namespace shoal::SHOAL_ISA {

// loss = log sum exp(logits - max) + max - logits[label];  dlogits (C, L) = (softmax - onehot) * scale.
// Lanes from `examples` on are of no minibatch: their gradient is zero and their loss is not counted.
// With dlogits null, only the loss and the count of hits are computed.
TileLoss softmax_cross_entropy(const float* logits, const std::uint16_t* labels, int examples, int classes, float scale,
                               float* dlogits) {
  alignas(64) float losses[TILE], hits[TILE];
  for (int lanes = 0; lanes < TILE; lanes += LANES) {
    const float* column = logits + lanes;
    ivec label, lane;
    for (int i = 0; i < LANES; ++i) {
      label[i] = labels[lanes + i];
      lane[i] = lanes + i;
    }
    vec largest = load(column), at_label{};
    ivec winner{};
    for (int c = 0; c < classes; ++c) {
      const vec z = load(column + c * TILE);
      const ivec better = (z > largest) | (z != z);  // a NaN stays
      largest = select(better, z, largest);
      winner = better ? ivec{} + c : winner;
      at_label = select(label == c, z, at_label);
    }
    vec sum{};
    for (int c = 0; c < classes; ++c) sum += exp(load(column + c * TILE) - largest);
    store(losses + lanes, log(sum) + largest - at_label);
    store(hits + lanes, select(winner == label, broadcast(1.0f), vec{}));
    if (dlogits == nullptr) continue;
    const ivec counted = lane < examples;
    const vec share = broadcast(scale) / sum;
    for (int c = 0; c < classes; ++c) {
      const vec probability = exp(load(column + c * TILE) - largest) * share;
      const vec d = probability - select(label == c, broadcast(scale), vec{});
      store(dlogits + c * TILE + lanes, select(counted, d, vec{}));
    }
  }
  TileLoss total;
  for (int example = 0; example < examples; ++example) {
    total.loss += losses[example];
    total.correct += hits[example] > 0;
  }
  return total;
}

}  // namespace shoal::SHOAL_ISA
