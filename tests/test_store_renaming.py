# SPDX-License-Identifier: Apache-2.0
"""A store of an older Shoal, in which a default that was written out gave a run another name: nothing of it is lost."""

import sqlite3
from contextlib import closing

import pytest

from fakes import FakeEngine, dots, tiny_config, tiny_study
from shoal.optimizers import SGD
from shoal.runner import Demand, pending, train
from shoal.store import Store, schema
from shoal.study import Run

DATA = {"dots": dots()}
NOW, TRAJECTORY = "bb78113689473255", "e33635278a323da1"
"""How `tiny_config()` and its trajectory are called."""
WRITTEN_OUT = {
    '"momentum":0.5}': '"momentum":0.5,"weight_decay":0.0}',
    '"batch_size":4}': '"batch_size":4,"init":{"type":"XavierUniform"}}',
}
BEFORE = {  # as release 0.1.0's first stores have them, of that config with the two defaults above written out
    NOW: "adc68c2ecbb72fed",
    TRAJECTORY: "d0b4cfc2b2cc6447",
    Run(tiny_config(), 0).trajectory: "8e4a926e0c9397a8",
    Run(tiny_config(), 0).hash: "54002ca0e351354c",
}


@pytest.fixture
def old(tmp_path, monkeypatch):
    """The path of a store of the fourth schema: a study of two configs on a seed, one of them by its old names."""
    path = tmp_path / "old.db"
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:4])
        with Store.open(path, write=True) as store:
            train(Demand.of([tiny_study()], range(1)), FakeEngine(), DATA, store)
            store.save_probe(f"fake/data/curvature/{NOW}/0/3", 1.5)
            store.save_probe(f"fake/data/dead/{Run(tiny_config(), 0).hash}", 0.25)
    with closing(sqlite3.connect(path)) as db, db:
        for short, long in WRITTEN_OUT.items():
            db.execute("UPDATE run SET config = replace(config, ?, ?) WHERE config LIKE '%\"lr\":0.1,%'", (short, long))
        for now, name in BEFORE.items():
            for table, column in (
                ("run", "trajectory"),
                ("study", "trajectory"),
                ("study", "config"),
                ("probe", "key"),
            ):
                db.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (now, name))
    return path


def test_a_default_written_out_is_the_same_config():
    """Zero from a calculation is another object than the default's."""
    config = tiny_config().replace(optimizer=SGD(lr=0.1, momentum=0.5, weight_decay=0.5 - 0.5))
    assert (config.hash, config.trajectory) == (NOW, TRAJECTORY)


def test_an_older_store_is_read_by_the_names_of_now(old):
    content = old.read_bytes()
    with Store.open(old) as reader:
        assert pending(Demand.of([tiny_study()], range(1)), reader, "fake") == ()
        assert {point.config for study in reader.studies() for point in study.points} >= {NOW}
        assert reader.probe(f"fake/data/curvature/{NOW}/0/3") == 1.5
        assert len(reader.weights(Run(tiny_config(), 0), "fake")) == 2
    assert old.read_bytes() == content


def test_a_writer_names_its_runs_anew_and_trains_none_again(old):
    with Store.open(old, write=True) as store:
        assert train(Demand.of([tiny_study()], range(1)), FakeEngine(), DATA, store).trained == 0
        assert store.history(Run(tiny_config(), 0), "fake").status == "finished"
        assert [len(study.points) for study in store.studies()] == [2]
        assert store.probe(f"fake/data/dead/{Run(tiny_config(), 0).hash}") == 0.25
    with closing(sqlite3.connect(old)) as db:
        assert not [row for row in db.iterdump() if any(name in row for name in BEFORE.values())]


def test_of_a_run_under_both_names_nothing_is_lost(old):
    """Somebody trained it once with the default said, and once without."""
    with closing(sqlite3.connect(old)) as db, db:
        db.execute(
            "INSERT INTO run SELECT 99, ?, engine, seed, config, diverged_at, created FROM run WHERE id = 1",
            (Run(tiny_config(), 0).trajectory,),
        )
        db.execute(
            "INSERT INTO epoch SELECT 99, epoch, session, train_loss, train_accuracy, validation_loss, "
            "validation_accuracy, seconds, step_losses FROM epoch WHERE run = 1"
        )
    with Store.open(old, write=True) as store:
        assert "8e4a926e0c9397a8" in {row.trajectory for row in store.table()}
        assert len(store.table()) == 3
        assert store.history(Run(tiny_config(), 0), "fake").status == "finished"
