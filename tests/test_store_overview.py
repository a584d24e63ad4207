# SPDX-License-Identifier: Apache-2.0
"""Questions about all runs at once give what the questions about each would give, also of ten thousand runs."""

import math

import msgspec
import numpy as np
import pytest

from fakes import FakeEngine, dots, tiny_config
from shoal.errors import StoreError
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.store.rows import METRICS
from shoal.study import Config, Run
from shoal.training import EarlyStopping

DATA = {"dots": dots()}
STOPPING = tiny_config(epochs=30).replace(early_stopping=EarlyStopping(2))
FINISHED, DIVERGED, STOPPED = Run(tiny_config(), 0), Run(tiny_config(lr=100.0), 7), Run(STOPPING, 1)
LEFT = Run(tiny_config(lr=0.9, epochs=8), 2)
RUNS, EPOCHS = 10_000, 10


@pytest.fixture
def store(tmp_path):
    """With a run of every kind: finished, diverged, stopped early, and left in the midst."""
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        train(Demand((FINISHED, DIVERGED, STOPPED)), FakeEngine(), DATA, store)
        with pytest.raises(KeyboardInterrupt):
            train(Demand((LEFT,)), FakeEngine(stop_after=3), DATA, store)
        yield store


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Ten thousand runs of a hundred configs: run i has the losses i, i + 0.01 ... and takes 0.1 s an epoch."""
    with Store.open(tmp_path_factory.mktemp("large") / "shoal.db", write=True) as store:
        texts = [msgspec.json.encode(tiny_config(lr=(1 + at) / 1000, epochs=EPOCHS)).decode() for at in range(100)]
        runs = [(i, f"{i:016x}", "fake", (i - 1) // 100, texts[i % 100], None, "2026") for i in range(1, RUNS + 1)]
        epochs = [
            (i, epoch, None, None if epoch == 0 else i + epoch / 100, None, float(i), 0.5, 0.1 * (epoch > 0), b"")
            for epoch in range(EPOCHS + 1)
            for i in range(1, RUNS + 1)
        ]
        store._db.execute("BEGIN")
        with store._db:
            store._db.executemany("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)", runs)
            store._db.executemany("INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", epochs)
        yield store


# ---- tables -------------------------------------------------------------------------------------------


def test_a_table_says_of_each_run_what_the_run_itself_says(store):
    rows = store.table()
    assert [row.status for row in rows] == ["finished", "diverged", "finished", "unfinished"]
    assert [row.stopped for row in rows] == [False, False, True, False]
    for row, stored in zip(rows, store.runs(), strict=True):
        history = store.history(stored.run, "fake")
        assert (row.trajectory, row.engine, row.seed) == (stored.trajectory, "fake", stored.seed)
        assert msgspec.convert(row.config, Config) == stored.config
        assert (row.epochs, row.epoch, row.status) == (stored.config.epochs, history.epochs, stored.status)
        assert (row.diverged_at, row.created) == (stored.diverged_at, stored.created)
        last = [getattr(history, name)[-1] for name in METRICS[:4]]
        np.testing.assert_array_equal([getattr(row, name) for name in METRICS[:4]], last)
        assert row.seconds == pytest.approx(history.seconds.sum())
    assert rows[1].diverged_at == 4
    assert math.isnan(rows[1].validation_loss)


def test_a_run_that_improved_late_is_not_stopped_and_one_without_values_neither(store):
    """Not every run with early stopping that is shorter than it may be was ended by it."""
    run = Run(STOPPING, 4)
    with pytest.raises(KeyboardInterrupt):
        train(Demand((run,)), FakeEngine(stop_after=2), DATA, store)
    assert (store.table()[-1].stopped, store.table()[-1].status) == (False, "unfinished")


def test_a_table_can_begin_after_a_run(store):
    rows = store.table()
    assert store.table(rows[1].id) == rows[2:]
    assert store.table(rows[-1].id) == []


def test_a_table_of_ten_thousand_runs(large):
    rows = large.table()
    assert [row.id for row in rows] == list(range(1, RUNS + 1))
    assert [row.train_loss for row in rows] == [i + EPOCHS / 100 for i in range(1, RUNS + 1)]
    assert {(row.epoch, row.epochs, row.status) for row in rows} == {(EPOCHS, EPOCHS, "finished")}
    assert rows[150].config["optimizer"]["lr"] == pytest.approx((1 + 151 % 100) / 1000)
    assert sum(row.seconds for row in rows) == pytest.approx(RUNS * EPOCHS * 0.1)
    assert all(math.isnan(row.train_accuracy) for row in rows)


# ---- curves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_curves_are_those_of_the_histories(store, metric):
    rows = store.table()
    curves = store.curves([row.id for row in rows], metric)
    assert list(curves) == [row.id for row in rows]
    for row, run in zip(rows, (FINISHED, DIVERGED, STOPPED, LEFT), strict=True):
        expected = getattr(store.history(run, "fake"), metric)
        assert curves[row.id].dtype == np.float64
        np.testing.assert_array_equal(curves[row.id], expected)


@pytest.mark.parametrize("count", [1, 499, 500, 501, 10_000])
def test_curves_of_many_runs_are_whole_across_queries(large, count):
    wanted = range(RUNS, RUNS - count, -1)
    curves = large.curves(wanted, "train_loss")
    assert sorted(curves) == sorted(wanted)
    for id in {wanted[0], wanted[-1], wanted[count // 2]}:
        np.testing.assert_array_equal(curves[id], [math.nan, *(id + epoch / 100 for epoch in range(1, EPOCHS + 1))])


def test_curves_of_runs_that_are_not_there_are_left_out(store):
    assert store.curves([], "seconds") == {}
    assert store.curves([99, -1, 2**70], "seconds") == {}
    assert list(store.curves([1, 99, 1], "seconds")) == [1]


@pytest.mark.parametrize("metric", ["loss", "step_losses", "seconds FROM epoch; DROP TABLE epoch; --"])
def test_what_is_no_metric_is_refused(store, metric):
    with pytest.raises(StoreError, match=r"is no metric of an epoch\. Use one of train_loss"):
        store.curves([1], metric)


# ---- what is new --------------------------------------------------------------------------------------


def test_what_is_new_since_a_mark_comes_in_the_order_of_storing(store):
    mark = store.mark()
    assert store.since(mark) == ([], mark)
    more = Run(tiny_config(epochs=5), 0)
    train(Demand((more, Run(tiny_config(lr=100.0), 8))), FakeEngine(), DATA, store)
    records, newer = store.since(mark)
    ids = {store.run_id(more, "fake"): "longer", store.run_id(Run(tiny_config(lr=100.0), 8), "fake"): "diverging"}
    told = [(ids[record.run], record.epoch, record.epochs, record.seed, record.diverged_at) for record in records]
    assert told == [
        ("longer", 4, 5, 0, None),
        ("diverging", 0, 3, 8, None),
        ("longer", 5, 5, 0, None),
        ("diverging", 1, 3, 8, None),
        ("diverging", 2, 3, 8, 4),
    ]
    history = store.history(more, "fake")
    assert records[2][4:9] == tuple(getattr(history, name)[5] for name in METRICS)
    assert math.isnan(records[4].validation_loss)
    assert store.since(newer) == ([], newer)


def test_of_too_much_only_the_beginning_is_given(large):
    records, newest = large.since(0, limit=3)
    assert [(record.run, record.epoch) for record in records] == [(1, 0), (2, 0), (3, 0)]
    assert newest == large.mark() == RUNS * (EPOCHS + 1)


def test_a_version_tells_of_every_commit_and_of_nothing_else(store):
    with Store.open(store.path) as reader:
        before = store.version(), reader.version()
        reader.table(), store.runs()
        assert (store.version(), reader.version()) == before
        store.save_probe("key", 1)
        assert store.version() != before[0]
        assert reader.version() != before[1]


# ---- runs by their number -----------------------------------------------------------------------------


def test_a_run_is_found_by_its_number_whatever_its_length(store):
    for run in (FINISHED, DIVERGED, STOPPED, LEFT):
        id = store.run_id(run, "fake")
        assert store.run_of(id).run == run
        assert store.run_id(run.replace(config=run.config.replace(epochs=1)), "fake") == id
    assert store.run_of(store.run_id(STOPPED, "fake")).stopped
    assert store.run_id(FINISHED, "other") is None


@pytest.mark.parametrize("id", [0, -1, 99, 2**63, 10**30])
def test_no_other_number_finds_a_run(store, id):
    assert store.run_of(id) is None


def test_a_store_without_runs_answers_all_the_same(tmp_path):
    with Store.open(tmp_path / "none.db") as store:
        assert (store.table(), store.studies(), store.since(0), store.mark()) == ([], [], ([], 0), 0)
        assert store.run_of(1) is None
