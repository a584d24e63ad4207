# SPDX-License-Identifier: Apache-2.0
"""The fast engine: float32, many runs at once on all cores, kernels in C++ (`native/`).

The C++ session trains; here is decided only which runs are in flight (enough to keep every thread busy, in the
order they were given), and results become records. `handover` puts configs into the session's terms.
"""

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Self

import numpy as np

from shoal import _native, streams
from shoal.data import Dataset
from shoal.engines import (
    Checkpoint,
    EpochRecord,
    Portions,
    Tensors,
    Watch,
    check_images,
    dataset_for,
    handover,
    portions,
    scaling,
    steps_per_epoch,
    usable_cores,
)
from shoal.errors import EngineError
from shoal.models import Model
from shoal.optimizers import learning_rates
from shoal.study import Config, Run

MOST_THREADS = 1024
AHEAD = 2
"""Epochs of a run that wait in the session, so that no thread waits for Python."""
PATIENCE = 0.02
"""Seconds: a slider moved in the midst of a training waits so long for the training to end."""
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
        self._hear: Callable[[], None] = _nothing

    @property
    def name(self) -> str:
        """``"native"``, or ``"native-portable"`` where multiply-adds round twice: other bits, so other runs."""
        return "native" if _native.is_fused(self.instruction_set) else "native-portable"

    def hearing(self, hear: Callable[[], None]) -> Self:
        """The same engine, whose training calls ``hear`` before each record, and every fiftieth of a second between.

        What ``hear`` raises ends the training at once, also in the middle of a long epoch.
        """
        other = copy.copy(self)
        other._hear = hear
        return other

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
                    self._hear()
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
        given = handover.flat(model, tensors), np.ascontiguousarray(images), float(scale), float(shift)
        try:
            logits = _native.predict(handover.layout(model), *given, self.instruction_set)
        except MemoryError:
            raise EngineError(
                f"{model.name}: memory ran out for {len(images)} images. Predict fewer at once."
            ) from None
        return np.asarray(logits).reshape(len(images), model.classes)


def _nothing() -> None:
    """Nobody has anything to say."""


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
                    self.layouts[model] = handover.layout(model)
                flight = _Flight(self.session, self.layouts[model], run, self.data, self.resume.get(run))
                self.flights[flight.index] = flight
            except MemoryError:
                self.lost[run] = OUT_OF_MEMORY
                break
        return bool(self.flights)

    def take(self) -> EpochRecord | None:
        """The next record; none after `PATIENCE`, so that whoever wants no more is heard, or where a run is lost."""
        result = self.session.take(PATIENCE)
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
        moments = [handover.flat(model, start, f"{name}/") if checkpoint else None for name in state] + [None, None]
        scale, shift = scaling(config, dataset)
        validation = dataset.test if self.portions.validation_split == "test" else dataset.train
        self.index = session.add_run(
            layout,
            handover.optimizer(config),
            handover.objective(run),
            min(config.batch_size, len(self.portions.train)),  # a larger one is the same, but would ask for room
            handover.split(dataset.train),
            handover.split(validation),
            self.portions.validation,
            float(scale),
            float(shift),
            handover.flat(model, start),
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
        tensors = handover.named(model, result["weights"])
        moments = (result["first"], result["second"])
        for name, moment in zip(self.run.config.optimizer.state, moments, strict=False):
            tensors |= handover.named(model, moment, f"{name}/")
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
