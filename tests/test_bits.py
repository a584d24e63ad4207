# SPDX-License-Identifier: Apache-2.0
"""One hash of weights and records, whoever trains beside a run, on how many threads, in which order, and whatever
kills it."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from courses import of_records, of_store
from odd_models import odd
from residual import CLIPPING, residual
from shoal.engines.native import NativeEngine
from shoal.models import Conv2d, Flatten, Linear, MaxPool2d, Model, ReLU, mlp
from shoal.optimizers import SGD, Adam
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Run
from small_data import patches

SHAPE = (1, 9, 9)
DATA = {"patches": patches(train=53, test=21, shape=SHAPE)}
MODELS = (
    mlp(7, classes=3, input_shape=SHAPE),
    Model((Conv2d(1, 5, 3), ReLU(), MaxPool2d(2), Flatten(), Linear(45, 3)), SHAPE),
    residual(SHAPE),
)
OPTIMIZERS = (SGD(lr=0.1, momentum=0.9), Adam(lr=0.01))


def crowd(count: int, longest: int = 4) -> list[Run]:
    """Runs of three models and unequal length, the third's gradients clipped: no two are alike."""
    return [
        Run(
            Config(
                data="patches",
                model=MODELS[index % 3],
                optimizer=OPTIMIZERS[index // 3 % 2],
                epochs=1 + index % longest,
                batch_size=(8, 37)[index // 6 % 2],
                gradient_clipping=(None, None, CLIPPING)[index % 3],
            ),
            seed=index,
        )
        for index in range(count)
    ]


def trained(runs: Sequence[Run], threads: int, at_once: int) -> str:
    """The hash of runs that are trained so many at once."""
    engine = NativeEngine(threads=threads)
    groups = [runs[start : start + at_once] for start in range(0, len(runs), at_once)]
    return of_records(record for group in groups for record in engine.train(group, DATA))


def shuffled(runs: Sequence[Run], seed: int) -> list[Run]:
    return random.Random(seed).sample(runs, len(runs))


def killed(path: Path, count: int, threads: int, kills: int, seed: int) -> str:
    """The hash of what a store holds after so many processes that trained into it were killed, and a last was not."""
    here = Path(__file__).parent
    command = [sys.executable, here / "test_bits.py", path, str(count), str(threads)]
    environment = os.environ | {"PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{here}"}
    chance = random.Random(seed)
    for _ in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            for _ in range(chance.randint(1, max(1, count // 3))):
                assert process.stdout.readline(), "it was to be killed in the midst of it"
            time.sleep(chance.uniform(0, 0.01))
            os.kill(process.pid, signal.SIGKILL)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    with Store.open(path) as store:
        return of_store(store, crowd(count), NativeEngine().name)


def main(path: str, count: str, threads: str) -> None:
    """What is killed: trains into a store and tells of every record that is in it, slowly enough to be caught."""
    with Store.open(path, write=True) as store:
        demand, engine = Demand(tuple(crowd(int(count)))), NativeEngine(threads=int(threads))
        train(demand, engine, DATA, store, on_record=lambda record: (print(record.epoch, flush=True), time.sleep(2e-3)))


@pytest.mark.parametrize(("threads", "at_once"), [(1, 8), (2, 1), (3, 8), (4, 2), (7, 8)])
def test_bits_depend_on_neither_threads_nor_company_nor_order(threads: int, at_once: int) -> None:
    assert trained(shuffled(crowd(8), threads), threads, at_once) == trained(crowd(8), 1, 1)


def test_the_hash_sees_a_changed_bit() -> None:
    records = list(NativeEngine().train(crowd(2), DATA))
    before = of_records(records)
    records[-1].tensors["1.bias" if "1.bias" in records[-1].tensors else "0.bias"].view("int32")[0] ^= 1
    assert of_records(records) != before


def test_killed_and_resumed_the_bits_are_the_same(tmp_path: Path) -> None:
    assert killed(tmp_path / "killed.db", 8, threads=2, kills=2, seed=0) == trained(crowd(8), 1, 1)


@pytest.mark.prove
@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7])
def test_one_hash_whatever_the_circumstances(threads: int, tmp_path: Path, proved) -> None:
    expected = trained(crowd(64), 1, 1)
    for at_once, order in product((1, 2, 8, 64), range(3)):
        assert trained(shuffled(crowd(64), order), threads, at_once) == expected, (at_once, order)
    for seed in range(3):
        path = tmp_path / f"{seed}.db"
        assert killed(path, 64, threads, kills=4, seed=seed) == expected, f"killed, seed {seed}"
    proved(
        f"one hash ({expected[:12]}) of 64 runs on {threads} threads, 1, 2, 8 and 64 at once in 3 orders, "
        f"and 3 times killed 4 times and resumed"
    )


@pytest.mark.prove
def test_random_configs_have_the_same_bits_in_company(proved) -> None:
    for start in range(0, 640, 64):
        alone = [record for seed in range(start, start + 64) for record in NativeEngine(1).train(*named(seed))]
        pairs = [named(seed) for seed in range(start, start + 64)]
        runs = [run for (run,), _ in reversed(pairs)]
        data = {name: dataset for _, one in pairs for name, dataset in one.items()}
        assert of_records(NativeEngine(4).train(runs, data)) == of_records(alone), start
    proved("640 random configs have the same bits alone and 64 at once on 4 threads")


def named(seed: int):
    """An odd run on a data set of its own name, so that many fit into one session."""
    run, data = odd(seed)
    return [Run(run.config.replace(data=f"patches {seed}"), seed)], {f"patches {seed}": data["patches"]}


if __name__ == "__main__":
    main(*sys.argv[1:])
