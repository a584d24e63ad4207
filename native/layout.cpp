// SPDX-License-Identifier: Apache-2.0
#include "layout.h"

#include <algorithm>
#include <numeric>

namespace shoal {
namespace {

constexpr std::int64_t MOST_KEPT = std::int64_t{1} << 18;  // floats of a block: 1 MiB
constexpr int MOST_TILES = 16;

// Zero columns left and right of an image, so that a convolution may read beyond its edge.
struct Margin {
  int left = 0, right = 0;
  bool none() const { return left == 0 && right == 0; }
};

// The convolution that makes the input's gradient reads kernel - 1 - padding columns left of dout, and on the
// right as many as the windows reach.
Margin gradient_margin(const Layer& layer, int width) {
  return {std::max(layer.window.kernel - 1 - layer.window.padding, 0),
          std::max(layer.inp.width + layer.window.padding - width, 0)};
}

int spread(int size, int stride) { return (size - 1) * stride + 1; }

Place flat(Place place) {
  place.shape = {place.shape.size(), 1, 1};
  place.pitch = 1;
  return place;
}

}  // namespace

Layout::Layout(const Network& given) : network(given) {
  const std::vector<Layer>& layers = network.layers();
  taps.resize(layers.size() + 1);
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) {
    if (layers[i].kind == Kind::Add) taps[i - layers[i].back].push_back(i);
  }
  const bool images = std::any_of(layers.begin(), layers.end(), [](const Layer& layer) {
    return layer.kind == Kind::Conv2d || layer.kind == Kind::BatchNorm;
  });
  together_ = images ? 1 : 2;
  place_values();
  place_gradients();
  place_sums();
}

int Layout::block(int tiles) const {
  if (!network.batch_norms().empty()) return tiles;
  const std::int64_t floats = std::accumulate(kept_.begin(), kept_.end(), std::int64_t{1});
  return static_cast<int>(std::clamp<std::int64_t>(MOST_KEPT / floats, 1, std::min(tiles, MOST_TILES)));
}

Place Layout::allocate(Shape shape, int left, int right, bool kept) {
  const int pitch = left + shape.width + right;
  const std::int64_t floats = std::int64_t{shape.channels} * shape.height * pitch * TILE;
  std::vector<std::int64_t>& arena = kept ? kept_ : passing_;
  arena.push_back(floats);
  return {kept, static_cast<int>(arena.size()) - 1, floats, shape, left, pitch};
}

Place Layout::keep(std::int64_t floats) {
  kept_.push_back((floats + TILE - 1) / TILE * TILE);
  return {true, static_cast<int>(kept_.size()) - 1, kept_.back(), {}, 0, 0};
}

// An activation may overwrite the output of a layer that does not need it on the way back, if no sum does.
bool Layout::overwrites(int index) const {
  const std::vector<Layer>& layers = network.layers();
  if (index == 0 || !layers[index].forgets_input() || !taps[index].empty()) return false;
  const Kind before = layers[index - 1].kind;
  return before == Kind::Linear || before == Kind::Conv2d || before == Kind::AvgPool2d ||
         before == Kind::GlobalAvgPool2d || before == Kind::BatchNorm || before == Kind::Add;
}

void Layout::place_values() {
  const std::vector<Layer>& layers = network.layers();
  const int count = static_cast<int>(layers.size());
  std::vector<Margin> margins(count + 1);  // what the next convolution pads
  std::vector<bool> kept(count + 1, !network.batch_norms().empty());
  for (int i = count; i-- > 0;) {
    if (layers[i].kind == Kind::Conv2d) margins[i] = {layers[i].window.padding, layers[i].window.padding};
    if (overwrites(i)) margins[i] = margins[i + 1];
    if (layers[i].kind == Kind::Linear) kept[i] = true;
    if (overwrites(i) || layers[i].kind == Kind::Flatten) kept[i] = kept[i] || kept[i + 1];
  }
  values.push_back(allocate(network.input(), margins[0].left, margins[0].right, kept[0]));
  masks.resize(count);
  for (int i = 0; i < count; ++i) {
    if (layers[i].kind == Kind::Dropout) masks[i] = allocate(layers[i].out, 0, 0, kept[i + 1]);
    if (overwrites(i)) {
      values.push_back(values[i]);
    } else if (layers[i].kind == Kind::Flatten) {
      values.push_back(flat(values[i]));
    } else {
      values.push_back(allocate(layers[i].out, margins[i + 1].left, margins[i + 1].right, kept[i + 1]));
    }
  }
}

void Layout::place_gradients() {
  const std::vector<Layer>& layers = network.layers();
  const int count = static_cast<int>(layers.size()), first = network.first_learning();
  const bool kept = !network.batch_norms().empty();
  grads.resize(count + 1);
  dilated.resize(count);
  Margin margin;  // of the gradient before layer i
  for (int i = first; i < count; ++i) {
    const Layer& layer = layers[i];
    if (i > first && layer.in_place()) {
      grads[i + 1] = grads[i];
      continue;
    }
    if (i > first && layer.kind == Kind::Flatten && margin.none()) {
      grads[i + 1] = flat(grads[i]);
      continue;
    }
    margin = {};
    if (i > first && layer.kind == Kind::Conv2d) {
      const Shape wide{layer.out.channels, spread(layer.out.height, layer.window.stride),
                       spread(layer.out.width, layer.window.stride)};
      const Margin needed = gradient_margin(layer, wide.width);
      if (layer.window.stride == 1) {
        margin = needed;
      } else {
        dilated[i] = allocate(wide, needed.left, needed.right, false);
      }
    }
    grads[i + 1] = allocate(layer.out, margin.left, margin.right, kept);
  }
}

void Layout::place_sums() {
  const std::vector<Layer>& layers = network.layers();
  sums.resize(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    if (layer.kind == Kind::Linear) sums[i].turned = keep(std::int64_t{layer.pitch()} * TILE);
    if (layer.kind == Kind::Conv2d || layer.kind == Kind::BatchNorm) {
      sums[i].weight = keep(layer.weight_count());
      sums[i].bias = keep(layer.out.channels);
    }
    if (layer.kind == Kind::BatchNorm) {
      channels_ = std::max(channels_, layer.out.channels);
      sums[i].mean = keep(layer.out.channels);
      sums[i].squares = keep(layer.out.channels);
    }
    if (layer.kind == Kind::Conv2d) lanes_ = std::max(lanes_, (layer.weight_count() + layer.out.channels) * TILE);
  }
}

}  // namespace shoal
