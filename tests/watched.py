# SPDX-License-Identifier: Apache-2.0
"""Stores whose runs went just as a test wants them, and the room Watch over such a store."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np

from fakes import FakeEngine, beginning, dots, tiny_study
from shoal.engines import EpochRecord
from shoal.live.app import rooms
from shoal.live.lab import Lab
from shoal.runner import Demand
from shoal.store import Store
from shoal.study import Run, Study
from visitors import Visitor

STEPS = 3


def put(writer: Store, run: Run, losses: Sequence[float], *, diverged: bool = False, engine: str = "fake") -> None:
    """A run with these validation losses after epochs 0, 1, ...; half of each is its training loss.

    Args:
        diverged: in one epoch more.
    """
    for epoch, loss in enumerate(losses):
        train = (loss / 2, 1 - loss / 2) if epoch else (np.nan, np.nan)
        steps = np.full(STEPS if epoch else 0, loss / 2, np.float32)
        _commit(
            writer, EpochRecord(run, epoch, *train, loss, 1 - loss, 2.0 * bool(epoch), steps, beginning(run)), engine
        )
    if diverged:
        at, nan = len(losses), float("nan")
        steps = np.array([np.inf], np.float32)
        record = EpochRecord(run, at, nan, nan, nan, nan, 2.0, steps, {}, diverged_at=STEPS * (at - 1))
        _commit(writer, record, engine)


def _commit(writer: Store, record: EpochRecord, engine: str) -> None:
    writer.commit(record, engine, keep=False)


def ask(writer: Store, *studies: Study) -> None:
    """As if the studies were asked for."""
    writer.note(Demand.of(studies).asked)


def part(writer: Store) -> Study:
    """A study of six runs of three epochs: two finished, one diverged, one on its way, two to come."""
    study = tiny_study()
    slow, fast = (point.config for point in study.points)
    ask(writer, study)
    put(writer, Run(slow, 0), [0.9, 0.8, 0.7, 0.6])
    put(writer, Run(slow, 1), [0.9, 0.7, 0.6, 0.5])
    put(writer, Run(fast, 0), [0.9, 0.5], diverged=True)
    put(writer, Run(fast, 1), [0.9, 0.4])
    return study


class Watching:
    """The room over a store, as a page asks it."""

    def __init__(self, path: Any, *studies: Study, data: Any = None) -> None:
        self.lab = Lab(path, data or {"dots": dots()}, studies, FakeEngine())
        self._visitor = Visitor(rooms(self.lab))

    def __call__(self, what: str, status: int = 200, **query: Any) -> Any:
        answer = self._visitor.get(f"/api/watch/{what}?{urlencode(query)}")
        assert answer.status == status, answer.body
        return answer.json

    def overview(self) -> Any:
        """Every study as a reading tells of it."""
        return self("reading", first=True)["overview"]

    def newer(self) -> None:
        """As if something new had been stored."""
        self.lab.hub.stored += 1
