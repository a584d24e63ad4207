# SPDX-License-Identifier: Apache-2.0
"""A program: trains a small study over and over, each time with another request for memory refused, and sees that
nothing else is wrong. It needs `starve.cpp` loaded before Python; test_memory.py does that.

    python tests/starved.py THREADS once|for-good [STRIDE]
"""

import ctypes
import gc
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from residual import CLIPPING, residual
from shoal.engines import EpochRecord
from shoal.engines.native import NativeEngine
from shoal.errors import EngineError
from shoal.models import Conv2d, Flatten, Linear, MaxPool2d, Model, ReLU, mlp
from shoal.optimizers import SGD, Adam
from shoal.study import Config, Run
from small_data import patches, same

SHAPE = (1, 6, 6)
DATA = {"patches": patches(train=21, test=9, shape=SHAPE)}
CONVOLUTION = Model((Conv2d(1, 3, 3, stride=2), ReLU(), MaxPool2d(2), Flatten(), Linear(3, 3)), SHAPE)


def runs(epochs: int, *seeds: int) -> list[Run]:
    """A convolution with momentum, an MLP with Adam and a clipped residual network, with each seed."""
    rest: dict[str, Any] = {"data": "patches", "epochs": epochs, "batch_size": 8}
    configs = [
        Config(model=CONVOLUTION, optimizer=SGD(lr=0.1, momentum=0.9), **rest),
        Config(model=mlp(5, classes=3, input_shape=SHAPE), optimizer=Adam(), **rest),
        Config(model=residual(SHAPE), optimizer=SGD(lr=0.1), gradient_clipping=CLIPPING, **rest),
    ]
    return [Run(config, seed) for seed in seeds for config in configs]


def by_run(records: Iterator[EpochRecord]) -> dict[Run, list[EpochRecord]]:
    """What each run gave; as much as there was before an error, which is put under the name of nobody."""
    found: dict[Run, list[EpochRecord]] = {}
    for record in records:
        found.setdefault(record.run, []).append(record)
    return found


def until_an_error(records: Iterator[EpochRecord], errors: list[str]) -> Iterator[EpochRecord]:
    """The records up to the typed error, if there is one; any other error ends the program."""
    try:
        yield from records
    except EngineError as error:
        errors.append(str(error))


def all_asleep() -> bool:
    """Whether every thread but this one waits."""
    states = [path.read_text().rpartition(")")[2].split()[0] for path in Path("/proc/self/task").glob("*/stat")]
    return states.count("S") == len(states) - 1


def check(given: Mapping[Run, list[EpochRecord]], whole: Mapping[Run, list[EpochRecord]]) -> None:
    """What was given is right to the last bit, and at most one of the runs that were begun was not finished."""
    for run, records in given.items():
        assert all(same(a, b) for a, b in zip(records, whole[run], strict=False)), f"{run}: other bits"
    unfinished = [run for run, records in given.items() if len(records) < len(whole[run])]
    assert len(unfinished) <= 1, f"neighbours were lost: {unfinished}"


def main(threads: int, for_good: bool, stride: int) -> None:
    """Refuse the first request, the next by the stride, and so on until a training asks for fewer."""
    process = ctypes.CDLL(None)
    engine, asked = NativeEngine(threads=threads), runs(2, 0, 1)
    model, data = asked[0].config.model, DATA["patches"]
    neighbour = engine.train(runs(4, 7), DATA)  # another session, alive all the while
    begun = [next(neighbour)]
    whole = by_run(engine.train(asked, DATA))
    engine.predict(model, whole[asked[0]][-1].tensors, data.test.images, asked[0].config, data)
    while not all_asleep():
        time.sleep(0.001)
    gc.collect()
    before, errors = process.pieces_alive(), []
    for nth in count(1, stride):
        said = len(errors)
        process.starve(nth, for_good)
        given = by_run(until_an_error(engine.train(asked, DATA), errors))
        try:
            engine.predict(model, whole[asked[0]][-1].tensors, data.test.images, asked[0].config, data)
        except EngineError as error:
            errors.append(str(error))
        refused = process.pieces_asked() >= nth
        process.starve(0, 0)
        if not for_good:
            check(given, whole)
        if len(errors) == said:  # a thread that only helped went without, or nothing was refused
            assert given.keys() == whole.keys()
            assert all(len(given[run]) == len(whole[run]) for run in whole), f"request {nth}: lost without a word"
        del given
        gc.collect()
        assert process.pieces_alive() == before, f"request {nth}: {process.pieces_alive() - before} pieces leaked"
        again = by_run(engine.train(asked, DATA))
        assert again.keys() == whole.keys()
        check(again, whole)
        del again
        if not refused:
            break
    assert errors
    begun += neighbour
    alone = list(engine.train(runs(4, 7), DATA))
    assert sorted(map(repr, map(key, begun))) == sorted(map(repr, map(key, alone)))
    for record in alone:
        assert any(same(record, other) for other in begun if key(other) == key(record))
    print((nth - 1) // stride, "requests refused one by one:", *sorted(set(errors)), sep="\n")


def key(record: EpochRecord) -> tuple[str, int]:
    return record.run.trajectory, record.epoch


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "for-good", int(sys.argv[3]) if len(sys.argv) > 3 else 1)
