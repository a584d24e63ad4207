# SPDX-License-Identifier: Apache-2.0
"""The room Play as a browser meets it: from the form to curves, a difference and a file; every puzzle in miniature."""

import time
from typing import Any

import altair
import msgspec
import numpy as np
import pytest

from fakes import FakeEngine, dots, tiny_study
from shoal.data.sketches import digits, garments
from shoal.errors import UsageError
from shoal.live import asks, play_charts
from shoal.live.app import rooms
from shoal.live.asks_settings import Ask, Setting
from shoal.live.lab import Lab
from shoal.live.play_charts import Side, _compared, _curves, _difference, _lines, _roof, _told, shown
from shoal.live.puzzles import PUZZLES
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.studies import sections
from visitors import Visitor

DATA = {"fashion-mnist": garments(train=400, test=100), "mnist": digits(train=400, test=100)}
PAIR = {"settings": [{"lr": 0.1, "epochs": 2}, {"lr": 0.5, "epochs": 2}], "seeds": 3}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("play") / "shoal.db", DATA) as lab:
        yield lab


@pytest.fixture(scope="module")
def visitor(lab):
    return Visitor(rooms(lab))


def ended(lab: Lab, id: int) -> str:
    """How a training has ended, once it has."""
    training = lab.trainer.find(id)
    for _ in range(6000):
        if training.ended:
            break
        time.sleep(0.01)
    return training.state


def trained(visitor: Visitor, lab: Lab, ask: Any) -> dict[str, Any]:
    asked = visitor.post("/api/play/train", ask)
    assert asked.status == 200, asked.body
    assert ended(lab, asked.json["training"]) == "finished"
    return asked.json


# ---- the form -----------------------------------------------------------------------------------------


def test_the_form_offers_what_is_here(visitor):
    form = visitor.get("/api/play/form").json
    fields = {field["name"]: field for field in form["fields"]}
    assert [word for word, _ in fields["data"]["choices"]] == ["fashion-mnist", "mnist"]
    assert all("stand-in" in title for _, title in fields["data"]["choices"])
    assert msgspec.convert(form["defaults"], Ask) == Ask((Setting(),))
    assert [puzzle["section"] for puzzle in form["puzzles"]] == [puzzle.section for puzzle in PUZZLES]
    assert all(msgspec.convert(puzzle["ask"], Ask) for puzzle in form["puzzles"])


def test_without_digits_there_is_no_puzzle_about_them(tmp_path):
    with Lab(tmp_path / "shoal.db", {"fashion-mnist": DATA["fashion-mnist"]}) as lab:
        form = Visitor(rooms(lab)).get("/api/play/form").json
    assert "3.3" not in [puzzle["section"] for puzzle in form["puzzles"]]


# ---- training -----------------------------------------------------------------------------------------


def test_a_question_is_trained_stored_and_drawn(visitor, lab):
    told = trained(visitor, lab, PAIR)
    assert [one["label"] for one in told["settings"]] == ["lr 0.1", "lr 0.5"]
    own = DATA["fashion-mnist"].name
    rows = {run.run.trajectory: run for run in lab.reader().runs()}
    for setting in told["settings"]:
        assert [rows[run].seed for run in setting["runs"]] == [0, 1, 2]
        assert {(rows[run].config.hash, rows[run].config.data) for run in setting["runs"]} == {(setting["hash"], own)}
    found = visitor.get(f"/api/play/chart?training={told['training']}&metric=validation_accuracy").json
    altair.LayerChart.from_dict(found["chart"])  # holds it against the grammar
    altair.LayerChart.from_dict(found["difference"]["chart"])
    assert "lr 0.1 ends at" in found["caption"]
    assert "n = 3 seeds" in found["caption"]
    assert "Drawn images stand in for fashion-mnist" in found["caption"]
    difference = found["difference"]
    assert difference["n"] == 3
    assert difference["low"] <= difference["estimate"] <= difference["high"]
    assert difference["sentence"].endswith("over 3 seeds. Fewer than 6 decide nothing.")


def test_one_setting_has_no_difference(visitor, lab):
    told = trained(visitor, lab, {"settings": [{"epochs": 1}], "seeds": 1})
    found = visitor.get(f"/api/play/chart?training={told['training']}&log_y=1").json
    assert found["difference"] is None
    assert "log scale" in str(found["chart"])


def test_a_chart_is_drawn_once_until_something_is_stored(tmp_path):
    with Lab(tmp_path / "shoal.db", DATA) as lab:
        lab.follower.stop()  # the test says when something was stored
        visitor = Visitor(rooms(lab))
        told = trained(visitor, lab, PAIR)
        charts = lab.trainer.find(told["training"]).shown
        drawn = []
        for stored in (1, 1, 2):
            lab.hub.stored = stored
            visitor.get(f"/api/play/chart?training={told['training']}")
            drawn.append(charts["validation_loss", False, 640])
    assert drawn[0] is drawn[1]
    assert drawn[1] is not drawn[2]


@pytest.mark.parametrize(("asked", "plane"), [("", 640), ("&width=390", 380), ("&width=1", 240), ("&width=99999", 640)])
def test_a_chart_is_as_wide_as_its_place(visitor, lab, asked, plane):
    told = trained(visitor, lab, PAIR)
    found = visitor.get(f"/api/play/chart?training={told['training']}{asked}").json
    room = plane - found["chart"]["width"]
    assert 58 < room < 130, "words beside the plane"


def test_a_slider_that_moves_asks_anew_and_drops_the_old(visitor, lab):
    slow = {"settings": [{"model": {"kind": "mlp", "hidden": [512, 512]}, "batch_size": 1, "epochs": 50}], "seeds": 2}
    first = visitor.post("/api/play/train", slow).json["training"]
    second = visitor.post("/api/play/train", {**PAIR, "replace": first}).json["training"]
    assert ended(lab, first) == "cancelled"
    assert ended(lab, second) == "finished"


def test_a_training_is_cancelled_by_its_number(visitor, lab):
    slow = {"settings": [{"model": {"kind": "mlp", "hidden": [512, 512]}, "batch_size": 1, "epochs": 50}], "seeds": 2}
    id = visitor.post("/api/play/train", slow).json["training"]
    assert visitor.post("/api/play/cancel", {"training": id}).json == {"training": id}
    assert ended(lab, id) == "cancelled"


# ---- taking it home -----------------------------------------------------------------------------------


def test_the_file_is_of_what_is_asked(visitor):
    text = visitor.post("/api/play/python", PAIR).json["python"]
    assert 'data="fashion-mnist"' in text
    assert "Grid(lr=[0.1, 0.5])" in text


# ---- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({"settings": [{"lr": -1}]}, "lr=-1.0 is out of range. Use 1e-06 to 1000"),
        ({"settings": [{"lr": 0.1}, {"lr": 0.1}]}, "Both settings say the same"),
        ({"settings": [{"data": "../../etc/passwd"}]}, "is not here"),
        ({"settings": [{"code": "import os"}]}, "unknown field `code`"),
        ({"settings": [{}], "seeds": 1000}, "seeds=1000"),
        ({"settings": [{"model": {"kind": "mlp", "batch_norm": True}, "batch_size": 1}]}, "Use batch_size="),
        ({"settings": []}, "Use one, or two"),
        ({}, "missing required field `settings`"),
    ],
)
@pytest.mark.parametrize("path", ["/api/play/train", "/api/play/python"])
def test_what_cannot_be_trained_is_refused_in_words(visitor, lab, path, ask, words):
    before = len(lab.trainer.state())
    refused = visitor.post(path, ask)
    if path.endswith("python") and "batch_norm" in str(ask):
        return  # a file may be for other data
    assert refused.status == 400
    assert words in refused.json["error"]
    assert len(lab.trainer.state()) == before


def test_what_is_not_there_is_not_found(visitor):
    refused = visitor.get("/api/play/chart?training=999999")
    assert refused.status == 404
    assert "no training 999999" in refused.json["error"]


@pytest.mark.parametrize(
    "asked", ["training=", "", "training=-1", "training=%D9%A1", f"training={'9' * 5000}", "training=1%00"]
)
def test_what_is_no_number_is_refused_in_few_words(visitor, asked):
    refused = visitor.get(f"/api/play/chart?{asked}")
    assert refused.status == 400
    assert "is no number" in refused.json["error"]
    assert len(refused.body) < 200


def test_a_width_is_a_number(visitor, lab):
    id = trained(visitor, lab, PAIR)["training"]
    refused = visitor.get(f"/api/play/chart?training={id}&width=x")
    assert refused.status == 400
    assert "width='x'" in refused.json["error"]


def test_nobody_cancels_what_is_not_there(visitor):
    assert visitor.post("/api/play/cancel", {"training": 999999}).status == 404


def test_an_unknown_metric_is_refused(visitor, lab):
    told = trained(visitor, lab, PAIR)
    refused = visitor.get(f"/api/play/chart?training={told['training']}&metric=seconds;%20DROP%20TABLE%20run")
    assert refused.status == 400
    assert "Use one of validation_loss" in refused.json["error"]


# ---- puzzles ------------------------------------------------------------------------------------------


def test_every_section_has_its_puzzle():
    assert [puzzle.section for puzzle in PUZZLES] == [section.id for section in sections()]
    for puzzle in PUZZLES:
        assert puzzle.question.endswith("?")
        assert puzzle.metric in play_charts.METRICS


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.section)
def test_a_puzzle_trains(visitor, lab, puzzle):
    small = [msgspec.structs.replace(setting, epochs=1) for setting in puzzle.ask.settings]
    trained(visitor, lab, {"settings": msgspec.to_builtins(small), "seeds": 1})


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.section)
def test_a_puzzle_is_within_a_minute_of_the_real_thing(puzzle):
    study = asks.study(puzzle.ask, DATA)
    each = (asks.epoch_seconds(point.config, DATA["fashion-mnist"]) * point.config.epochs for point in study.points)
    assert puzzle.ask.seeds * sum(each) * 60_000 / 400 / 2 < 60


# ---- numbers and words --------------------------------------------------------------------------------


def side(label: str, values: list[list[float]], last: list[int], diverged: list[bool] | None = None) -> Side:
    return Side(label, np.array(values), np.array(last), np.array(diverged or [False] * len(last)), 2.3)


NAN = float("nan")


def test_means_are_of_runs_that_have_come_equally_far():
    values = np.array([[2.0, 1.0, 0.5], [2.0, 1.5, NAN], [NAN, NAN, NAN]])
    (mean, beside) = _lines("a", values, np.array([2, 1, -1]), np.zeros(3, bool))
    assert mean.values.tolist() == [[2.0, 1.0, 0.5]]
    assert beside.values[0, 1] == 1.5
    assert beside.means_to == -1
    five = np.concatenate([values[:2], values[:2], values])
    (common,) = _lines("a", five, np.array([1, 1, 1, 1, 1, 0, -1]), np.zeros(7, bool))
    assert (len(common.values), common.means_to) == (6, 0)


def test_a_run_that_diverged_is_in_no_mean():
    values = np.array([[2.0, 1.0], [9.0, NAN]])
    mean, beside = _lines("a", values, np.array([1, 1]), np.array([False, True]))
    assert mean.values.tolist() == [[2.0, 1.0]]
    assert beside.values[0, 0] == 9.0
    nothing, lost = _lines("a", values[1:], np.array([1]), np.array([True]))
    assert len(nothing.values) == 0
    assert lost.values[0, 0] == 9.0


def test_two_seeds_have_a_mean_and_no_band():
    values = np.array([[2.0, 1.0], [3.0, 2.0]])
    mean, seeds = _lines("a", values, np.array([1, 1]), np.zeros(2, bool))
    assert mean.values.tolist() == [2.5, 1.5]
    assert seeds.values[:2].tolist() == values.tolist()
    assert np.isnan(seeds.values[2]).all()
    assert seeds.means_to == -1


def test_every_line_of_a_chart_is_a_line_of_its_own():
    """Runs that have ended and those on their way have one name and one colour, and yet are not joined."""
    values = [[2.0, 1.0, 0.5], [2.0, 1.5, NAN], [2.0, 1.0, 0.7], [2.0, NAN, NAN]]
    chart = _curves([side("a", values, [2, 1, 2, 0])], "validation_loss", False)
    drawn: dict[str, dict[float, float]] = {}
    for layer in chart["layer"]:
        for row in chart["datasets"][layer["data"]["name"]] if layer["mark"]["type"] == "line" else ():
            assert row["x"] not in drawn.setdefault(row["line"], {}), "two values in one place"
            drawn[row["line"]][row["x"]] = row["y"]
    assert list(drawn["a"].values()) == [2.0, 1.0, 0.6]
    seeds = [list(line.values()) for name, line in drawn.items() if name != "a"]
    assert [[y for y in line if y is not None] for line in seeds if line[0]] == [
        [y for y in row if y == y] for row in values
    ]


def test_a_loss_that_runs_away_does_not_flatten_the_others():
    calm = side("calm", [[2.3, 0.5]], [1])
    assert _roof([calm]) is None
    wild = side("wild", [[2.3, 1e9]], [1])
    low, high = _roof([calm, wild])
    assert low < 0.5 < high == pytest.approx(2 * 2.3)


def test_a_run_that_diverged_ends_in_a_cross_inside_the_plane():
    chart = _curves(
        [side("a", [[2.3, 1.0, 0.5]], [2]), side("b", [[2.3, 1e9, NAN]], [2], [True])], "validation_loss", False
    )
    (cross,) = (layer for layer in chart["layer"] if layer["mark"].get("text") == "×")
    (row,) = cross["data"]["values"]
    assert (row["x"], row["y"]) == (1.0, pytest.approx(2 * 2.3))
    calm = _curves([side("a", [[2.3, 1.0, 0.5]], [2])], "validation_loss", False)
    assert not [layer for layer in calm["layer"] if layer["mark"].get("text") == "×"]


def test_a_side_says_where_it_is():
    assert _told(side("lr 1", [[NAN, NAN]], [-1])) == "lr 1 has not begun"
    assert _told(side("lr 1", [[2.0, 1.0, NAN]], [1])) == "lr 1 is at 1.00 after epoch 1"
    assert _told(side("lr 1", [[2.0, NAN]], [1], [True])) == "lr 1 diverged in 1 of 1 seed"
    both = side("lr 1", [[2.0, NAN], [2.0, 0.5]], [1, 1], [True, False])
    assert _told(both) == "lr 1 diverged in 1 of 2 seeds, else ends at .500"


def test_the_difference_is_of_the_last_epoch_that_all_pairs_have():
    a = side("a", [[0.1, 0.5, NAN], [0.1, 0.6, NAN]], [1, 1])
    b = side("b", [[0.1, 0.6, 0.9], [0.1, 0.8, NAN]], [2, 1])
    found, epoch = _compared(a, b, np.array([1, 1]), 2, "validation_accuracy")
    assert epoch == 1
    assert found.each == pytest.approx([0.1, 0.2])
    assert _compared(a, b, np.array([-1, -1]), 2, "validation_accuracy") == (None, 0)
    assert _compared(a, b, np.array([0, 0]), 2, "train_loss") == (None, 0)


@pytest.mark.parametrize(
    ("metric", "shift", "words"),
    [
        (
            "validation_accuracy",
            0.1,
            "B minus that of A is +.101 [.096, .106] over 8 seeds: B is above, which is better.",
        ),
        ("validation_loss", 0.1, "B is above, which is worse."),
        (
            "validation_loss",
            -0.1,
            "B minus that of A is −.099 [−.104, −.094] over 8 seeds: B is below, which is better.",
        ),
        ("validation_loss", 0.0, "over 8 seeds: not settled."),
    ],
)
def test_enough_seeds_decide(metric, shift, words):
    noise = np.random.Generator(np.random.Philox(3)).normal(0, 0.004, (2, 8, 2))
    a = side("A", (0.5 + noise[0]).tolist(), [1] * 8)
    b = side("B", (0.5 + shift + noise[1]).tolist(), [1] * 8)
    found = _difference(a, b, metric)
    assert words in found["sentence"]
    assert found["n"] == 8


def test_a_run_that_diverged_is_worse_than_any_other():
    a = side("A", [[2.3, 0.5]] * 7, [1] * 7)
    b = side("B", [[2.3, NAN]] * 7, [1] * 7, [True] * 7)
    found = _difference(a, b, "validation_loss")
    assert found["estimate"] == float("inf")
    assert "A is ∞ (the median, as runs diverged) over 7 seeds: B is above, which is worse." in found["sentence"]


def test_a_study_on_its_way_is_shown_as_far_as_it_is(tmp_path):
    study, data = tiny_study(seeds=range(3)), {"dots": dots(stand_in="lines")}
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        empty = shown(study, store, "fake", data, "validation_loss", False)
        assert "has not begun" in empty["caption"]
        assert empty["difference"]["n"] == 0
        with pytest.raises(KeyboardInterrupt):
            train(Demand.of([study]), FakeEngine(stop_after=16), data, store)
        found = shown(study, store, "fake", data, "validation_loss", False)
        assert "so far, none at the end" in found["caption"]
        assert "n = 0" not in found["caption"]
        assert found["difference"]["n"] > 0
        with pytest.raises(UsageError, match="metric='x'"):
            shown(study, store, "fake", data, "x", False)
