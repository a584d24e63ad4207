# SPDX-License-Identifier: Apache-2.0
"""What would flip a verdict: at the bound that is named it is another, at either end of a range."""

import re

import numpy as np
import pytest

from shoal import rulings
from test_verdicts import TEN, claim, one, seeds


@pytest.mark.parametrize("mean", [0.66, 0.7159, 0.7241, 0.7777])
def test_of_a_range_the_nearer_end_would_have_to_move(mean):
    within = claim(b=(0.7, 0.74), direction="within", margin=None)
    verdict = one(within, seeds(mean))
    found = re.fullmatch(
        r"Had the claim asked for (\.\d+) to (\.\d+), it would be inconclusive.", rulings.flips(verdict)
    )
    low, high = float(found[1]), float(found[2])
    assert (low == 0.7) == (mean > 0.72), "the other end stays"
    assert (high == 0.74) == (mean < 0.72)
    assert verdict.comparison.low < (low if mean < 0.72 else high) < verdict.comparison.high
    again = one(claim(b=(low, high), direction="within", margin=None), seeds(mean))
    assert again.word == "inconclusive"


@pytest.mark.parametrize("apart", [-0.0031, 0.0017, 0.0123, 0.02])
@pytest.mark.parametrize("direction", ["above", "below"])
def test_at_the_bound_that_would_flip_it_the_verdict_is_another(apart, direction):
    verdict = one(claim(direction=direction), TEN + seeds(apart, 0.0007), TEN)
    told = re.search(r"more than (−?[\d.]+) points", rulings.flips(verdict))
    if told is None:
        assert verdict.how == "opposite"
        return
    moved = claim(direction=direction, margin=f"{told[1]} points")
    assert one(moved, TEN + seeds(apart, 0.0007), TEN).word == "inconclusive"


def test_beyond_the_high_end_of_a_range_a_claim_is_open_for_what_lies_there():
    within = claim(b=(0.7, 0.74), direction="within", margin=None)
    assert rulings.flips(one(within, seeds(0.74, 0.002))).startswith("It would be settled by an interval that")
    skewed = 0.7385 + 0.0012 * np.array([-0.5, -0.4, -0.6, -0.5, -0.3, -0.4, -0.5, -0.6, 0.0, 3.8])
    verdict = one(within, skewed)
    assert verdict.word == "inconclusive"
    assert re.search(
        r"the interval that allows for skewness does not agree: it is \.\d+ to \.74\d*\.", rulings.flips(verdict)
    )
