# SPDX-License-Identifier: Apache-2.0
"""The routes of Draw: which networks are asked, that they are told what the steps show, and what they answer with."""

from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import pytest

from shoal.data import sketches
from shoal.engines import reference, scaling
from shoal.engines.native import NativeEngine
from shoal.live import app
from shoal.live.draw import AT_HAND, Networks
from shoal.live.draw_layers import MOST, layers
from shoal.live.lab import Lab
from shoal.models import Model, lenet, mlp, softmax_regression
from shoal.optimizers import SGD, Adam
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Run
from visitors import Visitor

DIGITS = sketches.digits(train=200, test=40)
CLOTHES = sketches.garments(train=40, test=40)
DATA = {"mnist": DIGITS, "fashion-mnist": CLOTHES}
DRAWING = DIGITS.test.images[3, 0].repeat(4, axis=0).repeat(4, axis=1)


def config(model: Model, lr: float = 0.1, epochs: int = 2, **others: Any) -> Config:
    given = {"data": DIGITS.name, "optimizer": SGD(lr=lr), "batch_size": 20, "epochs": epochs} | others
    return Config(model=model, **given)


SOFTMAX = config(softmax_regression(), epochs=3)
WIDE = config(mlp(40), standardize=True)
CONVOLVING = config(lenet("relu", "max"), optimizer=Adam(lr=0.003), epochs=4)
LOST = config(mlp(4), lr=1e30)
WORN = config(softmax_regression(), data=CLOTHES.name)
RUNS = (*(Run(SOFTMAX, seed) for seed in (0, 1)), Run(WIDE, 0), Run(CONVOLVING, 0), Run(LOST, 0), Run(WORN, 5))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Three networks for digits, of which one has two seeds, one that diverged, and one for clothes."""
    store = tmp_path_factory.mktemp("lab") / "shoal.db"
    engine = NativeEngine(threads=1)
    with Store.open(store, write=True) as writer:
        train(Demand(RUNS), engine, {dataset.name: dataset for dataset in DATA.values()}, writer)
    with Lab(store, DATA, engine=engine) as lab:
        yield lab


@pytest.fixture
def visitor(lab):
    return Visitor(app.rooms(lab))


def body(pixels: np.ndarray = DRAWING, **others: Any) -> dict[str, Any]:
    height, width = pixels.shape
    sent = {"data": "mnist", "pixels": b64encode(pixels.tobytes()).decode(), "width": width, "height": height}
    return sent | others


def told(visitor: Visitor, data: str = "mnist", first: int = 0) -> list[dict[str, Any]]:
    return visitor.get(f"/api/draw/models?data={data}&first={first}").json["models"]


def shown(picture: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(b64decode(picture["pixels"]), np.uint8).reshape(picture["height"], picture["width"])


# ---- which networks there are -----------------------------------------------------------------------------


def test_one_network_a_config_the_best_first(visitor, lab):
    found = told(visitor)
    assert {one["title"] for one in found} == {SOFTMAX.model.name, WIDE.model.name, CONVOLVING.model.name}
    assert [one["accuracy"] for one in found] == sorted((one["accuracy"] for one in found), reverse=True)
    by_title = {one["title"]: one for one in found}
    assert by_title[SOFTMAX.model.name]["model"] == max(row.id for row in lab.reader().table() if row.epochs == 3)
    assert by_title[SOFTMAX.model.name]["epochs"] == 3
    assert by_title[WIDE.model.name]["label"] == "SGD lr 0.1, batch size 20, standardize True"
    assert by_title[CONVOLVING.model.name]["label"] == "Adam lr 0.003, batch size 20"
    assert {one["data"] for one in found} == {"mnist"}


def test_each_data_set_has_its_own(visitor):
    assert [one["seed"] for one in told(visitor, "fashion-mnist")] == [5]
    assert told(visitor, CLOTHES.name)[0]["model"] == told(visitor, "fashion-mnist")[0]["model"]


def test_a_chosen_run_is_asked_first(visitor, lab):
    usual = [one["model"] for one in told(visitor)]
    (other,) = (row.id for row in lab.reader().table() if row.epochs == 3 and row.id not in usual and row.seed == 0)
    chosen = told(visitor, first=other)
    assert chosen[0]["model"] == other
    assert (chosen[0]["title"], chosen[0]["seed"]) == (SOFTMAX.model.name, 0)
    assert len(chosen) == len(usual), "it stands for its config, not beside it"
    answers = visitor.post("/api/draw/name", body(first=other)).json["answers"]
    assert [one["model"] for one in answers] == [one["model"] for one in chosen]
    lost = next(row.id for row in lab.reader().table() if row.diverged_at is not None)
    for none in (lost, 999, told(visitor, "fashion-mnist")[0]["model"]):
        assert [one["model"] for one in told(visitor, first=none)] == usual


def test_few_choices_are_remembered(lab):
    networks = Networks(lab)
    for first in range(50):
        networks.known(DIGITS, first)
    assert len(networks._found) == AT_HAND


@pytest.mark.parametrize("data", ["", "letters", "../mnist"])
def test_other_data_sets_are_refused(visitor, data):
    answer = visitor.get(f"/api/draw/models?data={data}")
    assert answer.status == 400
    assert "mnist" in answer.json["error"]


# ---- what they say ----------------------------------------------------------------------------------------


def test_every_network_is_asked_about_the_last_step(visitor, lab):
    answer = visitor.post("/api/draw/name", body()).json
    image = shown(answer["steps"][-1])[np.newaxis]
    assert image.shape == DIGITS.image_shape
    assert [one["model"] for one in answer["answers"]] == [one["model"] for one in told(visitor)]
    for said in answer["answers"]:
        stored = lab.reader().run_of(said["model"])
        weights = lab.reader().weights(stored.run, stored.engine)
        logits = lab.engine.predict(stored.config.model, weights, image[np.newaxis], stored.config, DIGITS)[0]
        shares = np.exp(logits.astype(np.float64) - logits.max())
        np.testing.assert_array_equal(said["probabilities"], shares / shares.sum())
        assert sum(said["probabilities"]) == pytest.approx(1, abs=1e-12)
        assert said["classes"] == list(DIGITS.classes)


def test_the_steps_are_those_of_the_data_set(visitor):
    titles = [step["title"] for step in visitor.post("/api/draw/name", body()).json["steps"]]
    assert titles == ["Drawn", "Trimmed", "Scaled", "Centred"]
    asked = body(data="fashion-mnist", fill=True)
    titles = [step["title"] for step in visitor.post("/api/draw/name", asked).json["steps"]]
    assert titles == ["Drawn", "Filled", "Trimmed", "Scaled", "Sharpened", "Centred"]
    turned = visitor.post("/api/draw/name", body(255 - DRAWING, picture=True)).json["steps"]
    assert [step["title"] for step in turned[:2]] == ["Grey", "Ground at 0"]


def test_without_networks_the_steps_are_shown(tmp_path):
    with Lab(tmp_path / "shoal.db", DATA, engine=NativeEngine(threads=1)) as lab:
        answer = Visitor(app.rooms(lab)).post("/api/draw/name", body()).json
    assert answer["answers"] == []
    assert len(answer["steps"]) == 4


def test_a_network_that_was_trained_meanwhile_is_asked(tmp_path):
    store, engine = tmp_path / "shoal.db", NativeEngine(threads=1)
    with Lab(store, DATA, engine=engine) as lab:
        visitor = Visitor(app.rooms(lab))
        assert visitor.post("/api/draw/name", body()).json["answers"] == []
        with Store.open(store, write=True) as writer:
            train(Demand((Run(SOFTMAX, 0),)), engine, {DIGITS.name: DIGITS}, writer)
        assert len(told(visitor)) == 1
        assert len(visitor.post("/api/draw/name", body()).json["answers"]) == 1


# ---- what their layers make of it -------------------------------------------------------------------------


def number(visitor: Visitor, title: str) -> int:
    return next(one["model"] for one in told(visitor) if one["title"] == title)


def test_the_inside_of_a_convolutional_network(visitor, lab):
    found = visitor.post("/api/draw/layers", body(model=number(visitor, CONVOLVING.model.name))).json["layers"]
    assert [one["name"].partition("(")[0] for one in found] == ["Conv2d", "ReLU", "MaxPool2d"] * 2
    assert [one["shape"] for one in found] == [[*shape] for shape in CONVOLVING.model.shapes()[1:7]]
    assert [one["scheme"] for one in found] == ["signed", "ink", "ink"] * 2
    assert all(one["words"] and one["left_out"] == 0 for one in found)
    image = shown(visitor.post("/api/draw/name", body()).json["steps"][-1])[np.newaxis, np.newaxis]
    weights = lab.reader().weights(Run(CONVOLVING, 0), "native")
    inputs = reference.pixels(image, scaling(CONVOLVING, DIGITS), np.dtype(np.float32))
    true = reference.forward(CONVOLVING.model, weights, inputs)
    for one, values in zip(found, true[1:], strict=False):
        kind, full = (np.int8, 127) if one["scheme"] == "signed" else (np.uint8, 255)
        pixels = np.frombuffer(b64decode(one["pixels"]), kind).reshape(one["shape"]).astype(np.float64)
        low = 0.0 if one["scheme"] == "signed" else one["low"]
        again = low + pixels / full * (one["high"] - low)
        np.testing.assert_allclose(again, values[0], atol=(one["high"] - low) / full * 0.51)


def test_of_a_flat_network_what_it_weighs(visitor):
    (softmax,) = visitor.post("/api/draw/layers", body(model=number(visitor, SOFTMAX.model.name))).json["layers"]
    assert softmax["shape"] == [10, 28, 28]
    assert softmax["names"] == list(DIGITS.classes)
    (hidden,) = visitor.post("/api/draw/layers", body(model=number(visitor, WIDE.model.name))).json["layers"]
    assert hidden["shape"] == [MOST, 28, 28]
    assert "32 of 40 units" in hidden["words"]
    assert len(set(hidden["names"])) == MOST


def test_what_is_weighed_adds_up_to_the_logits(lab):
    weights = lab.reader().weights(Run(SOFTMAX, 0), "native")
    image = DIGITS.test.images[0]
    (found,) = layers(SOFTMAX, weights, image, DIGITS)
    pixels = np.frombuffer(b64decode(found["pixels"]), np.int8).reshape(10, -1).astype(np.float64)
    logits = lab.engine.predict(SOFTMAX.model, weights, image[np.newaxis], SOFTMAX, DIGITS)[0]
    sums = pixels.sum(axis=1) / 127 * found["high"] + weights["1.bias"]
    np.testing.assert_allclose(sums, logits, atol=784 * found["high"] / 127 / 2)
    assert sums.argmax() == logits.argmax()


# ---- what is refused --------------------------------------------------------------------------------------

HOSTILE = [
    ({"width": -1}, "width"),
    ({"height": 0}, "height"),
    ({"width": 10**9, "height": 10**9}, "160"),
    ({"width": 10**4000}, "width"),
    ({"width": 2.5}, "width"),
    ({"width": "112"}, "width"),
    ({"height": 111}, "bytes"),
    ({"pixels": "%%%"}, "base64"),
    ({"pixels": ""}, "0 came"),
    ({"pixels": None}, "pixels"),
    ({"data": "letters"}, "letters"),
    ({"data": 3}, "data"),
    ({"path": "/etc/passwd"}, "path"),
    ({"fill": 1}, "fill"),
    ({"first": -1}, "first"),
    ({"first": "1"}, "first"),
]


@pytest.mark.parametrize(("change", "words"), HOSTILE, ids=lambda value: str(value)[:30])
def test_what_is_no_drawing_is_refused(visitor, change, words):
    for path, more in (("/api/draw/name", {}), ("/api/draw/layers", {"model": 1})):
        answer = visitor.post(path, body() | more | change)
        assert answer.status == 400
        assert words in answer.json["error"]


def test_an_empty_canvas_is_refused_in_words(visitor):
    answer = visitor.post("/api/draw/name", body(np.zeros((20, 20), np.uint8)))
    assert answer.status == 400
    assert answer.json["error"].startswith("Nothing is drawn yet")


def test_only_networks_of_this_data_set_can_be_looked_into(visitor, lab):
    worn = told(visitor, "fashion-mnist")[0]["model"]
    lost = next(row.id for row in lab.reader().table() if row.diverged_at is not None)
    for model in (worn, lost, 999, 2**62):
        answer = visitor.post("/api/draw/layers", body(model=model))
        assert answer.status == 404
        assert "Choose another" in answer.json["error"]
    for model in (0, -1, 2**70, "1", None):
        assert visitor.post("/api/draw/layers", body(model=model)).status == 400
