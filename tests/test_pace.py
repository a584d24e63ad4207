# SPDX-License-Identifier: Apache-2.0
"""How long a training will take still: nothing is said before there is something to judge by, and then by the clock."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal import pace
from shoal.models import lenet, mlp, softmax_regression
from shoal.optimizers import SGD
from shoal.pace import Epochs, Pace, work
from shoal.study import Config

ONE = Epochs("one kind", 1.0)


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which a test moves."""
    now = [1000.0]
    monkeypatch.setattr(pace, "monotonic", lambda: now[0])
    return now


def test_nothing_is_said_before_two_epochs_have_had_time_to_end(clock):
    one = Pace()
    said = []
    for _ in range(4):
        clock[0] += 10
        one.add(ONE, 10)
        said.append(one.left([ONE._replace(number=6)]))
    assert said[0] is None
    assert said[1:] == pytest.approx([6 * 15 / 2, 6 * 25 / 3, 6 * 35 / 4])


def test_epochs_that_ended_together_are_many_at_once(clock):
    """Two threads: the first to bring its second epoch tells how long it takes, and not twice as long."""
    one = Pace()
    for ended in (10, 0, 10):
        clock[0] += ended
        one.add(ONE, 10)
    assert one.left([ONE._replace(number=4)]) == pytest.approx(20)


@pytest.mark.parametrize("begins", ["with the epoch before training", "in the middle of its runs"])
def test_what_went_before_the_first_epoch_does_not_count(clock, begins):
    one = Pace()
    one.start()
    clock[0] += 60
    if begins == "with the epoch before training":
        one.hear(0.0)
    for _ in range(2):
        clock[0] += 10
        one.add(ONE, 10)
    assert one.rate == pytest.approx(0.1)


def test_of_an_epoch_that_had_begun_before_only_the_part_since_then_counts(clock):
    one = Pace()
    clock[0] += 5
    one.add(ONE, 20)
    assert (one.trained, one.rate) == (0.25, pytest.approx(0.05))


def test_kinds_are_weighed_by_what_they_took_and_unknown_ones_by_their_work(clock):
    one = Pace()
    slow, unseen = Epochs("slow", 8.0), Epochs("unseen", 4.0)
    for kind, seconds in ((ONE, 1), (slow, 8), (slow, 8)):
        clock[0] += seconds
        one.add(kind, seconds)
    in_all, by_the_clock = 2 * 1 + 3 * 8 + 5 * 4, 13 / 17
    todo = [ONE._replace(number=2), slow._replace(number=3), unseen._replace(number=5)]
    assert one.left(todo) == pytest.approx(in_all * by_the_clock)


def test_what_is_known_from_a_store_is_no_progress(clock):
    one = Pace()
    one.learn(ONE, 3.0)
    assert one.left([ONE]) is None
    assert (one.trained, one.rate) == (0, 0)


def ends(threads: int, epochs: int, seconds: float, apart: float) -> Iterator[float]:
    """When each epoch ends, of threads that begin one after the other."""
    yield from sorted(thread * apart + epoch * seconds for thread in range(threads) for epoch in range(1, epochs + 1))


@given(st.integers(1, 16), st.integers(3, 30), st.floats(0.01, 100), st.floats(0, 1), st.floats(0, 60))
def test_every_estimate_is_near_the_truth(threads, epochs, seconds, apart, warm):
    with pytest.MonkeyPatch.context() as patch:
        now = [1000.0]
        patch.setattr(pace, "monotonic", lambda: now[0])
        one = Pace()
        times = [1000 + warm + end for end in ends(threads, epochs, seconds, apart * seconds / threads)]
        for done, now[0] in enumerate(times, start=1):
            one.add(ONE, seconds)
            left, truth = one.left([ONE._replace(number=len(times) - done)]), times[-1] - now[0]
            assert left is None or 0.6 * truth - seconds <= left <= 1.5 * (truth + seconds), (done, left, truth)


def config(model, batch_size: int = 256) -> Config:
    return Config(data="fashion-mnist", model=model, optimizer=SGD(lr=0.1), epochs=1, batch_size=batch_size)


def test_a_tiny_network_is_not_taken_to_be_as_fast_as_its_arithmetic():
    """On one core 30 epochs of one hidden unit, and of 256, took some 1 and 18 seconds; LeNet thrice the latter."""
    tiny, large = work(config(mlp(1))), work(config(mlp(256)))
    assert mlp(256).training_flops > 200 * mlp(1).training_flops
    assert 10 < large / tiny < 40
    assert tiny < work(config(softmax_regression())) < large < work(config(lenet()))


def test_small_minibatches_cost_more():
    rising = [work(config(softmax_regression(), batch)) for batch in (1024, 256, 16, 4, 1)]
    assert rising == sorted(rising)
    assert rising[-1] > 16 * rising[1]
