// SPDX-License-Identifier: Apache-2.0
// The loss, in three forms (losses.py). Twins: softmax_cross_entropy and log_of_softmax in engines/reference/loss.py.
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

// A vector of examples before any exponential is taken.
struct Seen {
  ivec label, counted, hit;  // lanes from `examples` on are of no minibatch, and not counted
  vec largest, at_label;     // of the logits
};

SHOAL_INLINE Seen look(const float* column, const std::uint16_t* labels, int lanes, int examples, int classes) {
  ivec label;
  for (int i = 0; i < LANES; ++i) label[i] = labels[lanes + i];
  vec largest = load(column), at_label{};
  ivec winner{};
  for (int c = 0; c < classes; ++c) {
    const vec z = load(column + c * TILE);
    const ivec better = (z > largest) | (z != z);  // a NaN stays
    largest = select(better, z, largest);
    winner = better ? ivec{} + c : winner;
    at_label = select(label == c, z, at_label);
  }
  return {label, counted(lanes, examples), winner == label, largest, at_label};
}

// What each example of a tile comes to.
struct Outcomes {
  alignas(64) float losses[TILE], hits[TILE];

  TileLoss total(int examples) const {
    TileLoss sum;
    for (int example = 0; example < examples; ++example) {
      sum.loss += losses[example];
      sum.correct += hits[example] > 0;
    }
    return sum;
  }
};

// p (C, L) = exp(z - m) / sum exp(z - m), with m the largest logit if SHIFT and else 0;  loss = -log p[label].
// Back through the mean and the logarithm: dp[label] = -scale / p[label], and no other;
// back through the softmax: dlogits (C, L) = p * (dp - sum dp * p).
template <bool SHIFT>
SHOAL_INLINE TileLoss log_of_softmax(const float* logits, const std::uint16_t* labels, int examples, int classes,
                                     float scale, float* dlogits) {
  Outcomes out;
  for (int lanes = 0; lanes < TILE; lanes += LANES) {
    const float* column = logits + lanes;
    const Seen seen = look(column, labels, lanes, examples, classes);
    const vec shift = SHIFT ? seen.largest : vec{};
    vec sum{};
    for (int c = 0; c < classes; ++c) sum += exp_whole(load(column + c * TILE) - shift);
    const vec at_label = exp_whole(seen.at_label - shift) / sum;
    store(out.losses + lanes, -log_whole(at_label));
    store(out.hits + lanes, select(seen.hit, broadcast(1.0f), vec{}));
    const vec dp = broadcast(-scale) / at_label;
    for (int c = 0; c < classes; ++c) {
      const vec p = exp_whole(load(column + c * TILE) - shift) / sum;
      const vec d = p * (select(seen.label == c, dp, vec{}) - dp * at_label);
      store(dlogits + c * TILE + lanes, select(seen.counted, d, vec{}));
    }
  }
  return out.total(examples);
}

}  // namespace

// loss = log sum exp(logits - max) + max - target · logits;  dlogits (C, L) = (softmax - target) * scale, where the
// target is onehot, or with smoothing e (1 - e) onehot + e / C. dlogits holds the exponentials in between.
// Lanes from `examples` on have no gradient and no loss. With dlogits null, only the loss and the hits are computed.
TileLoss softmax_cross_entropy(const float* logits, const std::uint16_t* labels, int examples, int classes, float scale,
                               float smoothing, float* dlogits) {
  Outcomes out;
  for (int lanes = 0; lanes < TILE; lanes += LANES) {
    const float* column = logits + lanes;
    const Seen seen = look(column, labels, lanes, examples, classes);
    vec sum{}, all{};
    for (int c = 0; c < classes; ++c) {
      const vec z = load(column + c * TILE), power = exp(z - seen.largest);
      sum += power;
      all += z;
      if (dlogits != nullptr) store(dlogits + c * TILE + lanes, power);
    }
    const float even = smoothing / classes, rest = 1.0f - smoothing;
    const vec aimed = smoothing == 0 ? seen.at_label : fma(broadcast(even), all, broadcast(rest) * seen.at_label);
    store(out.losses + lanes, log(sum) + seen.largest - aimed);
    store(out.hits + lanes, select(seen.hit, broadcast(1.0f), vec{}));
    if (dlogits == nullptr) continue;
    const vec share = broadcast(scale) / sum, at_others = broadcast(scale * even);
    const vec at_label = broadcast(scale * rest) + at_others;
    for (int c = 0; c < classes; ++c) {
      const vec probability = load(dlogits + c * TILE + lanes) * share;
      const vec d = probability - select(seen.label == c, at_label, at_others);
      store(dlogits + c * TILE + lanes, select(seen.counted, d, vec{}));
    }
  }
  return out.total(examples);
}

// The same with probabilities in between, exp(z - max) over their sum: breaks where they underflow.
TileLoss shifted_cross_entropy(const float* logits, const std::uint16_t* labels, int examples, int classes, float scale,
                               float* dlogits) {
  return log_of_softmax<true>(logits, labels, examples, classes, scale, dlogits);
}

// The same as the formula stands, exp(z) over their sum: breaks where an exponential overflows, too.
TileLoss naive_cross_entropy(const float* logits, const std::uint16_t* labels, int examples, int classes, float scale,
                             float* dlogits) {
  return log_of_softmax<false>(logits, labels, examples, classes, scale, dlogits);
}

}  // namespace shoal::SHOAL_ISA
