# SPDX-License-Identifier: Apache-2.0
"""The room Play as a browser meets it: from the form to curves, a difference and a file; every puzzle in miniature."""

import time
from typing import Any

import altair
import msgspec
import pytest

from shoal.data.sketches import digits, garments
from shoal.live.app import rooms
from shoal.live.asks_settings import Ask, Setting
from shoal.live.lab import Lab
from shoal.live.puzzles import PUZZLES
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
    assert difference["sentence"].endswith("over 3 seeds. Fewer than 6 seeds settle nothing.")


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
