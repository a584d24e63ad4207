# SPDX-License-Identifier: Apache-2.0
"""Which stored runs belong to which study, and how far each has come. It reads rows, never a whole `Config`.

A study asks for runs by their trajectories: one run may belong to several studies, at several lengths.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np

from shoal import wording
from shoal.live.watching.fields import Field, different, named, title, told_apart
from shoal.spec import content_hash
from shoal.store import RunRow, Store, StoredPoint, StoredStudy
from shoal.store.rows import METRICS

Status = Literal["finished", "unfinished", "diverged", "waiting"]
OTHERS = "Other runs"
NAN = float("nan")
NOTHING = (NAN, NAN, NAN, NAN, 0.0)


@dataclass(frozen=True)
class Setup:
    """One configuration of a study."""

    key: str
    label: str
    """As the study's author calls it; no two of a study have the same."""
    values: Mapping[str, Any]
    """The grid's."""
    config: Mapping[str, Any] | None
    """As JSON has it; None while no run of it is stored."""
    epochs: int
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Replicate:
    """One run that a study asks for: a configuration and a seed."""

    setup: Setup
    seed: int
    status: Status
    row: RunRow | None = None
    done: int = 0
    """Epochs; a run that ended early has no more to do."""
    last: tuple[float, ...] = NOTHING
    """`METRICS` after the last of these epochs; seconds are those of all of them together."""

    @property
    def began(self) -> bool:
        return self.row is not None

    @property
    def ended(self) -> bool:
        return self.status in ("finished", "diverged")

    @property
    def left(self) -> int:
        """Epochs still to train."""
        return 0 if self.ended else self.setup.epochs - self.done


@dataclass(frozen=True)
class Watched:
    """A study as it stands, or the runs of no known study, whose name is ""."""

    name: str
    setups: tuple[Setup, ...]
    replicates: tuple[Replicate, ...]
    latest: str

    @property
    def title(self) -> str:
        words = self.name.replace("-", " ")
        return words[:1].upper() + words[1:] if words else OTHERS

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Everything that is said of a configuration: the grid's names, then the fields of the config."""
        names = dict.fromkeys(name for setup in self.setups for name in setup.values)
        grid = [Field(name, name.replace("_", " "), _grid_values(self.setups, name)) for name in names]
        stored = [setup for setup in self.setups if setup.config is not None]
        flats = dict(zip((setup.key for setup in stored), told_apart([s.config or {} for s in stored]), strict=True))
        epochs = Field("epochs", "epochs", {setup.key: setup.epochs for setup in self.setups})
        engines = Field("engine", "engine", {setup.key: setup.engine for setup in stored})
        paths = dict.fromkeys(path for one in flats.values() for path in one if path != "epochs")
        own = [
            Field(path, title(path), {key: one[path] for key, one in flats.items() if path in one}) for path in paths
        ]
        return (*grid, *own, epochs, engines)

    @cached_property
    def differing(self) -> tuple[Field, ...]:
        """The fields in which its configurations differ; each difference once."""
        stored = {setup.key for setup in self.setups if setup.config is not None}
        return tuple(different(self.fields, stored))

    @cached_property
    def shared(self) -> tuple[Field, ...]:
        """The fields that are the same for all of which something is stored."""
        stored = sum(setup.config is not None for setup in self.setups)
        return tuple(field for field in self.fields if len(field.division()) == 1 and len(field.values) >= stored)


def _grid_values(setups: Sequence[Setup], name: str) -> dict[str, Any]:
    return {setup.key: setup.values[name] for setup in setups if name in setup.values}


@dataclass(frozen=True)
class Gathered:
    """All studies, the newest first, the others last; ``stored`` is how new that is."""

    stored: int
    studies: Mapping[str, Watched]


# ---- from rows to studies -------------------------------------------------------------------------------


def gather(store: Store, engine: str, stored: int) -> Gathered:
    """Everything in the store; where two engines trained the same run, this engine's stands for it."""
    rows = store.table()
    by_trajectory: dict[str, RunRow] = {}
    for row in rows:
        if row.engine == engine or row.trajectory not in by_trajectory:
            by_trajectory[row.trajectory] = row
    known = [_asked(study, by_trajectory, store) for study in store.studies()]
    claimed = {one.row.id for study in known for one in study.replicates if one.row}
    rest = [row for row in rows if row.id not in claimed]
    ordered = sorted(known, key=lambda study: study.latest, reverse=True) + ([_others(rest)] if rest else [])
    return Gathered(stored, {study.name: study for study in ordered})


def _asked(study: StoredStudy, rows: Mapping[str, RunRow], store: Store) -> Watched:
    labels = _apart([(point.label, point.epochs, point.config) for point in study.points])
    pairs = [(point, seed, rows.get(_trajectory(point, seed))) for point in study.points for seed in point.seeds]
    first = {point.config: row for point, _, row in reversed(pairs) if row}
    setups = {
        point.config: _setup(point, label, first.get(point.config))
        for point, label in zip(study.points, labels, strict=True)
    }
    longer = [(row.id, point.epochs) for point, _, row in pairs if row and row.epoch > point.epochs]
    cut = _cut(store, longer)
    replicates = tuple(_replicate(setups[point.config], seed, row, cut) for point, seed, row in pairs)
    latest = max([study.asked, *(row.created for _, _, row in pairs if row)])
    return Watched(study.name, tuple(setups.values()), replicates, latest)


def _trajectory(point: StoredPoint, seed: int) -> str:
    return _hashed(point.trajectory, seed)


@lru_cache(maxsize=100_000)
def _hashed(trajectory: str, seed: int) -> str:
    """`StoredPoint.run`, which a page asks of the same ten thousand again and again."""
    return content_hash([trajectory, seed])


def _setup(point: StoredPoint, label: str, row: RunRow | None) -> Setup:
    config, engine = (row.config, row.engine) if row else (None, "")
    return Setup(point.config, label, point.values, config, point.epochs, engine)


def _apart(given: Sequence[tuple[str, int, str]]) -> list[str]:
    """Labels of (label, epochs, hash): where several are the same, with their epochs if these differ, and else with a
    few letters of the hash."""
    alike = Counter(label for label, _, _ in given)
    lengths = Counter((label, epochs) for label, epochs, _ in given)

    def told(label: str, epochs: int, hash: str) -> str:
        if alike[label] == 1:
            return label
        longer = f"{label}, {wording.count(epochs, 'epoch')}"
        return longer if lengths[label, epochs] == 1 else f"{longer} ({hash[:6]})"

    return [told(*one) for one in given]


def _cut(store: Store, longer: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[float, ...]]:
    """`Replicate.last` of runs that went on beyond what is asked, by (number, epochs)."""
    wanted = set(longer)
    found = {metric: store.curves({id for id, _ in wanted}, metric) for metric in METRICS} if wanted else {}
    return {
        (id, epochs): (
            *(float(found[metric][id][epochs]) for metric in METRICS[:4]),
            float(np.nansum(found["seconds"][id][: epochs + 1])),
        )
        for id, epochs in wanted
    }


def _replicate(
    setup: Setup, seed: int, row: RunRow | None, cut: Mapping[tuple[int, int], tuple[float, ...]]
) -> Replicate:
    if row is None:
        return Replicate(setup, seed, "waiting")
    if row.epoch > setup.epochs:
        return Replicate(setup, seed, "finished", row, setup.epochs, cut[row.id, setup.epochs])
    status: Status = "finished" if row.epoch == setup.epochs or row.stopped else "unfinished"
    status = "diverged" if row.diverged_at is not None else status
    return Replicate(setup, seed, status, row, row.epoch, _last(row))


def _last(row: RunRow) -> tuple[float, ...]:
    return (row.train_loss, row.train_accuracy, row.validation_loss, row.validation_accuracy, row.seconds)


def _others(rows: Sequence[RunRow]) -> Watched:
    """The runs that no known study asked for; runs of one config and engine are replicates of one setup."""
    keys: dict[int, str] = {}
    first: dict[tuple[str, str], RunRow] = {}
    for row in rows:
        if id(row.config) not in keys:  # runs of one config share the object
            keys[id(row.config)] = content_hash(row.config)
        first.setdefault((keys[id(row.config)], row.engine), row)
    bare = [Setup(f"{key} {engine}", "", {}, row.config, row.epochs, engine) for (key, engine), row in first.items()]
    labelled = [replace(setup, label=label) for setup, label in zip(bare, _labels(bare), strict=True)]
    setups = dict(zip(first, labelled, strict=True))
    replicates = tuple(_replicate(setups[keys[id(row.config)], row.engine], row.seed, row, {}) for row in rows)
    return Watched("", tuple(labelled), replicates, max(row.created for row in rows))


def _labels(setups: Sequence[Setup]) -> list[str]:
    """What differs between configurations that nobody gave a name: "learning rate 0.1, batch size 32"."""
    fields = Watched("", tuple(setups), (), "").differing
    names = []
    for setup in setups:
        parts = [named(field, field.values[setup.key]) for field in fields if setup.key in field.values]
        names.append((", ".join(parts) or _model(setup), setup.epochs, setup.key))
    return _apart(names)


def _model(setup: Setup) -> str:
    return str((setup.config or {}).get("model", {}).get("name", "model"))
