# SPDX-License-Identifier: Apache-2.0
"""Questions about single runs and what belongs to them, as short methods over short SQL. It writes nothing."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from shoal.engines import Checkpoint
from shoal.errors import StoreError
from shoal.plan import Progress
from shoal.store import rows
from shoal.store.opened import Opened
from shoal.store.rows import METRICS, History, StoredRun
from shoal.study import Config, Run
from shoal.training import EarlyStopping

RUNS = """SELECT trajectory, engine, seed, config, epoch, diverged_at, created, validation_loss, validation_accuracy,
                 (SELECT total(seconds) FROM epoch WHERE run = run.id), run.id
          FROM run JOIN epoch ON run.id = epoch.run
          WHERE epoch = (SELECT max(epoch) FROM epoch WHERE run = run.id)"""


class Reading(Opened):
    """What can be asked of a store's runs, one by one."""

    # ---- a run ----------------------------------------------------------------------------------------

    def progress(self, engine: str, trajectories: Iterable[str] | None = None) -> dict[str, Progress]:
        """How far every trajectory, or each of these, has come: `Run.trajectory` to `Progress`, for `plan.plan`."""
        those = "" if trajectories is None else "AND trajectory IN (SELECT value FROM json_each(?))"
        named = () if trajectories is None else (json.dumps(list(trajectories)),)
        query = f"""SELECT trajectory, max(epoch), diverged_at IS NOT NULL, run.id, config
                    FROM run JOIN epoch ON run.id = epoch.run WHERE engine = ? {those} GROUP BY run.id"""
        return {
            trajectory: Progress(epochs, bool(diverged), self._stopped(number, config) and not diverged)
            for trajectory, epochs, diverged, number, config in self._all(query, engine, *named)
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

    # ---- and what is beside it ------------------------------------------------------------------------

    def probe(self, key: str) -> Any:
        """The plain data kept under a key, or None."""
        found = self._all("SELECT value FROM probe WHERE key = ?", key)
        return json.loads(found[0][0]) if found else None

    def runs(self, prefix: str = "") -> list[StoredRun]:
        """Every run, or those whose trajectory or config hash begins so, in the order of their making.

        Where none does, those whose first epochs have such a config: then only these epochs are told of.
        """
        every = self._stored_runs(f"{RUNS} ORDER BY run.id")
        found = [run for run in every if run.trajectory.startswith(prefix) or run.config.hash.startswith(prefix)]
        return found or [first for run in every if (first := self._first_epochs(run, prefix))]

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

    def _stored_runs(self, query: str, *values: Any) -> list[StoredRun]:
        return [_stored_run(row, self._stopped(number, row[3])) for *row, number in self._all(query, *values)]

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
        asked = msgspec.json.decode(config, type=_Ending)
        rule = asked.early_stopping
        return rule is not None and rule.ends_after(self._values(number, rule.metric, asked.epochs)) is not None


class _Ending(msgspec.Struct):
    """What a config says about its end, and nothing else of it."""

    epochs: int
    early_stopping: EarlyStopping | None = None


def _stored_run(row: Sequence[Any], stopped: bool) -> StoredRun:
    trajectory, engine, seed, config, epochs, diverged_at, created, loss, accuracy, seconds = row
    return StoredRun(
        *(trajectory, engine, seed, decode(config), epochs, diverged_at, created),
        *(rows.number(loss), rows.number(accuracy), seconds, stopped and diverged_at is None),
    )


def decode(config: str) -> Config:
    """A config from its JSON."""
    return msgspec.json.decode(config, type=Config)
