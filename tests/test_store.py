# SPDX-License-Identifier: Apache-2.0
"""The store gives back, bit for bit, what it was given; it has one writer, and readers beside it."""

import contextlib
import dataclasses
import math
import os
import sqlite3

import numpy as np
import pytest

from fakes import beginning, dots, record_of, scrambled, tiny_config
from shoal.engines import EpochRecord
from shoal.errors import StoreError, StoreTooNew
from shoal.plan import Progress
from shoal.store import Store
from shoal.study import Run

RUN = Run(tiny_config(), 0)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        yield store


def fill(store: Store, run: Run = RUN, until: int = 3, keep: tuple[int, ...] = (3,)) -> list[EpochRecord]:
    tensors, records = beginning(run), []
    for epoch in range(until + 1):
        tensors = scrambled(tensors, run, epoch) if epoch else tensors
        records.append(record_of(run, epoch, tensors))
        store.commit(records[-1], "fake", keep=epoch in keep)
    return records


def same(tensors, expected):
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == expected[name].dtype
        assert tensor.tobytes() == np.ascontiguousarray(expected[name]).tobytes()


def test_records_come_back_bit_for_bit(store):
    records = fill(store)
    history = store.history(RUN, "fake")
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds"):
        expected = np.array([getattr(record, name) for record in records])
        assert getattr(history, name).tobytes() == expected.tobytes(), name
    assert math.isnan(history.train_loss[0])
    assert history.step_losses.tobytes() == np.concatenate([record.step_losses for record in records]).tobytes()
    assert history.status == "finished"


@pytest.mark.parametrize("value", [math.inf, -math.inf, 5e-324, 1 / 3, 1.7976931348623157e308])
def test_odd_numbers_survive(store, value):
    record = dataclasses.replace(record_of(RUN, 0, beginning(RUN)), validation_loss=value)
    store.commit(record, "fake", keep=False)
    assert store.history(RUN, "fake").validation_loss.tobytes() == np.array([value]).tobytes()


def test_a_checkpoint_has_the_optimizer_state_and_weights_have_not(store):
    records = fill(store)
    checkpoint = store.checkpoint(RUN, "fake")
    assert checkpoint.epoch == 3
    same(checkpoint.tensors, records[-1].tensors)
    assert set(store.weights(RUN, "fake")) == {"1.weight", "1.bias"}


def test_only_the_newest_and_the_kept_weights_stay(store):
    fill(store, keep=(1,))
    assert store.weight_epochs(RUN, "fake") == (1, 3)
    with pytest.raises(StoreError, match=r"after epoch 2; there are: 1, 3"):
        store.weights(RUN, "fake", 2)


def test_a_shorter_run_is_read_from_a_longer_one(store):
    fill(store)
    short = Run(tiny_config(epochs=2), 0)
    assert store.history(short, "fake").status == "finished"
    assert len(store.history(short, "fake").seconds) == 3
    assert len(store.runs()) == 1


def test_a_longer_run_goes_on_in_the_same_row(store):
    fill(store, until=3)
    longer = Run(tiny_config(epochs=5), 0)
    assert store.history(longer, "fake").status == "unfinished"
    fill(store, longer, until=5, keep=(5,))
    assert [(run.epochs, run.config.epochs) for run in store.runs()] == [(5, 5)]
    assert store.weight_epochs(RUN, "fake") == (3, 5)


def test_engines_are_apart(store):
    fill(store)
    assert store.history(RUN, "another") is None
    assert store.progress("another") == {}
    assert store.progress("fake") == {RUN.trajectory: Progress(3)}


def test_a_diverged_run_is_an_outcome_but_not_for_its_prefix(store):
    run = Run(tiny_config(lr=100.0), 0)
    fill(store, run, until=2)
    assert store.progress("fake") == {run.trajectory: Progress(2, diverged=True)}
    history = store.history(run, "fake")
    assert (history.status, history.diverged_at, history.epochs) == ("diverged", 4, 2)
    assert np.isinf(history.step_losses[-1])
    assert store.history(Run(tiny_config(lr=100.0, epochs=1), 0), "fake").status == "finished"
    assert store.weight_epochs(run, "fake") == (1,), "the tensors of the diverged epoch are worthless"


def test_a_record_already_there_stays(store):
    records = fill(store)
    store.commit(dataclasses.replace(records[2], seconds=99.0), "fake", keep=True)
    assert store.history(RUN, "fake").seconds[2] == records[2].seconds
    assert store.weight_epochs(RUN, "fake") == (2, 3)


def test_weights_of_another_run_are_left_alone(store):
    fill(store, keep=())
    fill(store, Run(tiny_config(), 1), keep=())
    assert store.weight_epochs(RUN, "fake") == (3,)


def test_an_interrupted_commit_leaves_nothing(store, monkeypatch):
    fill(store, until=1)

    def interrupt(tensors):
        raise KeyboardInterrupt

    monkeypatch.setattr("shoal.store.rows.pack", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.commit(record_of(RUN, 2, beginning(RUN)), "fake", keep=False)
    assert store.history(RUN, "fake").epochs == 1
    assert store.weight_epochs(RUN, "fake") == (1,)


def test_readers_read_while_a_writer_writes(store):
    fill(store, until=1)
    with Store.open(store.path) as reader:
        assert reader.history(RUN, "fake").epochs == 1
        fill(store, until=2)
        assert reader.history(RUN, "fake").epochs == 2
        assert not reader.writable
        with pytest.raises(StoreError, match="opened to read"):
            reader.save_probe("key", 1)


def test_a_closed_store_can_be_opened_again(store):
    fill(store)
    store.close()
    with Store.open(store.path, write=True) as again:
        assert again.history(RUN, "fake").epochs == 3


def test_a_newer_store_is_refused(store):
    store.close()
    db = sqlite3.connect(store.path)
    db.execute("INSERT INTO migration VALUES (99, 'later', '2999')")
    db.commit()
    db.close()
    for write in (False, True):
        with pytest.raises(StoreTooNew, match=r"schema 99; this one knows 5\). Update Shoal"):
            Store.open(store.path, write=write)


@pytest.mark.parametrize("write", [False, True])
def test_what_is_no_store_is_refused_and_left_alone(tmp_path, write):
    other = tmp_path / "other.db"
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE recipe (name)")
    db.commit()
    db.close()
    text = tmp_path / "notes.txt"
    text.write_text("Dear diary, " * 500)
    for path, words in ((other, "tables are recipe"), (text, "not a database"), (tmp_path, "cannot be opened")):
        with pytest.raises(StoreError, match=words):
            Store.open(path, write=write)
    assert text.read_text() == "Dear diary, " * 500
    assert {path.name for path in tmp_path.iterdir()} == {"other.db", "notes.txt"}, "no lock is left behind"


def test_a_missing_file_reads_as_empty_and_is_not_made(tmp_path):
    with Store.open(tmp_path / "none.db") as store:
        assert store.runs() == []
        assert store.progress("fake") == {}
    assert not list(tmp_path.iterdir())


def test_a_file_that_a_writer_has_only_just_made_reads_as_empty(tmp_path):
    (tmp_path / "new.db").touch()
    with Store.open(tmp_path / "new.db") as store:
        assert store.runs() == []


def test_a_folder_that_cannot_be_written_is_still_read(store, monkeypatch):
    fill(store)
    store.close()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with Store.open(store.path) as reader:
        assert reader.history(RUN, "fake").epochs == 3
    assert not (store.path.parent / "shoal.db-shm").exists(), "nothing was written beside it"


def test_probes_are_kept_as_plain_data(store):
    value = {"rows": [1.5, math.inf, None], "name": "softmax"}
    assert store.probe("stability") is None
    store.save_probe("stability", value)
    assert store.probe("stability") == value


def test_runs_are_found_by_the_beginning_of_their_hash(store):
    fill(store)
    fill(store, Run(tiny_config(lr=0.2), 0))
    assert [run.run for run in store.runs(RUN.trajectory[:6])] == [RUN]
    assert [run.run for run in store.runs(RUN.config.hash[:6])] == [RUN]
    assert store.runs("zzzz") == []
    assert store.runs()[0].status == "finished"


def test_a_shorter_config_is_found_in_the_longer_run_that_begins_with_it(store):
    """Reports print the hash of 5 epochs of a run of 20."""
    fill(store)
    fill(store, Run(tiny_config(lr=0.2), 0))
    short = RUN.config.replace(epochs=2)
    (found,) = store.runs(short.hash[:8])
    history = store.history(Run(short, 0), "fake")
    assert (found.config, found.epochs, found.status) == (short, 2, "finished")
    assert (found.trajectory, found.validation_loss) == (RUN.trajectory, history.validation_loss[2])
    assert found.seconds == pytest.approx(0.2)
    far = Run(tiny_config(lr=100.0, epochs=4), 0)
    fill(store, far, until=2)
    assert [run.status for run in store.runs(far.config.replace(epochs=1).hash)] == ["finished"]
    assert [run.status for run in store.runs(far.config.replace(epochs=3).hash)] == ["diverged"]
    assert store.runs(RUN.config.replace(epochs=7).hash) == []


def test_readers_and_the_writer_do_not_wait_for_each_other(store):
    """The journal is written ahead: with any other, a reader in the midst of reading would stop the training."""
    fill(store, until=1)
    with contextlib.closing(sqlite3.connect(store.path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_full_disk_is_a_store_error_and_loses_nothing(store):
    fill(store, until=1)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"shoal\.db cannot be written to: database or disk is full\. Make"):
        store.save_probe("large", "x" * 100_000)
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.history(RUN, "fake").epochs == 1
    fill(store, until=2)
    assert store.history(RUN, "fake").epochs == 2


def test_a_store_that_is_damaged_is_a_store_error(store):
    store._db.execute("DROP TABLE weights")
    with pytest.raises(StoreError, match=r"shoal\.db cannot be read: no such table: weights\. Use another --store"):
        store.weight_epochs(RUN, "fake")


@pytest.mark.parametrize("where", ["shoal.store.lock.os.open", "shoal.store.store.schema.open_writer"])
def test_a_store_that_cannot_be_written_says_so(store, monkeypatch, where):
    fill(store)
    store.close()

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", f"{path}")

    with monkeypatch.context() as patch:
        patch.setattr(where, refuse)
        with pytest.raises(
            StoreError, match=r"shoal\.db cannot be written to: Permission denied\. Make its folder wri"
        ):
            Store.open(store.path, write=True)
    Store.open(store.path, write=True).close()


def test_other_data_of_the_same_name_is_refused(store):
    store.begin_session({"machine": "m"}, {"dots": dots()})
    with pytest.raises(StoreError, match="'dots' with other content"):
        store.begin_session({}, {"dots": dots(count=14)})
    assert [(session["machine"]) for session in store.sessions()] == ["m"]
    assert store.data()[0]["sha256"] == {"dots": "12"}


def test_a_store_that_is_removed_while_it_is_written_to_says_so(tmp_path):
    path = tmp_path / "shoal.db"
    run = Run(tiny_config(), 0)
    with Store.open(path, write=True) as store:
        store.commit(record_of(run, 0, beginning(run)), "fake", keep=False)
        path.rename(tmp_path / "away.db")
        with pytest.raises(StoreError, match="removed or replaced"):
            store.commit(record_of(run, 1, beginning(run)), "fake", keep=False)
        (tmp_path / "away.db").rename(path)
        store.commit(record_of(run, 1, beginning(run)), "fake", keep=False)
        assert store.history(run, "fake").epochs == 1
