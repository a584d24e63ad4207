# SPDX-License-Identifier: Apache-2.0
"""Who trains what the page asks: one training at a time, in a thread of its own, through the runner.

It holds the store's lock only while it trains. Whatever ends a training, what was stored by then stays, and the same
question goes on from there. It makes no config: that is for `asks`.
"""

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from shoal.data import Dataset
from shoal.engines import Engine, EpochRecord
from shoal.errors import ShoalError
from shoal.live.events import Hub
from shoal.live.trainings import Cancelled, State, Training, Trainings
from shoal.progress import Board
from shoal.results import on_data
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Study


@runtime_checkable
class Interruptible(Protocol):
    """An engine that can be stopped in the middle of an epoch."""

    def hearing(self, hear: Callable[[], None]) -> Engine:
        """The same engine, which calls ``hear`` a few times a second; what that raises ends its training."""
        ...


class Trainer:
    """A thread that trains what is asked, in the order of asking, until `close`.

    Args:
        store: the file to train into; opened to write only while something trains.
        engine: what trains; an `Interruptible` one is stopped within a tenth of a second, others at the next record.
        data: gives the data sets by the name asked for, once they are there.
        hub: is told of every change.
        poke: called after each record is stored, with whether it is the first of its training.
    """

    def __init__(
        self,
        store: Path,
        engine: Engine,
        data: Callable[[], Mapping[str, Dataset]],
        hub: Hub,
        poke: Callable[[bool], None],
    ) -> None:
        self._store, self._engine, self._data, self._hub, self._poke = store, engine, data, hub, poke
        self._all = Trainings()
        self._closed = False
        self._turn = threading.Condition(threading.RLock())
        """Held by whoever changes a training, or the line of them."""
        self._thread = threading.Thread(target=self._work, name="shoal-trainer", daemon=True)
        self._thread.start()

    # ---- asking ---------------------------------------------------------------------------------------

    def ask(
        self, study: Study, seeds: Sequence[int] | None = None, *, title: str = "", replace: int | None = None
    ) -> int:
        """Put a study at the end of the queue, and give the training's number.

        Args:
            study: its configs name data as it was asked for.
            seeds: by default the study's own.
            title: what every page calls it, in the line of those that wait; by default the study's name.
            replace: a training that is not wanted any more; the new one takes its place.

        Raises:
            UsageError: too many wait already.
        """
        here = on_data(study, self._data())
        here = here if seeds is None else dataclasses.replace(here, seeds=seeds)
        with self._turn:
            new = self._all.add(here, title or here.name, instead=replace)
            if replace is not None:
                self.cancel(replace)
            self._tell_all()
            self._turn.notify_all()
            return new.id

    def cancel(self, id: int) -> bool:
        """End a training, or take it out of the queue; False if it is not known. One that has ended stays as it is."""
        with self._turn:
            one = self._all.find(id)
            if one is None:
                return False
            one.unwanted.set()
            if one.state == "queued":
                self._end(one, "cancelled")
                self._tell_all()
            return True

    def find(self, id: int) -> Training | None:
        """The training of that number, also for some time after its end."""
        with self._turn:
            return self._all.find(id)

    def state(self) -> list[dict[str, Any]]:
        """What trains and what waits, then the latest that ended, as pages are told of them."""
        with self._turn:
            return self._all.state()

    @property
    def busy(self) -> bool:
        """Whether something trains: from before the store is held until after that."""
        return self._all.current is not None

    def close(self) -> None:
        """End everything; the training under way within a second."""
        with self._turn:
            self._closed = True
            for one in tuple(self._all.going()):
                self.cancel(one.id)
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
            self._turn.wait_for(lambda: self._all.waiting or self._closed)
            if self._closed:
                return None
            one = self._all.next()
            self._tell_all()
            return one

    def _train(self, one: Training) -> None:
        one.hear()
        engine = self._engine.hearing(one.hear) if isinstance(self._engine, Interruptible) else self._engine
        data = {dataset.name: dataset for dataset in self._data().values()}
        with Store.open(self._store, write=True) as store:
            board = Board([one.study], None, store.progress(engine.name, one.runs))

            first = True

            def record(of: EpochRecord) -> None:
                nonlocal first
                board.record(of)
                self._advance(one, board)
                self._poke(first)
                first = False
                one.hear()

            self._advance(one, board)
            train(Demand.of([one.study]), engine, data, store, on_plan=board.plan, on_record=record)
            self._advance(one, board)

    # ---- telling --------------------------------------------------------------------------------------

    def _advance(self, one: Training, board: Board) -> None:
        with self._turn:
            one.stand(board)
            self._tell(one)

    def _end(self, one: Training, state: State, error: str = "") -> None:
        with self._turn:
            self._all.end(one, state, error)
            self._tell(one)

    def _tell(self, one: Training) -> None:
        self._hub.tell("training", **self._all.told(one))

    def _tell_all(self) -> None:
        """Everything that is not at its end: places have changed."""
        for one in self._all.going():
            self._tell(one)
