// SPDX-License-Identifier: Apache-2.0
// What comes from Python and goes there: arrays, checked for type, order, size and content before the engine sees them.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "network.h"
#include "workspace.h"

namespace shoal::python {

namespace nb = nanobind;

template <typename T, typename... Shape>
using Array = nb::ndarray<const T, nb::c_contig, nb::device::cpu, Shape...>;
using Floats = Array<float, nb::ndim<1>>;
using Indices = Array<std::uint32_t, nb::ndim<1>>;
using Rates = Array<double, nb::ndim<1>>;
using Keys = Array<std::uint64_t, nb::shape<-1, 2>>;
using Images = Array<std::uint8_t, nb::ndim<4>>;
using Labels = Array<std::uint16_t, nb::ndim<1>>;

inline void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

// A NumPy array that owns what the vector held.
template <typename T>
nb::object to_numpy(std::vector<T>&& values) {
  auto kept = std::make_unique<std::vector<T>>(std::move(values));
  nb::capsule owner(kept.get(), [](void* it) noexcept { delete static_cast<std::vector<T>*>(it); });
  std::vector<T>& held = *kept.release();
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(held.data(), {held.size()}, owner));
}

// A split of a data set; keeps the arrays alive.
struct Split {
  Images images;
  Labels labels;
  Examples examples(float scale, float shift) const {
    return {images.data(), labels.data(), static_cast<std::int64_t>(images.size() / images.shape(0)), scale, shift};
  }
};

inline Split make_split(Images images, Labels labels) {
  require(images.shape(0) == labels.shape(0), "images and labels differ in number");
  require(images.shape(0) > 0, "a split needs at least one image");
  return {images, labels};
}

inline void check_shape(const Images& images, const Network& network) {
  const Shape shape = network.input();
  require(images.shape(1) == static_cast<std::size_t>(shape.channels) &&
              images.shape(2) == static_cast<std::size_t>(shape.height) &&
              images.shape(3) == static_cast<std::size_t>(shape.width),
          "images do not have the network's input shape");
}

inline void check_fit(const Split& split, const Network& network) {
  check_shape(split.images, network);
  for (std::size_t i = 0; i < split.labels.size(); ++i) {
    require(split.labels.data()[i] < network.classes(), "a label is not among the network's classes");
  }
}

inline std::vector<std::uint32_t> checked(const Indices& indices, const Split& split) {
  std::vector<std::uint32_t> copy(indices.data(), indices.data() + indices.size());
  for (const std::uint32_t index : copy) require(index < split.images.shape(0), "an index is beyond the split");
  return copy;
}

inline const float* state(const std::optional<Floats>& tensor, bool wanted, const Network& network) {
  if (!tensor) return nullptr;
  require(wanted, "this optimizer keeps no such state");
  require(tensor->size() == static_cast<std::size_t>(network.plain_parameters()), "optimizer state has a wrong size");
  return tensor->data();
}

}  // namespace shoal::python
