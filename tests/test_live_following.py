# SPDX-License-Identifier: Apache-2.0
"""Whoever trains, each record is told of once: by a store that is not there yet, is exchanged, or cannot be read."""

import os
import queue
import threading
from pathlib import Path
from time import sleep

import pytest

from fakes import beginning, record_of, tiny_config, tiny_study
from shoal.errors import StoreError
from shoal.live import following
from shoal.live.events import Hub
from shoal.live.following import MOST_RECORDS, OFTEN, SELDOM, Follower
from shoal.store import Store, schema
from shoal.study import Run
from watched import ask


class Told(Hub):
    """A hub that keeps what it was told, and never pauses."""

    pause = 0.0
    watchers = 1

    def __init__(self) -> None:
        super().__init__()
        self.bundles: queue.Queue[tuple[list[tuple[int, int]], bool] | str] = queue.Queue()

    def records(self, records=(), more=False):
        super().records(records, more)
        if records or more:
            self.bundles.put(([(record.seed, record.epoch) for record in records], more))

    def greet(self):
        super().greet()
        self.bundles.put("hello")

    def next(self) -> tuple[list[tuple[int, int]], bool] | str:
        """The next bundle as (seed, epoch) of its records, and whether there is more; or "hello"."""
        return self.bundles.get(timeout=10)


@pytest.fixture
def follow():
    """Follows a store until the end of the test."""
    begun = []

    def follow(path: Path, hub: Hub) -> Follower:
        begun.append(Follower(path, hub))
        begun[-1].start()
        return begun[-1]

    yield follow
    for follower in begun:
        follower.stop()


def add(store: Store, seed: int, *epochs: int) -> None:
    run = Run(tiny_config(epochs=9), seed)
    for epoch in epochs:
        store.commit(record_of(run, epoch, beginning(run)), "fake", keep=False)


def made(path: Path, seed: int, *epochs: int) -> Path:
    with Store.open(path, write=True) as store:
        add(store, seed, *epochs)
    return path


def test_each_record_is_told_of_once_and_what_was_there_before_never(path, writer, follow):
    add(writer, 0, 0, 1)
    hub = Told()
    follow(path, hub)
    add(writer, 0, 2)
    assert hub.next() == ([(0, 2)], False)
    add(writer, 1, 0)
    add(writer, 0, 3)
    found = hub.next()[0]
    while len(found) < 2:
        found += hub.next()[0]
    assert found == [(1, 0), (0, 3)]
    assert hub.bundles.empty()


def test_what_comes_in_the_pause_after_a_bundle_is_the_next_bundle(path, writer, follow):
    class Pausing(Told):
        @property
        def pause(self):
            """Asked for after a bundle: three records come during the pause of the first."""
            if self.stored == 1:
                add(writer, 1, 0, 1, 2)
            return 0.0

    hub = Pausing()
    follow(path, hub)
    add(writer, 0, 0)
    assert hub.next() == ([(0, 0)], False)
    assert hub.next() == ([(1, 0), (1, 1), (1, 2)], False)
    assert hub.stored == 2


def test_a_store_may_be_made_later(path, follow):
    hub = Told()
    follow(path, hub)
    made(path, 0, 0, 1)
    found = hub.next()[0]
    if len(found) < 2:
        found += hub.next()[0]
    assert found == [(0, 0), (0, 1)]


def test_of_a_store_in_place_of_another_everything_is_to_be_read_again(path, tmp_path, follow):
    hub = Told()
    follow(made(path, 0, 0, 1, 2), hub)
    os.replace(made(tmp_path / "other.db", 5, 0, 1, 2, 3), path)
    assert hub.next() == "hello"
    with Store.open(path, write=True) as store:
        add(store, 5, 4)
        assert hub.next() == ([(5, 4)], False)


def test_a_store_that_is_removed_is_to_be_read_again_and_may_come_back(path, follow):
    hub = Told()
    follow(made(path, 0, 0), hub)
    path.unlink()
    assert hub.next() == "hello"
    made(path, 1, 0)
    assert hub.next() == ([(1, 0)], False)


def test_a_store_that_is_removed_after_a_training_is_missed(path, follow):
    """Also one that was made while it was followed."""
    hub = Told()
    follow(path, hub)
    made(path, 0, 0, 1)
    found = hub.next()[0]
    if len(found) < 2:
        found += hub.next()[0]
    for file in path.parent.glob("shoal.db*"):
        file.unlink()
    assert hub.next() == "hello"
    assert Store.open(path).table() == []


@pytest.mark.parametrize(
    "what", ["epoch WHERE epoch = 1", "epoch WHERE epoch = 3", "epoch WHERE run = 2", "run WHERE id = 3"]
)
def test_what_goes_from_a_store_is_missed(path, writer, follow, what):
    """The last record and those in the midst; a run whose records had gone before."""
    add(writer, 0, 0, 1, 2, 3)
    add(writer, 1, 0)
    add(writer, 2, 0)
    with writer._db:
        writer._db.execute("DELETE FROM weights")
        writer._db.execute("DELETE FROM epoch WHERE run = 3")
    hub = Told()
    follow(path, hub)
    with writer._db:
        writer._db.execute(f"DELETE FROM {what}")
    assert hub.next() == "hello"
    add(writer, 3, 0)
    assert hub.next() == ([(3, 0)], False)


def test_a_study_that_is_asked_for_is_told_of_before_its_first_record(path, writer, follow):
    hub = Told()
    follow(path, hub)
    ask(writer, tiny_study(seeds=range(2)))
    assert hub.next() == ([], True)
    ask(writer, tiny_study(seeds=range(3)))
    assert hub.next() == ([], True)
    add(writer, 0, 0)
    assert hub.next() == ([(0, 0)], False)


def test_a_study_that_is_asked_for_begins_no_pause(path, writer, follow, monkeypatch):
    """Its first record is awaited."""
    hub = Told()
    monkeypatch.setattr(Told, "pause", 3600)
    follow(path, hub)
    ask(writer, tiny_study())
    assert hub.next() == ([], True)
    add(writer, 0, 0)
    assert hub.next() == ([(0, 0)], False)


def test_what_is_no_store_for_a_while_is_tried_again(path, tmp_path, follow, monkeypatch):
    hub, opened, failed = Told(), Store.open, threading.Event()

    def opening(place, **named):
        try:
            return opened(place, **named)
        except StoreError:
            failed.set()
            raise

    follow(made(path, 0, 0), hub)
    whole, half = made(tmp_path / "whole.db", 0, 0, 1), tmp_path / "half.db"
    half.write_bytes(b"half of a copy " * 100)
    monkeypatch.setattr(Store, "open", opening)
    os.replace(half, path)
    assert failed.wait(10)
    os.replace(whole, path)
    assert hub.next() == "hello"


def test_a_store_that_is_locked_for_a_while_is_read_later(path, writer, follow, monkeypatch):
    since, failed = Store.since, []

    def locked(store, mark, limit):
        if not failed:
            failed.append(mark)
            raise StoreError("database is locked")
        return since(store, mark, limit)

    hub = Told()
    follow(path, hub)
    monkeypatch.setattr(Store, "since", locked)
    add(writer, 0, 0)
    assert hub.next() == ([(0, 0)], False)
    assert failed


def test_a_row_that_nobody_foresaw_does_not_end_the_following(path, writer, follow, monkeypatch, caplog):
    reads = Store.since
    monkeypatch.setattr(following, "SELDOM", 0.01)
    hub = Told()
    follow(path, hub)
    monkeypatch.setattr(Store, "since", lambda *given: 1 / 0)
    add(writer, 0, 0)
    while not caplog.records:
        sleep(0.01)
    monkeypatch.setattr(Store, "since", reads)
    assert hub.next() == ([(0, 0)], False)


def test_a_store_of_before_is_followed_after_it_was_brought_up_to_date(path, follow, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:2])
        made(path, 0, 0)
    hub = Told()
    follow(path, hub)
    made(path, 0, 1)
    assert hub.next() == ([(0, 1)], False)


def test_a_poke_is_enough_where_nobody_looks(path, writer, follow, monkeypatch):
    asleep = threading.Event()
    monkeypatch.setattr(Follower, "_patience", lambda follower: asleep.set() or 3600)
    hub = Told()
    follower = follow(path, hub)
    assert asleep.wait(10)
    add(writer, 0, 0)
    follower.poke()
    assert hub.next() == ([(0, 0)], False)


def test_the_first_point_of_a_training_waits_for_no_pause(path, writer, follow):
    hub = Told()
    hub.pause = 3600
    follower = follow(path, hub)
    add(writer, 0, 0)
    assert hub.next() == ([(0, 0)], False)
    add(writer, 1, 0)
    follower.poke(True)
    assert hub.next() == ([(1, 0)], False)


def test_it_looks_often_while_somebody_watches_or_something_happens(path, writer):
    hub = Told()
    follower = Follower(path, hub)
    assert follower._patience() == OFTEN
    hub.watchers = 0
    assert follower._patience() == SELDOM
    add(writer, 0, 0)
    follower._look()
    assert follower._patience() == OFTEN
    follower._let_go()


@pytest.mark.parametrize(("count", "more"), [(MOST_RECORDS, False), (MOST_RECORDS + 1, True)])
def test_of_too_many_records_some_are_told_of_and_that_there_are_more(path, writer, count, more):
    hub = Told()
    follower = Follower(path, hub)
    follower._look()
    add(writer, 0, 0)
    with writer._db:
        rows = [(1, epoch, b"") for epoch in range(1, count)]
        writer._db.executemany("INSERT INTO epoch (run, epoch, step_losses) VALUES (?, ?, ?)", rows)
    assert follower._look()
    records, told = hub.next()
    assert (len(records), told) == (MOST_RECORDS, more)
    assert not follower._look()
    follower._let_go()


def test_pages_are_told_when_somebody_else_begins_and_ceases_to_train(path, monkeypatch):
    hub, told, answers = Told(), [], [False, True, True, False]
    monkeypatch.setattr(hub, "tell", lambda topic, **content: told.append((topic, content)))
    follower = Follower(path, hub, lambda: answers.pop(0))

    def look() -> int:
        follower.poke()
        follower._look()
        follower._look()  # so soon after, it is not looked for again
        return len(told)

    assert [look() for _ in range(4)] == [0, 1, 1, 2]
    assert told == [("elsewhere", {"trains": True}), ("elsewhere", {"trains": False})]
    follower._let_go()


def test_what_is_no_record_counts_but_is_not_told(path, writer):
    hub = Told()
    follower = Follower(path, hub)
    follower._look()
    before = hub.stored
    writer.save_probe("key", 1)
    assert not follower._look()
    assert hub.stored == before + 1
    assert not follower._look()
    assert hub.stored == before + 1
    assert hub.bundles.empty()
    follower._let_go()
