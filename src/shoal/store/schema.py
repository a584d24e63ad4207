# SPDX-License-Identifier: Apache-2.0
"""The store's file: how it is opened, and its tables as numbered migrations.

A migration that was ever released is never changed: what is new is a new one.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from shoal.errors import StoreError, StoreTooNew
from shoal.store import renaming


def _begin(db: sqlite3.Connection) -> None:
    """Sessions, data sets, runs with their epochs and weights, and probes."""
    db.execute(
        """CREATE TABLE session (          -- one time somebody trained
            id INTEGER PRIMARY KEY,
            started TEXT NOT NULL,         -- ISO 8601, UTC
            provenance TEXT NOT NULL       -- JSON: machine, versions, engine, instruction set
        )"""
    )
    db.execute(
        """CREATE TABLE data (             -- what a config's data name stood for
            name TEXT PRIMARY KEY,
            source TEXT NOT NULL,
            stand_in TEXT NOT NULL,
            sha256 TEXT NOT NULL           -- JSON: file to hash
        )"""
    )
    db.execute(
        """CREATE TABLE run (              -- a trajectory on an engine: runs that are prefixes of one another
            id INTEGER PRIMARY KEY,
            trajectory TEXT NOT NULL,      -- Run.trajectory
            engine TEXT NOT NULL,
            seed INTEGER NOT NULL,
            config TEXT NOT NULL,          -- JSON of the Config with the most epochs asked for
            diverged_at INTEGER,           -- step, or NULL
            created TEXT NOT NULL,
            UNIQUE (trajectory, engine)
        )"""
    )
    db.execute(
        """CREATE TABLE epoch (            -- a REAL that is NULL is NaN; the sign of -0.0 is lost, all other bits stay
            run INTEGER NOT NULL REFERENCES run (id),
            epoch INTEGER NOT NULL,        -- 0 is before training
            session INTEGER REFERENCES session (id),
            train_loss REAL,
            train_accuracy REAL,
            validation_loss REAL,
            validation_accuracy REAL,
            seconds REAL,
            step_losses BLOB NOT NULL,     -- float32, little-endian
            PRIMARY KEY (run, epoch)
        )"""
    )
    db.execute(
        """CREATE TABLE weights (          -- the newest epoch's, and those that are kept
            run INTEGER NOT NULL REFERENCES run (id),
            epoch INTEGER NOT NULL,
            keep INTEGER NOT NULL,
            tensors BLOB NOT NULL,         -- safetensors: weights and optimizer state
            PRIMARY KEY (run, epoch)
        )"""
    )
    db.execute("CREATE TABLE probe (key TEXT PRIMARY KEY, value TEXT NOT NULL)")


def _keep_correct(db: sqlite3.Connection) -> None:
    """Which test images a run got right."""
    db.execute(
        """CREATE TABLE correct (          -- at the epochs with which some run asked for ends
            run INTEGER NOT NULL REFERENCES run (id),
            epoch INTEGER NOT NULL,
            bits BLOB NOT NULL,            -- a bit for each image of the test split, the first one highest
            PRIMARY KEY (run, epoch)
        )"""
    )


def _keep_studies(db: sqlite3.Connection) -> None:
    """Which studies were asked for."""
    db.execute(
        """CREATE TABLE study (            -- a row for each point of a study
            name TEXT NOT NULL,
            config TEXT NOT NULL,          -- Config.hash
            label TEXT NOT NULL,
            grid_values TEXT NOT NULL,     -- JSON
            trajectory TEXT NOT NULL,      -- Config.trajectory
            epochs INTEGER NOT NULL,
            seeds TEXT NOT NULL,           -- JSON: every seed that was ever asked for
            position INTEGER NOT NULL,     -- among the points of its study
            asked TEXT NOT NULL,           -- the last time, ISO 8601, UTC
            PRIMARY KEY (name, config)
        )"""
    )


def _index_numbers(db: sqlite3.Connection) -> None:
    """An epoch's numbers apart from its steps, which are ten times as large: for questions about all runs at once."""
    db.execute(
        """CREATE INDEX epoch_numbers ON epoch
            (run, epoch, train_loss, train_accuracy, validation_loss, validation_accuracy, seconds)"""
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _begin,
    _keep_correct,
    _keep_studies,
    _index_numbers,
    renaming.rename,
)


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that may write, to tables that are up to date."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; to an empty store in memory if the file is not there, or only just made.

    To it a file of an older Shoal has all tables too: those that it lacks are there, and empty. Its runs go by the
    names that they have now.
    """
    if not path.exists():
        return _empty()
    address = f"{path.absolute().as_uri()}?mode=ro"
    if not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        address += "&immutable=1"  # WAL wants to write an index beside the file, even to read it
    db = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        if number := version(db):
            if number < len(MIGRATIONS):
                _imagine_later(db)
            return db
    except BaseException:
        db.close()
        raise
    db.close()
    return _empty()


def _imagine_later(db: sqlite3.Connection) -> None:
    """Make what later migrations brought beside the file, for this connection only: tables, and runs' names."""
    db.execute("PRAGMA temp_store = MEMORY")
    there = _tables(db)
    with contextlib.closing(_empty()) as complete:
        for name, definition in _tables(complete).items():
            if name not in there:
                db.execute(definition.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
            elif name in renaming.TABLES:
                db.execute(definition.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))  # and hides the file's own
                db.execute(f"INSERT INTO temp.{name} SELECT * FROM main.{name}")
    renaming.rename(db)


def _empty() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrate(db)
    return db


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables up to date; each migration and its record are one transaction."""
    for number in range(version(db), len(MIGRATIONS)):
        migration = MIGRATIONS[number]
        db.execute("BEGIN IMMEDIATE")
        with db:
            if number == 0:
                db.execute("CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT, applied TEXT)")
            migration(db)
            applied = datetime.now(UTC).isoformat(timespec="seconds")
            db.execute("INSERT INTO migration VALUES (?, ?, ?)", (number + 1, migration.__name__.strip("_"), applied))


def version(db: sqlite3.Connection) -> int:
    """How many migrations the file has seen; 0 for an empty one.

    Raises:
        StoreTooNew: more than this Shoal knows.
        StoreError: the tables are another program's.
    """
    tables = _tables(db)
    if not tables:
        return 0
    if not {"migration", "run", "epoch"} <= tables.keys():
        raise StoreError(f"it is a database, but not one of Shoal's: its tables are {', '.join(sorted(tables))}")
    (number,) = db.execute("SELECT max(number) FROM migration").fetchone()
    if number > len(MIGRATIONS):
        raise StoreTooNew(
            f"it was written by a newer Shoal (schema {number}; this one knows {len(MIGRATIONS)}). Update Shoal"
        )
    return int(number)


def _tables(db: sqlite3.Connection) -> dict[str, str]:
    """The tables of the file, and the statement that made each."""
    return dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))
