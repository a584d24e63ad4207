// SPDX-License-Identifier: Apache-2.0
// The Python module `shoal._native`, whose only callers are engines/native.py and engines/handover.py. This file and
// arrays.h are the only ones that know Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>

#include "arrays.h"
#include "dispatch.h"
#include "session.h"

namespace nb = nanobind;
using namespace nb::literals;
using namespace shoal::python;

namespace {

// A session and the Python objects its runs point into.
class PySession {
 public:
  PySession(int threads, const std::string& kernels) : session_(threads, shoal::choose_kernels(kernels)) {}

  // The layout comes as a handle: a shared_ptr would be made where nanobind lets no exception through.
  int add_run(nb::handle_t<shoal::Layout> handle, const shoal::Optimizer& optimizer, const shoal::Objective& objective,
              int batch_size, const Split& training, const Split& validation, Indices indices, float scale, float shift,
              Floats weights, std::optional<Floats> first, std::optional<Floats> second, std::int64_t step) {
    const shoal::Layout* layout = nb::inst_ptr<shoal::Layout>(handle);
    const shoal::Network& network = layout->network;
    require(batch_size >= 1, "batch_size must be at least 1");
    require(weights.size() == static_cast<std::size_t>(network.plain_tensors()), "weights have a wrong size");
    require(objective.dropout_keys.size() == static_cast<std::size_t>(network.dropouts()),
            "every dropout needs one key");
    check_fit(training, network);
    check_fit(validation, network);
    shoal::RunPlan plan{layout,
                        {optimizer, objective, batch_size},
                        training.examples(scale, shift),
                        validation.examples(scale, shift),
                        checked(indices, validation)};
    const int kept = optimizer.state_tensors();
    const float *moment1 = state(first, kept > 0, network), *moment2 = state(second, kept > 1, network);
    kept_.push_back({nb::borrow(handle), training, validation, batch_size});
    try {
      return session_.add_run(std::move(plan), weights.data(), moment1, moment2, step);
    } catch (...) {
      kept_.pop_back();  // whose place is the run's number
      throw;
    }
  }

  void push(int run, Indices order, Rates rates, std::uint64_t number) {
    shoal::Epoch epoch{
        {order.data(), order.data() + order.size()}, {rates.data(), rates.data() + rates.size()}, number};
    const std::size_t size = kept_.at(run).training.images.shape(0);
    for (const std::uint32_t index : epoch.order) require(index < size, "an index is beyond the split");
    const std::size_t batch = kept_[run].batch_size;
    require(rates.size() == (order.size() + batch - 1) / batch, "every step of the epoch needs one learning rate");
    session_.push(run, std::move(epoch));
  }

  nb::object take(double seconds) {
    std::optional<shoal::Result> result;
    {
      nb::gil_scoped_release release;
      result = session_.take(seconds);
    }
    if (!result) return nb::none();
    nb::dict out;
    out["run"] = result->run;
    try {
      if (result->error) std::rethrow_exception(result->error);
      fill(out, *result);
      out["error"] = nb::none();
    } catch (const std::bad_alloc&) {  // concerns this run only: the caller learns which it was
      out["error"] = "memory ran out";
    } catch (const std::exception& failure) {
      out["error"] = failure.what();
    }
    return out;
  }

  void forget(int run) { session_.forget(run); }
  void cancel() { session_.cancel(); }
  long helped() const { return session_.helped(); }

 private:
  static void fill(nb::dict& out, shoal::Result& result) {
    out["train_loss"] = result.training.score.loss;
    out["train_accuracy"] = result.training.score.accuracy;
    out["validation_loss"] = result.validation.loss;
    out["validation_accuracy"] = result.validation.accuracy;
    out["seconds"] = result.training.seconds;
    out["diverged_at"] = result.training.diverged_at ? nb::cast(*result.training.diverged_at) : nb::none();
    out["step_losses"] = to_numpy(std::move(result.training.step_losses));
    out["weights"] = to_numpy(std::move(result.weights));
    out["first"] = to_numpy(std::move(result.first));
    out["second"] = to_numpy(std::move(result.second));
  }

  struct Kept {
    nb::object layout;
    Split training, validation;
    int batch_size;
  };

  std::vector<Kept> kept_;  // of each run
  shoal::Session session_;  // last, so that its threads end before what they read
};

nb::object predict(const shoal::Layout& layout, Floats weights, Images images, float scale, float shift,
                   const std::string& kernel_name) {
  const shoal::Network& network = layout.network;
  require(weights.size() == static_cast<std::size_t>(network.plain_tensors()), "weights have a wrong size");
  check_shape(images, network);
  const std::int64_t count = static_cast<std::int64_t>(images.shape(0));
  std::vector<float> logits(count * network.classes());
  if (count > 0) {
    const shoal::Kernels& kernels = shoal::choose_kernels(kernel_name);
    const shoal::Examples examples{images.data(), nullptr, static_cast<std::int64_t>(images.size()) / count, scale,
                                   shift};
    nb::gil_scoped_release release;
    shoal::Buffer packed(network.tensors());
    network.from_plain(weights.data(), packed.data(), true);
    const std::atomic<bool> cancelled{false};
    shoal::Workspace workspace(layout, kernels, cancelled);
    shoal::predict(workspace, packed.data(), examples, count, logits.data());
  }
  return to_numpy(std::move(logits));
}

using Kind = shoal::Kind;

template <Kind KIND>
void pool2d(shoal::Network& network, int kernel, int stride, int padding) {
  network.pool2d(KIND, kernel, stride, padding);
}

template <Kind KIND>
void activation(shoal::Network& network) {
  network.activation(KIND);
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Shoal's native engine; use shoal.engines.native.";

  m.def("instruction_sets", [] {
    std::vector<std::string> names;
    for (const shoal::Kernels* kernels : shoal::runnable_kernels()) names.emplace_back(kernels->name);
    return names;
  });
  m.def("is_fused", [](const std::string& kernels) { return shoal::choose_kernels(kernels).fused; });

  nb::class_<shoal::Network>(m, "Network")
      .def(nb::init<int, int, int>(), "channels"_a, "height"_a, "width"_a)
      .def("linear", &shoal::Network::linear, "out_features"_a)
      .def("conv2d", &shoal::Network::conv2d, "out_channels"_a, "kernel"_a, "stride"_a, "padding"_a)
      .def("max_pool2d", &pool2d<Kind::MaxPool2d>, "kernel"_a, "stride"_a, "padding"_a)
      .def("avg_pool2d", &pool2d<Kind::AvgPool2d>, "kernel"_a, "stride"_a, "padding"_a)
      .def("global_avg_pool2d", &shoal::Network::global_avg_pool2d)
      .def("flatten", &shoal::Network::flatten)
      .def("batch_norm", &shoal::Network::batch_norm, "eps"_a, "momentum"_a)
      .def("dropout", &shoal::Network::dropout, "threshold"_a)
      .def("add", &shoal::Network::add, "back"_a)
      .def("relu", &activation<Kind::ReLU>)
      .def(
          "leaky_relu", [](shoal::Network& n, float slope) { n.activation(Kind::LeakyReLU, slope); }, "slope"_a)
      .def("sigmoid", &activation<Kind::Sigmoid>)
      .def("tanh", &activation<Kind::Tanh>)
      .def("gelu", &activation<Kind::GELU>)
      .def("silu", &activation<Kind::SiLU>);

  nb::class_<shoal::Layout>(m, "Layout").def(nb::init<const shoal::Network&>(), "network"_a);

  using Optimizer = shoal::Optimizer;
  using Rule = Optimizer::Rule;
  nb::class_<Optimizer>(m, "Optimizer")
      .def_static(
          "sgd",
          [](double momentum, bool nesterov, double weight_decay) {
            return Optimizer{.momentum = momentum, .weight_decay = weight_decay, .nesterov = nesterov};
          },
          "momentum"_a, "nesterov"_a, "weight_decay"_a)
      .def_static(
          "lion",
          [](double beta1, double beta2, double weight_decay) {
            return Optimizer{.rule = Rule::Lion, .weight_decay = weight_decay, .beta1 = beta1, .beta2 = beta2};
          },
          "beta1"_a, "beta2"_a, "weight_decay"_a)
      .def_static(
          "adagrad",
          [](double lr_decay, double eps, double weight_decay) {
            return Optimizer{.rule = Rule::Adagrad, .weight_decay = weight_decay, .eps = eps, .lr_decay = lr_decay};
          },
          "lr_decay"_a, "eps"_a, "weight_decay"_a)
      .def_static(
          "rmsprop",
          [](double alpha, double eps, double weight_decay, double momentum) {
            return Optimizer{
                .rule = Rule::RMSprop, .momentum = momentum, .weight_decay = weight_decay, .alpha = alpha, .eps = eps};
          },
          "alpha"_a, "eps"_a, "weight_decay"_a, "momentum"_a)
      .def_static(
          "adam",
          [](double beta1, double beta2, double eps, double weight_decay, bool decoupled) {
            return Optimizer{.rule = Rule::Adam,
                             .weight_decay = weight_decay,
                             .beta1 = beta1,
                             .beta2 = beta2,
                             .eps = eps,
                             .decoupled = decoupled};
          },
          "beta1"_a, "beta2"_a, "eps"_a, "weight_decay"_a, "decoupled"_a)
      .def_rw("clip_norm", &Optimizer::clip_norm)
      .def_rw("clip_value", &Optimizer::clip_value);

  nb::enum_<shoal::Form>(m, "Form")
      .value("LOG_SUM_EXP", shoal::Form::LogSumExp)
      .value("SHIFTED", shoal::Form::Shifted)
      .value("NAIVE", shoal::Form::Naive);

  nb::class_<shoal::Objective>(m, "Objective")
      .def(
          "__init__",
          [](shoal::Objective* self, shoal::Form form, float smoothing, Keys keys) {
            new (self) shoal::Objective{form, smoothing, {}};
            for (std::size_t i = 0; i < keys.shape(0); ++i) {
              self->dropout_keys.push_back({keys.data()[2 * i], keys.data()[2 * i + 1]});
            }
          },
          "form"_a, "smoothing"_a, "dropout_keys"_a.noconvert());

  nb::class_<Split>(m, "Split")
      .def(
          "__init__", [](Split* self, Images images, Labels labels) { new (self) Split(make_split(images, labels)); },
          "images"_a.noconvert(), "labels"_a.noconvert());

  nb::class_<PySession>(m, "Session")
      .def(nb::init<int, const std::string&>(), "threads"_a, "kernels"_a)
      .def("add_run", &PySession::add_run, "layout"_a, "optimizer"_a, "objective"_a, "batch_size"_a, "training"_a,
           "validation"_a, "validation_indices"_a.noconvert(), "scale"_a, "shift"_a, "weights"_a.noconvert(),
           "first"_a.noconvert().none(), "second"_a.noconvert().none(), "step"_a)
      .def("push", &PySession::push, "run"_a, "order"_a.noconvert(), "rates"_a.noconvert(), "number"_a)
      .def("take", &PySession::take, "seconds"_a)
      .def("forget", &PySession::forget, "run"_a)
      .def("helped", &PySession::helped)
      .def("cancel", &PySession::cancel);

  m.def("predict", &predict, "layout"_a, "weights"_a.noconvert(), "images"_a.noconvert(), "scale"_a, "shift"_a,
        "kernels"_a);
}
