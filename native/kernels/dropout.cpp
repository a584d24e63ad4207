// SPDX-License-Identifier: Apache-2.0
// Dropout: a mask of zeros and one scale, by the words that streams.dropout_words defines, so that it is the same in
// every engine, batch size and company. Twins: dropout_mask, dropout_forward, dropout_backward in
// engines/reference/dropout.py.
#include "vec.h"

namespace shoal::SHOAL_ISA {
namespace {

constexpr int ROUNDS = 10;

// Philox 4x64-10 (Salmon et al. 2011) with the keys of its rounds, which are the same for all blocks of a stream.
class Philox {
 public:
  explicit Philox(const std::uint64_t key[2]) {
    for (int round = 0; round < ROUNDS; ++round) {
      keys_[round][0] = key[0] + round * 0x9E3779B97F4A7C15ull;
      keys_[round][1] = key[1] + round * 0xBB67AE8584CAA73Bull;
    }
  }

  // The four words of one block, from its counter.
  void draw(std::uint64_t (&words)[4]) const {
    for (const auto& key : keys_) {
      const unsigned __int128 a = static_cast<unsigned __int128>(words[0]) * 0xD2E7470EE14C6C93ull;
      const unsigned __int128 b = static_cast<unsigned __int128>(words[2]) * 0xCA5A826395121157ull;
      words[0] = static_cast<std::uint64_t>(b >> 64) ^ words[1] ^ key[0];
      words[1] = static_cast<std::uint64_t>(b);
      words[2] = static_cast<std::uint64_t>(a >> 64) ^ words[3] ^ key[1];
      words[3] = static_cast<std::uint64_t>(a);
    }
  }

 private:
  std::uint64_t keys_[ROUNDS][2];
};

// Sixteen uint16 words of each example: words (UNITS, L).
constexpr int UNITS = 16;

void draw_units(const Philox& philox, std::uint64_t block, const std::uint64_t* places, std::uint64_t epoch,
                std::uint16_t (&words)[UNITS][TILE]) {
  for (int lane = 0; lane < TILE; ++lane) {
    std::uint64_t drawn[4] = {block, places[lane], epoch, 0};
    philox.draw(drawn);
    for (int unit = 0; unit < UNITS; ++unit) {
      words[unit][lane] = static_cast<std::uint16_t>(drawn[unit / 4] >> (16 * (unit % 4)));
    }
  }
}

}  // namespace

// mask (C, H, W, L) = word < threshold ? 0 : scale, with a word for each unit in channel-major order from the stream
// (key, place of the example, epoch). The counter's first number begins at 1, as NumPy's does.
void dropout_mask(const std::uint64_t key[2], std::uint64_t epoch, const std::uint64_t* places, std::uint32_t threshold,
                  float scale, const Image& mask) {
  const Philox philox(key);
  const Image image = mask;
  std::uint16_t words[UNITS][TILE];
  std::int64_t unit = 0;
  for (int y = 0; y < image.channels * image.height; ++y) {
    float* row = image.row(0, y);
    for (int x = 0; x < image.width; ++x, ++unit) {
      if (unit % UNITS == 0) draw_units(philox, unit / UNITS + 1, places, epoch, words);
      for (int lane = 0; lane < TILE; lane += LANES) {  // no branches: nobody could predict them
        const vec word = widen(words[unit % UNITS] + lane);
        store(row + x * TILE + lane, select(word < broadcast(threshold), vec{}, broadcast(scale)));
      }
    }
  }
}

// out (C, H, W, L) = inp * mask, and 0 where the mask is, also if inp is not finite; out may be inp. A gradient goes
// back the same way.
void multiply(const Image& inp, const Image& mask, const Image& out) {
  each_value(out, [](vec x, vec m) { return select(m == vec{}, vec{}, x * m); }, inp, mask);
}

}  // namespace shoal::SHOAL_ISA
