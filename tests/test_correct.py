# SPDX-License-Identifier: Apache-2.0
"""Which test images a finished run got right: kept with the record that ends it, or made up for from its weights."""

import contextlib
import os
import sqlite3

import numpy as np
import pytest

from fakes import FakeEngine, beginning, dots, record_of, tiny_config, tiny_study
from shoal import streams
from shoal.engines.native import NativeEngine
from shoal.engines.reference import ReferenceEngine
from shoal.errors import StoreError
from shoal.models import mlp
from shoal.optimizers import SGD
from shoal.results import StoredResults
from shoal.runner import Demand, train
from shoal.spec import content_hash
from shoal.store import Store, schema
from shoal.study import Config, Grid, Run, Study
from small_data import patches

DATA = {"dots": dots()}
PATCHES = {"patches": patches()}
RUN = Run(tiny_config(), 0)
SOME = np.arange(12) % 3 == 0


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        yield store


@pytest.fixture
def old(tmp_path, monkeypatch):
    """The path of a store that the first schema made, with a finished study in it."""
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        before.setattr(Store, "commit", _commit_without_correct)
        before.setattr(Store, "note", lambda store, studies: None)
        with Store.open(tmp_path / "old.db", write=True) as store:
            train(Demand.of([tiny_study()]), FakeEngine(), DATA, store)
    return tmp_path / "old.db"


def _commit_without_correct(store, record, engine, *, keep, correct=None, commit=Store.commit):
    commit(store, record, engine, keep=keep)


def kept(store: Store) -> set[tuple[int, int]]:
    """(seed, epoch) of everything that is kept."""
    with contextlib.closing(sqlite3.connect(store.path)) as db:
        return set(db.execute("SELECT seed, epoch FROM correct JOIN run ON run.id = correct.run"))


def patch_config(lr: float = 0.5, epochs: int = 3, holdout: int = 0) -> Config:
    model = mlp(5, classes=3, input_shape=(1, 8, 8))
    return Config(data="patches", model=model, optimizer=SGD(lr=lr), epochs=epochs, batch_size=16, holdout=holdout)


class Counting(FakeEngine):
    """An engine that counts how often it predicted."""

    predicted = 0

    def predict(self, *given):
        self.predicted += 1
        return super().predict(*given)


class Blind(FakeEngine):
    """An engine that must not be asked."""

    def predict(self, *given):
        raise AssertionError("it predicts what is kept")


# ---- in the store -------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", [1, 7, 8, 9, 10_000])
def test_what_was_right_comes_back_in_a_bit_an_image(store, images):
    right = streams.uniforms(images, "right", 0) < 0.7
    store.commit(record_of(RUN, 3, beginning(RUN)), "fake", keep=True, correct=right)
    found = store.correct(RUN, "fake", images)
    assert found.dtype == bool
    assert found.tolist() == right.tolist()
    (size,) = store._db.execute("SELECT length(bits) FROM correct").fetchone()
    assert size == -(-images // 8)


def test_it_is_of_one_run_on_one_engine_after_one_epoch(store):
    store.commit(record_of(RUN, 3, beginning(RUN)), "fake", keep=True, correct=SOME)
    assert store.correct(RUN, "fake", 12) is not None
    assert store.correct(RUN, "other", 12) is None
    assert store.correct(Run(tiny_config(), 1), "fake", 12) is None
    assert store.correct(Run(tiny_config(epochs=2), 0), "fake", 12) is None


def test_what_is_kept_stays_as_it_is(store):
    store.commit(record_of(RUN, 3, beginning(RUN)), "fake", keep=True, correct=SOME)
    store.commit(record_of(RUN, 3, beginning(RUN)), "fake", keep=True, correct=~SOME)
    store.save_correct(RUN, "fake", ~SOME)
    assert store.correct(RUN, "fake", 12).tolist() == SOME.tolist()


def test_other_test_images_are_found_out(store):
    store.commit(record_of(RUN, 3, beginning(RUN)), "fake", keep=True, correct=SOME)
    with pytest.raises(StoreError, match=r"right of about 16 test images, not of 100\. Read it with the data it was"):
        store.correct(RUN, "fake", 100)


def test_a_record_and_what_it_got_right_are_kept_together_or_not_at_all(store, monkeypatch):
    def interrupt(correct):
        raise KeyboardInterrupt

    monkeypatch.setattr("shoal.store.rows.pack_bits", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.commit(record_of(RUN, 3, beginning(RUN)), "fake", keep=True, correct=SOME)
    assert store.history(RUN, "fake") is None


# ---- stores of before ---------------------------------------------------------------------------------


def test_the_first_schema_is_what_was_released():
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        schema._begin(db)
        made = [row for (row,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name")]
    assert content_hash(made) == "e6b86751da13256a", "released migrations never change: write a new one"


@pytest.mark.parametrize("writable", [True, False])
def test_an_old_store_is_read_as_it_is(old, monkeypatch, writable):
    if not writable:
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    before = old.read_bytes()
    with Store.open(old) as reader:
        assert reader.history(RUN, "fake").status == "finished"
        assert reader.correct(RUN, "fake", 12) is None
        results = StoredResults(reader, tiny_study(), DATA, FakeEngine())
        assert results.correct(RUN.config, 0).tolist() == _right(results, 0)
    assert old.read_bytes() == before


def test_an_old_store_is_brought_up_to_date_by_a_writer_beside_a_reader(old):
    with Store.open(old) as reader:
        with Store.open(old, write=True) as writer:
            assert schema.version(writer._db) == len(schema.MIGRATIONS) == 5
            assert {stored.status for stored in writer.runs()} == {"finished"}
            assert kept(writer) == set()
            results = StoredResults(writer, tiny_study(), DATA, FakeEngine())
            assert results.correct(RUN.config, 0).tolist() == _right(results, 0)
            assert kept(writer) == {(0, 3)}
        assert reader.correct(RUN, "fake", 12) is None, "its tables are those it was opened with"
        assert reader.history(RUN, "fake").status == "finished"
    with Store.open(old) as reader:
        assert reader.correct(RUN, "fake", 12).tolist() == _right(results, 0)


def _right(results: StoredResults, seed: int) -> list[bool]:
    return (results.logits(RUN.config, seed).argmax(axis=1) == DATA["dots"].test.labels).tolist()


# ---- while training -----------------------------------------------------------------------------------


def test_every_end_that_a_run_asks_for_is_kept_and_no_other_epoch(store):
    runs = [Run(tiny_config(epochs=epochs), seed) for epochs, seed in ((2, 0), (5, 0), (4, 1))]
    train(Demand(tuple(runs), frozenset(run.trajectory for run in runs)), FakeEngine(), DATA, store)
    assert store.weight_epochs(runs[0], "fake") == (0, 1, 2, 3, 4, 5)
    assert kept(store) == {(0, 2), (0, 5), (1, 4)}


def test_a_run_that_diverged_has_none_but_the_run_that_ended_before_has(store):
    far, engine = tiny_config(lr=100.0), Counting()
    train(Demand(tuple(Run(far.replace(epochs=epochs), 0) for epochs in (1, 2, 3))), engine, DATA, store)
    assert kept(store) == {(0, 1)}
    assert engine.predicted == 1, "weights of the diverged epoch are worthless"


@pytest.mark.parametrize("engine", [ReferenceEngine(), NativeEngine(threads=2)], ids=lambda engine: engine.name)
def test_the_share_right_is_the_last_validation_accuracy(store, engine):
    demand = Demand(tuple(Run(patch_config(epochs=epochs), seed) for epochs in (1, 3) for seed in range(3)))
    train(demand, engine, PATCHES, store)
    assert len(kept(store)) == 6
    found = [store.correct(run, engine.name, 40).mean() for run in demand.runs]
    assert found == [store.history(run, engine.name).validation_accuracy[-1] for run in demand.runs]
    assert len(set(found)) > 1


def test_with_a_hold_out_it_is_of_the_test_split_all_the_same(store):
    """Validation is on 30 held out images then, and no accuracy of the 40 test images is recorded anywhere else."""
    engine, run = NativeEngine(threads=1), Run(patch_config(holdout=30), 0)
    train(Demand((run,)), engine, PATCHES, store)
    dataset, weights = PATCHES["patches"], store.weights(run, engine.name)
    logits = engine.predict(run.config.model, weights, dataset.test.images, run.config, dataset)
    assert store.correct(run, engine.name, 40).tolist() == (logits.argmax(axis=1) == dataset.test.labels).tolist()


def test_pixels_are_scaled_as_the_config_says(store):
    engine, run = NativeEngine(threads=1), Run(patch_config().replace(standardize=True), 0)
    train(Demand((run,)), engine, PATCHES, store)
    right = store.correct(run, engine.name, 40)
    assert right.mean() == store.history(run, engine.name).validation_accuracy[-1]


# ---- as results ---------------------------------------------------------------------------------------


def test_what_is_kept_is_not_computed_again(store):
    train(Demand.of([tiny_study()]), FakeEngine(), DATA, store)
    results = StoredResults(store, tiny_study(), DATA, Blind())
    found = [results.correct(RUN.config, seed).tolist() for seed in range(3)]
    assert found == [_right(StoredResults(store, tiny_study(), DATA, FakeEngine()), seed) for seed in range(3)]


def test_an_end_that_was_not_asked_for_while_training_is_made_up_for(store):
    """Interrupted after epoch 2 of 3, and then only 2 epochs are wanted: nothing is left to train."""
    run = Run(tiny_config(epochs=2), 0)
    with pytest.raises(KeyboardInterrupt):
        train(Demand((RUN,)), FakeEngine(stop_after=3), DATA, store)
    assert train(Demand((run,)), FakeEngine(), DATA, store).trained == 0
    assert kept(store) == set()
    right = StoredResults(store, None, DATA, FakeEngine()).correct(run.config, 0)
    assert kept(store) == {(0, 2)}
    assert StoredResults(store, None, DATA, Blind()).correct(run.config, 0).tolist() == right.tolist()


def test_a_run_without_an_end_got_nothing_right_or_wrong(store):
    with pytest.raises(KeyboardInterrupt):
        train(Demand((RUN,)), FakeEngine(stop_after=3), DATA, store)
    results = StoredResults(store, None, DATA, FakeEngine())
    with pytest.raises(StoreError, match=r"no weights of run .* after epoch 3"):
        results.correct(RUN.config, 0)


def test_a_stand_in_is_meant_where_a_config_names_what_it_stands_in_for(store):
    drawn = dots("drawn-dots", stand_in="dots")
    run = Run(tiny_config(data="drawn-dots"), 0)
    train(Demand((run,)), FakeEngine(), {"drawn-dots": drawn}, store)
    assert len(StoredResults(store, None, {"dots": drawn}, Blind()).correct(tiny_config(), 0)) == 12


def test_dead_units_are_those_of_the_final_weights_and_are_counted_once(store, monkeypatch):
    study = Study("widths", patch_config, Grid(lr=[0.5]), seeds=[0])
    train(Demand.of([study]), NativeEngine(threads=1), PATCHES, store)
    killed = store.weights(study.runs()[0], "native") | {"1.bias": np.array([-9, -9, 9, 9, 9], np.float32) * 1e6}
    results = StoredResults(store, study, PATCHES, NativeEngine(threads=1))
    with monkeypatch.context() as patch:
        patch.setattr(store, "weights", lambda *_: killed)
        assert results.dead_units(patch_config(), 0) == 2 / 5
    assert results.dead_units(patch_config(), 0) == 2 / 5, "kept"
    assert results.dead_units(patch_config(lr=0.5, epochs=3).replace(batch_size=16), 0) == 2 / 5
