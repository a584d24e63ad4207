# SPDX-License-Identifier: Apache-2.0
"""When early stopping ends a run: by hand, in every engine, and after any interruption at the very same epoch."""

import dataclasses
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.data import Dataset, Split
from shoal.engines import Checkpoint, Engine, EpochRecord
from shoal.engines.native import NativeEngine
from shoal.engines.reference import ReferenceEngine
from shoal.errors import EngineError, StudyError
from shoal.models import mlp
from shoal.optimizers import SGD, Adam
from shoal.study import Config, Run
from shoal.training import EarlyStopping
from small_data import patches, same

ENGINES: dict[str, Engine] = {"reference": ReferenceEngine(np.float32), "native": NativeEngine(threads=2)}


def muddled() -> Dataset:
    """Patches of which every fourth is called another: who learns them by heart does worse on others."""
    easy = patches()
    labels = easy.train.labels.copy()
    labels[::4] = (labels[::4] + 1) % 3
    return dataclasses.replace(easy, train=Split(easy.train.images, labels))


PATCHES = {"patches": muddled()}


# ---- the rule -----------------------------------------------------------------------------------------

ENDS: dict[str, tuple[EarlyStopping, list[float], int | None]] = {
    "falling all the way": (EarlyStopping(1), [3, 2, 1], None),
    "one rise": (EarlyStopping(1), [3, 2, 2.5, 1], 3),
    "no better is no improvement": (EarlyStopping(1), [3, 2, 2], 3),
    "a rise that patience outlasts": (EarlyStopping(2), [3, 2, 2.5, 1, 2, 3], 6),
    "measured by the best, not by the last": (EarlyStopping(3), [1, 5, 4, 3, 0], 4),
    "too small a step": (EarlyStopping(2, min_delta=0.5), [3, 2.75, 2.5], 3),
    "small steps add up": (EarlyStopping(2, min_delta=0.5), [3, 2.75, 2.25, 2], None),
    "exactly min_delta is no improvement": (EarlyStopping(1, min_delta=0.5), [3, 2.5], 2),
    "accuracy should rise": (EarlyStopping(2, metric="validation_accuracy"), [0.5, 0.75, 0.5, 0.75, 1], 4),
    "the first epoch is the first best": (EarlyStopping(1), [9], None),
    "nothing yet": (EarlyStopping(1), [], None),
}


@pytest.mark.parametrize("name", ENDS)
def test_by_hand(name: str) -> None:
    rule, values, end = ENDS[name]
    assert rule.ends_after(values) == end


@given(
    st.builds(EarlyStopping, st.integers(1, 4), st.sampled_from([0.0, 0.5, 2.0])),
    st.lists(st.integers(0, 8).map(float), max_size=12),
)
def test_it_ends_at_the_first_epoch_that_closes_a_stretch_without_improvement(
    rule: EarlyStopping, values: list[float]
) -> None:
    """Said another way: all epochs of the stretch are no better than the best that came before it."""
    best, improved = inf, []
    for value in values:
        improved.append(value < best - rule.min_delta)
        best = value if improved[-1] else best
    ends = [at for at in range(rule.patience, len(values) + 1) if not any(improved[at - rule.patience : at])]
    assert rule.ends_after(values) == (ends[0] if ends else None)


@given(st.lists(st.floats(0, 3), max_size=12), st.integers(1, 4), st.integers(0, 12))
def test_what_comes_later_changes_nothing(values: list[float], patience: int, cut: int) -> None:
    rule = EarlyStopping(patience)
    end = rule.ends_after(values)
    assert rule.ends_after(values[:cut]) == (end if end and end <= cut else None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"patience": 0}, r"EarlyStopping\(patience=0\): Expected `int` >= 1"),
        ({"patience": 1.5}, r"patience=1\.5"),
        ({"patience": 1, "min_delta": -0.1}, r"min_delta=-0\.1"),
        ({"patience": 1, "min_delta": nan}, r"min_delta=nan"),
        ({"patience": 1, "metric": "loss"}, r"one of 'validation_loss', 'validation_accuracy'"),
    ],
)
def test_bad_values_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        EarlyStopping(**wrong)


# ---- in the engines -----------------------------------------------------------------------------------


def config(epochs: int = 30, **rule: Any) -> Config:
    """An MLP whose validation loss falls and then rises."""
    model, stopping = mlp(8, classes=3, input_shape=(1, 8, 8)), EarlyStopping(**({"patience": 2} | rule))
    return Config(
        data="patches",
        model=model,
        optimizer=SGD(lr=0.5, momentum=0.9),
        epochs=epochs,
        batch_size=16,
        early_stopping=stopping,
    )


def records(engine: Engine, run: Run, **named: Any) -> list[EpochRecord]:
    return list(engine.train([run], PATCHES, **named))


@pytest.mark.parametrize("metric", ["validation_loss", "validation_accuracy"])
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_stop_where_the_rule_says(engine: str, metric: Any) -> None:
    """A run that would go on is the same up to there; its own values tell where."""
    asked = Run(config(metric=metric), 0)
    stopped = records(ENGINES[engine], asked)
    whole = records(ENGINES[engine], Run(asked.config.replace(early_stopping=None), 0))
    rule = asked.config.early_stopping
    assert rule
    end = rule.ends_after(getattr(record, metric) for record in whole[1:])
    assert end is not None
    assert 3 <= end < 30
    assert len(stopped) == end + 1
    assert [record.stopped for record in stopped] == [False] * end + [True]
    for one, other in zip(stopped, whole, strict=False):
        assert one.validation_loss == other.validation_loss


def test_native_and_reference_stop_at_the_same_epoch() -> None:
    for seed in range(4):
        ends = {len(records(engine, Run(config(), seed))) for engine in ENGINES.values()}
        assert len(ends) == 1, f"seed {seed} ends after {ends}"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_longer_run_stops_at_the_same_epoch(engine: str) -> None:
    """Also where that is the last epoch of the shorter."""
    long = records(ENGINES[engine], Run(config(30), 0))
    end = long[-1].epoch
    for epochs in (end - 1, end, end + 1):
        short = records(ENGINES[engine], Run(config(epochs), 0))
        assert len(short) == min(epochs, end) + 1
        assert all(map(same, short, long))
        assert short[0].run.trajectory == long[0].run.trajectory


@pytest.mark.parametrize("engine", ENGINES)
def test_from_any_checkpoint_it_stops_at_the_same_epoch(engine: str) -> None:
    asked = Run(config(), 0)
    whole = records(ENGINES[engine], asked)
    seen = tuple(record.validation_loss for record in whole[1:])
    for record in whole[:-1]:
        checkpoint = Checkpoint(record.epoch, record.tensors, seen[: record.epoch])
        rest = records(ENGINES[engine], asked, resume={asked: checkpoint})
        assert len(rest) == len(whole) - record.epoch - 1
        assert all(map(same, rest, whole[record.epoch + 1 :]))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_checkpoint_that_does_not_say_what_was_seen_is_refused(engine: str) -> None:
    asked = Run(config(), 0)
    whole = records(ENGINES[engine], asked)
    with pytest.raises(EngineError, match="after epoch 2 has 0 values of the validation_loss that early stopping"):
        records(ENGINES[engine], asked, resume={asked: Checkpoint(2, whole[2].tensors)})


@pytest.mark.parametrize("engine", ENGINES)
def test_neighbours_are_not_disturbed(engine: str) -> None:
    """Runs of unequal length side by side, each as if alone."""
    asked = [
        Run(config(epochs, patience=patience), seed) for seed, patience, epochs in ((0, 2, 30), (1, 1, 9), (2, 3, 2))
    ]
    asked.append(Run(config(5).replace(optimizer=Adam(0.01), early_stopping=None), 3))
    together: dict[Run, list[EpochRecord]] = {run: [] for run in asked}
    for record in ENGINES[engine].train(asked, PATCHES):
        together[record.run].append(record)
    for run, found in together.items():
        alone = records(ENGINES[engine], run)
        assert len(found) == len(alone)
        assert all(map(same, found, alone))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_diverges_is_not_one_that_was_stopped(engine: str) -> None:
    asked = Run(config(patience=1).replace(optimizer=SGD(lr=1e30)), 0)
    *_, last = records(ENGINES[engine], asked)
    assert last.diverged_at is not None
    assert not last.stopped
