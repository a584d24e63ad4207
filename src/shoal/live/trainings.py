# SPDX-License-Identifier: Apache-2.0
"""What the page asked to be trained, in its order: one that trains, those that wait, the latest that have ended.

It trains nothing and keeps no lock: whoever changes it holds one. It refuses more than a handful that wait, and forgets
what ended long ago.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from shoal.errors import UsageError
from shoal.progress import Board
from shoal.study import Study

MOST_QUEUED = 8
REMEMBERED = 64
"""Trainings that can be looked at after their end, the latest ones."""
TOLD = 8
"""Of these, so many are told of to a page that has just come."""

State = Literal["queued", "training", "finished", "cancelled", "failed"]


class Cancelled(Exception):
    """Raised inside a training that is to end now; nobody else sees it."""


@dataclass(eq=False)
class Training:
    """One question on its way. Its study names the data that is really trained on."""

    id: int
    study: Study
    title: str
    """What pages call it."""
    runs: tuple[str, ...]
    """Trajectories of all its runs."""
    total: int
    """Epochs."""
    done: int = 0
    left: float | None = None
    """Seconds, once there is something to judge by."""
    diverged: int = 0
    """Runs, of those that have ended."""
    state: State = "queued"
    error: str = ""
    unwanted: threading.Event = field(default_factory=threading.Event)
    shown: dict[tuple[str, bool, int], tuple[int, Any]] = field(default_factory=dict)
    """Charts by metric, scale and width, each with how much was stored when it was drawn; kept by the routes."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in ("queued", "training")

    def hear(self) -> None:
        """Raise `Cancelled` if it is not wanted any more."""
        if self.unwanted.is_set():
            raise Cancelled

    def stand(self, board: Board) -> None:
        """Take over from a board how far it is."""
        (self.done, self.total), self.left = board.epochs, board.left
        self.diverged = sum(cell.diverged for cell in board.cells.values())


class Trainings:
    """All of them that are remembered, by their numbers, and the line in which they wait."""

    def __init__(self) -> None:
        self.current: Training | None = None
        self.waiting: list[Training] = []
        self._known: dict[int, Training] = {}
        self._count = 0

    def add(self, study: Study, title: str, instead: int | None = None) -> Training:
        """A new one at the end of the line; or first if it comes instead of the one that trains, or in the place of
        one that waits.

        Raises:
            UsageError: too many wait already.
        """
        place = self._place(instead)
        if place is None and len(self.waiting) >= MOST_QUEUED:
            raise UsageError(f"{MOST_QUEUED} trainings wait already. Cancel one, or wait until one has ended.")
        self._count += 1
        lengths = _lengths(study)
        new = Training(self._count, study, title, tuple(lengths), sum(lengths.values()))
        self._known[new.id] = new
        self.waiting.insert(len(self.waiting) if place is None else place, new)
        self._forget()
        return new

    def _place(self, replaced: int | None) -> int | None:
        if self.current and self.current.id == replaced:
            return 0
        return next((place for place, one in enumerate(self.waiting) if one.id == replaced), None)

    def find(self, id: int) -> Training | None:
        """The training of that number, also for some time after its end."""
        return self._known.get(id)

    def next(self) -> Training:
        """The first of those that wait, which trains from now on."""
        self.current = self.waiting.pop(0)
        self.current.state = "training"
        return self.current

    def end(self, one: Training, state: State, error: str = "") -> None:
        """It does not train any more, nor waits."""
        one.state, one.error, one.left = state, error, None
        if one in self.waiting:
            self.waiting.remove(one)
        if self.current is one:
            self.current = None

    def going(self) -> Iterator[Training]:
        """What trains, then what waits."""
        yield from [self.current] if self.current else []
        yield from self.waiting

    def state(self) -> list[dict[str, Any]]:
        """What trains and what waits, then the latest that ended, as pages are told of them."""
        ended = [one for one in self._known.values() if one.ended][-TOLD:]
        return [self.told(one) for one in (*self.going(), *reversed(ended))]

    def told(self, one: Training) -> dict[str, Any]:
        """One of them as plain data; its place is 1 if it is the next to train, and 0 if it does not wait."""
        return {
            "id": one.id,
            "title": one.title,
            "state": one.state,
            "place": self.waiting.index(one) + 1 if one in self.waiting else 0,
            "done": one.done,
            "total": one.total,
            "left": one.left,
            "diverged": one.diverged,
            "error": one.error,
            "runs": one.runs,
        }

    def _forget(self) -> None:
        ended = [one.id for one in self._known.values() if one.ended]
        for id in ended[:-REMEMBERED]:
            del self._known[id]


def _lengths(study: Study) -> dict[str, int]:
    """Trajectory to the epochs of the longest of its runs."""
    lengths: dict[str, int] = {}
    for run in study.runs():
        lengths[run.trajectory] = max(run.config.epochs, lengths.get(run.trajectory, 0))
    return lengths
