# SPDX-License-Identifier: Apache-2.0
"""What the runner stores is what an unbroken training gives, however often it was broken, by whatever."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeEngine, dots, tiny_config, tiny_study
from shoal.analysis.claims import Claim
from shoal.data import Split
from shoal.engines.native import NativeEngine
from shoal.engines.reference import ReferenceEngine
from shoal.errors import DataError, StoreError, StudyError
from shoal.models import softmax_regression
from shoal.optimizers import SGD
from shoal.runner import Demand, pending, run, train
from shoal.store import Store
from shoal.study import Config, Grid, Run, Study
from small_data import patches

DATA = {"dots": dots()}
PATCHES = patches()
EVERY = {**DATA, "patches": PATCHES}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        yield store


def patch_study(epochs: int = 3) -> Study:
    def config(lr: float) -> Config:
        model = softmax_regression(classes=3, input_shape=(1, 8, 8))
        return Config(data="patches", model=model, optimizer=SGD(lr=lr, momentum=0.9), epochs=epochs, batch_size=16)

    return Study("patches", config, Grid(lr=[0.1, 0.5]), seeds=range(2))


def content(store: Store, demand: Demand, engine: str) -> list[bytes]:
    """Every bit that was stored, but for the seconds."""
    parts = []
    for asked in demand.runs:
        history = store.history(asked, engine)
        metrics = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "step_losses")
        parts += [getattr(history, name).tobytes() for name in metrics]
        parts += [tensor.tobytes() for _, tensor in sorted(store.checkpoint(asked, engine).tensors.items())]
        parts.append(store.correct(asked, engine, len(EVERY[asked.config.data].test)).tobytes())
    return parts


def unbroken(tmp_path: Path, demand: Demand, engine, data) -> list[bytes]:
    with Store.open(tmp_path / "unbroken.db", write=True) as store:
        train(demand, engine, data, store)
        return content(store, demand, engine.name)


def test_it_trains_what_is_asked_for_once(store):
    demand, engine = Demand.of([tiny_study()]), FakeEngine()
    assert train(demand, engine, DATA, store).trained == 6
    assert {store.history(asked, "fake").status for asked in demand.runs} == {"finished"}
    assert train(demand, engine, DATA, store).trained == 0
    assert len(engine.trained) == 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": softmax_regression(classes=1, input_shape=(1, 2, 2))}, "tells 1 classes apart, but dots has 2"),
        ({"model": softmax_regression(classes=2, input_shape=(1, 3, 3))}, "takes 1×3×3 images, but those of dots"),
        ({"holdout": 12}, "holdout=12 leaves nothing of dots's 12 training images"),
        ({"data": "lines"}, "'lines' is not among the data"),
    ],
)
def test_nothing_trains_when_a_config_does_not_fit_its_data(store, change, words):
    demand = Demand((Run(tiny_config(), 0), Run(tiny_config(lr=0.5).replace(**change), 0)))
    engine = FakeEngine()
    with pytest.raises(StudyError, match=words):
        train(demand, engine, DATA, store)
    assert (engine.trained, store.runs(), store.sessions()) == ([], [], [])


def test_nothing_trains_when_pixels_cannot_be_standardized(store):
    blank = {
        "dots": dataclasses.replace(
            DATA["dots"], train=Split(np.zeros((4, 1, 2, 2), np.uint8), DATA["dots"].train.labels[:4])
        )
    }
    engine = FakeEngine()
    with pytest.raises(DataError, match="standardize=False"):
        train(Demand((Run(tiny_config().replace(standardize=True), 0),)), engine, blank, store)
    assert engine.trained == []


def test_a_shared_run_and_a_prefix_are_not_trained_twice(store):
    demand = Demand.of([tiny_study("a", epochs=3), tiny_study("b", epochs=5), tiny_study("c", epochs=5)])
    engine = FakeEngine()
    train(demand, engine, DATA, store)
    assert [(first, last) for _, first, last in engine.trained] == [(0, 5)] * 6
    assert store.weight_epochs(demand.runs[0], "fake") == (3, 5), "the weights at both ends are kept"


def test_a_longer_run_goes_on_where_the_shorter_ended(store, tmp_path):
    longer = Demand.of([tiny_study(epochs=6)])
    train(Demand.of([tiny_study(epochs=3)]), FakeEngine(), DATA, store)
    engine = FakeEngine()
    train(longer, engine, DATA, store)
    assert {(first, last) for _, first, last in engine.trained} == {(4, 6)}
    assert content(store, longer, "fake") == unbroken(tmp_path, longer, FakeEngine(), DATA)


@pytest.mark.parametrize("stop_after", range(0, 24, 3))
def test_after_an_interrupt_the_same_bits_come_out(store, tmp_path, stop_after):
    demand = Demand.of([tiny_study()])
    with pytest.raises(KeyboardInterrupt):
        train(demand, FakeEngine(stop_after=stop_after), DATA, store)
    stored = sum(stored.epochs + 1 for stored in store.runs())
    assert stored == stop_after, "every record that was handed out is stored"
    train(demand, FakeEngine(), DATA, store)
    assert content(store, demand, "fake") == unbroken(tmp_path, demand, FakeEngine(), DATA)


def test_the_reference_engine_resumes_bit_for_bit(store, tmp_path):
    demand, engine, data = Demand.of([patch_study()]), ReferenceEngine(), {"patches": PATCHES}
    seen = []

    def stop(record):
        seen.append(record)
        if len(seen) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(demand, engine, data, store, on_record=stop)
    train(demand, engine, data, store)
    assert content(store, demand, engine.name) == unbroken(tmp_path, demand, engine, data)


@pytest.mark.parametrize("name", ["ReferenceEngine()", "NativeEngine(threads=2)"])
def test_killed_five_times_it_ends_with_the_same_bits(tmp_path, name):
    here, path = Path(__file__).parent, tmp_path / "killed.db"
    program = (
        f"import sys; sys.path.insert(0, {str(here)!r})\n"
        "from test_runner import *\n"
        f"with Store.open({str(path)!r}, write=True) as store:\n"
        "    tell = lambda record: (print(record.epoch, flush=True), time.sleep(0.01))\n"
        f"    train(Demand.of([patch_study(6)]), {name}, {{'patches': PATCHES}}, store, on_record=tell)\n"
    )
    chance = random.Random(7)
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as training:
            for _ in range(chance.randint(1, 4)):
                assert training.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            os.kill(training.pid, signal.SIGKILL)
    with Store.open(path) as store:
        assert 0 < sum(stored.epochs for stored in store.runs()) < 24, "it was killed in the midst of it"
    engine = {"ReferenceEngine()": ReferenceEngine, "NativeEngine(threads=2)": NativeEngine}[name]()
    demand, data = Demand.of([patch_study(6)]), {"patches": PATCHES}
    with Store.open(path, write=True) as store:
        train(demand, engine, data, store)
        assert content(store, demand, engine.name) == unbroken(tmp_path, demand, engine, data)


def test_weights_of_every_epoch_are_kept_where_a_study_wants_them(store):
    train(Demand.of([tiny_study(keep=True)]), FakeEngine(), DATA, store)
    assert store.weight_epochs(Run(tiny_config(), 0), "fake") == (0, 1, 2, 3)


def test_weights_wanted_later_are_made_up_for(store, tmp_path):
    train(Demand.of([tiny_study(epochs=4)]), FakeEngine(), DATA, store)
    before = store.history(Run(tiny_config(epochs=4), 0), "fake")
    engine, demand = FakeEngine(), Demand.of([tiny_study(epochs=4, keep=True)])
    train(demand, engine, DATA, store)
    assert {(first, last) for _, first, last in engine.trained} == {(0, 4)}
    assert store.weight_epochs(demand.runs[0], "fake") == (0, 1, 2, 3, 4)
    after = store.history(Run(tiny_config(epochs=4), 0), "fake")
    assert after.validation_loss.tobytes() == before.validation_loss.tobytes()
    assert pending(demand, store, "fake") == ()


def test_the_weights_of_a_prefix_asked_for_later_are_made_up_for(store):
    train(Demand.of([tiny_study(epochs=4)]), FakeEngine(), DATA, store)
    engine = FakeEngine()
    train(Demand.of([tiny_study(epochs=2)]), engine, DATA, store)
    assert {(first, last) for _, first, last in engine.trained} == {(0, 2)}
    assert store.weight_epochs(Run(tiny_config(), 0), "fake") == (2, 4)


def test_newest_weights_that_become_final_ones_are_kept(store):
    """Interrupted after epoch 2 of 4; then only 2 epochs are asked for; then 4 again."""
    short, long = Demand((Run(tiny_config(epochs=2), 0),)), Demand((Run(tiny_config(epochs=4), 0),))
    with pytest.raises(KeyboardInterrupt):
        train(long, FakeEngine(stop_after=3), DATA, store)
    assert train(short, FakeEngine(), DATA, store).trained == 0
    train(long, FakeEngine(), DATA, store)
    assert store.weight_epochs(long.runs[0], "fake") == (2, 4)


def test_a_diverged_run_is_an_outcome_and_is_not_tried_again(store):
    demand = Demand((Run(tiny_config(lr=100.0), 0), Run(tiny_config(), 0)))
    outcome = train(demand, FakeEngine(), DATA, store)
    assert outcome.diverged == (demand.runs[0],)
    assert store.history(demand.runs[1], "fake").status == "finished"
    again = train(demand, FakeEngine(), DATA, store)
    assert (again.trained, again.diverged) == (0, outcome.diverged)


def test_diverging_is_a_mishap_unless_the_study_claims_something_about_it(store):
    point, asks = {"lr": 100.0}, {"measure": "diverged", "b": 0.5}
    asked = dataclasses.replace(tiny_study(), grid=Grid(lr=[0.1, 100.0]), config=tiny_config, name="asked", seeds=(0,))
    asking = dataclasses.replace(asked, claims=[Claim("1", "It diverges.", a=point, **asks)])
    demand = Demand.of([asking])
    assert demand.fates == {run.trajectory for run in asking.runs()}
    assert not Demand.of([asking, asked]).fates, "another study did not ask"
    data = {"dots": dots()}
    outcome = train(demand, FakeEngine(), data, store)
    assert (len(outcome.diverged), outcome.mishaps) == (1, ())
    assert train(Demand.of([asked]), FakeEngine(), data, store).mishaps == outcome.diverged


def test_a_diverged_run_keeps_the_weights_before(store):
    run = Run(tiny_config(lr=100.0), 0)
    demand = Demand((run,), frozenset([run.trajectory]))
    train(demand, FakeEngine(), DATA, store)
    assert store.weight_epochs(run, "fake") == (0, 1)
    assert pending(demand, store, "fake") == ()


def test_it_tells_when_a_seed_is_complete(store):
    told = []
    demand = Demand.of([tiny_study("a"), tiny_study("b", epochs=5)])
    train(demand, FakeEngine(), DATA, store, on_seed=lambda *seeds: told.append(seeds))
    assert told == [((0,), 3), ((0, 1), 3), ((0, 1, 2), 3)]


def test_seeds_complete_before_are_counted(store):
    train(Demand.of([tiny_study()], seeds=[0, 1]), FakeEngine(), DATA, store)
    told = []
    train(Demand.of([tiny_study()]), FakeEngine(), DATA, store, on_seed=lambda *seeds: told.append(seeds))
    assert told == [((0, 1, 2), 3)]


def test_the_plan_is_told_before_the_first_record(store):
    told = []
    train(
        Demand.of([tiny_study()]),
        FakeEngine(),
        DATA,
        store,
        on_plan=lambda tasks: told.append(len(tasks)),
        on_record=lambda record: told.append(record.epoch),
    )
    assert told[0] == 6
    assert len(told) == 1 + 6 * 4


def test_the_engine_is_closed_when_the_caller_stops(store):
    closed = []

    class Watched(FakeEngine):
        def train(self, *given, **named):
            try:
                yield from super().train(*given, **named)
            finally:
                closed.append(True)

    def stop(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Demand.of([tiny_study()]), Watched(), DATA, store, on_record=stop)
    assert closed == [True]


def test_other_data_is_refused_before_training(store):
    train(Demand.of([tiny_study()]), FakeEngine(), DATA, store)
    engine = FakeEngine()
    with pytest.raises(StoreError, match="other content"):
        train(Demand.of([tiny_study(epochs=9)]), engine, {"dots": dots(count=14)}, store)
    assert engine.trained == []


def test_the_session_is_noted(store):
    train(Demand.of([tiny_study()]), FakeEngine(), DATA, store)
    (session,) = store.sessions()
    assert session["engine"] == {"name": "fake"}
    assert session["versions"]["numpy"] == np.__version__
    assert session["machine"]["cores"] >= 1


def test_run_trains_a_study_and_shows_its_results(tmp_path):
    results = run(tiny_study(), seeds=[0, 1], data=DATA, engine=FakeEngine(), store=tmp_path / "own.db")
    assert [curves.label for curves in results.all()] == ["lr 0.1", "lr 0.5"]
    assert results.curves(lr=0.5).seeds == (0, 1)
