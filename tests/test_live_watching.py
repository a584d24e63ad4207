# SPDX-License-Identifier: Apache-2.0
"""What the room Watch keeps and for how long, and configurations as fields."""

import threading

import msgspec
import pytest

from fakes import MODEL, tiny_config
from shoal.live.watch import Room
from shoal.live.watching.fields import flat, told_apart
from shoal.live.watching.memo import Memo
from shoal.models import softmax_regression
from shoal.optimizers import SGD, Adam
from shoal.study import Config, Grid, Run, Study
from watched import Watching, ask, part, put


@pytest.fixture
def watching(path):
    room = Watching(path)
    yield room
    room.lab.close()


# ---- what is kept, and for how long ---------------------------------------------------------------------


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_an_answer_is_computed_again_only_when_the_store_is_newer_and_the_pace_allows():
    clock, versions, computed = Clock(), [1], []
    memo = Memo(lambda: versions[-1], lambda: 1.0, clock)

    def compute():
        computed.append(versions[-1])
        return versions[-1], versions[-1]

    assert [memo.get("a", compute) for _ in range(3)] == [1, 1, 1]
    versions.append(2)
    assert memo.get("a", compute) == 1, "too soon"
    clock.now = 1.0
    assert memo.get("a", compute) == 2
    clock.now = 9.0
    assert memo.get("a", compute) == 2
    assert computed == [1, 2], "nothing new"


def test_what_was_computed_from_something_older_is_computed_again():
    clock, read = Clock(), [1]
    memo = Memo(lambda: 2, lambda: 1.0, clock)
    assert memo.get("a", lambda: (read[-1], read[-1])) == 1
    read.append(2)
    clock.now = 1.0
    assert memo.get("a", lambda: (read[-1], read[-1])) == 2


def test_what_is_dear_to_compute_is_computed_seldom():
    clock, spent, versions = Clock(), Clock(), [1]
    memo = Memo(lambda: versions[-1], lambda: 1.0, clock, spent)

    def compute():
        spent.now += 1.0
        return versions[-1], versions[-1]

    memo.get("a", compute)
    versions.append(2)
    clock.now = 9.0
    assert memo.get("a", compute) == 1
    clock.now = 10.0
    assert memo.get("a", compute) == 2


def test_a_room_reads_the_store_again_when_there_is_something_new(writer, watching):
    study = part(writer)
    clock = Clock()
    room = Room(watching.lab)
    room.memo = Memo(watching.lab.changed, lambda: 1.0, clock)
    assert room.overview()["studies"][0]["finished"] == 2
    put(writer, Run(study.points[0].config, 2), [0.9, 0.8, 0.7, 0.6])
    watching.newer()
    assert room.overview()["studies"][0]["finished"] == 2
    clock.now = 1.0
    assert room.overview()["studies"][0]["finished"] == 3


def test_who_asks_while_a_dear_answer_is_computed_is_given_the_one_before():
    memo, version = Memo(lambda: version, lambda: 0.0, lambda: version * 100.0, lambda: 0.0), 1
    assert memo.get("verdicts", lambda: (1, "before")) == "before"
    version, meanwhile = 2, []

    def dear() -> tuple[int, str]:
        asking = threading.Thread(target=lambda: meanwhile.append(memo.get("verdicts", lambda: (2, "mine"))))
        asking.start()
        asking.join(timeout=10)
        return 2, "after"

    assert memo.get("verdicts", dear) == "after"
    assert meanwhile == ["before"]


# ---- configurations as fields ---------------------------------------------------------------------------


def test_a_flat_configuration_has_what_is_left_out_as_its_default():
    config = Config(data="dots", model=MODEL, optimizer=Adam(lr=0.01), epochs=2)
    found = flat(msgspec.to_builtins(config))
    assert found["optimizer"] == "Adam"
    assert found["optimizer.lr"] == 0.01
    assert found["optimizer.weight_decay"] == 0.0
    assert found["batch_size"] == 256
    assert found["init"] == "Xavier uniform"
    assert found["early_stopping"] is None


def test_models_that_differ_under_one_name_are_told_apart():
    one = softmax_regression(classes=2, input_shape=(1, 2, 2))
    other = softmax_regression(classes=3, input_shape=(1, 2, 2)).replace(name=one.name)
    configs = [msgspec.to_builtins(Config(data="dots", model=m, optimizer=SGD(lr=1), epochs=1)) for m in (one, other)]
    first, second = told_apart(configs)
    assert first["model"] != second["model"]
    assert first["model"].startswith(one.name)


def test_a_field_that_says_what_the_grid_says_already_is_not_offered_twice(writer, watching):
    def config(lr, size):
        return tiny_config(lr).replace(batch_size=size)

    study = Study("two", config, Grid(lr=[0.1, 0.5], size=[2, 4]), seeds=[0])
    ask(writer, study)
    for point in study.points:
        put(writer, Run(point.config, 0), [0.9, 0.8])
    choices = watching("chart", study="two")["choices"]
    assert [one["key"] for one in choices["by"]] == ["config", "lr", "size"]
