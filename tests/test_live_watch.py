# SPDX-License-Identifier: Apache-2.0
"""The room Watch, asked as a page asks: how studies stand, their table, what it refuses."""

from dataclasses import replace

import pytest

from fakes import FakeEngine, tiny_config, tiny_study
from shoal.analysis.claims import Claim
from shoal.live.watching.verdicts import Remembering
from shoal.store import Store
from shoal.study import Grid, Run, Study
from watched import Watching, ask, part, put


@pytest.fixture
def watch(path):
    """The room over the store, with these studies' claims known."""
    opened = []

    def watch(*studies):
        opened.append(Watching(path, *studies))
        return opened[-1]

    yield watch
    for one in opened:
        one.lab.close()


def column(table, key):
    place = next(place for place, one in enumerate(table["columns"]) if one["key"] == key)
    return [row["cells"][place] for row in table["rows"]]


# ---- how studies stand ----------------------------------------------------------------------------------


def test_an_empty_store_has_no_studies(watch):
    found = watch().overview()
    assert found["studies"] == []
    assert found["totals"]["runs"] == 0


def test_a_study_counts_what_it_asks_for(writer, watch):
    part(writer)
    writer.close()
    (found,) = watch().overview()["studies"]
    assert (found["name"], found["title"]) == ("rates", "Rates")
    counts = {name: found[name] for name in ("runs", "finished", "diverged", "unfinished", "waiting")}
    assert counts == {"runs": 6, "finished": 2, "diverged": 1, "unfinished": 1, "waiting": 2}
    assert found["epochs"] == [3 + 3 + 3 + 1, 18]
    assert (found["running"], found["training"]) == (0, False), "nobody trains"
    assert found["left"] is None
    assert [one[1:] for one in found["open"]] == [[1, 3]]


def test_runs_of_no_study_come_last_under_their_own_title(writer, watch):
    put(writer, Run(tiny_config(lr=0.3), 0), [0.9])
    part(writer)
    studies = watch().overview()["studies"]
    assert [one["title"] for one in studies] == ["Rates", "Other runs"]
    assert studies[1]["runs"] == 1


def test_the_study_that_was_asked_for_last_comes_first(writer, watch):
    ask(writer, tiny_study("older"), tiny_study("newer"), tiny_study("oldest"))
    for name, year in (("older", 2030), ("newer", 2031), ("oldest", 2029)):
        with writer._write() as db:
            db.execute("UPDATE study SET asked = ? WHERE name = ?", (f"{year}-01-01T00:00:00+00:00", name))
    assert [one["name"] for one in watch().overview()["studies"]] == ["newer", "older", "oldest"]


def test_a_run_of_two_studies_is_counted_in_both_at_the_length_each_asks_for(writer, watch):
    short, long = tiny_study("short", epochs=2, seeds=[0]), tiny_study("long", epochs=4, seeds=[0])
    ask(writer, short, long)
    put(writer, Run(long.points[0].config, 0), [0.9, 0.8, 0.7, 0.6])
    room = watch()
    standing = {one["name"]: (one["finished"], one["unfinished"]) for one in room.overview()["studies"]}
    assert standing == {"short": (1, 0), "long": (0, 1)}
    cut = room("table", study="short")
    assert column(cut, "epochs")[0] == [2, 2]
    assert column(cut, "validation_loss")[0] == 0.7, "what the run had after the epochs asked for"
    assert column(cut, "seconds")[0] == 4.0
    assert column(room("table", study="long"), "validation_loss")[0] == 0.6


def test_a_run_that_diverged_later_than_asked_for_is_finished(writer, watch):
    short, long = tiny_study("short", epochs=1, seeds=[0]), tiny_study("long", epochs=4, seeds=[0])
    ask(writer, short, long)
    put(writer, Run(long.points[0].config, 0), [0.9, 0.8], diverged=True)
    standing = {one["name"]: (one["finished"], one["diverged"]) for one in watch().overview()["studies"]}
    assert standing == {"short": (1, 0), "long": (0, 1)}


def test_of_two_engines_that_trained_a_run_the_labs_own_stands_for_it(writer, watch):
    study = tiny_study(seeds=[0])
    ask(writer, study)
    run = Run(study.points[0].config, 0)
    put(writer, run, [0.9, 0.8])
    put(writer, run, [0.9, 0.1], engine="another")
    room = watch()
    assert column(room("table", study="rates"), "validation_loss")[0] == 0.8
    assert column(room("table", study=""), "validation_loss") == [0.1]


def test_configurations_of_one_label_are_told_apart_by_their_epochs_and_then_by_their_hash(writer, watch):
    def config(epochs, size):
        return tiny_config(epochs=epochs).replace(batch_size=size)

    grid = Grid(epochs=[2, 3], size=[4]) + Grid(epochs=[3], size=[5])
    study = Study("alike", config, grid, seeds=[0], label=lambda epochs, size: "the same")
    ask(writer, study)
    for point in study.points:
        put(writer, Run(point.config, 0), [0.9, 0.8, 0.7])
    names = {row[0] for row in watch()("chart", study="alike")["numbers"]["rows"]}
    hashes = [point.config.hash[:6] for point in study.points[1:]]
    assert names == {"the same, 2 epochs", *(f"the same, 3 epochs ({hash})" for hash in hashes)}


def test_what_was_computed_from_weights_is_remembered(tmp_path):
    found = Remembering(Store.open(tmp_path / "none.db"), None, {}, FakeEngine())
    found.remembered = {}
    asked = []
    assert [found.probe("key", lambda: asked.append(1) or 7) for _ in range(2)] == [7, 7]
    assert asked == [1]


def test_a_reading_has_all_that_a_page_shows_of_one_study(writer, watch):
    part(writer)
    ask(writer, tiny_study("other", seeds=[5]))
    writer.close()
    room = watch()
    first, second = (one["name"] for one in room.overview()["studies"])
    asked = {"metric": "train_loss", "by": "lr", "sort": "seed", "descending": True, "width": 300}
    found = room("reading", study=second, **asked)
    assert found["study"] == second
    assert found["chart"] == room("chart", study=second, metric="train_loss", by="lr", width=300)
    assert found["table"] == room("table", study=second, sort="seed", descending=True)
    assert found["overview"] == room.overview()
    assert room("reading", first=True)["study"] == first
    assert "no study 'gone'" in room("reading", 404, study="gone")["error"]


def test_a_reading_of_an_empty_store_has_no_study(watch):
    found = watch()("reading", first=True)
    assert (found["study"], found["chart"], found["table"], found["overview"]["studies"]) == (None, None, None, [])


# ---- the table ------------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_every_run_asked_for_and_a_column_for_what_differs(writer, watch):
    part(writer)
    writer.close()
    table = watch()("table", study="rates")
    assert [one["key"] for one in table["columns"]][:4] == ["status", "field.lr", "seed", "epochs"]
    assert column(table, "field.lr") == [0.1, 0.1, 0.1, 0.5, 0.5, 0.5]
    assert column(table, "status") == ["finished", "finished", "waiting", "diverged", "unfinished", "waiting"]
    assert column(table, "validation_loss") == [0.6, 0.5, None, None, 0.4, None]
    assert [row["run"] is None for row in table["rows"]] == [False, False, True, False, False, True]
    shared = dict(table["shared"])
    assert shared["batch size"] == "4"
    assert shared["optimizer"] == "SGD"
    assert shared["momentum"] == "0.5"
    assert table["known"]


def test_of_what_has_not_begun_the_table_does_not_claim_to_know(writer, watch):
    study = tiny_study()
    ask(writer, study)
    put(writer, Run(study.points[0].config, 0), [0.9, 0.8])
    writer.close()
    table = watch()("table", study="rates")
    assert dict(table["shared"])["learning rate"] == "0.1"
    assert not table["known"]


@pytest.mark.parametrize("descending", [False, True])
def test_what_has_no_value_is_sorted_last_whichever_way_round(writer, watch, descending):
    part(writer)
    table = watch()("table", study="rates", sort="validation_loss", descending=descending)
    assert column(table, "validation_loss") == [*sorted([0.6, 0.5, 0.4], reverse=descending), None, None, None]


def test_a_table_of_many_runs_comes_in_pages(writer, watch):
    study = tiny_study(seeds=range(150), epochs=1)
    ask(writer, study)
    room = watch()
    first, second = (room("table", study="rates", sort="seed", offset=offset) for offset in (0, 200))
    assert (len(first["rows"]), len(second["rows"]), first["total"]) == (200, 100, 300)
    assert column(first, "seed") + column(second, "seed") == [seed for seed in range(150) for _ in range(2)]


# ---- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["table", "chart", "verdicts"])
def test_an_unknown_study_is_not_found_in_words(writer, watch, what):
    part(writer)
    assert "'rates'" in watch()(what, status=404, study="../../etc/passwd")["error"]


@pytest.mark.parametrize(
    ("what", "query", "words"),
    [
        ("table", {"sort": "nothing"}, "no such column"),
        ("table", {"offset": -1}, "offset"),
        ("table", {"page": 1}, "page"),
        ("chart", {"by": "seed"}, "cannot be grouped so"),
        ("chart", {"metric": "seed"}, "metric"),
        ("chart", {"smooth": 1}, "smooth"),
        ("chart", {"width": 10**9}, "width"),
        ("chart", {"x": "hours"}, "hours"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(writer, watch, what, query, words):
    part(writer)
    assert words in watch()(what, status=400, study="rates", **query)["error"]


# ---- verdicts -------------------------------------------------------------------------------------------


def test_verdicts_are_those_of_the_runs_so_far_in_the_reports_words(writer, watch):
    claim = Claim(
        "1", "Faster is better.", measure="loss", a={"lr": 0.5}, b={"lr": 0.1}, direction="below", margin="5%"
    )
    study = replace(tiny_study(seeds=range(8)), claims=[claim])
    ask(writer, study)
    for seed in range(6):
        slow, fast = (point.config for point in study.points)
        put(writer, Run(slow, seed), [0.9, 0.8, 0.7, 0.60 + seed / 1000])
        put(writer, Run(fast, seed), [0.9, 0.8, 0.7, 0.30 + seed / 1000])
    said = watch(study)("verdicts", study="rates")
    (found,) = said["verdicts"]
    assert said["claims"]
    assert (found["id"], found["claim"], found["mark"], found["word"]) == ("1", "Faster is better.", "✓", "Supported")
    assert (found["n"], found["so_far"]) == (6, True)
    assert found["sentence"].startswith("So far supported by 6 seeds")


def test_another_study_of_the_same_name_has_not_its_verdicts(writer, watch):
    claim = Claim(
        "1", "Faster is better.", measure="loss", a={"lr": 0.5}, b={"lr": 0.1}, direction="below", margin="5%"
    )
    part(writer)
    assert watch(replace(tiny_study(epochs=7), claims=[claim]))("verdicts", study="rates")["verdicts"] == []


def test_a_study_whose_claims_nobody_knows_has_no_verdicts(writer, watch):
    part(writer)
    found = watch()("verdicts", study="rates")
    assert (found["claims"], found["verdicts"]) == (False, [])
