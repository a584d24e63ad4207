# SPDX-License-Identifier: Apache-2.0
"""Sentences follow the numbers: other numbers, other sentences, and none that the numbers do not bear out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagined import of
from shoal.analysis.statistics import mean_interval
from shoal.studies import (
    clauses,
)
from shoal.studies.clauses import LOSS

SEEDS = (0, 1, 2)


def told(values):
    return clauses.versus(mean_interval(values), "loss", "at a", "at b")


def test_a_settled_difference_is_told_with_its_direction_and_interval():
    assert told([0.010, 0.011, 0.012, 0.011]) == "loss is .0110 ± .0013 higher at a than at b"
    assert told([-0.010, -0.011, -0.012, -0.011]) == "loss is .0110 ± .0013 lower at a than at b"


def test_an_unsettled_difference_is_not_claimed():
    said = told([0.01, -0.01, 0.02, 0.0])
    assert said == "loss at a is not clearly different from that at b: the difference is .01 ± .02"
    assert told([0.01, -0.01, 0.02]).endswith("the difference is .007")


def test_one_seed_tells_its_own_difference_without_an_interval():
    assert told([0.25]) == "loss is .250 higher at a than at b"


def test_equal_outcomes_are_the_same():
    assert told([0.0, 0.0]) == "loss is the same at a and at b"


def test_a_run_that_diverged_is_left_out_aloud():
    assert told([0.010, np.nan, 0.011]).endswith(", leaving out 1 seed in which a run diverged")
    assert told([np.nan]) == "loss cannot be compared at a and at b: no seed finished both"


@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=12))
def test_a_direction_is_claimed_exactly_where_the_interval_leaves_zero_out(values):
    summary, sentence = mean_interval(values), told(values)
    assert (" higher " in sentence) == (summary.low > 0)
    assert (" lower " in sentence) == (summary.high < 0)
    assert ("not clearly different" in sentence) == (summary.low <= 0 <= summary.high and any(values))


@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=1, max_size=12))
def test_swapping_two_configs_swaps_the_sentence(values):
    other = {"higher": "lower", "lower": "higher"}
    words = [other.get(word, word) for word in told([-value for value in values]).split()]
    assert " ".join(words).replace("−", "") == told(values).replace("−", "")


def test_differences_are_between_the_same_seeds():
    a, b = of("1.2", seeds=(0, 1, 2)), of("1.2", seeds=(2, 1), spread=0.01)
    assert clauses.difference(a, b, LOSS).mean == pytest.approx(0)
    assert clauses.difference(a, b, LOSS).n == 2


def test_the_ranking_follows_the_numbers():
    good, bad = of("1.2", label="lr 1", loss=0.55), of("1.2", label="lr 2", loss=0.95)
    assert "ends lowest at lr 1, at .5" in clauses.ranking([good, bad], LOSS, "lowest", "at")
    assert "next comes lr 2, .40" in clauses.ranking([good, bad], LOSS, "lowest", "at")
    assert "ends highest at lr 2, at .9" in clauses.ranking([good, bad], LOSS, "highest", "at")
    assert clauses.ranking([good, bad], LOSS, "highest", "at").endswith("lower.")
    swapped = [replace(good, label="lr 2"), replace(bad, label="lr 1")]
    assert "ends lowest at lr 2" in clauses.ranking(swapped, LOSS, "lowest", "at")
    alike = replace(good, label="lr 2")
    assert clauses.ranking([good, alike], LOSS, "lowest", "at").endswith("next comes lr 2, the same.")


def test_few_words_claim_no_more_than_many():
    apart = lambda *values: clauses.apart(mean_interval(values))  # noqa: E731
    assert apart(0.010, 0.011, 0.012, 0.011) == ".0110 ± .0013 higher"
    assert apart(0.010, 0.011, 0.012) == ".011 higher"
    assert apart(-0.25) == ".250 lower"
    assert apart(0.01, -0.01, 0.02, 0.0) == "not clearly different (by .01 ± .02)"
    assert apart(0.0, 0.0) == "the same"
    assert apart(0.01, 0.01, 0.01, 0.01, np.nan) == ".010 ± 0 higher, leaving out 1 seed in which a run diverged"
    assert apart(np.nan).startswith("not to be compared")
    changed = lambda *values: clauses.changed(mean_interval(values))  # noqa: E731
    assert changed(0.010, 0.011, 0.012, 0.011) == "rises by .0110 ± .0013"
    assert changed(-0.25) == "falls by .250"
    assert changed(0.01, -0.01, 0.02, 0.0) == "does not clearly change (.01 ± .02)"
    assert changed(0.0) == "does not change"


def test_how_often_counts():
    count = clauses.how_often
    assert [count(np.array(x)) for x in ([1, 0], [1, 1], [0, 0], [1], [0], [1] * 3, [0] * 3)] == [
        *("in 1 of 2 seeds", "in both seeds", "in neither seed", "in the one seed", "in no seed"),
        *("in all 3 seeds", "in none of 3 seeds"),
    ]
