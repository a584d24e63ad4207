# SPDX-License-Identifier: Apache-2.0
"""The promises beside the table of speeds, each measured and held against its goal: one run on all cores, evaluation,
a study of a thousand runs, optimizers, memory, the first sign of life. Each is a median over rounds, of ratios
taken in turn wherever two times are compared."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from shoal.bench import MODELS, RATES, Check, Extent, memory, screen
from shoal.bench.speed import Say, cut
from shoal.data import Dataset
from shoal.engines import EpochRecord
from shoal.engines.native import NativeEngine
from shoal.optimizers import SGD, Adam, Optimizer
from shoal.runner import Demand
from shoal.runner import train as train_and_store
from shoal.store import Store
from shoal.study import Config, Grid, Run, Study

BATCH = 256
EPOCH_IMAGES, TEST_IMAGES = 60_000, 10_000
AT_ONCE = 8
MANY = 40
MEGABYTE = 1e6


def checks(engine: NativeEngine, data: Dataset, extent: Extent, say: Say) -> Iterator[Check]:
    """One after the other."""
    small = cut(data, extent.images)
    measures: tuple[Callable[[], Iterator[Check]], ...] = (
        lambda: one_run(engine, small, extent),
        lambda: evaluation(engine, small, extent),
        lambda: optimizers(engine, small, extent.rounds),
        lambda: overhead(engine, cut(data, None), extent.runs),
        lambda: memory_per_run(),
        lambda: first_sign(data, extent.rounds),
    )
    for number, measure in enumerate(measures, start=1):
        say(f"promise {number} of {len(measures)}")
        yield from measure()


def one_run(engine: NativeEngine, data: Dataset, extent: Extent) -> Iterator[Check]:
    """A single run on all cores beside one core: how many times as fast, and whether the bits are the same."""
    alone = NativeEngine(1, engine.instruction_set)
    for model in extent.models:
        run = [Run(_config(model, data, SGD(lr=RATES[model])), 0)]
        pairs = [(_last(alone, run, data), _last(engine, run, data)) for _ in range(extent.rounds)]
        same = all(_bits(one) == _bits(all_) for (_, one), (_, all_) in pairs)
        note = f"{engine.threads} cores, batch {BATCH}; {'same bits' if same else 'other bits'}"
        check = Check.of(
            f"one run of {model}, all cores / one", [a / b for (a, _), (b, _) in pairs], note=note, least=1.6
        )
        yield replace(check, reached=check.reached and same)


def evaluation(engine: NativeEngine, data: Dataset, extent: Extent) -> Iterator[Check]:
    """Evaluating ten thousand images beside a training epoch of LeNet, as many runs at once as there are cores."""
    judged = replace(cut(data, BATCH), test=data.train)
    for model in ("lenet", "lenet-relu-max"):
        if model not in extent.models:
            continue
        config = _config(model, data, SGD(lr=RATES[model]))
        runs = [Run(config, seed) for seed in range(engine.threads)]
        shares = []
        for _ in range(extent.rounds):
            # Two evaluations: before training and after its one minibatch.
            evaluating = _seconds(engine, runs, judged) / 2 * TEST_IMAGES / len(data.train)
            shares.append(evaluating / (_seconds(engine, runs, data) * EPOCH_IMAGES / len(data.train)))
        yield Check.of(f"evaluating {TEST_IMAGES:,} images / an epoch of {model}", shares, most=1 / 14)


def optimizers(engine: NativeEngine, data: Dataset, rounds: int) -> Iterator[Check]:
    """Momentum and Adam beside plain SGD."""
    others: dict[str, Optimizer] = {"momentum": SGD(lr=0.01, momentum=0.9), "Adam": Adam()}
    for model in ("mlp-256", "lenet"):
        for name, optimizer in others.items():
            ratios = []
            for _ in range(rounds):
                plain, other = (
                    _seconds(engine, [Run(_config(model, data, one), seed) for seed in range(AT_ONCE)], data)
                    for one in (SGD(lr=0.01), optimizer)
                )
                ratios.append(other / plain)
            note = f"batch {BATCH}, {AT_ONCE} in flight"
            yield Check.of(f"{name} / SGD, {model}", ratios, note=note, most=1.05)


def overhead(engine: NativeEngine, data: Dataset, count: int) -> Iterator[Check]:
    """A study of many runs through runner and store: the share of the cores' time in which they do not train."""
    for model in ("softmax", "mlp-256"):
        study = Study(
            "overhead",
            lambda lr, model=model: _config(model, data, SGD(lr=lr)),
            Grid(lr=[RATES[model] * (1 - index / 20) for index in range(10)]),
            seeds=range(max(count // 10, 1)),
        )
        busy = 0.0

        def add(record: EpochRecord) -> None:
            nonlocal busy
            busy += record.seconds

        with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "runs.db", write=True) as store:
            start = perf_counter()
            train_and_store(Demand.of([study]), engine, {data.name: data}, store, on_record=add)
            seconds = perf_counter() - start
        share = 1 - busy / (seconds * engine.threads)
        note = f"an epoch of {len(data.train):,} images each, {seconds:.0f} s in all"
        name = f"all but training, {len(study.runs()):,} runs of {model}"
        yield Check.of(name, [share], note=note, unit="of the time", most=0.02)


def memory_per_run() -> Iterator[Check]:
    """What one more run at once takes: many at once, less one, over the number of runs between."""
    if sys.platform == "win32":
        return
    for model in ("mlp-256", "lenet"):
        more = (memory.of(model, MANY) - memory.of(model, 1)) / (MANY - 1) / MEGABYTE
        yield Check.of(f"memory of one more run of {model}", [more], note=f"{MANY} at once", unit="MB", most=16.0)


def first_sign(data: Dataset, rounds: int) -> Iterator[Check]:
    """From Enter to the first words, and to the picture of the runs, in a terminal."""
    if sys.platform == "win32":
        return
    place = data.source if Path(data.source).is_dir() else "sketches" if data.stand_in else data.name
    for command in (["run", "1.2"], ["report", "--sections", "1.2", "--out", "report"]):
        seen: list[list[float]] = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                seen.append(screen.until([b"\n", b"epochs"], [*command, "--data", place], Path(folder)))
        for what, each in zip(("a word", "the runs"), zip(*seen, strict=True), strict=True):
            yield Check.of(f"shoal {command[0]} until it shows {what}", list(each), unit="s", most=1.0)


def _config(model: str, data: Dataset, optimizer: Optimizer) -> Config:
    return Config(data=data.name, model=MODELS[model], optimizer=optimizer, epochs=1, batch_size=BATCH)


def _last(engine: NativeEngine, runs: Sequence[Run], data: Dataset) -> tuple[float, EpochRecord]:
    """Seconds, and the last record."""
    start = perf_counter()
    *_, last = engine.train(runs, {data.name: data})
    return perf_counter() - start, last


def _seconds(engine: NativeEngine, runs: Sequence[Run], data: Dataset) -> float:
    """Per run."""
    return _last(engine, runs, data)[0] / len(runs)


def _bits(record: EpochRecord) -> list[bytes]:
    return [record.step_losses.tobytes(), *(np.ascontiguousarray(value).tobytes() for value in record.tensors.values())]
