// SPDX-License-Identifier: Apache-2.0
// Where everything lies that one tile needs on its way through a network and back.
//
// There are two arenas. What is *kept* stays until all tiles of a block are done: the inputs and the output
// gradients of linear layers, whose weight gradient is one product over the whole block, and every tile's own
// sums for convolutions. The rest is *passing*: the thread's next tile overwrites it while it is in cache. With
// a batch norm, which cannot begin before all tiles have reached it, everything is kept.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.h"
#include "network.h"

namespace shoal {

// The feature maps of a tile, or its sums, somewhere in an arena.
struct Place {
  bool kept = false;
  int buffer = -1;          // of the arena; -1 for nowhere
  std::int64_t floats = 0;  // of one tile
  Shape shape{};
  int left = 0, pitch = 0;  // zero columns before the first real one, and the columns of a row in all

  bool nowhere() const { return buffer < 0; }
};

// A buffer for every place, each with room for some tiles: a guard page, where there are any, lies at both its ends.
class Arena {
 public:
  Arena(const std::vector<std::int64_t>& floats, int tiles) : tiles_(tiles) {
    for (const std::int64_t count : floats) buffers_.emplace_back(count * tiles);
  }
  int tiles() const { return tiles_; }
  float* at(const Place& place, int tile) const { return buffers_[place.buffer].data() + tile * place.floats; }

 private:
  std::vector<Buffer> buffers_;
  int tiles_;
};

// What one tile leaves of a layer with parameters; kept.
struct Sums {
  Place turned;         // Linear: the output's gradient in panels (O / TILE, L, TILE)
  Place weight, bias;   // Conv2d: the tile's gradients; BatchNorm: its sums of dout * xhat and of dout
  Place mean, squares;  // BatchNorm: the tile's mean, and its squared deviations from it
};

class Layout {
 public:
  explicit Layout(const Network& network);

  const Network network;
  std::vector<Place> values, grads;    // before each layer, and after the last
  std::vector<Place> dilated;          // of a strided convolution: its output gradient with zeros between
  std::vector<Place> masks;            // of a dropout
  std::vector<Sums> sums;              // by layer
  std::vector<std::vector<int>> taps;  // by value: the sums (layers) that add it once more

  // Floats of each buffer, for one tile.
  const std::vector<std::int64_t>& kept() const { return kept_; }
  const std::vector<std::int64_t>& passing() const { return passing_; }
  std::int64_t lanes() const { return lanes_; }    // floats of scratch for a convolution's gradient
  int most_channels() const { return channels_; }  // of a batch norm
  // Tiles that go through a layer together: two share every weight that is loaded, where both fit into the cache.
  int tiles_together() const { return together_; }
  // Tiles of a block: of a minibatch of so many tiles, as many as are kept at once.
  int block(int tiles) const;

 private:
  void place_values();
  void place_gradients();
  void place_sums();
  bool overwrites(int index) const;
  Place allocate(Shape shape, int left, int right, bool kept);
  Place keep(std::int64_t floats);

  std::vector<std::int64_t> kept_, passing_;
  std::int64_t lanes_ = 0;
  int together_ = 1, channels_ = 0;
};

}  // namespace shoal
