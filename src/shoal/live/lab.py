# SPDX-License-Identifier: Apache-2.0
"""`Lab`: what every route of the page shares. It opens the store only to read; only its trainer ever writes."""

import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

from shoal.data import Dataset, load
from shoal.engines import Engine
from shoal.errors import StudyError
from shoal.live.events import Hub
from shoal.live.following import Follower
from shoal.live.trainer import Trainer
from shoal.store import Store, held_since
from shoal.study import Study

PLAYED = ("fashion-mnist", "mnist")
"""The data sets that the page trains on and draws for, by the names that configs use."""

Datasets = Mapping[str, Dataset]


class Lab:
    """One for a server; a context manager, which ends the training and the following of the store.

    Args:
        store: the file that keeps the runs; it need not be there yet.
        data: data sets by the name asked for, or what reads them: it is called in a thread, so that the page is
            there before them. Left out, those of `PLAYED` are looked for, and drawn where they are not found.
        studies: whose claims are known, beside those of the report's sections.
        engine: what trains, by default the native one on all cores.

    Raises:
        StoreError: the file is there, and is no store that can be read.
    """

    def __init__(
        self,
        store: str | PathLike[str],
        data: Datasets | Callable[[], Datasets] | None = None,
        studies: tuple[Study, ...] = (),
        engine: Engine | None = None,
    ) -> None:
        self.store_path = Path(store)
        self.boot = secrets.token_hex(8)
        self.engine = engine or _native()
        self._given = studies
        self._turn = threading.Lock()
        self._replaced: list[Store] = []
        self._reader = Store.open(self.store_path)
        self._data: Future[Datasets] = Future()
        self.hub = Hub(self.boot)
        self.follower = Follower(self.store_path, self.hub, self.elsewhere)
        self.trainer = Trainer(self.store_path, self.engine, self.datasets, self.hub, self.follower.poke)
        self._begin_to_load(_found if data is None else data)
        self.follower.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End whatever trains, follows or listens, and let go of the store."""
        self.hub.close()
        self.trainer.close()
        self.follower.stop()
        with self._turn:
            for store in (*self._replaced, self._reader):
                store.close()

    # ---- data -----------------------------------------------------------------------------------------

    @property
    def data(self) -> Datasets:
        """Data sets by the name asked for, once they are loaded.

        Raises:
            DataError: one is damaged, or insisted on and not to be had.
        """
        return self._data.result()

    def datasets(self) -> dict[str, Dataset]:
        """All of them, by the name asked for."""
        return dict(self.data)

    def dataset(self, name: str) -> Dataset:
        """A data set by the name asked for or by its own, which differs where it is a stand-in.

        Raises:
            StudyError: there is none.
        """
        for asked, dataset in self.data.items():
            if name in (asked, dataset.name):
                return dataset
        raise StudyError(f"{name!r} is not among the data here. Use one of {', '.join(self.data) or 'none'}.")

    @property
    def loaded(self) -> bool:
        """Whether the data sets are there, or cannot be had, so that nobody who asks for them waits."""
        return self._data.done()

    def _begin_to_load(self, data: Datasets | Callable[[], Datasets]) -> None:
        if callable(data):
            threading.Thread(target=self._load, args=[data], name="shoal-data", daemon=True).start()
        else:
            self._data.set_result(data)

    def _load(self, read: Callable[[], Datasets]) -> None:
        """Read the data, then greet every page once more, which makes it read everything again."""
        try:
            self._data.set_result(read())
        except BaseException as reason:  # whoever asks for data is told
            self._data.set_exception(reason)
        self.hub.greet()

    # ---- the store ------------------------------------------------------------------------------------

    def reader(self) -> Store:
        """The store, open to read; threads share it. One that is made or exchanged later is opened then.

        Raises:
            StoreError: it cannot be read.
        """
        with self._turn:
            if not self._reader.current:
                fresh = Store.open(self.store_path)
                self._replaced.append(self._reader)  # somebody may still be reading it
                self._reader = fresh
            return self._reader

    def changed(self) -> int:
        """Grows by one whenever something new was stored, whoever trained it."""
        return self.hub.stored

    def elsewhere(self) -> bool:
        """Whether somebody trains into the store, but not the trainer here: another process, or `run --watch`."""
        if self.trainer.busy or held_since(self.store_path) is None:
            return False
        return not self.trainer.busy  # it may have begun meanwhile

    # ---- studies --------------------------------------------------------------------------------------

    @cached_property
    def studies(self) -> tuple[Study, ...]:
        """Whose claims are known: those given, then those of the report's sections that no given one's name hides."""
        from shoal.studies import sections

        own = {study.name for study in self._given}
        ours = (section.study for section in sections())
        return (*self._given, *(study for study in ours if study and study.name not in own))


def _native() -> Engine:
    from shoal.engines.native import NativeEngine

    return NativeEngine()


def _found() -> Datasets:
    return {name: load(name) for name in PLAYED}
