# SPDX-License-Identifier: Apache-2.0
"""What a learner is shown of a network's weights, held against the weights and images themselves."""

from base64 import b64decode
from collections.abc import Iterator
from time import sleep

import numpy as np
import pytest

from shoal import streams
from shoal.data import Dataset
from shoal.data.sketches import garments
from shoal.engines import scaling
from shoal.engines.native import NativeEngine
from shoal.live import insight as see
from shoal.live.app import rooms
from shoal.live.lab import Lab
from shoal.live.lessons import Lessons
from shoal.models import Conv2d, Flatten, Linear, Model, ReLU, lenet, mlp, softmax_regression
from shoal.optimizers import SGD, Adam, StepDecay
from shoal.probes.gradients import curvature, mean_gradient
from shoal.store import Store
from shoal.study import Config, Grid, Run, Study
from visitors import Visitor

ENGINE = NativeEngine(threads=1)


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    return garments(train=400, test=200)


def asked(drawn: Dataset, model: Model, **changes) -> Config:
    given = {"data": drawn.name, "model": model, "optimizer": SGD(lr=0.1), "epochs": 3, "batch_size": 50}
    return Config(**given | changes)


def begun(config: Config) -> dict[str, np.ndarray]:
    return streams.initial_weights(config.model, config.init, 0)


def looked(config: Config, drawn: Dataset) -> see.Insight:
    return see.insight(config, begun(config), 0, drawn, ENGINE)


# ---- pictures -----------------------------------------------------------------------------------------


def weights_of(shown: see.Filters) -> np.ndarray:
    pixels = np.frombuffer(b64decode(shown["pixels"]), np.int8)
    return pixels.reshape(shown["shape"]) / 127 * shown["limit"]


def test_a_linear_layer_is_shown_as_an_image_a_unit(drawn):
    config = asked(drawn, softmax_regression())
    shown = see.first_weights(config.model, begun(config), drawn.classes)
    assert shown["shape"] == (10, 28, 28)
    assert shown["names"] == list(drawn.classes)
    weight = begun(config)["1.weight"].reshape(10, 28, 28)
    assert shown["limit"] == pytest.approx(np.abs(weight).max())
    np.testing.assert_allclose(weights_of(shown), weight, atol=shown["limit"] / 127 / 2 * 1.001)


def test_hidden_units_are_shown_in_order_and_not_all_of_them(drawn):
    config = asked(drawn, mlp(80))
    shown = see.first_weights(config.model, begun(config), drawn.classes)
    assert shown["shape"] == (64, 28, 28)
    assert shown["names"] == []
    weight = begun(config)["1.weight"][:64].reshape(64, 28, 28)
    np.testing.assert_allclose(weights_of(shown), weight, atol=shown["limit"] / 127)


def test_a_convolution_is_shown_by_its_kernels_channels_below_each_other():
    model = Model((Conv2d(3, 2, kernel_size=5), Flatten(), Linear(2 * 4 * 4, 2)), input_shape=(3, 8, 8))
    weight = np.arange(150, dtype=np.float32).reshape(2, 3, 5, 5) - 100
    shown = see.first_weights(model, {"0.weight": weight}, ("a", "b"))
    assert shown["shape"] == (2, 15, 5)
    np.testing.assert_allclose(weights_of(shown)[1, 5:10], weight[1, 1], atol=0.5)


def test_weights_that_are_all_zero_are_shown(drawn):
    shown = see.first_weights(softmax_regression(), {"1.weight": np.zeros((10, 784))}, drawn.classes)
    assert not weights_of(shown).any()


# ---- right and wrong ----------------------------------------------------------------------------------


def sure(drawn: Dataset, said: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Logits that say these classes, by these margins."""
    logits = np.zeros((len(said), 10), np.float32)
    logits[np.arange(len(said)), said] = margin
    return logits


def test_confusion_counts_what_is_taken_for_what(drawn):
    labels = drawn.test.labels.astype(int)
    said = np.where(labels == 3, 6, labels)
    counts = np.array(see.confusion(sure(drawn, said, np.ones(200)), drawn)["counts"])
    assert counts.sum() == 200
    assert counts[3, 6] == (labels == 3).sum()
    assert counts[3, 3] == counts[6, 3] == 0
    assert np.trace(counts) == (labels != 3).sum()


def test_the_worst_mistakes_are_the_surest_wrong_ones(drawn):
    labels = drawn.test.labels.astype(int)
    said, margin = labels.copy(), np.full(200, 9.0)
    wrong = [17, 60, 61, 150]
    said[wrong] = (labels[wrong] + 1) % 10
    margin[wrong] = [2, 8, 4, 8]
    worst = see.worst_mistakes(sure(drawn, said, margin), drawn)
    assert [b64decode(one["pixels"]) for one in worst] == [drawn.test.images[at].tobytes() for at in (60, 150, 61, 17)]
    first = worst[0]
    assert (first["label"], first["said"]) == (drawn.classes[labels[60]], drawn.classes[said[60]])
    assert first["probability"] == pytest.approx(np.exp(8) / (np.exp(8) + 9))


def test_nobody_is_shown_more_than_nine_mistakes(drawn):
    said = (drawn.test.labels.astype(int) + 1) % 10
    assert len(see.worst_mistakes(sure(drawn, said, np.ones(200)), drawn)) == 9


def test_logits_that_are_not_finite_are_no_reason_to_fail(drawn):
    logits = np.full((200, 10), np.nan, np.float32)
    logits[:, 3] = np.inf
    with np.errstate(invalid="ignore"):
        worst = see.worst_mistakes(logits, drawn)
    assert {one["probability"] for one in worst} == {0.0}


def test_a_network_without_mistakes_has_none(drawn):
    assert see.worst_mistakes(sure(drawn, drawn.test.labels.astype(int), np.ones(200)), drawn) == []


# ---- gradients and curvature --------------------------------------------------------------------------


def test_gradients_are_those_of_the_same_first_images(drawn):
    config = asked(drawn, mlp(16))
    shown = see.layer_gradients(config, begun(config), drawn)
    images, labels = drawn.train.images[:256], drawn.train.labels[:256]
    tensors = {name: tensor.astype(float) for name, tensor in begun(config).items()}
    exact = mean_gradient(config.model, tensors, images, labels, scaling(config, drawn))
    assert [one["layer"] for one in shown] == [1, 2]
    assert shown[0]["gradient_rms"] == pytest.approx(np.sqrt(np.mean(exact["1.weight"] ** 2)))


def test_images_that_are_held_out_are_left_out(drawn):
    config = asked(drawn, softmax_regression(), holdout=390)
    assert looked(config, drawn)["images"] == 10


def test_curvature_is_the_largest_eigenvalue_on_the_same_images(drawn):
    config = asked(drawn, softmax_regression())
    found = see.curvature(config, begun(config), 0, drawn)
    some = drawn.train.images[:256], drawn.train.labels[:256]
    exact = curvature(config.model, begun(config), *some, scaling(config, drawn))["eigenvalue"]
    assert found["eigenvalue"] == pytest.approx(exact, rel=0.02)
    assert found["critical_lr"] == pytest.approx(2 / found["eigenvalue"])
    assert (found["lr"], found["momentum"], found["images"]) == (0.1, 0.0, 256)


def test_the_bound_knows_momentum_weight_decay_and_schedule(drawn):
    def bound(epoch: int = 0, **changes) -> see.Bend:
        config = asked(drawn, softmax_regression(), **changes)
        return see.curvature(config, begun(config), epoch, drawn)

    plain = bound()
    assert bound(optimizer=SGD(0.1, momentum=0.9))["critical_lr"] == pytest.approx(1.9 * plain["critical_lr"])
    nesterov = bound(optimizer=SGD(0.1, momentum=0.9, nesterov=True))["critical_lr"]
    assert nesterov == pytest.approx(1.9 / 2.8 * plain["critical_lr"])
    decayed = bound(optimizer=SGD(0.1, weight_decay=plain["eigenvalue"]))["critical_lr"]
    assert decayed == pytest.approx(plain["critical_lr"] / 2)
    assert bound(2, schedule=StepDecay(every=2))["lr"] == pytest.approx(0.01)
    assert bound(3, schedule=StepDecay(every=3))["lr"] == pytest.approx(0.1), "there is no step after the last"


@pytest.mark.parametrize(
    ("model", "optimizer", "words"),
    [
        (lenet(), SGD(0.1), "of this network it would take too long."),
        (softmax_regression(), Adam(), "those of Adam follow no such bound."),
        (mlp(1024, 1024, 1024), SGD(0.1), "of this network it would take too long."),
    ],
    ids=["convolution", "adam", "large"],
)
def test_where_it_takes_long_or_bounds_nothing_it_is_said_why_there_is_no_curvature(drawn, model, optimizer, words):
    config = asked(drawn, model, optimizer=optimizer)
    assert see.curvature(config, begun(config), 0, drawn).endswith(words)


def test_of_weights_beyond_all_bounds_no_curvature_is_told(drawn):
    config = asked(drawn, mlp(16))
    huge = {name: tensor.astype(np.float64) * 1e200 for name, tensor in begun(config).items()}
    with np.errstate(all="ignore"):
        assert see.curvature(config, huge, 0, drawn).startswith("The weights have grown beyond")


def test_a_small_perceptron_has_a_curvature(drawn):
    config = asked(drawn, mlp(16))
    found = see.curvature(config, begun(config), 0, drawn)
    assert found["eigenvalue"] > 0


def test_weights_on_their_way_to_infinity_are_shown(drawn):
    config = asked(drawn, Model((Flatten(), Linear(784, 20), ReLU(), Linear(20, 10)), name="wide"))
    huge = {name: tensor * np.float32(1e30) for name, tensor in begun(config).items()}
    shown = see.insight(config, huge, 1, drawn, ENGINE)
    assert sum(map(sum, shown["confusion"]["counts"])) == 200


# ---- over a store -------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path, drawn) -> Iterator[Lab]:
    with Lab(tmp_path / "shoal.db", {"fashion-mnist": drawn}, engine=ENGINE) as lab:
        yield lab


def trained(lab: Lab, epochs: int = 2, lr: float = 0.1) -> int:
    def config(lr: float) -> Config:
        return Config(data="fashion-mnist", model=softmax_regression(), optimizer=SGD(lr=lr), epochs=epochs)

    id = lab.trainer.ask(Study("play", config, Grid(lr=[lr, 2 * lr]), seeds=range(2)))
    while not lab.trainer.find(id).ended:
        sleep(0.01)
    assert lab.trainer.find(id).state == "finished"
    return id


def test_the_newest_weights_of_a_played_run(lab, drawn):
    id = trained(lab)
    visitor = Visitor(rooms(lab))
    config = asked(drawn, softmax_regression(), optimizer=SGD(lr=0.2), epochs=2, batch_size=256)
    with Store.open(lab.store_path) as store:
        tensors, number = store.weights(Run(config, 1), "native"), store.run_id(Run(config, 1), "native")
    answer = visitor.get(f"/api/play/insight?training={id}&setting=1&seed=1").json
    assert (answer["epoch"], answer["run"]) == (2, number)
    shown = see.first_weights(config.model, tensors, drawn.classes)
    assert answer["filters"]["shape"] == [10, 28, 28]
    assert answer["filters"]["pixels"] == shown["pixels"], "other weights"
    assert visitor.get(f"/api/play/insight?training={id}").json != answer


def test_a_shorter_run_shows_no_weights_of_a_longer_one(lab):
    trained(lab, epochs=4)
    visitor = Visitor(rooms(lab))
    assert visitor.get(f"/api/play/insight?training={trained(lab, epochs=2)}").json["epoch"] == 2


def test_without_weights_there_is_no_epoch(lab, drawn):
    run = Run(asked(drawn, softmax_regression()), 0)
    assert Lessons().of(run, "native", lab) is None


def test_an_epoch_is_computed_once(lab, drawn, monkeypatch):
    trained(lab)
    run = Run(asked(drawn, softmax_regression(), optimizer=SGD(lr=0.1), epochs=2, batch_size=256), 0)
    lessons = Lessons()
    first = lessons.of(run, "native", lab)
    monkeypatch.setattr("shoal.live.lessons.insight", None)
    assert lessons.of(run, "native", lab) is first


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("training=7", 404, "no training 7"),
        ("training=1&setting=2", 400, "has 2 settings and 2 seeds"),
        ("training=1&seed=9", 400, "no setting=0, seed=9"),
        ("training=-1", 400, "training='-1' is no number"),
        ("training=1e3", 400, "training='1e3' is no number"),
        ("", 400, "training='' is no number"),
    ],
)
def test_what_is_not_there_is_refused_in_words(lab, query, status, words):
    trained(lab)
    answer = Visitor(rooms(lab)).get(f"/api/play/insight?{query}")
    assert answer.status == status
    assert words in answer.json["error"]
