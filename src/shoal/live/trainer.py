# SPDX-License-Identifier: Apache-2.0
"""The queue of what the page asked to be trained: one training at a time, in a thread of its own, through the runner.

It holds the store's lock only while it trains, and refuses more than a handful that wait. Whatever ends a training,
what was stored by then stays, and the same question goes on from there. It makes no config: that is for `asks`.
"""

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from shoal.data import Dataset
from shoal.engines import Engine, EpochRecord
from shoal.errors import ShoalError, UsageError
from shoal.live.events import Hub
from shoal.progress import Board
from shoal.results import on_data
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Study

MOST_QUEUED = 8
REMEMBERED = 64
"""Trainings that can be looked at after their end, the latest ones."""
TOLD = 8
"""Of these, so many are in `state`."""

State = Literal["queued", "training", "finished", "cancelled", "failed"]


class Cancelled(Exception):
    """Raised inside a training that is to end now; nobody else sees it."""


@runtime_checkable
class Interruptible(Protocol):
    """An engine that can be stopped in the middle of an epoch."""

    def hearing(self, hear: Callable[[], None]) -> Engine:
        """The same engine, which calls ``hear`` a few times a second; what that raises ends its training."""
        ...


@dataclass(eq=False)
class Training:
    """One question on its way. Its study names the data that is really trained on; its fields change under a lock."""

    id: int
    study: Study
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


class Trainer:
    """A thread that trains what is asked, in the order of asking, until `close`.

    Args:
        store: the file to train into; opened to write only while something trains.
        engine: what trains; an `Interruptible` one is stopped within a tenth of a second, others at the next record.
        data: gives the data sets by the name asked for, once they are there.
        hub: is told of every change.
        poke: called after each record is stored.
    """

    def __init__(
        self,
        store: Path,
        engine: Engine,
        data: Callable[[], Mapping[str, Dataset]],
        hub: Hub,
        poke: Callable[[], None],
    ) -> None:
        self._store, self._engine, self._data, self._hub, self._poke = store, engine, data, hub, poke
        self._known: dict[int, Training] = {}
        self._queue: list[Training] = []
        self._current: Training | None = None
        self._count = 0
        self._closed = False
        self._turn = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._work, name="shoal-trainer", daemon=True)
        self._thread.start()

    # ---- asking ---------------------------------------------------------------------------------------

    def ask(self, study: Study, seeds: Sequence[int] | None = None, *, replace: int | None = None) -> int:
        """Put a study at the end of the queue, and give the training's number.

        Args:
            study: its configs name data as it was asked for.
            seeds: by default the study's own.
            replace: a training that is not wanted any more; the new one takes its place.

        Raises:
            UsageError: too many wait already.
        """
        here = on_data(study, self._data())
        here = here if seeds is None else dataclasses.replace(here, seeds=seeds)
        with self._turn:
            place = self._place(replace)
            if place is None and len(self._queue) >= MOST_QUEUED:
                raise UsageError(f"{MOST_QUEUED} trainings wait already. Cancel one, or wait until one has ended.")
            if replace is not None:
                self.cancel(replace)
            self._count += 1
            lengths = _lengths(here)
            new = Training(self._count, here, tuple(lengths), sum(lengths.values()))
            self._known[new.id] = new
            self._queue.insert(len(self._queue) if place is None else place, new)
            self._forget()
            self._tell_queue()
            self._turn.notify_all()
            return new.id

    def _place(self, replaced: int | None) -> int | None:
        """Where what replaces a training goes: first if that one trains, in its place if it waits, else to the end."""
        if self._current and self._current.id == replaced:
            return 0
        return next((place for place, one in enumerate(self._queue) if one.id == replaced), None)

    def cancel(self, id: int) -> bool:
        """End a training, or take it out of the queue; False if it is not known. One that has ended stays as it is."""
        with self._turn:
            one = self._known.get(id)
            if one is None:
                return False
            one.unwanted.set()
            if one in self._queue:
                self._queue.remove(one)
                self._end(one, "cancelled")
                self._tell_queue()
            return True

    def find(self, id: int) -> Training | None:
        """The training of that number, also for some time after its end."""
        with self._turn:
            return self._known.get(id)

    def state(self) -> list[dict[str, Any]]:
        """What trains and what waits, then the latest that ended, as pages are told of them."""
        with self._turn:
            ended = [one for one in self._known.values() if one.ended][-TOLD:]
            going = [self._current] if self._current else []
            return [self._told(one) for one in (*going, *self._queue, *reversed(ended))]

    @property
    def busy(self) -> bool:
        """Whether something trains: from before the store is held until after that."""
        return self._current is not None

    def close(self) -> None:
        """End everything; the training under way within a second."""
        with self._turn:
            self._closed = True
            for one in tuple(self._queue):
                self.cancel(one.id)
            if self._current:
                self._current.unwanted.set()
            self._turn.notify_all()
        self._thread.join(timeout=5)

    # ---- in the thread --------------------------------------------------------------------------------

    def _work(self) -> None:
        while one := self._next():
            try:
                self._train(one)
                self._end(one, "finished")
            except Cancelled:
                self._end(one, "cancelled")
            except ShoalError as reason:
                self._end(one, "failed", str(reason))
            except MemoryError:
                self._end(one, "failed", "Memory ran out. Use a smaller model, or fewer seeds.")
            except Exception as reason:
                logging.getLogger(__name__).exception("training %d", one.id)
                self._end(one, "failed", f"Shoal failed to train this: {type(reason).__name__}. Its terminal says why.")

    def _next(self) -> Training | None:
        """The first of the queue, once there is one; None when it is time to stop."""
        with self._turn:
            self._turn.wait_for(lambda: self._queue or self._closed)
            if self._closed:
                return None
            self._current = self._queue.pop(0)
            self._current.state = "training"
            self._tell_queue()
            return self._current

    def _train(self, one: Training) -> None:
        one.hear()
        engine = self._engine.hearing(one.hear) if isinstance(self._engine, Interruptible) else self._engine
        data = {dataset.name: dataset for dataset in self._data().values()}
        with Store.open(self._store, write=True) as store:
            board = Board([one.study], None, store.progress(engine.name, one.runs))

            def record(of: EpochRecord) -> None:
                board.record(of)
                self._advance(one, board)
                self._poke()
                one.hear()

            self._advance(one, board)
            train(Demand.of([one.study]), engine, data, store, on_plan=board.plan, on_record=record)
            self._advance(one, board)

    def _advance(self, one: Training, board: Board) -> None:
        with self._turn:
            (one.done, one.total), one.left = board.epochs, board.left
            one.diverged = sum(cell.diverged for cell in board.cells.values())
            self._tell(one)

    def _end(self, one: Training, state: State, error: str = "") -> None:
        with self._turn:
            one.state, one.error, one.left = state, error, None
            if self._current is one:
                self._current = None
            self._tell(one)

    # ---- telling --------------------------------------------------------------------------------------

    def _tell(self, one: Training) -> None:
        self._hub.tell("training", **self._told(one))

    def _tell_queue(self) -> None:
        """Everything that is not at its end: places have changed."""
        for one in (self._current, *self._queue):
            if one:
                self._tell(one)

    def _told(self, one: Training) -> dict[str, Any]:
        return {
            "id": one.id,
            "state": one.state,
            "place": self._queue.index(one) + 1 if one in self._queue else 0,
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
