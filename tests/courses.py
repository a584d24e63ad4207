# SPDX-License-Identifier: Apache-2.0
"""One hash of all that runs give: losses, accuracies, step losses and last tensors, to the last bit.

python tests/courses.py [INSTRUCTION_SET]     the hash of 200 random configs on this build of the engine
"""

import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256

import numpy as np

from odd_models import odd
from shoal.engines import EpochRecord, Tensors
from shoal.engines.native import NativeEngine
from shoal.store import Store
from shoal.study import Run

METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def course(metrics: Mapping[str, np.ndarray], step_losses: np.ndarray, tensors: Tensors) -> str:
    """The hash of one run: each metric float64 (epochs + 1,), float32 (steps,), and the tensors after the last."""
    parts = [np.asarray(metrics[name], np.float64).tobytes() for name in METRICS] + [step_losses.tobytes()]
    parts += [name.encode() + tensor.tobytes() for name, tensor in sorted(tensors.items())]
    return sha256(b"".join(parts)).hexdigest()


def of_records(records: Iterable[EpochRecord]) -> str:
    """The hash of all runs of these records, in whatever order they came."""
    runs: dict[Run, list[EpochRecord]] = {}
    for record in records:
        runs.setdefault(record.run, []).append(record)
    return together(
        {
            run: course(
                {name: np.array([getattr(record, name) for record in given]) for name in METRICS},
                np.concatenate([record.step_losses for record in given]),
                given[-1].tensors,
            )
            for run, given in runs.items()
        }
    )


def of_store(store: Store, runs: Iterable[Run], engine: str) -> str:
    """The same of what a store has of these runs."""
    found = {}
    for run in runs:
        history, last = store.history(run, engine), store.checkpoint(run, engine)
        found[run] = course({name: getattr(history, name) for name in METRICS}, history.step_losses, last.tensors)
    return together(found)


def together(courses: Mapping[Run, str]) -> str:
    return sha256("".join(sorted(run.trajectory + course for run, course in courses.items())).encode()).hexdigest()


def main(isa: str | None = None) -> str:
    engine = NativeEngine(threads=1, instruction_set=isa)
    return of_records(record for seed in range(200) for record in engine.train([odd(seed)[0]], odd(seed)[1]))


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
