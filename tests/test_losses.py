# SPDX-License-Identifier: Apache-2.0
"""The three forms of the cross-entropy in both engines: one function where none breaks, and where each breaks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from finite_differences import assert_gradient, spread
from shoal.data import Dataset, Split
from shoal.engines import Checkpoint, Engine, EpochRecord, reference
from shoal.engines.native import NativeEngine, instruction_sets
from shoal.engines.reference import ReferenceEngine
from shoal.losses import CrossEntropy
from shoal.models import Flatten, Linear, Model, mlp
from shoal.optimizers import SGD
from shoal.probes import softmax
from shoal.study import Config, Run
from small_data import patches

FORMS: tuple[Any, ...] = ("log-sum-exp", "shifted", "naive")
ENGINES: dict[str, Engine] = {
    **{isa: NativeEngine(threads=1, instruction_set=isa) for isa in instruction_sets()},
    "reference": ReferenceEngine(np.float32),
}


def black(count: int, label: int, classes: int) -> Dataset:
    """So many images of one black pixel, all of one class."""
    split = Split(np.zeros((count, 1, 1, 1), np.uint8), np.full(count, label, np.uint16))
    return Dataset("black", tuple(map(str, range(classes))), split, split, source="made by a test")


def one_step(engine: Engine, form: Any, logits: Sequence[float], label: int, batch: int = 1) -> EpochRecord:
    """One step on a minibatch of equal examples with exactly these logits, which are the biases."""
    classes = len(logits)
    model = Model((Flatten(), Linear(1, classes)), (1, 1, 1))
    config = Config(
        data="black", model=model, optimizer=SGD(lr=1e-3, momentum=0.9), epochs=1, loss=CrossEntropy(form=form)
    )
    weights = {"1.weight": np.zeros((classes, 1), np.float32), "1.bias": np.array(logits, np.float32)}
    state = {f"momentum/{name}": np.zeros_like(weight) for name, weight in weights.items()}
    run = Run(config, 0)
    (record,) = engine.train(
        [run], {"black": black(batch, label, classes)}, resume={run: Checkpoint(0, weights | state)}
    )
    return record


def loss_of(record: EpochRecord) -> float:
    return float(record.step_losses[0])


def gradient_of(record: EpochRecord) -> np.ndarray:
    """By the logits (classes): the first velocity of the biases is their gradient."""
    return record.tensors["momentum/1.bias"]


# ---- one function -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0, 8.0])
@pytest.mark.parametrize(("batch", "classes"), [(1, 1), (3, 2), (4, 10)])
def test_the_gradient_is_that_of_the_loss(form: Any, batch: int, classes: int, scale: float) -> None:
    logits, labels, loss = spread(batch, classes) * scale, np.arange(batch) % classes, CrossEntropy(form=form)
    value, claimed = reference.cross_entropy(loss, logits, labels)
    assert value == pytest.approx(reference.softmax_cross_entropy(logits, labels)[0], rel=1e-12)
    assert_gradient(lambda at: reference.cross_entropy(loss, at, labels)[0], logits, claimed)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree_on_moderate_logits(engine: str, form: Any) -> None:
    """Also on a minibatch of 19, whose second tile is short."""
    logits = 20 * spread(7, 10)[3]
    exact, gradient = reference.softmax_cross_entropy(logits[None], np.array([2]))
    for batch in (1, 19):
        found = one_step(ENGINES[engine], form, list(logits), label=2, batch=batch)
        assert loss_of(found) == pytest.approx(exact, rel=1e-6)
        np.testing.assert_allclose(gradient_of(found), gradient[0], atol=3e-7)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("isa", instruction_sets())
def test_whole_runs_agree_with_the_reference(isa: str, form: Any) -> None:
    data = {"patches": patches(train=53, test=21)}
    model = mlp(6, classes=3, input_shape=(1, 8, 8))
    config = Config(data="patches", model=model, optimizer=SGD(lr=0.5), epochs=3, batch_size=10)
    asked = Run(config.replace(loss=CrossEntropy(form=form)), 2)
    ours = list(NativeEngine(threads=1, instruction_set=isa).train([asked], data))
    for one, other in zip(ours, ReferenceEngine().train([asked], data), strict=True):
        np.testing.assert_allclose(one.step_losses, other.step_losses, rtol=2e-5)
        assert one.validation_loss == pytest.approx(other.validation_loss, rel=2e-5)


# ---- where they break ---------------------------------------------------------------------------------


def logits_of(variable: str, at: float) -> list[float]:
    """The logits that a breaking point of the probe speaks of; the label is the second of them."""
    return {
        "gap": [at, 0.0],
        "equal logits": [at] * 10,
        "equal negative logits": [-at] * 10,
        "logit": [at, *[0.0] * 9],
    }[variable]


POINTS = [row for row in softmax.breaking_points() if row["format"] == "float32" and row["at"] is not None]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", FORMS)
def test_engines_break_where_the_probe_says(form: Any, engine: str) -> None:
    """At that very number, and not at the one below it."""
    for point in (point for point in POINTS if point["form"] == form and not point["event"].startswith("exp becomes")):
        broken = np.float32(point["at"])
        for at, breaks in ((broken, True), (np.nextafter(broken, np.float32(0)), False)):
            record = one_step(ENGINES[engine], form, logits_of(point["variable"], float(at)), label=1)
            kept = [record.step_losses, gradient_of(record) if "gradient" in point["event"] else 0.0]
            assert all(np.isfinite(value).all() for value in kept) != breaks, f"{point['event']}: {at} gives {kept}"


@pytest.mark.parametrize("engine", ENGINES)
def test_log_sum_exp_does_not_break(engine: str) -> None:
    found = one_step(ENGINES[engine], "log-sum-exp", [1e4, 0.0], label=1)
    assert loss_of(found) == 1e4
    assert gradient_of(found).tolist() == [1, -1]
    assert found.diverged_at is None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("gap", [87.0, 88.0, 95.0, 103.0])
def test_a_subnormal_probability_is_kept_with_the_digits_it_has(gap: float, engine: str) -> None:
    """Not flushed to zero: the loss is finite, and off by as much as NumPy's of the same form, not more."""
    found = loss_of(one_step(ENGINES[engine], "shifted", [gap, 0.0], label=1))
    with np.errstate(over="ignore", invalid="ignore"):
        assert found == pytest.approx(-softmax.shifted(np.array([gap, 0], np.float32), 1).log_p[1], rel=3e-7)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_broken_gradient_ends_the_run_at_the_next_loss(engine: str) -> None:
    """With a finite loss the step is taken, and every weight it reaches is lost; the validation after it tells."""
    found = one_step(ENGINES[engine], "shifted", [90.0, 0.0], label=1)
    assert loss_of(found) == pytest.approx(90, rel=1e-2)
    assert np.isnan(found.tensors["1.bias"][1])
    assert (found.diverged_at, np.isnan(found.validation_loss)) == (0, True)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_mean_divides_before_the_logarithm(engine: str) -> None:
    """So 16 examples break at a gap larger by log 16, as in a framework: 1 / 16 / p overflows later than 1 / p."""
    for gap, batch, breaks in ((90.0, 1, True), (90.0, 16, False), (92.0, 16, True)):
        found = one_step(ENGINES[engine], "shifted", [gap, 0.0], label=1, batch=batch)
        assert np.isfinite(gradient_of(found)).all() != breaks


@pytest.mark.parametrize("engine", ENGINES)
def test_at_a_high_learning_rate_only_log_sum_exp_goes_on(engine: str) -> None:
    """The same start and the same steps, until a form breaks; every engine sees it break at the same step."""
    data = {"patches": patches(train=60, test=20)}
    model, diverged = mlp(classes=3, input_shape=(1, 8, 8)), {}
    for form in FORMS:
        config = Config(
            data="patches", model=model, optimizer=SGD(lr=20.0), epochs=4, batch_size=4, loss=CrossEntropy(form=form)
        )
        *_, last = ENGINES[engine].train([Run(config, 0)], data)
        diverged[form] = last.diverged_at
    assert diverged == {"log-sum-exp": None, "shifted": 2, "naive": 2}
