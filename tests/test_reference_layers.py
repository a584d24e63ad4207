# SPDX-License-Identifier: Apache-2.0
"""Training with dropout, batch normalisation and residuals: what a step does, what evaluation does, what is kept."""

from typing import Any

import numpy as np
import pytest

from shoal import streams
from shoal.data import Dataset
from shoal.engines import Checkpoint, EpochRecord, dataset_for, reference, scaling
from shoal.engines.reference import ReferenceEngine
from shoal.errors import EngineError
from shoal.models import (
    GELU,
    Add,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    LeakyReLU,
    Linear,
    Model,
    SiLU,
)
from shoal.optimizers import SGD, Adam
from shoal.study import Config, Run
from small_data import patches, same

TINY = (1, 8, 8)
NORMALISED = Model((Flatten(), Linear(64, 5), BatchNorm1d(5, momentum=0.3), GELU(), Linear(5, 3)), TINY)
DROPPING = Model((Flatten(), Dropout(0.2), Linear(64, 8), SiLU(), Dropout(), Linear(8, 3)), TINY)
RESIDUAL = Model(
    (
        *(Conv2d(1, 4, 3, stride=2, padding=4), BatchNorm2d(4), LeakyReLU()),
        *(Conv2d(4, 4, 3, padding=1), BatchNorm2d(4), SiLU(), Dropout(0.1), Conv2d(4, 4, 1), Add(5)),
        *(GELU(), Conv2d(4, 6, 3, stride=3), GlobalAvgPool2d(), Flatten(), Linear(6, 3)),
    ),
    TINY,
)
MODELS = {"batch norm": NORMALISED, "dropout": DROPPING, "residual": RESIDUAL}
DATA = patches()


def run_of(model: Model, seed: int = 0, **changes: Any) -> Run:
    defaults: dict[str, Any] = {"optimizer": SGD(lr=0.1, momentum=0.5), "epochs": 3, "batch_size": 16}
    return Run(Config(data="patches", model=model, **(defaults | changes)), seed)


BY = scaling(run_of(NORMALISED).config, DATA)


def inputs_of(images: np.ndarray) -> np.ndarray:
    return reference.pixels(images, BY, np.dtype(np.float64))


def train(run: Run, data: Dataset = DATA, **options: Any) -> list[EpochRecord]:
    return list(ReferenceEngine().train([run], {"patches": data}, **options))


# ---- runs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_it_learns(name: str) -> None:
    records = train(run_of(MODELS[name], epochs=20, optimizer=Adam(lr=0.02)))
    assert records[-1].validation_accuracy > 0.9
    assert records[-1].validation_loss < 0.5 * records[0].validation_loss


@pytest.mark.parametrize("name", MODELS)
def test_resuming_gives_the_same_bits(name: str) -> None:
    """Running statistics travel in the checkpoint; masks need nothing to travel."""
    run = run_of(MODELS[name], optimizer=Adam(lr=0.01))
    whole = train(run)
    for epoch in range(3):
        rest = train(run, resume={run: Checkpoint(epoch, whole[epoch].tensors)})
        assert all(same(a, b) for a, b in zip(whole[epoch + 1 :], rest, strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_tensors_are_weights_buffers_and_state_of_weights_alone(name: str) -> None:
    model = MODELS[name]
    learnt = [parameter.name for parameter in model.parameters()]
    names = {*learnt, *(buffer.name for buffer in model.buffers()), *(f"momentum/{each}" for each in learnt)}
    assert all(record.tensors.keys() == names for record in train(run_of(model)))


# ---- batch normalisation ------------------------------------------------------------------------------


def test_running_statistics_after_a_step_by_hand() -> None:
    before, after = train(run_of(NORMALISED, epochs=1, batch_size=90))
    assert before.tensors["2.running_mean"].tolist() == [0] * 5
    assert before.tensors["2.running_var"].tolist() == [1] * 5
    pixels = DATA.train.images.reshape(90, 64) / 255
    inp = pixels @ before.tensors["1.weight"].T + before.tensors["1.bias"]
    assert after.tensors["2.running_mean"] == pytest.approx(0.3 * inp.mean(axis=0), rel=1e-6)
    assert after.tensors["2.running_var"] == pytest.approx(0.7 + 0.3 * inp.var(axis=0, ddof=1), rel=1e-6)


def test_training_goes_by_the_minibatch_and_evaluation_by_the_running_statistics() -> None:
    before, after = train(run_of(NORMALISED, epochs=1, batch_size=90))
    inputs = inputs_of(DATA.train.images)
    out = reference.forward(NORMALISED, before.tensors, inputs, reference.Training())
    assert after.train_loss == pytest.approx(reference.softmax_cross_entropy(out[-1], DATA.train.labels)[0], rel=1e-6)
    assert out[3].mean(axis=0) == pytest.approx([0] * 5, abs=1e-12)
    assert out[3].var(axis=0) == pytest.approx([1] * 5, rel=1e-2)
    tests = inputs_of(DATA.test.images)
    one_by_one = [reference.logits(NORMALISED, after.tensors, image[None])[0] for image in tests]
    loss, _ = reference.softmax_cross_entropy(np.array(one_by_one), DATA.test.labels)
    assert after.validation_loss == pytest.approx(loss, rel=1e-12), "no image moves another's logits"


def test_a_step_whose_loss_is_not_finite_moves_nothing() -> None:
    run = run_of(NORMALISED)
    tensors = reference.initial_tensors(run)
    tensors["4.bias"][0] = np.inf
    network = reference.ReferenceNetwork(run, 6, BY, tensors, np.dtype(np.float64))
    before = dict(network.tensors)
    loss, _ = network.step(DATA.train.images[:16], DATA.train.labels[:16], 0.1, 1)
    assert not np.isfinite(loss)
    assert all(np.array_equal(before[name], network.tensors[name]) for name in before)


SINGLE = Model((Conv2d(1, 4, 8), BatchNorm2d(4), Flatten(), Linear(4, 3)), TINY, name="single")
REFUSED = {
    "one image in the last minibatch": (
        run_of(NORMALISED, batch_size=89).config,
        "BatchNorm1d(5, momentum=0.3), layer 3 of model, needs at least two values a minibatch, but of 90 images in "
        "minibatches of 89 the last has one image. Use batch_size=90.",
    ),
    "one image in each": (
        run_of(NORMALISED, batch_size=1).config,
        "BatchNorm1d(5, momentum=0.3), layer 3 of model, needs at least two values a minibatch, but of 90 images in "
        "minibatches of 1 the last has one image. Use batch_size=2.",
    ),
    "one place and one image": (
        run_of(SINGLE, batch_size=16, holdout=9).config,
        "BatchNorm2d(4), layer 2 of single, needs at least two values a minibatch, but of 81 images in "
        "minibatches of 16 the last has one image. Use batch_size=17.",
    ),
    "a single image": (
        run_of(SINGLE, holdout=89).config,
        "BatchNorm2d(4), layer 2 of single, needs at least two values a minibatch, but of 1 images in "
        "minibatches of 16 the last has one image. Use batch_size=2 and more than one image.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_minibatch_without_a_variance_is_refused_up_front(name: str) -> None:
    config, message = REFUSED[name]
    with pytest.raises(EngineError) as refused:
        train(Run(config, 0))
    assert str(refused.value) == message


def test_what_an_error_says_to_use_works() -> None:
    for config, batch_size in ((REFUSED["one image in each"][0], 2), (REFUSED["one place and one image"][0], 17)):
        assert len(train(Run(config.replace(batch_size=batch_size, epochs=1), 0))) == 2
    places = run_of(RESIDUAL, batch_size=89)
    assert dataset_for(places.config, {"patches": DATA}) is DATA, "many places of one image have a variance"


# ---- dropout ------------------------------------------------------------------------------------------


def test_a_step_drops_by_the_words_of_its_places() -> None:
    """Two minibatches of 45: the second's loss by masks drawn here, from the weights after the first."""
    run = run_of(DROPPING, seed=4, epochs=1, batch_size=45)
    network = reference.ReferenceNetwork(run, 2, BY, reference.initial_tensors(run), np.dtype(np.float64))
    order = streams.order(90, 4, 0)
    for step, batch in enumerate((order[:45], order[45:])):
        tensors = dict(network.tensors)
        inp = inputs_of(DATA.train.images[batch]).reshape(45, 64)
        places = range(45 * step, 45 * step + 45)
        kept = streams.dropout_words(4, 1, 0, places, 64) >= round(0.2 * 65536)
        inp = inp * kept * np.float32(1 / (1 - round(0.2 * 65536) / 65536))
        hidden = inp @ tensors["2.weight"].T + tensors["2.bias"]
        hidden = hidden / (1 + np.exp(-hidden)) * (streams.dropout_words(4, 4, 0, places, 8) >= 32768) * 2
        out = hidden @ tensors["5.weight"].T + tensors["5.bias"]
        loss, _ = network.step(DATA.train.images[batch], DATA.train.labels[batch], 0.1, step + 1)
        assert loss == pytest.approx(reference.softmax_cross_entropy(out, DATA.train.labels[batch])[0], rel=1e-12)
        assert (~kept).mean() == pytest.approx(0.2, abs=0.05)


def test_another_epoch_drops_others() -> None:
    first, second = (reference.drawn(DROPPING, 0, epoch, range(9)).masks[1] for epoch in (0, 1))
    assert 0.1 < (first != second).mean() < 0.6


def test_nothing_is_dropped_in_evaluation() -> None:
    tensors = streams.initial_weights(DROPPING, run_of(DROPPING).config.init, 0)
    without = DROPPING.replace(layers=tuple(Dropout(0) if isinstance(x, Dropout) else x for x in DROPPING.layers))
    inputs = np.ones((2, *TINY))
    assert np.array_equal(reference.logits(DROPPING, tensors, inputs), reference.logits(without, tensors, inputs))


def test_a_dropped_unit_is_zero_even_where_it_was_infinite() -> None:
    mask = np.array([[True, False]])
    assert reference.dropout_forward(np.array([[3.0, np.inf]]), mask, 2.0).tolist() == [[6, 0]]


# ---- residuals ----------------------------------------------------------------------------------------


def test_a_residual_of_nothing_is_the_identity() -> None:
    model = Model((Flatten(), Linear(64, 4), Linear(4, 4), Add(1), Linear(4, 3)), TINY)
    tensors = streams.initial_weights(model, run_of(model).config.init, 0)
    tensors["2.weight"][:], tensors["2.bias"][:] = 0, 0
    activations = reference.forward(model, tensors, np.ones((2, *TINY)))
    assert np.array_equal(activations[4], activations[2])


def test_what_no_layer_needs_is_let_go() -> None:
    """An `Add` keeps what it waits for, until it had it."""
    assert reference.last_uses(NORMALISED) == [0, 1, 2, 3, 4, 5]
    uses = reference.last_uses(RESIDUAL)
    assert uses[3] == 8
    assert uses[:3] + uses[4:] == [at for at in range(len(uses)) if at != 3]


def test_predictions_are_of_the_running_statistics() -> None:
    record = train(run_of(RESIDUAL))[-1]
    config = run_of(RESIDUAL).config
    logits = ReferenceEngine().predict(RESIDUAL, record.tensors, DATA.test.images, config, DATA)
    loss, _ = reference.softmax_cross_entropy(logits, DATA.test.labels)
    assert loss == pytest.approx(record.validation_loss, rel=1e-6)
