# SPDX-License-Identifier: Apache-2.0
"""Questions about all runs at once, for pages: tables, curves, what is new, which studies were asked for.

A page asks them again and again of ten thousand runs: each is one query, and configs stay plain data.
"""

import functools
import json
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from shoal.errors import StoreError
from shoal.store import rows
from shoal.store.reading import RUNS, Reading
from shoal.store.rows import METRICS, Extent, NewRecord, RunRow, StoredPoint, StoredRun, StoredStudy
from shoal.study import Run

CHUNK = 500
"""Runs a query: SQLite takes at most some thousands of values."""

LARGEST = 2**63 - 1
"""The largest number that SQLite knows; a browser may send a larger one."""


class Overview(Reading):
    """What can be asked of a store as a whole."""

    # ---- runs by their number -------------------------------------------------------------------------

    def run_id(self, run: Run, engine: str) -> int | None:
        """The store's own number for a run, whatever its length; None if it is not there."""
        found = self._all("SELECT id FROM run WHERE trajectory = ? AND engine = ?", run.trajectory, engine)
        return int(found[0][0]) if found else None

    def run_of(self, id: int) -> StoredRun | None:
        """The run with this number; None if there is none."""
        found = self._stored_runs(f"{RUNS} AND run.id = ?", id) if 0 < id <= LARGEST else []
        return found[0] if found else None

    def table(self, after: int = 0) -> list[RunRow]:
        """Every run whose number is above ``after``, by number, with the metrics of its last epoch."""
        query = f"""SELECT run.id, trajectory, engine, seed, config, epoch, diverged_at, created,
                           {", ".join(METRICS[:4])}, (SELECT total(seconds) FROM epoch WHERE run = run.id)
                    FROM run JOIN epoch ON run.id = epoch.run
                    WHERE epoch = (SELECT max(epoch) FROM epoch WHERE run = run.id) AND run.id > ? ORDER BY run.id"""
        decode = functools.cache(msgspec.json.decode)
        return [self._row(row, decode(row[4])) for row in self._all(query, after)]

    def _row(self, row: tuple[Any, ...], config: dict[str, Any]) -> RunRow:
        id, trajectory, engine, seed, text, epoch, diverged_at, created, *metrics, seconds = row
        asked: int = config["epochs"]
        early = diverged_at is None and epoch < asked and self._stopped(id, text)
        loss, accuracy, validation_loss, validation_accuracy = map(rows.number, metrics)
        return RunRow(
            *(id, trajectory, engine, seed, config, asked, epoch, diverged_at, created),
            *(loss, accuracy, validation_loss, validation_accuracy, seconds, early),
        )

    def curves(self, ids: Iterable[int], metric: str) -> dict[int, np.ndarray]:
        """One of `METRICS` of many runs: number to float64 (epochs + 1,), NaN where there is no value.

        Numbers without a run are left out. Of a diverged run the last value means nothing.

        Raises:
            StoreError: there is no such metric.
        """
        if metric not in METRICS:
            raise StoreError(f"{metric!r} is no metric of an epoch. Use one of {', '.join(METRICS)}.")
        wanted = sorted({id for id in ids if 0 < id <= LARGEST})
        found: dict[int, np.ndarray] = {}
        for start in range(0, len(wanted), CHUNK):
            found |= self._curves(wanted[start : start + CHUNK], metric)
        return found

    def _curves(self, ids: list[int], metric: str) -> dict[int, np.ndarray]:
        places = ", ".join("?" * len(ids))
        query = f"SELECT run, {metric} FROM epoch WHERE run IN ({places}) ORDER BY run, epoch"
        pairs = self._all(query, *ids)
        runs = np.array([run for run, _ in pairs], np.int64)
        values = np.array([value for _, value in pairs], np.float64)  # of None it makes NaN
        numbers, starts = np.unique(runs, return_index=True)
        return dict(zip(numbers.tolist(), np.split(values, starts[1:]), strict=False))

    # ---- what is new ----------------------------------------------------------------------------------

    def mark(self) -> int:
        """Where the records that are stored end, for `since`."""
        ((newest,),) = self._all("SELECT coalesce(max(rowid), 0) FROM epoch")
        return int(newest)

    def since(self, mark: int, limit: int = LARGEST) -> tuple[list[NewRecord], int]:
        """The records stored after a mark, in the order of storing, and the mark after the last of them.

        Args:
            limit: give only so many, the earliest; the new mark is after all of them nevertheless.
        """
        newest = self.mark()
        query = f"""SELECT run.id, epoch, json_extract(config, '$.epochs'), seed, {", ".join(METRICS)},
                           CASE epoch WHEN (SELECT max(epoch) FROM epoch WHERE run = run.id) THEN diverged_at END
                    FROM epoch JOIN run ON run.id = epoch.run
                    WHERE epoch.rowid > ? AND epoch.rowid <= ? ORDER BY epoch.rowid LIMIT ?"""
        found = self._all(query, mark, newest, limit)
        return [_new_record(*row) for row in found], newest

    def extent(self) -> Extent:
        """How much there is beside what `since` tells of."""
        (runs, epochs), *_ = self._all("SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM epoch)")
        (asked,) = self._all("SELECT count(*), max(asked), total(length(seeds)) FROM study")
        return Extent(runs, epochs, asked)

    # ---- studies --------------------------------------------------------------------------------------

    def studies(self) -> list[StoredStudy]:
        """Every study that was asked for, in the order of the first asking; none in the store of an older Shoal."""
        query = """SELECT name, asked, config, label, grid_values, trajectory, epochs, seeds FROM study
                   ORDER BY position, rowid"""
        points: dict[str, list[StoredPoint]] = {}
        times: dict[str, list[str]] = {}
        for name, asked, config, label, values, trajectory, epochs, seeds in self._all(query):
            point = StoredPoint(config, label, json.loads(values), trajectory, epochs, tuple(json.loads(seeds)))
            points.setdefault(name, []).append(point)
            times.setdefault(name, []).append(asked)
        return [StoredStudy(name, tuple(of_it), max(times[name])) for name, of_it in points.items()]


def _new_record(run: int, epoch: int, epochs: int, seed: int, *rest: Any) -> NewRecord:
    *metrics, diverged_at = rest
    loss, accuracy, validation_loss, validation_accuracy, seconds = map(rows.number, metrics)
    return NewRecord(
        run, epoch, epochs, seed, loss, accuracy, validation_loss, validation_accuracy, seconds, diverged_at
    )
