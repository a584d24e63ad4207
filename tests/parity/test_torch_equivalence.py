# SPDX-License-Identifier: Apache-2.0
"""Accuracies over seeds beside PyTorch, each side with its own draws: `benchmarks/equivalence.py`, small and whole."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from shoal.data import Dataset, load, sketches

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import equivalence  # noqa: E402

SEEDS = range(8)
SMALL = equivalence.CASES[1]._replace(batch_size=32, images=3000)
MARGIN = 0.02


@pytest.fixture(scope="module")
def garments() -> Dataset:
    return sketches.garments(train=3000, test=2000)


@pytest.fixture(scope="module")
def theirs(garments: Dataset) -> list[float]:
    return [equivalence.pytorch_accuracy(SMALL, garments, seed) for seed in SEEDS]


def test_an_mlp_on_drawings(garments: Dataset, theirs: list[float]) -> None:
    ours = equivalence.shoal_accuracies(SMALL, garments, SEEDS)
    outcome = equivalence.judge(garments.name, SMALL, ours, theirs, MARGIN)
    assert outcome.equivalent, outcome.line()


def test_another_training_is_found_out(garments: Dataset, theirs: list[float]) -> None:
    """The same network at a tenth of the rate."""
    slower = SMALL._replace(optimizer=SMALL.optimizer.replace(lr=0.01))
    ours = equivalence.shoal_accuracies(slower, garments, SEEDS)
    assert not equivalence.judge(garments.name, slower, ours, theirs, MARGIN).equivalent


@pytest.mark.prove
@pytest.mark.data
@pytest.mark.skipif("SHOAL_DATA" not in os.environ, reason="needs the real data sets: SHOAL_DATA")
def test_every_case_on_both_data_sets(proved: Any) -> None:
    outcomes = list(equivalence.outcomes(lambda name: load(name, insist=True), range(equivalence.SEEDS)))
    for outcome in outcomes:
        assert outcome.equivalent, outcome.line()
        proved(outcome.line())
