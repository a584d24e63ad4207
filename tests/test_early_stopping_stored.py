# SPDX-License-Identifier: Apache-2.0
"""Early stopping in plan, store and runner: interrupted, killed or asked for again, a run ends at the same epoch."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import FakeEngine, dots, tiny_config
from shoal.plan import Progress, plan
from shoal.runner import Demand, pending, train
from shoal.store import Store
from shoal.study import Config, Grid, Run, Study
from shoal.training import EarlyStopping
from test_early_stopping import ENGINES, PATCHES, config

DOTS = {"dots": dots()}


def study(epochs: int = 12, keep: bool = False) -> Study:
    """What the stand-in engine computes sways, so runs end at different epochs."""

    def one(lr: float) -> Config:
        return tiny_config(lr, epochs).replace(early_stopping=EarlyStopping(2))

    return Study("stopping", one, Grid(lr=[0.1, 0.5]), seeds=range(4), keep_weights=keep)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        yield store


def lengths(store: Store, demand: Demand) -> list[int]:
    histories = [store.history(run, "fake") for run in demand.runs]
    assert all(history and history.status == "finished" for history in histories)
    return [history.epochs for history in histories if history]


def test_the_stand_in_stops_at_various_epochs(store: Store) -> None:
    """Or the tests below would show nothing."""
    demand = Demand.of([study()])
    train(demand, FakeEngine(), DOTS, store)
    assert min(lengths(store, demand)) < 5
    assert len(set(lengths(store, demand))) > 2


def test_a_stopped_trajectory_is_finished_whatever_length_is_asked_for() -> None:
    (run, *_) = study().runs()
    assert plan([run], {run.trajectory: Progress(4, stopped=True)}) == ()
    assert plan([run.replace(config=run.config.replace(epochs=99))], {run.trajectory: Progress(4, stopped=True)}) == ()
    assert len(plan([run], {run.trajectory: Progress(4)})) == 1


def test_what_is_finished_is_not_trained_again(store: Store) -> None:
    train(Demand.of([study()]), FakeEngine(), DOTS, store)
    ended = {stored.trajectory for stored in store.runs() if stored.stopped}
    assert ended == {trajectory for trajectory, progress in store.progress("fake").items() if progress.stopped}
    assert all(stored.status == "finished" for stored in store.runs())
    assert pending(Demand.of([study()]), store, "fake") == ()
    longer = pending(Demand.of([study(40)]), store, "fake")
    assert {task.run.trajectory for task in longer} == {run.trajectory for run in Demand.of([study()]).runs} - ended


@pytest.mark.parametrize("stop_after", [1, 9, 17, 23, 31, 38])
def test_interrupted_and_resumed_it_ends_the_same(store: Store, tmp_path: Path, stop_after: int) -> None:
    demand = Demand.of([study()])
    with pytest.raises(KeyboardInterrupt):
        train(demand, FakeEngine(stop_after=stop_after), DOTS, store)
    train(demand, FakeEngine(), DOTS, store)
    with Store.open(tmp_path / "unbroken.db", write=True) as unbroken:
        train(demand, FakeEngine(), DOTS, unbroken)
        assert lengths(store, demand) == lengths(unbroken, demand)
        for run in demand.runs:
            one, other = store.history(run, "fake"), unbroken.history(run, "fake")
            assert one is not None
            assert other is not None
            assert one.validation_loss.tobytes() == other.validation_loss.tobytes()
            assert (
                store.weights(run, "fake")["1.weight"].tobytes() == unbroken.weights(run, "fake")["1.weight"].tobytes()
            )


def test_a_longer_study_goes_on_where_a_run_was_not_stopped(store: Store, tmp_path: Path) -> None:
    longer = Demand.of([study(12)])
    train(Demand.of([study(3)]), FakeEngine(), DOTS, store)
    train(longer, FakeEngine(), DOTS, store)
    with Store.open(tmp_path / "whole.db", write=True) as whole:
        train(longer, FakeEngine(), DOTS, whole)
        assert lengths(store, longer) == lengths(whole, longer)


def test_a_checkpoint_has_what_was_seen(store: Store) -> None:
    train(Demand.of([study(keep=True)]), FakeEngine(), DOTS, store)
    run = study().runs()[0]
    history = store.history(run, "fake")
    assert history is not None
    for epoch in range(history.epochs + 1):
        checkpoint = store.checkpoint(run, "fake", epoch)
        assert checkpoint is not None
        assert checkpoint.watched == tuple(history.validation_loss[1 : epoch + 1])


def test_weights_wanted_later_are_made_up_for_and_no_more(store: Store) -> None:
    train(Demand.of([study()]), FakeEngine(), DOTS, store)
    before = lengths(store, Demand.of([study()]))
    train(Demand.of([study(keep=True)]), FakeEngine(), DOTS, store)
    assert lengths(store, Demand.of([study()])) == before
    for run, epochs in zip(study().runs(), before, strict=True):
        assert store.weight_epochs(run, "fake") == tuple(range(epochs + 1))
    assert pending(Demand.of([study(keep=True)]), store, "fake") == ()


# ---- killed -------------------------------------------------------------------------------------------

STOPPING = Demand(tuple(Run(config(), seed) for seed in range(4)))


def bits(store: Store, engine: str) -> list[bytes]:
    """Every number of every run, and its last weights and state."""
    parts = []
    for run in STOPPING.runs:
        history, checkpoint = store.history(run, engine), store.checkpoint(run, engine)
        assert history is not None
        assert checkpoint is not None
        parts += [history.validation_loss.tobytes(), history.step_losses.tobytes()]
        parts += [tensor.tobytes() for _, tensor in sorted(checkpoint.tensors.items())]
    return parts


@pytest.mark.parametrize("name", ENGINES)
def test_killed_twice_it_ends_with_the_same_bits(tmp_path: Path, name: str) -> None:
    here, path, engine = Path(__file__).parent, tmp_path / "killed.db", ENGINES[name]
    program = (
        f"import sys; sys.path.insert(0, {str(here)!r})\n"
        "from test_early_stopping_stored import *\n"
        f"with Store.open({str(path)!r}, write=True) as store:\n"
        "    tell = lambda record: (print(record.epoch, flush=True), time.sleep(0.01))\n"
        f"    train(STOPPING, ENGINES[{name!r}], PATCHES, store, on_record=tell)\n"
    )
    chance = random.Random(7)
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as training:
            assert training.stdout
            for _ in range(chance.randint(1, 5)):
                assert training.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            os.kill(training.pid, signal.SIGKILL)
    with Store.open(path) as store:
        assert any(not progress.stopped for progress in store.progress(engine.name).values()), "in the midst of it"
    with Store.open(path, write=True) as store, Store.open(tmp_path / "unbroken.db", write=True) as unbroken:
        train(STOPPING, engine, PATCHES, store)
        train(STOPPING, engine, PATCHES, unbroken)
        assert all(progress.stopped for progress in store.progress(engine.name).values())
        assert bits(store, engine.name) == bits(unbroken, engine.name)
