# SPDX-License-Identifier: Apache-2.0
"""The store keeps which studies were asked for, whoever asks again; and it knows when its file is another one."""

import contextlib
import re
import sqlite3

import pytest

from fakes import FakeEngine, dots, tiny_config, tiny_study
from shoal.errors import StoreError, StudyError
from shoal.optimizers import SGD
from shoal.runner import Demand, pending, train
from shoal.spec import content_hash
from shoal.store import Store, StoredPoint, StoredStudy, schema
from shoal.study import Config, Grid, Run, Study

DATA = {"dots": dots()}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        yield store


def ask(store: Store, *studies: Study, seeds=None) -> None:
    train(Demand.of(studies, seeds), FakeEngine(), DATA, store)


def rates(*values: float, name: str = "rates", epochs: int = 3, seeds=range(3)) -> Study:
    return Study(name, lambda lr: tiny_config(lr, epochs), Grid(lr=list(values)), seeds=seeds)


def seeds_of(store: Store) -> dict[str, dict[str, tuple[int, ...]]]:
    """Study to label to seeds."""
    return {study.name: {point.label: point.seeds for point in study.points} for study in store.studies()}


def test_a_study_comes_back_as_plain_data(store):
    ask(store, tiny_study())
    (study,) = store.studies()
    assert (study.name, study.seeds) == ("rates", (0, 1, 2))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", study.asked)
    config = tiny_config(0.5)
    assert study.points[1] == StoredPoint(config.hash, "lr 0.5", {"lr": 0.5}, config.trajectory, 3, (0, 1, 2))
    assert len(study.points) == 2


def test_a_points_runs_are_those_of_the_table(store):
    ask(store, tiny_study())
    (study,) = store.studies()
    named = {point.run(seed): point.values["lr"] for point in study.points for seed in point.seeds}
    assert {row.trajectory: row.config["optimizer"]["lr"] for row in store.table()} == named


def test_it_is_there_before_the_first_run(store):
    seen = []
    demand = Demand.of([tiny_study()])
    train(demand, FakeEngine(), DATA, store, on_record=lambda _: seen.append(len(store.studies())))
    assert set(seen) == {1}


def test_it_is_kept_also_where_nothing_is_left_to_train(store):
    ask(store, rates(0.1, 0.5, name="first"))
    before = len(store.sessions())
    ask(store, rates(0.5, name="second"))
    assert len(store.sessions()) == before, "or this tests nothing"
    assert seeds_of(store)["second"] == {"lr 0.5": (0, 1, 2)}


def test_other_points_are_added_and_other_seeds_joined(store):
    ask(store, rates(0.5, 0.1))
    ask(store, rates(0.1, 0.2), seeds=[5, 1])
    assert seeds_of(store) == {"rates": {"lr 0.5": (0, 1, 2), "lr 0.1": (0, 1, 2, 5), "lr 0.2": (1, 5)}}
    assert [point.label for point in store.studies()[0].points] == ["lr 0.5", "lr 0.1", "lr 0.2"], "in their order"
    assert store.studies()[0].seeds == (0, 1, 2, 5)


def test_studies_are_in_the_order_of_their_first_asking_and_know_the_last(store, monkeypatch):
    for hour, study in enumerate((rates(0.1, name="b"), rates(0.1, name="a"), rates(0.1, 0.5, name="b"))):
        monkeypatch.setattr("shoal.store.store._now", lambda hour=hour: f"2026-01-01T0{hour}:00:00+00:00")
        ask(store, study)
    assert [(study.name, study.asked[11:13]) for study in store.studies()] == [("b", "02"), ("a", "01")]


def test_lengths_of_one_trajectory_are_points_of_their_own(store):
    ask(store, rates(0.1, epochs=2), rates(0.1, epochs=3))
    (study,) = store.studies()
    assert [point.epochs for point in study.points] == [2, 3]
    assert len({point.trajectory for point in study.points}) == 1


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        ([SGD(lr=0.1), SGD(lr=0.2)], [{"type": "SGD", "lr": 0.1}, {"type": "SGD", "lr": 0.2}]),
        ([0.1, float("inf")], [0.1, None]),
        ([(3, 4), "wide"], [[3, 4], "wide"]),
        ([1 + 2j], ["(1+2j)"]),
    ],
)
def test_grid_values_are_kept_as_json_has_them(store, values, plain):
    def config(value: object) -> Config:
        return tiny_config(lr=0.1 + values.index(value))

    ask(store, Study("values", config, Grid(value=values), seeds=[0]))
    (study,) = store.studies()
    assert [point.values["value"] for point in study.points] == plain


def test_reading_keeps_nothing(store):
    pending(Demand.of([tiny_study()]), store, "fake")
    Demand.of([tiny_study()])
    assert store.studies() == []
    with Store.open(store.path) as reader, pytest.raises(StoreError, match="opened to read"):
        reader.note(Demand.of([tiny_study()]).asked)


def test_runs_that_no_study_asked_for_belong_to_none(store):
    train(Demand((Run(tiny_config(), 0),)), FakeEngine(), DATA, store)
    assert store.studies() == []


def test_what_was_refused_is_not_kept(store):
    with pytest.raises(StudyError):
        train(Demand.of([tiny_study()]), FakeEngine(), {"other": dots("other")}, store)
    ask(store, rates(0.1, name="first"))
    with pytest.raises(StoreError, match="with other content"):
        train(Demand.of([rates(0.9, name="second")]), FakeEngine(), {"dots": dots(count=14)}, store)
    assert list(seeds_of(store)) == ["first"]


def test_studies_are_noted_together_or_not_at_all(store):
    good = StoredPoint("a", "a", {}, "t", 1, (0,))
    bad = StoredPoint("b", "b", {}, "t", None, (0,))  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="NOT NULL"):
        store.note([StoredStudy("both", (good, bad))])
    assert store.studies() == []


# ---- stores of before, and other files ----------------------------------------------------------------


@pytest.fixture
def old(tmp_path, monkeypatch):
    """The path of a store of the second schema, with a finished study in it."""
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:2])
        before.setattr(Store, "note", lambda store, studies: None)
        with Store.open(tmp_path / "old.db", write=True) as store:
            ask(store, tiny_study())
    return tmp_path / "old.db"


def test_an_old_store_is_read_without_studies(old):
    before = old.read_bytes()
    with Store.open(old) as reader:
        assert reader.studies() == []
        assert pending(Demand.of([tiny_study()]), reader, "fake") == ()
        assert {row.status for row in reader.table()} == {"finished"}
    assert old.read_bytes() == before


def test_asking_an_old_store_again_notes_the_study_and_an_earlier_reader_is_no_longer_current(old):
    with Store.open(old) as reader:
        assert reader.current
        with Store.open(old, write=True) as writer:
            assert not reader.current
            ask(writer, tiny_study())
            assert seeds_of(writer) == {"rates": {"lr 0.1": (0, 1, 2), "lr 0.5": (0, 1, 2)}}
        assert reader.studies() == [], "its tables are those it was opened with"
    with Store.open(old) as reader:
        assert len(reader.studies()) == 1


def test_the_second_schema_is_what_was_released():
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        schema._keep_correct(db)
        made = [row for (row,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name")]
    assert content_hash(made) == "697ea916bcf154bc", "released migrations never change: write a new one"


def test_a_store_is_current_while_others_write_to_it(store):
    with Store.open(store.path) as reader:
        ask(store, tiny_study())
        assert reader.current
        assert store.current
        assert len(reader.table()) == 6


def test_a_store_that_was_made_replaced_or_removed_is_not_current(tmp_path):
    path = tmp_path / "shoal.db"
    with Store.open(path) as none:
        assert none.current
        assert none.file is None
        path.touch()
        with Store.open(path) as empty:
            assert not none.current
            assert not empty.current, "a writer has only just made it"
            Store.open(path, write=True).close()
    with Store.open(path) as reader:
        assert reader.current
        path.rename(tmp_path / "elsewhere.db")
        assert not reader.current
        Store.open(path, write=True).close()
        assert not reader.current
        assert reader.file != Store.open(path).file
