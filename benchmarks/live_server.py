# SPDX-License-Identifier: Apache-2.0
"""The process that the live benchmarks measure: the page over a store, and a training in the same process.

It reads a command a line and answers it with a line, all JSON. It trains as `shoal run --watch` does, until it is told
to stop, and tells what was stored when, and what the rest of the process has taken of the cores. It judges nothing.
"""

import argparse
import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from shoal import live, runner
from shoal.bench import MODELS
from shoal.data import load
from shoal.engines import EpochRecord
from shoal.live.lab import PLAYED, Lab
from shoal.optimizers import SGD
from shoal.store import Store
from shoal.study import Config, Grid, Study

TASKS = Path("/proc/self/task")
TICK = 1 / os.sysconf("SC_CLK_TCK")


class Enough(Exception):
    """Raised inside the training that is to end."""


class Training:
    """A study of learning rates, in a thread of its own, and when each record was stored."""

    def __init__(self, lab: Lab, name: str, model: str, rates: list[float], epochs: int, seeds: int) -> None:
        dataset = lab.dataset("fashion-mnist")

        def config(lr: float) -> Config:
            return Config(data=dataset.name, model=MODELS[model], optimizer=SGD(lr=lr), epochs=epochs)

        self._lab, self._data = lab, {dataset.name: dataset}
        self._demand = runner.Demand.of([Study(name, config, Grid(lr=rates), seeds=range(seeds))])
        self._numbers: dict[Any, int | None] = {}
        self._enough = threading.Event()
        self._begun = threading.Event()
        self.stored: list[tuple[int | None, int, float]] = []
        """(run's number, epoch, when) of each record."""
        self.thread = threading.Thread(target=self._train, name="training")
        self.thread.start()
        self._begun.wait()

    def _train(self) -> None:
        with Store.open(self._lab.store_path, write=True) as store, contextlib.suppress(Enough):

            def note(record: EpochRecord) -> None:
                at, run = monotonic(), record.run
                if run not in self._numbers:
                    self._numbers[run] = store.run_id(run, self._lab.engine.name)
                self.stored.append((self._numbers[run], record.epoch, at))
                self._begun.set()
                if self._enough.is_set():
                    raise Enough

            runner.train(self._demand, self._lab.engine, self._data, store, on_record=note)

    def end(self) -> None:
        self._enough.set()
        self.thread.join()


def of_training(thread: threading.Thread) -> float:
    """CPU seconds of the threads that train: this one, and the engine's, which are no threads of Python's."""
    others = {one.native_id for one in threading.enumerate()} - {thread.native_id}
    return sum(_cpu(task) for task in TASKS.iterdir() if int(task.name) not in others)


def _cpu(task: Path) -> float:
    with contextlib.suppress(OSError):  # it has just ended
        numbers = (task / "stat").read_text().rpartition(")")[2].split()
        return TICK * (int(numbers[11]) + int(numbers[12]))
    return 0.0


class Server:
    """What can be asked of it, a method a command."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._training: Training | None = None

    def train(self, **asked: Any) -> dict[str, Any]:
        """Begin a training; answered once its first record is stored."""
        self._training = Training(self._lab, **asked)
        return {}

    def wait(self) -> dict[str, Any]:
        """Until the training has ended by itself."""
        assert self._training
        self._training.thread.join()
        return {}

    def mark(self) -> dict[str, Any]:
        """This moment, and the CPU seconds that have gone to training, and to everything else here, by now."""
        assert self._training
        trained, everything = of_training(self._training.thread), process_time()
        return {"at": monotonic(), "training": trained, "page": everything - trained}

    def stored(self, since: float = 0.0) -> list[tuple[int | None, int, float]]:
        """The training's records from a moment on."""
        assert self._training
        return [record for record in self._training.stored if record[2] >= since]

    def end(self) -> dict[str, Any]:
        """End the training, if there is one."""
        if self._training:
            self._training.end()
        return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    sets = {name: load(name, given.data) for name in PLAYED}
    with Lab(given.store, sets) as lab, live.serve(lab, port=0) as serving, contextlib.suppress(KeyboardInterrupt):
        server = Server(lab)
        print(json.dumps({"address": serving.address}), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            print(json.dumps(getattr(server, command.pop("do"))(**command)), flush=True)
        server.end()


if __name__ == "__main__":
    main()
