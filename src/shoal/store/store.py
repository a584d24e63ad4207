# SPDX-License-Identifier: Apache-2.0
"""`Store`: every question and every write, as short methods over short SQL.

Each commit is one transaction. WAL with synchronous=NORMAL survives the death of the process at any
moment; a power cut may cost the last commits, never the file. One `Store` may be shared by threads.
"""

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np

from shoal.data import Dataset
from shoal.engines import Checkpoint, EpochRecord
from shoal.errors import StoreError
from shoal.plan import Progress
from shoal.store import rows, schema
from shoal.store.lock import Lock
from shoal.store.rows import METRICS, History, StoredRun
from shoal.study import Config, Run


class Store:
    """Use `Store.open`; a context manager."""

    def __init__(self, path: Path, db: sqlite3.Connection, lock: Lock | None) -> None:
        self.path = path
        self._db = db
        self._lock = lock
        self._turn = threading.RLock()
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

    # ---- reading --------------------------------------------------------------------------------------

    def progress(self, engine: str) -> dict[str, Progress]:
        """How far every trajectory has come: `Run.trajectory` to `Progress`, as `plan.plan` wants it."""
        query = """SELECT trajectory, max(epoch), diverged_at IS NOT NULL, run.id, config
                   FROM run JOIN epoch ON run.id = epoch.run WHERE engine = ? GROUP BY run.id"""
        return {
            trajectory: Progress(epochs, bool(diverged), self._stopped(number, config) and not diverged)
            for trajectory, epochs, diverged, number, config in self._all(query, engine)
        }

    def history(self, run: Run, engine: str) -> History | None:
        """The run's records, also when they are the beginning of a longer run; None if there are none."""
        found = self._all(
            "SELECT id, diverged_at, (SELECT max(epoch) FROM epoch WHERE run = id) FROM run "
            "WHERE trajectory = ? AND engine = ?",
            *(run.trajectory, engine),
        )
        if not found:
            return None
        number, diverged_at, last = found[0]
        query = f"SELECT {', '.join(METRICS)}, step_losses FROM epoch WHERE run = ? AND epoch <= ? ORDER BY epoch"
        stored = self._all(query, number, run.config.epochs)
        return rows.history(run, stored, diverged_at, None if diverged_at is None else last) if stored else None

    def weight_epochs(self, run: Run, engine: str) -> tuple[int, ...]:
        """The epochs after which the weights are there, in order."""
        query = """SELECT epoch FROM weights JOIN run ON run.id = weights.run
                   WHERE trajectory = ? AND engine = ? ORDER BY epoch"""
        return tuple(epoch for (epoch,) in self._all(query, run.trajectory, engine))

    def checkpoint(self, run: Run, engine: str, epoch: int | None = None) -> Checkpoint | None:
        """Weights and optimizer state after an epoch, by default the newest; None if they are not there."""
        query = """SELECT epoch, tensors FROM weights JOIN run ON run.id = weights.run
                   WHERE trajectory = ? AND engine = ? AND epoch = coalesce(?, epoch) ORDER BY epoch DESC LIMIT 1"""
        found = self._all(query, run.trajectory, engine, epoch)
        if not found:
            return None
        done, tensors = found[0]
        return Checkpoint(done, rows.unpack(tensors), self._watched(run, engine, done))

    def weights(self, run: Run, engine: str, epoch: int | None = None) -> dict[str, np.ndarray]:
        """The weights after an epoch, by default the run's last.

        Raises:
            StoreError: they are not there; the message says which are.
        """
        wanted = self._end(run, engine) if epoch is None else epoch
        found = self.checkpoint(run, engine, wanted)
        if not found:
            there = ", ".join(map(str, self.weight_epochs(run, engine))) or "none"
            raise StoreError(
                f"{self.path} has no weights of run {run.trajectory[:8]} after epoch {wanted}; there are: {there}. "
                f"Train the run to that epoch, or use keep_weights=True in its study."
            )
        return rows.weights_only(found.tensors)

    def correct(self, run: Run, engine: str, images: int) -> np.ndarray | None:
        """bool (images,): which images of the test split a finished run got right; None if that was not kept.

        Raises:
            StoreError: it was kept of another number of images.
        """
        query = """SELECT bits FROM correct JOIN run ON run.id = correct.run
                   WHERE trajectory = ? AND engine = ? AND epoch = ?"""
        found = self._all(query, run.trajectory, engine, self._end(run, engine))
        if not found:
            return None
        if len(found[0][0]) != -(-images // 8):
            raise StoreError(
                f"{self.path} has what run {run.trajectory[:8]} got right of about {8 * len(found[0][0]):,} test "
                f"images, not of {images:,}. Read it with the data it was trained on, or use another --store."
            )
        return rows.unpack_bits(found[0][0], images)

    def probe(self, key: str) -> Any:
        """The plain data kept under a key, or None."""
        found = self._all("SELECT value FROM probe WHERE key = ?", key)
        return json.loads(found[0][0]) if found else None

    def runs(self, prefix: str = "") -> list[StoredRun]:
        """Every run, or those whose trajectory or config hash begins so, in the order of their making.

        Where none does, those whose first epochs have such a config: then only these epochs are told of.
        """
        query = """SELECT trajectory, engine, seed, config, epoch, diverged_at, created, validation_loss,
                          validation_accuracy, (SELECT total(seconds) FROM epoch WHERE run = run.id), run.id
                   FROM run JOIN epoch ON run.id = epoch.run
                   WHERE epoch = (SELECT max(epoch) FROM epoch WHERE run = run.id) ORDER BY run.id"""
        every = [_stored_run(row, self._stopped(number, row[3])) for *row, number in self._all(query)]
        found = [run for run in every if run.trajectory.startswith(prefix) or run.config.hash.startswith(prefix)]
        return found or [first for run in every if (first := self._first_epochs(run, prefix))]

    def _first_epochs(self, stored: StoredRun, prefix: str) -> StoredRun | None:
        """The beginning of a run whose config's hash begins so."""
        config = stored.config.shortened(prefix)
        history = self.history(Run(config, stored.seed), stored.engine) if config else None
        if not config or not history:
            return None
        return replace(
            stored,
            config=config,
            epochs=history.epochs,
            diverged_at=history.diverged_at,
            validation_loss=float(history.validation_loss[-1]),
            validation_accuracy=float(history.validation_accuracy[-1]),
            seconds=float(np.nansum(history.seconds)),
            stopped=history.stopped,
        )

    def sessions(self) -> list[dict[str, Any]]:
        """Every training session: when it started and its provenance."""
        query = "SELECT started, provenance FROM session ORDER BY id"
        return [{"started": started, **json.loads(provenance)} for started, provenance in self._all(query)]

    def data(self) -> list[dict[str, Any]]:
        """Every data set that was trained on: name, source, stand_in, sha256."""
        names = ("name", "source", "stand_in", "sha256")
        found = self._all(f"SELECT {', '.join(names)} FROM data ORDER BY name")
        return [{**dict(zip(names, row, strict=True)), "sha256": json.loads(row[3])} for row in found]

    # ---- inside ---------------------------------------------------------------------------------------

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            with self._turn:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as reason:
            raise StoreError(f"{self.path} cannot be read: {reason}. Use another --store, or a copy of it.") from None

    def _values(self, number: int, metric: str, epochs: int) -> tuple[float, ...]:
        """A metric of a run's row after epochs 1 to at most ``epochs``."""
        query = f"SELECT {metric} FROM epoch WHERE run = ? AND epoch BETWEEN 1 AND ? ORDER BY epoch"
        return tuple(rows.number(value) for (value,) in self._all(query, number, epochs))

    def _watched(self, run: Run, engine: str, epochs: int) -> tuple[float, ...]:
        """What early stopping has seen of a run after ``epochs`` of it; nothing without early stopping."""
        rule = run.config.early_stopping
        query = "SELECT id FROM run WHERE trajectory = ? AND engine = ?"
        found = self._all(query, run.trajectory, engine) if rule else []
        return self._values(found[0][0], rule.metric, epochs) if rule and found else ()

    def _end(self, run: Run, engine: str) -> int:
        """The epoch that a run ends with: its last, or the one at which it is stopped early."""
        rule, epochs = run.config.early_stopping, run.config.epochs
        return (rule and rule.ends_after(self._watched(run, engine, epochs))) or epochs

    def _stopped(self, number: int, config: str) -> bool:
        """Whether early stopping ended the run of a row; few configs ask for it, so few are decoded."""
        if '"early_stopping"' not in config:
            return False
        asked = _decode(config)
        rule = asked.early_stopping
        return rule is not None and rule.ends_after(self._values(number, rule.metric, asked.epochs)) is not None

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        if not self._lock:
            raise StoreError(f"{self.path} was opened to read. Use Store.open(path, write=True).")
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
        if _decode(config).epochs < run.config.epochs:
            self._db.execute("UPDATE run SET config = ? WHERE id = ?", (_encode(run.config), number))
        return int(number)

    def _check_data(self, dataset: Dataset) -> None:
        for (sha256,) in self._all("SELECT sha256 FROM data WHERE name = ?", dataset.name):
            if json.loads(sha256) != dict(dataset.sha256):
                raise StoreError(
                    f"{self.path} has runs on a data set called {dataset.name!r} with other content than that of "
                    f"{dataset.source}. Give the data another name, or use another --store."
                )


def _unwritable(path: Path, reason: object) -> StoreError:
    return StoreError(
        f"{path} cannot be written to: {reason}. Make its folder writable and room on the disk, or use another "
        f"--store; whatever it has stays."
    )


def _stored_run(row: Sequence[Any], stopped: bool) -> StoredRun:
    trajectory, engine, seed, config, epochs, diverged_at, created, loss, accuracy, seconds = row
    return StoredRun(
        *(trajectory, engine, seed, _decode(config), epochs, diverged_at, created),
        *(rows.number(loss), rows.number(accuracy), seconds, stopped and diverged_at is None),
    )


def _encode(config: Config) -> str:
    return msgspec.json.encode(config).decode()


def _decode(config: str) -> Config:
    return msgspec.json.decode(config, type=Config)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
