# SPDX-License-Identifier: Apache-2.0
"""`Store`: how it is opened and closed, and every write; the questions are in `reading` and `overview`.

Each commit is one transaction. WAL with synchronous=NORMAL survives the death of the process at any
moment; a power cut may cost the last commits, never the file. One `Store` may be shared by threads.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np

from shoal.data import Dataset
from shoal.engines import EpochRecord
from shoal.errors import StoreError
from shoal.store import rows, schema
from shoal.store.lock import Lock
from shoal.store.overview import Overview
from shoal.store.reading import decode
from shoal.store.rows import METRICS, StoredPoint, StoredStudy
from shoal.study import Config, Run


class Store(Overview):
    """Use `Store.open`; a context manager."""

    def __init__(self, path: Path, db: sqlite3.Connection, lock: Lock | None) -> None:
        super().__init__(path, db)
        self._lock = lock
        self._session: int | None = None

    # ---- opening and closing --------------------------------------------------------------------------

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, write: bool = False) -> Self:
        """Open a store to read it, or as its one writer, which makes the file if need be.

        A missing file reads as an empty store.

        Raises:
            StoreLocked: ``write``, and another process writes to it.
            StoreTooNew: a newer Shoal made it.
            StoreError: it is no store, or cannot be opened.
        """
        place = Path(path)
        try:
            db = schema.open_reader(place)  # also before writing: what is no store is left alone
        except (sqlite3.Error, OSError, StoreError) as reason:
            kind = type(reason) if isinstance(reason, StoreError) else StoreError
            raise kind(f"{place} cannot be opened as a store: {reason}. Use another --store.") from None
        if not write:
            return cls(place, db, None)
        db.close()
        return cls._open_to_write(place)

    @classmethod
    def _open_to_write(cls, place: Path) -> Self:
        lock = None
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = Lock(place)
            return cls(place, schema.open_writer(place), lock)
        except BaseException as reason:
            if lock:
                lock.release()
            if isinstance(reason, sqlite3.Error | OSError):
                raise _unwritable(place, getattr(reason, "strerror", None) or reason) from None
            raise

    @property
    def writable(self) -> bool:
        return self._lock is not None

    def close(self) -> None:
        with self._turn:
            self._db.close()
            if self._lock:
                self._lock.release()
                self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- writing --------------------------------------------------------------------------------------

    def begin_session(self, provenance: Mapping[str, Any], data: Mapping[str, Dataset]) -> None:
        """Note who trains from now on, and on what.

        Raises:
            StoreError: a data set of this name, but with other content, was trained on before.
        """
        for dataset in data.values():
            self._check_data(dataset)
        with self._write() as db:
            row = (_now(), json.dumps(dict(provenance)))
            self._session = db.execute("INSERT INTO session (started, provenance) VALUES (?, ?)", row).lastrowid
            db.executemany(
                "INSERT OR REPLACE INTO data VALUES (?, ?, ?, ?)",
                [(d.name, d.source, d.stand_in, json.dumps(dict(d.sha256))) for d in data.values()],
            )

    def note(self, studies: Iterable[StoredStudy]) -> None:
        """Keep which studies are asked for, from now on, in one transaction.

        Points that were asked for before stay; a point asked for on other seeds is kept with all of them.
        """
        wanted = [(study.name, point) for study in studies for point in study.points]
        if not wanted:
            return
        now = _now()
        with self._write() as db:
            for name, point in wanted:
                _note(db, name, point, now)

    def commit(self, record: EpochRecord, engine: str, *, keep: bool, correct: np.ndarray | None = None) -> None:
        """Keep an epoch's record, its weights and optimizer state, in one transaction.

        The weights replace those of the epoch before, unless those are kept. A record that is already
        there stays as it is. Of a diverged epoch the tensors are worthless: those before it stay.

        Args:
            keep: the weights, also after later epochs.
            correct: bool (n_test,): which test images the weights get right; for a record that ends a run.
        """
        steps = np.ascontiguousarray(record.step_losses, dtype="<f4").tobytes()
        with self._write() as db:
            run = self._id(record.run, engine)
            metrics = [float(getattr(record, name)) for name in METRICS]
            db.execute(
                "INSERT OR IGNORE INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run, record.epoch, self._session, *metrics, steps),
            )
            if record.diverged_at is not None:
                db.execute("UPDATE run SET diverged_at = ? WHERE id = ?", (record.diverged_at, run))
                return
            db.execute("DELETE FROM weights WHERE run = ? AND epoch < ? AND NOT keep", (run, record.epoch))
            db.execute(
                "INSERT INTO weights VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET keep = keep OR excluded.keep",
                (run, record.epoch, keep, rows.pack(record.tensors)),
            )
            if correct is not None:
                db.execute(
                    "INSERT OR IGNORE INTO correct VALUES (?, ?, ?)", (run, record.epoch, rows.pack_bits(correct))
                )

    def keep(self, run: Run, engine: str, epoch: int) -> None:
        """Keep the weights of an epoch from now on; they must be there."""
        with self._write() as db:
            db.execute("UPDATE weights SET keep = 1 WHERE run = ? AND epoch = ?", (self._id(run, engine), epoch))

    def save_correct(self, run: Run, engine: str, correct: np.ndarray) -> None:
        """Keep which test images a finished run got right, bool (n_test,), where `commit` was not told."""
        with self._write() as db:
            row = (self._id(run, engine), self._end(run, engine), rows.pack_bits(correct))
            db.execute("INSERT OR IGNORE INTO correct VALUES (?, ?, ?)", row)

    def save_probe(self, key: str, value: Any) -> None:
        """Keep plain data under a key."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO probe VALUES (?, ?)", (key, json.dumps(value)))

    # ---- inside ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        if not self._lock:
            raise StoreError(f"{self.path} was opened to read. Use Store.open(path, write=True).")
        if self.file != self._file():
            raise StoreError(
                f"{self.path} was removed or replaced while it was written to, so nothing more would be kept. "
                f"Put it back, or begin again with another --store."
            )
        try:
            with self._turn:
                self._db.execute("BEGIN IMMEDIATE")
                with self._db:
                    yield self._db
        except sqlite3.Error as reason:
            raise _unwritable(self.path, reason) from None

    def _id(self, run: Run, engine: str) -> int:
        """The run's row, made or given more epochs if need be; inside a transaction."""
        row = (run.trajectory, engine, run.seed, _encode(run.config), _now())
        self._db.execute(
            "INSERT INTO run (trajectory, engine, seed, config, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            row,
        )
        query = "SELECT id, config FROM run WHERE trajectory = ? AND engine = ?"
        number, config = self._db.execute(query, row[:2]).fetchone()
        if decode(config).epochs < run.config.epochs:
            self._db.execute("UPDATE run SET config = ? WHERE id = ?", (_encode(run.config), number))
        return int(number)

    def _check_data(self, dataset: Dataset) -> None:
        for (sha256,) in self._all("SELECT sha256 FROM data WHERE name = ?", dataset.name):
            if json.loads(sha256) != dict(dataset.sha256):
                raise StoreError(
                    f"{self.path} has runs on a data set called {dataset.name!r} with other content than that of "
                    f"{dataset.source}. Give the data another name, or use another --store."
                )


def _note(db: sqlite3.Connection, name: str, point: StoredPoint, now: str) -> None:
    """One point of a study, new or asked for again; inside a transaction."""
    before = db.execute("SELECT seeds FROM study WHERE name = ? AND config = ?", (name, point.config)).fetchone()
    seeds = sorted({*point.seeds, *(json.loads(before[0]) if before else ())})
    (position,) = db.execute("SELECT coalesce(max(position) + 1, 0) FROM study WHERE name = ?", (name,)).fetchone()
    db.execute(
        "INSERT INTO study VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "label = excluded.label, grid_values = excluded.grid_values, seeds = excluded.seeds, asked = excluded.asked",
        (
            *(name, point.config, point.label, _plain(point.values), point.trajectory, point.epochs),
            *(json.dumps(seeds), position, now),
        ),
    )


def _unwritable(path: Path, reason: object) -> StoreError:
    return StoreError(
        f"{path} cannot be written to: {reason}. Make its folder writable and room on the disk, or use another "
        f"--store; whatever it has stays."
    )


def _encode(config: Config) -> str:
    return msgspec.json.encode(config).decode()


def _plain(values: Mapping[str, Any]) -> str:
    """Grid values as JSON; what JSON cannot say, as it is written in Python."""
    return msgspec.json.encode(values, enc_hook=repr).decode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
