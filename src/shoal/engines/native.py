# SPDX-License-Identifier: Apache-2.0
"""The fast engine: float32, many runs at once on all cores, kernels in C++ (`native/`).

This file turns configs into what the C++ session takes and results into records. The session trains; here
is decided only which runs are in flight: enough to keep every thread busy, in the order they were given.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from shoal import _native, streams
from shoal.data import Dataset, Split
from shoal.engines import (
    Checkpoint,
    EpochRecord,
    Portions,
    Tensors,
    Watch,
    check_images,
    dataset_for,
    portions,
    scaling,
    steps_per_epoch,
    usable_cores,
)
from shoal.errors import EngineError
from shoal.models import (
    GELU,
    Add,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Model,
    Parameter,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from shoal.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop, learning_rates
from shoal.study import Config, Run
from shoal.training import ClipNorm, ClipValue

MOST_THREADS = 1024
FORMS = {"log-sum-exp": _native.Form.LOG_SUM_EXP, "shifted": _native.Form.SHIFTED, "naive": _native.Form.NAIVE}
PLAIN: dict[type[Layer], str] = {
    Flatten: "flatten",
    GlobalAvgPool2d: "global_avg_pool2d",
    ReLU: "relu",
    Sigmoid: "sigmoid",
    Tanh: "tanh",
    GELU: "gelu",
    SiLU: "silu",
}
"""Layers without arguments, and how the session calls them."""
AHEAD = 2
"""Epochs of a run that wait in the session, so that no thread waits for Python."""
OUT_OF_MEMORY = "memory ran out"
LESS_MEMORY = "Use fewer threads, which train fewer runs at once, or a smaller model."


def instruction_sets() -> tuple[str, ...]:
    """The sets this machine can run, the best first: ``("x86_64_v4", "x86_64_v3", "portable")``."""
    return tuple(_native.instruction_sets())


class NativeEngine:
    """Trains runs on all cores. The bits depend on the run and on `name`, on nothing else.

    Args:
        threads: how many runs train at once; by default, the cores this process may use.
        instruction_set: one of `instruction_sets()`; by default ``SHOAL_ISA``, or the best.

    Raises:
        EngineError: this machine does not run that instruction set, or not that many threads.
    """

    def __init__(self, threads: int | None = None, instruction_set: str | None = None) -> None:
        self.threads = usable_cores() if threads is None else threads
        if not isinstance(self.threads, int) or not 1 <= self.threads <= MOST_THREADS:
            raise EngineError(f"threads={threads!r}: expected a whole number from 1 to {MOST_THREADS}.")
        wanted = instruction_set or os.environ.get("SHOAL_ISA", "")
        if wanted and wanted not in instruction_sets():
            raise EngineError(
                f"instruction_set={wanted!r} does not run on this machine. Use one of {', '.join(instruction_sets())}."
            )
        self.instruction_set = wanted or instruction_sets()[0]

    @property
    def name(self) -> str:
        """``"native"``, or ``"native-portable"`` where multiply-adds round twice: other bits, so other runs."""
        return "native" if _native.is_fused(self.instruction_set) else "native-portable"

    def train(
        self, runs: Sequence[Run], data: Mapping[str, Dataset], *, resume: Mapping[Run, Checkpoint] | None = None
    ) -> Iterator[EpochRecord]:
        """See `Engine.train`. A run for which memory runs out disturbs nobody: those beside it are finished first.

        Raises:
            EngineError: memory ran out; no further run was begun.
        """
        try:
            session = _open(self.threads, self.instruction_set)
            crowd = _Crowd(session, runs, data, resume or {}, most=2 * self.threads + 2)
            try:
                while crowd.begin():
                    record = crowd.take()
                    if record is not None:
                        yield record
            finally:
                session.cancel()
        except MemoryError:
            raise EngineError(f"memory ran out while {self.threads} threads trained. {LESS_MEMORY}") from None
        for run, reason in crowd.lost.items():
            raise EngineError(f"{run.config.model.name}, seed {run.seed}: {reason} in training. {LESS_MEMORY}")

    def predict(self, model: Model, tensors: Tensors, images: np.ndarray, config: Config, data: Dataset) -> np.ndarray:
        """See `Engine.predict`."""
        check_images(model, images)
        scale, shift = scaling(config, data)
        given = _flat(model, tensors), np.ascontiguousarray(images), float(scale), float(shift)
        try:
            logits = _native.predict(_layout(model), *given, self.instruction_set)
        except MemoryError:
            raise EngineError(
                f"{model.name}: memory ran out for {len(images)} images. Predict fewer at once."
            ) from None
        return np.asarray(logits).reshape(len(images), model.classes)


class _Crowd:
    """The runs of one session: begins them while there is room, turns what they give into records, and lets go of
    those that are finished or for which memory ran out."""

    def __init__(
        self,
        session: "_native.Session",
        runs: Sequence[Run],
        data: Mapping[str, Dataset],
        resume: Mapping[Run, Checkpoint],
        most: int,
    ) -> None:
        self.session, self.data, self.resume, self.most = session, data, resume, most
        self.waiting = iter(runs)
        self.layouts: dict[Model, _native.Layout] = {}
        self.flights: dict[int, _Flight] = {}
        self.lost: dict[Run, str] = {}
        """Runs that failed, and why. After the first no other is begun."""

    def begin(self) -> bool:
        """Begin as many runs as there is room for. Is any in flight?"""
        for run in islice(self.waiting, self.most - len(self.flights)) if not self.lost else ():
            try:
                model = run.config.model
                if model not in self.layouts:  # runs of one model share it, and threads keep what they made for it
                    self.layouts[model] = _layout(model)
                flight = _Flight(self.session, self.layouts[model], run, self.data, self.resume.get(run))
                self.flights[flight.index] = flight
            except MemoryError:
                self.lost[run] = OUT_OF_MEMORY
                break
        return bool(self.flights)

    def take(self) -> EpochRecord | None:
        """The next record; none after a tenth of a second, so that Ctrl-C is heard, or where a run is lost."""
        result = self.session.take(0.1)
        if result is None or result["run"] not in self.flights:
            return None
        flight, record = self.flights[result["run"]], None
        try:
            if reason := result.get("error"):
                self.lost[flight.run] = reason
            else:
                record = flight.land(result)
        except MemoryError:
            self.lost[flight.run] = OUT_OF_MEMORY
        if record is None or flight.finished:
            del self.flights[flight.index]
            self.session.forget(flight.index)
        return record


class _Flight:
    """A run inside the session: pushes its epochs, a few ahead, and turns results into records."""

    def __init__(
        self,
        session: "_native.Session",
        layout: "_native.Layout",
        run: Run,
        data: Mapping[str, Dataset],
        checkpoint: Checkpoint | None,
    ) -> None:
        config, dataset = run.config, dataset_for(run.config, data)
        model, state = config.model, config.optimizer.state
        self.run, self.session = run, session
        self.portions: Portions = portions(config, dataset)
        self.steps = steps_per_epoch(config, dataset)
        self.epoch = checkpoint.epoch if checkpoint else -1  # of the last record
        self.pushed = self.epoch
        self.finished = False
        self.watch = Watch(config, checkpoint)
        start = checkpoint.tensors if checkpoint else streams.initial_weights(model, config.init, run.seed)
        moments = [_flat(model, start, f"{name}/") if checkpoint else None for name in state] + [None, None]
        scale, shift = scaling(config, dataset)
        validation = dataset.test if self.portions.validation_split == "test" else dataset.train
        self.index = session.add_run(
            layout,
            _optimizer(config),
            _objective(run),
            config.batch_size,
            _split(dataset.train),
            _split(validation),
            self.portions.validation,
            float(scale),
            float(shift),
            _flat(model, start),
            moments[0],
            moments[1],
            max(self.epoch, 0) * self.steps,
        )
        for _ in range(1 if config.early_stopping else AHEAD):  # whether it ends is known once an epoch has landed
            self.push()

    def push(self) -> None:
        """Hand the next epoch to the session, if there is one."""
        config, self.pushed = self.run.config, self.pushed + 1
        if self.pushed > config.epochs:
            return
        if self.pushed == 0:
            order, rates = np.empty(0, np.uint32), np.empty(0)
        else:
            done = self.pushed - 1
            order = self.portions.train[streams.order(len(self.portions.train), self.run.seed, done)]
            rates = learning_rates(config.optimizer, config.schedule, done, self.steps)
        self.session.push(self.index, order, rates, max(self.pushed - 1, 0))

    def land(self, result: "_native.Result") -> EpochRecord:
        """The record of the epoch just finished; pushes the one after those that wait."""
        self.epoch += 1
        model = self.run.config.model
        tensors = _named(model, result["weights"])
        moments = (result["first"], result["second"])
        for name, moment in zip(self.run.config.optimizer.state, moments, strict=False):
            tensors |= _named(model, moment, f"{name}/")
        before = self.epoch == 0
        record = EpochRecord(
            run=self.run,
            epoch=self.epoch,
            train_loss=float("nan") if before else result["train_loss"],
            train_accuracy=float("nan") if before else result["train_accuracy"],
            validation_loss=result["validation_loss"],
            validation_accuracy=result["validation_accuracy"],
            seconds=result["seconds"],
            step_losses=np.asarray(result["step_losses"]),
            tensors=tensors,
            diverged_at=result["diverged_at"],
        )
        record = self.watch.judged(record)
        self.finished = record.is_last
        if not self.finished:
            self.push()
        return record


def _open(threads: int, instruction_set: str) -> "_native.Session":
    try:
        return _native.Session(threads, instruction_set)
    except (RuntimeError, MemoryError) as error:
        reason = OUT_OF_MEMORY if isinstance(error, MemoryError) else error
        raise EngineError(f"{threads} threads could not be started: {reason}. Use fewer.") from None


def _layout(model: Model) -> "_native.Layout":
    network = _native.Network(*model.input_shape)
    for layer in model.layers:
        _append(network, layer)
    return _native.Layout(network)


def _append(network: "_native.Network", layer: Layer) -> None:
    match layer:
        case Linear():
            network.linear(layer.out_features)
        case Conv2d():
            network.conv2d(layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
        case MaxPool2d():
            network.max_pool2d(layer.kernel_size, layer.step, layer.padding)
        case AvgPool2d():
            network.avg_pool2d(layer.kernel_size, layer.step, layer.padding)
        case BatchNorm1d() | BatchNorm2d():
            network.batch_norm(layer.eps, layer.momentum)
        case Dropout():
            network.dropout(layer.threshold)
        case Add():
            network.add(layer.back)
        case LeakyReLU():
            network.leaky_relu(layer.negative_slope)
        case _:  # the others have nothing to say
            getattr(network, PLAIN[type(layer)])()


def _optimizer(config: Config) -> "_native.Optimizer":
    optimizer = _rule(config.optimizer)
    match config.gradient_clipping:
        case ClipNorm(max_norm=norm):
            optimizer.clip_norm = norm
        case ClipValue(clip_value=value):
            optimizer.clip_value = value
    return optimizer


def _rule(optimizer: Optimizer) -> "_native.Optimizer":
    match optimizer:
        case SGD(momentum=momentum, nesterov=nesterov, weight_decay=decay):
            return _native.Optimizer.sgd(momentum, nesterov, decay)
        case Lion(betas=betas, weight_decay=decay):
            return _native.Optimizer.lion(*betas, decay)
        case Adagrad(lr_decay=lr_decay, eps=eps, weight_decay=decay):
            return _native.Optimizer.adagrad(lr_decay, eps, decay)
        case RMSprop(alpha=alpha, eps=eps, weight_decay=decay, momentum=momentum):
            return _native.Optimizer.rmsprop(alpha, eps, decay, momentum)
        case Adam(betas=betas, eps=eps, weight_decay=decay) | AdamW(betas=betas, eps=eps, weight_decay=decay):
            return _native.Optimizer.adam(*betas, eps, decay, isinstance(optimizer, AdamW))


def _objective(run: Run) -> "_native.Objective":
    loss, layers = run.config.loss, run.config.model.layers
    dropouts = [index for index, layer in enumerate(layers) if isinstance(layer, Dropout)]
    keys = np.array([streams.dropout_key(run.seed, index) for index in dropouts], np.uint64).reshape(-1, 2)
    return _native.Objective(FORMS[loss.form], loss.label_smoothing, keys)


def _split(split: Split) -> "_native.Split":
    return _native.Split(split.images, split.labels)


def _tensors(model: Model, prefix: str) -> tuple[Parameter, ...]:
    """What the session holds one after the other: parameters, and, of the weights themselves, running statistics."""
    return model.parameters() if prefix else (*model.parameters(), *model.buffers())


def _flat(model: Model, tensors: Tensors, prefix: str = "") -> np.ndarray:
    """All tensors one after the other, float32; those of optimizer state have its name before theirs."""
    return np.concatenate(
        [np.asarray(tensors[prefix + one.name], np.float32).ravel() for one in _tensors(model, prefix)]
    )


def _named(model: Model, flat: np.ndarray, prefix: str = "") -> dict[str, np.ndarray]:
    """The inverse of `_flat`, as views."""
    parts = _tensors(model, prefix)
    pieces = np.split(np.asarray(flat), np.cumsum([one.size for one in parts])[:-1])
    return {prefix + one.name: piece.reshape(one.shape) for one, piece in zip(parts, pieces, strict=True)}
