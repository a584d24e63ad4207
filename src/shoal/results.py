# SPDX-License-Identifier: Apache-2.0
"""What chapters and notebooks read: curves, weights and logits of a study's runs, as the store has them now.

It trains nothing. Where the data is a stand-in, the study is asked of the stand-in, under its own name and
hashes, so that a run on drawn garments never passes for one on Fashion-MNIST.
"""

import copy
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np

from shoal.analysis.claims import Sentence
from shoal.analysis.curves import Curves
from shoal.analysis.verdicts import Verdicts, judge
from shoal.data import Dataset
from shoal.engines import Engine, Tensors, scaling, steps_per_epoch
from shoal.errors import StudyError
from shoal.shown import as_html
from shoal.spec import content_hash
from shoal.store import History, Store
from shoal.store.rows import METRICS
from shoal.study import Config, Point, Run, Study


def on_data(study: Study, data: Mapping[str, Dataset]) -> Study:
    """The same study, asked of the data that is there: configs name the data set they are really trained on.

    Args:
        data: by the name that the study's configs use; a stand-in has another name of its own.
    """

    @functools.wraps(study.config)
    def config(**values: Any) -> Config:
        return _on_data(study.config(**values), data)

    return replace(study, config=config)


def _on_data(config: Config, data: Mapping[str, Dataset]) -> Config:
    return config.replace(data=data[config.data].name) if config.data in data else config


def correct_of(logits: np.ndarray, dataset: Dataset) -> np.ndarray:
    """bool (n_test,): whether the largest of the logits (n_test, classes), or the first of these, is the label's."""
    return np.asarray(logits.argmax(axis=1) == dataset.test.labels)


class StoredResults:
    """`studies.section.Results` over a store. Reads what is there at each call.

    Args:
        study: as its author wrote it; None for a section of probes.
        data: by the name that the study's configs use.
        engine: whose runs are read; it also computes the logits.
        seeds: the replicates to look at, by default the study's.
        weights: whether a run counts only with the weights that its study keeps; curves can do without.
    """

    def __init__(
        self,
        store: Store,
        study: Study | None,
        data: Mapping[str, Dataset],
        engine: Engine,
        *,
        seeds: Sequence[int] | None = None,
        weights: bool = True,
    ) -> None:
        self.store = store
        self.study = on_data(study, data) if study else None
        self.engine = engine
        self.seeds = tuple(seeds if seeds is not None else study.seeds if study else ())
        self._data = data
        self._needs_weights = weights
        self._logits: dict[Run, np.ndarray] = {}

    _repr_html_ = as_html

    def __repr__(self) -> str:
        points = self.study.points if self.study else ()
        name = self.study.name if self.study else "probes"
        return f"StoredResults({name}: {len(points)} configs, {len(self.seeds)} seeds, in {self.store.path})"

    def on_seeds(self, seeds: Sequence[int]) -> Self:
        """The same results, looking at these seeds only; what was computed is shared."""
        other = copy.copy(self)
        other.seeds = tuple(seeds)
        return other

    def histories(self, config: Config) -> list[History]:
        """What is stored of each seed's run of a config, unfinished ones included."""
        config = _on_data(config, self._data)
        found = (self.store.history(Run(config, seed), self.engine.name) for seed in self.seeds)
        return [history for history in found if history]

    def curves(self, **values: Any) -> Curves:
        """The curves of one point of the study, by its grid values; only seeds that finished or diverged.

        Raises:
            StudyError: the grid has no such point.
        """
        return self._curves(self._point(values))

    def all(self) -> list[Curves]:
        """The curves of every point, in the grid's order; points without a finished run are left out."""
        found = (self._curves(point) for point in (self.study.points if self.study else ()))
        return [curves for curves in found if curves.seeds]

    def verdicts(self) -> Verdicts:
        """What the runs that are there say about the study's claims; "so far" where not all seeds have ended."""
        claims = cast(tuple[Sentence, ...], self.study.claims if self.study else ())
        return Verdicts(judge(claims, self, asked=len(self.seeds)))

    def dataset(self, name: str) -> Dataset:
        """The data set a config names, or its stand-in, by either name."""
        for asked, dataset in self._data.items():
            if name in (asked, dataset.name):
                return dataset
        raise StudyError(f"{name!r} is not among the data here: {', '.join(self._data) or 'none'}.")

    def weights(self, config: Config, seed: int, epoch: int | None = None) -> Tensors:
        """The weights after an epoch, by default the last.

        Raises:
            StoreError: the store does not have them.
        """
        return self.store.weights(Run(_on_data(config, self._data), seed), self.engine.name, epoch)

    def logits(self, config: Config, seed: int) -> np.ndarray:
        """(n, classes) float32: the finished run's logits for the test split."""
        run = Run(_on_data(config, self._data), seed)
        if run not in self._logits:
            dataset = self.dataset(run.config.data)
            weights = self.weights(run.config, seed)
            self._logits[run] = self.engine.predict(run.config.model, weights, dataset.test.images, run.config, dataset)
        return self._logits[run]

    def correct(self, config: Config, seed: int) -> np.ndarray:
        """bool (n_test,): which test images the finished run gets right, also where it validated on others.

        What was not kept when the run was trained is computed from its weights, and kept if it can be.

        Raises:
            StoreError: the run has no final weights: it diverged or did not finish.
        """
        run = Run(_on_data(config, self._data), seed)
        dataset = self.dataset(run.config.data)
        kept = self.store.correct(run, self.engine.name, len(dataset.test))
        if kept is not None:
            return kept
        correct = correct_of(self.logits(run.config, seed), dataset)
        if self.store.writable:
            self.store.save_correct(run, self.engine.name, correct)
        return correct

    def dead_units(self, config: Config, seed: int) -> float:
        """The share of the finished run's hidden ReLU units that no test image switches on; 0 without any.

        A unit is a feature of a flat layer, or a channel wherever in the image.
        """
        run = Run(_on_data(config, self._data), seed)

        def share() -> float:
            from shoal.probes import gradients

            dataset, weights = self.dataset(run.config.data), self.weights(run.config, seed)
            return gradients.dead_share(run.config.model, weights, dataset.test.images, scaling(run.config, dataset))

        return float(self.probe(f"dead-units-in-test/{run.hash}", share))

    def probe(self, key: str, compute: Callable[[], Any]) -> Any:
        """The plain data stored under this key, or what ``compute`` gives, which is then stored if it can be.

        Keys are apart for each engine and each content of the data. Plain data is what JSON can say; arrays
        become lists, also the first time.
        """
        full = f"{self.engine.name}/{self._fingerprint}/{key}"
        value = self.store.probe(full)
        if value is None:
            value = json.loads(json.dumps(compute(), default=_plain))
            if self.store.writable:
                self.store.save_probe(full, value)
        return value

    @functools.cached_property
    def _fingerprint(self) -> str:
        return content_hash({name: [dataset.name, dict(dataset.sha256)] for name, dataset in self._data.items()})

    def _point(self, values: Mapping[str, Any]) -> Point:
        points = self.study.points if self.study else ()
        for point in points:
            if point.values == values:
                return point
        known = "; ".join(point.label for point in points) or "none"
        raise StudyError(f"The study has no point {dict(values)}. Its points: {known}.")

    def _is_whole(self, history: History) -> bool:
        """Finished or diverged, and with all weights that its study keeps."""
        if history.status == "unfinished" or not self._needs_weights:
            return history.status != "unfinished"
        last = history.epochs + (history.diverged_at is None)
        kept = range(last) if self.study and self.study.keep_weights else range(history.epochs, last)
        return set(kept) <= set(self.store.weight_epochs(history.run, self.engine.name))

    def _curves(self, point: Point) -> Curves:
        ended = [history for history in self.histories(point.config) if self._is_whole(history)]
        epochs = point.config.epochs
        steps = self._steps(point.config, ended)
        columns = {name: _rows([_outcome(history, name) for history in ended], epochs + 1) for name in METRICS}
        return Curves(
            config=point.config,
            label=point.label,
            seeds=tuple(history.run.seed for history in ended),
            **columns,
            step_losses=_rows([history.step_losses for history in ended], steps),
            diverged_at=tuple(history.diverged_at for history in ended),
            stopped_after=tuple(history.epochs if history.stopped else None for history in ended),
        )

    def _steps(self, config: Config, ended: Sequence[History]) -> int:
        """How many a whole run has: as many as one that is there, or else as the data says."""
        whole = next((history for history in ended if history.diverged_at is None), None)
        if whole:
            return len(whole.step_losses) // whole.epochs * config.epochs
        return steps_per_epoch(config, self.dataset(config.data)) * config.epochs


def _outcome(history: History, metric: str) -> np.ndarray:
    """A metric of every epoch that was finished: that of a diverged epoch means nothing."""
    values: np.ndarray = getattr(history, metric)
    return values if history.diverged_at is None else values[:-1]


def _rows(rows: Sequence[np.ndarray], width: int) -> np.ndarray:
    """(len(rows), width): rows of up to that length, filled up with NaN."""
    filled = np.full((len(rows), width), np.nan)
    for target, row in zip(filled, rows, strict=True):
        target[: len(row)] = row
    return filled


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a probe gives plain data, not {value!r}")
