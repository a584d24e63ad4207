# SPDX-License-Identifier: Apache-2.0
"""Who trains is known at the first look, by the lock; a process that was killed, or trains another study, is not it."""

import threading

import pytest

from fakes import FakeEngine, dots, tiny_study
from shoal.live.lab import Lab
from shoal.live.watch import Room
from shoal.live.watching.memo import Memo
from shoal.live.watching.pulse import Pulse, Seen
from shoal.store import Store, held_since
from shoal.study import Run
from watched import Watching, ask, part, put

PAST = "2001-01-01T00:00:00+00:00"
EARLIER, SINCE, LATER, STILL = (f"2031-01-01T0{hour}:00:00+00:00" for hour in range(4))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Seer(Pulse):
    """A pulse with a clock and a lock of its own."""

    def __init__(self, since=SINCE):
        self.clock, self.since = Clock(), since
        super().__init__(lambda: self.since, self.clock)


@pytest.fixture
def watching(path):
    room = Watching(path)
    yield room
    room.lab.close()


# ---- by the lock and by what grows --------------------------------------------------------------------


def test_at_the_first_look_what_was_asked_for_since_the_store_was_taken_is_trained():
    pulse = Seer()
    assert not pulse.trains("new"), "before any look"
    pulse.look({"old": Seen(10.0, EARLIER), "now": Seen(0.0, SINCE), "new": Seen(3.0, LATER)})
    assert [pulse.trains(name) for name in ("old", "now", "new", "none")] == [False, True, True, False]


def test_while_nobody_holds_the_store_nothing_trains():
    pulse = Seer(since=None)
    pulse.look({"a": Seen(10.0, LATER)})
    pulse.look({"a": Seen(20.0, STILL)})
    assert not pulse.trains("a")
    pulse.since = SINCE
    pulse.look({"a": Seen(30.0, STILL)})
    assert pulse.trains("a")
    pulse.since = None
    assert not pulse.trains("a"), "at once, without another look"


def test_who_takes_the_store_next_is_not_taken_for_who_had_it():
    pulse = Seer()
    pulse.look({"a": Seen(1.0, SINCE)})
    assert pulse.trains("a")
    pulse.since = LATER
    pulse.look({"a": Seen(1.0, SINCE), "b": Seen(0.0, LATER)})
    assert [pulse.trains(name) for name in "ab"] == [False, True]


@pytest.mark.parametrize("grown", [Seen(14.0, EARLIER), Seen(10.0, LATER)])
def test_what_grows_is_trained_and_forgotten_after_a_while(grown):
    """Runs that were begun long ago go on, or are asked for again."""
    pulse = Seer()
    pulse.look({"a": Seen(10.0, EARLIER)})
    assert not pulse.trains("a")
    pulse.clock.now = 2.0
    pulse.look({"a": grown})
    assert pulse.trains("a", epoch=1.0)
    pulse.clock.now = 20.0
    assert not pulse.trains("a", epoch=1.0)
    assert pulse.trains("a", epoch=10.0), "epochs that are long are waited for"
    assert pulse.trains("a"), "and a first one, of which nobody knows how long it is"


def test_the_speed_is_that_of_all_runs_together():
    pulse = Seer()
    assert pulse.speed("a") is None
    pulse.look({"a": Seen(10.0, SINCE)})
    assert pulse.speed("a") is None
    pulse.clock.now = 2.0
    pulse.look({"a": Seen(14.0, SINCE), "b": Seen(1.0, SINCE)})
    assert (pulse.speed("a"), pulse.speed("b")) == (2.0, None), "two runs at once, and one that has just begun"
    pulse.clock.now = 4.0
    pulse.look({"a": Seen(18.0, SINCE), "b": Seen(2.0, SINCE)})
    assert (pulse.speed("a"), pulse.speed("b")) == (2.0, 0.5)


def test_the_time_before_it_was_trained_does_not_make_it_slow():
    """A page that looked for long at what was stored."""
    pulse = Seer(since=None)
    for second in range(100):
        pulse.clock.now = float(second)
        pulse.look({"a": Seen(10.0, EARLIER)})
    pulse.since = LATER
    for second in range(4):
        pulse.clock.now = 100.0 + second
        pulse.look({"a": Seen(10.0 + 2 * second, LATER)})
    assert pulse.speed("a") == 2.0


def test_there_is_no_speed_before_two_epochs_had_the_time_to_end():
    """Until then most of what was done has not been told of, or was done before anybody looked."""
    pulse = Seer()
    for now, seconds in ((0.0, 10.0), (3.0, 16.0)):
        pulse.clock.now = now
        pulse.look({"a": Seen(seconds, SINCE)})
    assert pulse.speed("a", epoch=2.0) is None
    assert pulse.speed("a", epoch=1.5) == 2.0


# ---- over a store -------------------------------------------------------------------------------------


def test_a_new_server_knows_at_once_who_trains(path, writer, watching):
    part(writer)
    (found,) = watching.overview()["studies"]
    assert (found["training"], found["running"]) == (True, 1)
    writer.close()
    (found,) = watching.overview()["studies"]
    assert (found["training"], found["running"]) == (False, 0), "at once, although nothing new was stored"


def test_a_study_is_trained_before_its_first_record(writer, watching):
    ask(writer, tiny_study())
    (found,) = watching.overview()["studies"]
    assert (found["training"], found["epochs"]) == (True, [0, 18])


def test_time_left_is_the_work_left_by_the_speed_seen(writer, watching):
    study = tiny_study(seeds=range(2))
    ask(writer, study)
    slow = study.points[0].config
    put(writer, Run(slow, 0), [0.9, 0.8])
    clock = Clock()
    room = Room(watching.lab)
    room.memo, room.pulse = Memo(watching.lab.changed, lambda: 1.0, clock), Pulse(lambda: PAST, clock)
    assert room.overview()["studies"][0]["left"] is None
    put(writer, Run(slow, 1), [0.9, 0.8])
    watching.newer()
    clock.now = 4.0
    (found,) = room.overview()["studies"]
    assert (found["training"], found["running"]) == (True, 2)
    assert found["left"] == (2 + 2 + 3 + 3) * 2.0 / (2.0 / 4.0), "ten epochs of two seconds at half a run at once"
    clock.now = 60.0
    assert room.overview()["studies"][0]["left"] is None, "whoever trained has stopped"


# ---- here or elsewhere --------------------------------------------------------------------------------


def test_elsewhere_is_whoever_holds_the_store_but_the_page_s_own_trainer(path, watching):
    lab = watching.lab
    assert not lab.elsewhere()
    with Store.open(path, write=True):
        assert lab.elsewhere()
    assert not lab.elsewhere()


def test_what_the_page_trains_is_not_trained_elsewhere(path):
    begun, may_end = threading.Event(), threading.Event()

    class Waiting(FakeEngine):
        def train(self, *given, **options):
            begun.set()
            assert may_end.wait(60)
            yield from super().train(*given, **options)

    with Lab(path, {"dots": dots()}, engine=Waiting()) as lab:
        lab.trainer.ask(tiny_study())
        assert begun.wait(60)
        assert held_since(path) is not None
        assert not lab.elsewhere()
        may_end.set()
