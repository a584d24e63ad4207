# SPDX-License-Identifier: Apache-2.0
"""The queue of trainings: one at a time, ended when it is not wanted, and nothing that was stored is lost."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

from fakes import FakeEngine, dots, tiny_study
from shoal.engines import EpochRecord
from shoal.errors import EngineError, UsageError
from shoal.live import trainings
from shoal.live.trainer import Trainer
from shoal.models import softmax_regression
from shoal.optimizers import SGD
from shoal.runner import Demand
from shoal.runner import train as train_whole
from shoal.store import Store
from shoal.study import Config, Grid, Run, Study

DATA = {"dots": dots()}
PATIENCE = 60
"""Seconds, only spent where a test fails."""


class Ears:
    """A hub that remembers what it was told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.listener: Callable[[dict[str, Any]], None] = lambda told: None
        self._news = threading.Condition()

    def tell(self, topic: str, **content: Any) -> None:
        assert topic == "training"
        with self._news:
            self.told.append(content)
            self._news.notify_all()
        self.listener(content)

    def wait(self, id: int, *states: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next((one for one in self.told if one["id"] == id and one["state"] in states), None)

        with self._news:
            assert self._news.wait_for(found, PATIENCE), f"{id} is not {states}: {self.told[-3:]}"
            return found() or {}

    def states(self, id: int) -> list[str]:
        states = [one["state"] for one in self.told if one["id"] == id]
        return [state for state, before in zip(states, ["", *states], strict=False) if state != before]


class Gated(FakeEngine):
    """Each record waits until the gate is open; meanwhile it can be stopped, as the native engine can."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.hear: Callable[[], None] = lambda: None

    def hearing(self, hear: Callable[[], None]) -> Self:
        self.hear = hear
        return self

    def train(self, *given: Any, **options: Any) -> Iterator[EpochRecord]:
        for record in super().train(*given, **options):
            while not self.gate.wait(0.01):
                self.hear()
            self.hear()
            yield record


class Broken(FakeEngine):
    """Fails with what it was given, once."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reasons = [reason]

    def train(self, *given: Any, **options: Any) -> Iterator[EpochRecord]:
        if self.reasons:
            raise self.reasons.pop()
        return super().train(*given, **options)


@pytest.fixture
def ears():
    return Ears()


@pytest.fixture
def start(tmp_path, ears):
    """A trainer with an engine, closed in the end; ``poked`` grows with each record."""
    made = []

    def start(engine: Any, data: Any = DATA) -> Trainer:
        one = Trainer(tmp_path / "shoal.db", engine, lambda: data, ears, lambda first: None)
        made.append(one)
        return one

    yield start
    for one in made:
        one.close()
        assert not one._thread.is_alive()


def stored(tmp_path: Any, study: Study, engine: str = "fake") -> list[str | None]:
    with Store.open(tmp_path / "shoal.db") as store:
        histories = [store.history(run, engine) for run in study.runs()]
    return [history and history.status for history in histories]


def test_it_trains_what_is_asked_and_tells_of_every_step(start, ears, tmp_path):
    trainer, study = start(FakeEngine()), tiny_study()
    id = trainer.ask(study, range(2))
    last = ears.wait(id, "finished")
    assert ears.states(id) == ["queued", "training", "finished"]
    assert (last["done"], last["total"], last["left"], last["error"]) == (12, 12, None, "")
    assert set(last["runs"]) == {run.trajectory for run in study.runs(range(2))}
    assert stored(tmp_path, study) == ["finished"] * 4 + [None] * 2
    assert [one["done"] for one in ears.told if one["state"] == "training"][-1] == 12


def test_what_is_stored_is_not_trained_again(start, ears):
    engine = FakeEngine()
    trainer = start(engine)
    for _ in range(2):
        id = trainer.ask(tiny_study())
        assert ears.wait(id, "finished")["done"] == 18
    assert len(engine.trained) == 6


def test_a_prefix_counts_once(start, ears):
    def config(epochs: int) -> Config:
        return tiny_study().points[0].config.replace(epochs=epochs)

    trainer = start(FakeEngine())
    id = trainer.ask(Study("lengths", config, Grid(epochs=[2, 5]), seeds=range(1)))
    assert ears.wait(id, "queued")["total"] == 5
    assert ears.wait(id, "finished")["total"] == 5


def test_each_record_is_poked(tmp_path, ears):
    poked: list[bool] = []
    trainer = Trainer(tmp_path / "shoal.db", FakeEngine(), lambda: DATA, ears, poked.append)
    ears.wait(trainer.ask(tiny_study()), "finished")
    trainer.close()
    assert poked == [True] + [False] * (6 * 4 - 1)


def test_one_trains_at_a_time_and_the_others_know_their_place(start, ears):
    engine = Gated()
    trainer = start(engine)
    first, second, third = (trainer.ask(tiny_study(name)) for name in ("a", "b", "c"))
    ears.wait(first, "training")
    assert [(one["id"], one["state"], one["place"]) for one in trainer.state()] == [
        *((first, "training", 0), (second, "queued", 1), (third, "queued", 2)),
    ]
    trainer.cancel(second)
    assert ears.wait(second, "cancelled")
    assert [(one["id"], one["place"]) for one in trainer.state()] == [(first, 0), (third, 1), (second, 0)]
    engine.gate.set()
    ears.wait(third, "finished")
    assert "training" not in ears.states(second)


def test_a_training_that_waits_in_the_middle_of_an_epoch_is_ended(start, ears, tmp_path):
    trainer, study = start(Gated()), tiny_study()
    id = trainer.ask(study)
    ears.wait(id, "training")
    assert trainer.cancel(id)
    ears.wait(id, "cancelled")
    assert stored(tmp_path, study) == [None] * 6


def test_what_was_stored_stays_and_the_same_question_goes_on(start, ears, tmp_path):
    def enough(told: dict[str, Any]) -> None:
        if told["id"] == 1 and told["done"] >= 5:
            trainer.cancel(1)

    engine, study = FakeEngine(), tiny_study(epochs=6)
    trainer = start(engine)
    ears.listener = enough
    ears.wait(trainer.ask(study), "cancelled")
    assert "unfinished" in stored(tmp_path, study)
    ears.wait(trainer.ask(study), "finished")
    assert any(first > 1 for _, first, _ in engine.trained), "it went on where it was"
    with Store.open(tmp_path / "shoal.db") as broken, Store.open(tmp_path / "whole.db", write=True) as whole:
        train_whole(Demand.of([study]), FakeEngine(), DATA, whole)
        for run in study.runs():
            one, other = (store.history(run, "fake") for store in (broken, whole))
            assert one.validation_loss.tobytes() == other.validation_loss.tobytes()


def test_a_new_question_takes_the_place_of_the_old(start, ears):
    engine = Gated()
    trainer = start(engine)
    first = trainer.ask(tiny_study("a"))
    ears.wait(first, "training")
    second, third = trainer.ask(tiny_study("b")), trainer.ask(tiny_study("c"))
    instead = trainer.ask(tiny_study("d"), replace=second)
    assert [(one["id"], one["place"]) for one in trainer.state()][:3] == [(first, 0), (instead, 1), (third, 2)]
    sooner = trainer.ask(tiny_study("e", epochs=2), replace=first)
    ears.wait(first, "cancelled")
    ears.wait(sooner, "training")
    assert ears.states(third) == ["queued"]
    engine.gate.set()
    ears.wait(third, "finished")
    assert trainer.ask(tiny_study("f"), replace=999) == 6, "what is long gone can be replaced all the same"


def test_only_so_many_wait(start, ears):
    trainer = start(Gated())
    first = trainer.ask(tiny_study())
    ears.wait(first, "training")
    waiting = [trainer.ask(tiny_study()) for _ in range(trainings.MOST_QUEUED)]
    with pytest.raises(UsageError, match="wait already"):
        trainer.ask(tiny_study())
    trainer.ask(tiny_study(), replace=waiting[-1])
    assert len(trainer.state()) == 1 + trainings.MOST_QUEUED + 1


def test_a_store_that_another_writes_to_is_told_in_its_own_words(start, ears, tmp_path):
    trainer = start(FakeEngine())
    with Store.open(tmp_path / "shoal.db", write=True):
        failed = ears.wait(trainer.ask(tiny_study()), "failed")
    assert "is being written to by process" in failed["error"]
    ears.wait(trainer.ask(tiny_study()), "finished")
    Store.open(tmp_path / "shoal.db", write=True).close()  # nobody holds it when nothing trains


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (EngineError("memory ran out while 2 threads trained."), "memory ran out while 2 threads"),
        (MemoryError(), "Memory ran out"),
        (ZeroDivisionError("secret"), "Shoal failed to train this: ZeroDivisionError"),
    ],
)
def test_what_fails_is_told_and_the_next_is_trained(start, ears, reason, words, caplog):
    trainer = start(Broken(reason))
    failed = ears.wait(trainer.ask(tiny_study()), "failed")
    assert words in failed["error"]
    assert "secret" not in failed["error"]
    ears.wait(trainer.ask(tiny_study()), "finished")


def test_divergence_is_no_failure(start, ears, tmp_path):
    def config(lr: float) -> Config:
        model = softmax_regression(classes=2, input_shape=(1, 2, 2))
        return Config(data="dots", model=model, optimizer=SGD(lr=lr), epochs=4, batch_size=4)

    study = Study("wild", config, Grid(lr=[0.1, 100.0]), seeds=range(2))
    told = ears.wait(start(FakeEngine()).ask(study), "finished")
    assert told["diverged"] == 2
    assert sorted(stored(tmp_path, study)) == ["diverged", "diverged", "finished", "finished"]


def test_a_study_names_the_data_that_is_really_trained_on(start, ears, tmp_path):
    drawn = dots("drawings", stand_in="dots")
    trainer = start(FakeEngine(), {"dots": drawn})
    id = trainer.ask(tiny_study())
    ears.wait(id, "finished")
    found = trainer.find(id)
    assert {point.config.data for point in found.study.points} == {"drawings"}
    with Store.open(tmp_path / "shoal.db") as store:
        assert {row.config.data for row in store.runs()} == {"drawings"}


def test_it_forgets_what_ended_long_ago(start, ears, monkeypatch):
    monkeypatch.setattr(trainings, "REMEMBERED", 2)
    trainer = start(FakeEngine())
    ids = [
        trainer.ask(tiny_study(epochs=1))
        for _ in range(5)
        if not ears.told or ears.wait(ears.told[-1]["id"], "finished")
    ]
    assert trainer.find(ids[0]) is None
    assert trainer.find(ids[-1]) is not None
    assert not trainer.cancel(ids[0])


def test_closing_ends_what_trains_and_what_waits(tmp_path, ears):
    trainer = Trainer(tmp_path / "shoal.db", Gated(), lambda: DATA, ears, lambda first: None)
    first, second = trainer.ask(tiny_study("a")), trainer.ask(tiny_study("b"))
    ears.wait(first, "training")
    trainer.close()
    assert ears.states(first)[-1] == ears.states(second)[-1] == "cancelled"
    assert Store.open(tmp_path / "shoal.db", write=True).close() is None


def test_progress_of_some_trajectories_is_that_of_all_but_for_the_others(tmp_path):
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        train_whole(Demand.of([tiny_study()]), FakeEngine(), DATA, store)
        every = store.progress("fake")
        some = list(every)[:2]
        assert len(every) == 6
        assert store.progress("fake", some) == {one: every[one] for one in some}
        assert store.progress("fake", [Run(tiny_study("x", epochs=9).points[0].config, 77).trajectory]) == {}
        assert store.progress("fake", ()) == {}
