# SPDX-License-Identifier: Apache-2.0
"""The one place that trains, stores and resumes: runs asked for, minus what the store has, through an engine.

It draws nothing and decides nothing about the numbers. Whatever ends it, all it was given is in the store.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from typing import cast

import numpy as np

from shoal.analysis.claims import Claim
from shoal.analysis.measures import MEASURES
from shoal.data import Dataset, load
from shoal.engines import Checkpoint, Engine, EpochRecord, dataset_for, portions, scaling
from shoal.errors import EngineError, StudyError
from shoal.notebook import live
from shoal.plan import Progress, Task, plan
from shoal.provenance import provenance
from shoal.results import StoredResults, correct_of, on_data
from shoal.store import Store, StoredPoint, StoredStudy
from shoal.study import DEFINING, Run, Study


@dataclass(frozen=True)
class Demand:
    """What studies ask for together.

    Args:
        runs: all runs; they may repeat, and be prefixes of one another.
        every: trajectories whose weights are kept after every epoch.
        fates: trajectories of studies that claim something about diverging: there it is a result and no mishap.
        asked: the studies themselves, as plain data that the store keeps.
    """

    runs: tuple[Run, ...]
    every: frozenset[str] = frozenset()
    fates: frozenset[str] = frozenset()
    asked: tuple[StoredStudy, ...] = ()

    @classmethod
    def of(cls, studies: Iterable[Study], seeds: Sequence[int] | None = None) -> "Demand":
        """Every run of the studies, on their own seeds or on these."""
        each = [(study, study.runs(seeds)) for study in studies]
        runs = tuple(chain.from_iterable(runs for _, runs in each))
        every = frozenset(run.trajectory for study, runs in each if study.keep_weights for run in runs)
        mishaps = {run.trajectory for study, runs in each if not _asks_of_diverging(study) for run in runs}
        fates = frozenset(run.trajectory for run in runs) - mishaps
        return cls(runs, every, fates, tuple(_plainly(study, seeds) for study, _ in each))

    def last_epochs(self) -> dict[str, set[int]]:
        """Trajectory to the epochs with which its runs end."""
        last: dict[str, set[int]] = {}
        for run in self.runs:
            last.setdefault(run.trajectory, set()).add(run.config.epochs)
        return last

    def wanted(self) -> dict[str, set[int]]:
        """Trajectory to the epochs after which its weights must be kept."""
        return {
            trajectory: set(range(max(last) + 1)) if trajectory in self.every else last
            for trajectory, last in self.last_epochs().items()
        }


@dataclass(frozen=True)
class Outcome:
    """What `train` did: tasks trained, which runs asked for diverged, now or earlier, and of which it was not asked."""

    trained: int
    diverged: tuple[Run, ...]
    mishaps: tuple[Run, ...] = ()


def _asks_of_diverging(study: Study) -> bool:
    return any(isinstance(claim, Claim) and claim.measure is MEASURES["diverged"] for claim in study.claims)


def _plainly(study: Study, seeds: Sequence[int] | None) -> StoredStudy:
    replicates = tuple(study.seeds if seeds is None else seeds)
    points = (
        StoredPoint(at.config.hash, at.label, at.values, at.config.trajectory, at.config.epochs, replicates)
        for at in study.points
    )
    return StoredStudy(study.name, tuple(points))


def check(demand: Demand, data: Mapping[str, Dataset]) -> None:
    """See that every config fits its data, so that none of them is found out after others have trained for hours.

    Raises:
        StudyError: a model does not fit the images or classes, or a hold-out leaves nothing, or there is no such data.
        DataError: pixels that cannot be standardized.
    """
    for config in dict.fromkeys(run.config for run in demand.runs):
        try:
            dataset = dataset_for(config, data)
            portions(config, dataset)
        except EngineError as reason:
            raise StudyError(str(reason)) from None
        scaling(config, dataset)


def pending(demand: Demand, store: Store, engine: str) -> tuple[Task, ...]:
    """The tasks that remain.

    A trajectory that is finished, but lacks weights that are now wanted, is trained again from the last
    weights before the gap: the same bits come out, and the weights are kept this time.
    """
    wanted = demand.wanted()
    progress = store.progress(engine, wanted)
    for run in {run.trajectory: run for run in demand.runs}.values():
        if run.trajectory in progress:
            there = store.weight_epochs(run, engine)
            progress[run.trajectory] = _rewound(progress[run.trajectory], there, wanted[run.trajectory])
    return plan(demand.runs, progress)


def _rewound(progress: Progress, there: Collection[int], wanted: Collection[int]) -> Progress:
    recorded = range(progress.epochs if progress.diverged else progress.epochs + 1)
    missing = [epoch for epoch in wanted if epoch in recorded and epoch not in there]
    if not missing:
        return progress
    return Progress(max((epoch for epoch in there if epoch < min(missing)), default=0))


def train(
    demand: Demand,
    engine: Engine,
    data: Mapping[str, Dataset],
    store: Store,
    *,
    on_plan: Callable[[tuple[Task, ...]], None] | None = None,
    on_record: Callable[[EpochRecord], None] | None = None,
    on_seed: Callable[[tuple[int, ...], int], None] | None = None,
) -> Outcome:
    """Train what the store does not have yet, and store it epoch by epoch, after which studies asked for it.

    Args:
        data: by the name that configs use.
        store: opened with ``write=True``.
        on_plan: called once with the tasks, before the first of them begins.
        on_record: called with each record once it is stored.
        on_seed: called with the seeds complete and the number asked for, whenever one more is complete.

    Raises:
        StudyError: a config does not fit its data (see `check`); nothing is trained then.
        StoreError: the store has runs on other data of the same name.
        KeyboardInterrupt: as it came; the training is stopped and everything before is stored.
    """
    check(demand, data)
    wanted, last = demand.wanted(), demand.last_epochs()
    tasks = pending(demand, store, engine.name)
    _keep(demand, wanted, store, engine.name)
    if on_plan:
        on_plan(tasks)
    if tasks:
        store.begin_session(provenance(engine), data)
    store.note(demand.asked)
    if tasks:
        seeds = _Seeds(demand.runs, tasks)
        resume = _checkpoints(tasks, store, engine.name)
        records = engine.train([task.run for task in tasks], data, resume=resume)
        with closing(cast(Generator[EpochRecord, None, None], records)):
            for record in records:
                whole = (record.stopped or record.epoch in last[record.run.trajectory]) and record.diverged_at is None
                correct = _correct(record, engine, data) if whole else None
                keep = record.stopped or record.epoch in wanted[record.run.trajectory]
                store.commit(record, engine.name, keep=keep, correct=correct)
                if on_record:
                    on_record(record)
                if record.is_last and seeds.complete(record.run.seed) and on_seed:
                    on_seed(seeds.done, len(seeds.asked))
    lost = _diverged(demand, store, engine.name)
    return Outcome(len(tasks), lost, tuple(run for run in lost if run.trajectory not in demand.fates))


def _correct(record: EpochRecord, engine: Engine, data: Mapping[str, Dataset]) -> np.ndarray:
    """bool (n_test,): which test images the weights of a record get right."""
    config, dataset = record.run.config, data[record.run.config.data]
    logits = engine.predict(config.model, record.tensors, dataset.test.images, config, dataset)
    return correct_of(logits, dataset)


def run(
    study: Study,
    *,
    seeds: Sequence[int] | None = None,
    data: Mapping[str, Dataset] | None = None,
    engine: Engine | None = None,
    store: str | PathLike[str] = "shoal.db",
    on_record: Callable[[EpochRecord], None] | None = None,
    show: bool = True,
) -> StoredResults:
    """Train what a study asks for and is not in the store yet; then give what there is to see.

    Args:
        seeds: replicates, by default the study's own.
        data: by name; by default what the configs name is looked for, or its stand-in drawn, with a warning.
        engine: by default the native one on all cores.
        store: the file that keeps the runs.
        show: in a notebook, show the curves while they grow and the results in the end; elsewhere nothing is shown.

    Example:
        >>> results = run(study, seeds=range(3))                                      # doctest: +SKIP
        >>> [curves.final("validation_accuracy").mean() for curves in results.all()]  # doctest: +SKIP
    """
    if DEFINING.get():
        raise StudyError(
            "run(...) would train, but this file is only read for its studies. "
            'Put it, and what follows it, under `if __name__ == "__main__":`.'
        )
    if engine is None:
        from shoal.engines.native import NativeEngine

        engine = NativeEngine()
    if data is None:
        data = {name: load(name) for name in sorted({point.config.data for point in study.points})}
        for warning in sorted({dataset.warning for dataset in data.values()} - {""}):
            warnings.warn(warning, stacklevel=2)
    with Store.open(store, write=True) as writer:
        demand = Demand.of([on_data(study, data)], seeds)
        trained_on = {dataset.name: dataset for dataset in data.values()}
        with live(StoredResults(writer, study, data, engine, seeds=seeds), show) as cell:
            train(demand, engine, trained_on, writer, on_plan=cell.plan, on_record=cell.and_then(on_record))
    return cell.finished(StoredResults(Store.open(store), study, data, engine, seeds=seeds))


class _Seeds:
    """Which seeds have no task left."""

    def __init__(self, runs: Sequence[Run], tasks: Sequence[Task]) -> None:
        self._left = Counter(task.run.seed for task in tasks)
        self.asked = tuple(dict.fromkeys(run.seed for run in runs))

    @property
    def done(self) -> tuple[int, ...]:
        return tuple(seed for seed in self.asked if not self._left[seed])

    def complete(self, seed: int) -> bool:
        """One task of this seed has ended: was it the last?"""
        self._left[seed] -= 1
        return self._left[seed] == 0


def _checkpoints(tasks: Sequence[Task], store: Store, engine: str) -> dict[Run, Checkpoint]:
    found = {task.run: store.checkpoint(task.run, engine, task.start) for task in tasks}
    return {run: checkpoint for run, checkpoint in found.items() if checkpoint}


def _keep(demand: Demand, wanted: Mapping[str, Collection[int]], store: Store, engine: str) -> None:
    """Weights that are only there because they are the newest may be wanted for good from now on."""
    for run in {run.trajectory: run for run in demand.runs}.values():
        for epoch in set(wanted[run.trajectory]) & set(store.weight_epochs(run, engine)):
            store.keep(run, engine, epoch)


def _diverged(demand: Demand, store: Store, engine: str) -> tuple[Run, ...]:
    histories = (store.history(run, engine) for run in dict.fromkeys(demand.runs))
    return tuple(history.run for history in histories if history and history.diverged_at is not None)
