# SPDX-License-Identifier: Apache-2.0
"""Claims 1 to 6: runs that have what is claimed support it, runs that have it not refute it, and neither is taken from
a run that was too short or never arrived."""

import re

import numpy as np
import pytest

from imagined import Imagined, curves
from shoal.analysis.verdicts import judge
from shoal.studies import batch_sizes, learning_rates
from shoal.studies.batch_sizes import drawings
from shoal.studies.batch_sizes.claims import AFTER_STEPS, far_below
from shoal.studies.races import time_to_loss_of, time_to_loss_of_at_least

SECTIONS = learning_rates.SECTION, batch_sizes.SECTION
CLAIMS = {claim.id: (section, claim) for section in SECTIONS for claim in section.study.claims}
TEN, TWENTY = tuple(range(10)), tuple(range(20))


def runs(section, seeds=TEN, **shapes):
    """Results in which the points named have a shape of their own: ``lr_0_12={"rebound": 0.3}``."""

    def shape(**values):
        name = "_".join(f"{key}_{value}" for key, value in values.items()).replace(".", "_")
        return {"seeds": seeds, **shapes.get(name, {})}

    return Imagined(section.study, shape)


def verdict(id, seeds=TEN, **shapes):
    section, claim = CLAIMS[id]
    (found,) = judge([claim], runs(section, seeds, **shapes))
    return found


SLOW, LONG, LARGE = "lr_0_001", "lr_0_001_epochs_60", "batch_size_256"
STEPS_ALIKE, RATE_SCALED = "batch_size_256_epochs_80", "batch_size_256_lr_0_4"

SUPPORTED = {
    "1a": {LONG: {"loss": 1.0}},
    "1b": {SLOW: {"loss": 1.0}},
    "2a": {SLOW: {"loss": 1.0}},
    "2b": {"lr_0_05": {"loss": 0.4}},
    "2c": {},
    "3a": {"lr_0_12": {"rebound": 0.3}},
    "3b": {"lr_0_12": {"rebound": 0.3}, "lr_0_1": {"rebound": 0.1}},
    "3c": {"lr_0_2": {"rebound": 0.3}},
    "3d": {"lr_0_5": {"rebound": 0.3}},
    "3e": {"lr_1_0": {"rebound": 0.3}},
    "4a": {"batch_size_32": {"loss": 0.3}, LARGE: {"loss": 0.9}},
    "4b": {"batch_size_32": {"loss": 0.1}, LARGE: {"loss": 2.0}},
    "4c": {"batch_size_32": {"step_noise": 0.3}},
    "4d": {"batch_size_32": {"loss": 0.4}, LARGE: {"loss": 0.9}},
    "6a": {},
    "6b": {LARGE: {"loss": 0.9}},
    "6c": {LARGE: {"accuracy": 0.7}},
    "6d": {STEPS_ALIKE: {"accuracy": 0.7}},
    "6e": {RATE_SCALED: {"accuracy": 0.7}},
}
REFUTED = {
    "1a": ({LONG: {"loss": 0.5}}, "less"),
    "1b": ({}, "equal"),
    "2a": ({"lr_0_1": {"loss": 0.9}}, "opposite"),
    "2b": ({"lr_0_12": {"loss": 0.4}}, "opposite"),
    "2c": ({"lr_0_1": {"rebound": 0.3}}, ""),
    "3a": ({}, ""),
    "3b": ({"lr_0_12": {"rebound": 0.1}, "lr_0_1": {"rebound": 0.1}}, "equal"),
    "3c": ({}, ""),
    "3d": ({}, ""),
    "3e": ({}, ""),
    "4a": ({"batch_size_32": {"loss": 0.9}, LARGE: {"loss": 0.3}}, "opposite"),
    "4b": ({}, "opposite"),
    "4c": ({"batch_size_32": {"step_noise": 0.12}}, "less"),
    "4d": ({"batch_size_32": {"loss": 0.9}}, "opposite"),
    "6a": ({LARGE: {"rebound": 0.3}}, ""),
    "6b": ({}, "equal"),
    "6c": ({LARGE: {"accuracy": 0.9}}, ""),
    "6d": ({STEPS_ALIKE: {"accuracy": 0.9}}, "opposite"),
    "6e": ({RATE_SCALED: {"accuracy": 0.798, "spread": 1e-4}, "batch_size_32": {"spread": 1e-4}}, "less"),
}


@pytest.mark.parametrize("id", SUPPORTED)
def test_runs_that_have_it_support_it(id):
    assert verdict(id, **SUPPORTED[id]).word == "supported"


@pytest.mark.parametrize("id", REFUTED)
def test_runs_that_have_it_not_refute_it(id):
    shapes, how = REFUTED[id]
    found = verdict(id, TWENTY if id == "6c" else TEN, **shapes)
    assert (found.word, found.how) == ("refuted", how)


@pytest.mark.parametrize("id", SUPPORTED)
def test_five_seeds_are_too_few(id):
    assert verdict(id, TEN[:5], **SUPPORTED[id]).word == "too few seeds"


def test_every_sentence_of_the_original_is_judged_or_said_to_be_untestable():
    assert [*CLAIMS] == sorted([*SUPPORTED, "5"])
    assert judge([CLAIMS["5"][1]], runs(batch_sizes.SECTION))[0].word == "not testable"
    assert [sum(getattr(c, "primary", False) for c in section.study.claims) for section in SECTIONS] == [6, 6]


@pytest.mark.parametrize("id", CLAIMS)
def test_a_claim_quotes_the_original(id):
    section, claim = CLAIMS[id]
    pieces = [re.escape(piece.strip()) for piece in claim.says.split("…")]
    assert re.search(".*".join(pieces), section.original)
    assert len(claim.says) <= 80


# ---- races --------------------------------------------------------------------------------------------

MEDIUM = {"lr": 0.05}


def raced(measure, values, **shapes):
    results = runs(learning_rates.SECTION, **shapes)
    return measure.values(results.curves(**values), results)


def test_a_run_that_never_arrives_counts_as_its_whole_budget_and_no_more():
    at_least, exact = time_to_loss_of_at_least(MEDIUM, "medium", 5), time_to_loss_of(MEDIUM, "medium", 5)
    long = {"lr": 0.001, "epochs": 60}
    never = {SLOW: {"loss": 1.0}, LONG: {"loss": 1.0}}
    assert (raced(at_least, long, **never) == 60).all()
    assert (raced(exact, long, **never) == np.inf).all()
    assert (raced(at_least, long) == raced(exact, long)).all()
    assert (raced(at_least, MEDIUM) == 5).all()
    assert verdict("1a", **never).comparison.estimate == pytest.approx(12)


def test_no_target_is_no_evidence_of_slowness():
    assert verdict("1a", **{LONG: {"loss": 1.0}, "lr_0_05": {"diverged": TEN}}).word != "supported"


def test_a_race_pairs_the_seeds_of_both():
    results = runs(learning_rates.SECTION, lr_0_05={"seeds": (2, 1)}, lr_0_1={"seeds": (0, 1, 2)})
    times = time_to_loss_of(MEDIUM, "medium", 5).values(results.curves(lr=0.1), results)
    assert times[0] == np.inf
    assert np.isfinite(times[1:]).all()


def test_equally_many_steps_are_those_of_the_small_batch():
    results = runs(batch_sizes.SECTION)
    small, large = results.curves(batch_size=32), results.curves(batch_size=256)
    assert (AFTER_STEPS.values(small, results) == small.validation_loss[:, 1]).all()
    later, earlier = large.validation_loss[:, 7], large.validation_loss[:, 6]  # 20 steps are 6 2/3 epochs of 3
    assert AFTER_STEPS.values(large, results) == pytest.approx(earlier / 3 + 2 * later / 3)


# ---- sometimes ----------------------------------------------------------------------------------------


def test_far_below_is_more_than_half_a_point():
    lower = far_below(np.array([0.8, 0.8, 0.8, -np.inf, -np.inf]), np.array([0.805, 0.8051, 0.7, 0.8, -np.inf]))
    assert lower.tolist() == [0, 1, 0, 1, 0]


def test_sometimes_asks_for_no_majority_of_the_seeds():
    found = verdict("6c", TWENTY, **{LARGE: {"accuracy": 0.9, "diverged": range(11)}})
    assert found.comparison.estimate == pytest.approx(0.55)
    assert (found.word, found.p_better) == ("supported", pytest.approx(0.55))


# ---- sentences ----------------------------------------------------------------------------------------


def test_how_long_the_slow_rate_takes_is_told_as_it_came_out():
    def longer(**shapes):
        results = runs(learning_rates.SECTION, **shapes)
        return learning_rates.longer(results.curves(lr=0.001, epochs=60), results.curves(lr=0.05))

    assert longer(**{LONG: {"loss": 1.0}}).endswith("5: 12 times as many are not enough.")
    assert re.search(r"after 3\d(\.\d)? ± [\d.]+, 6\.\d \(.*\) times as many\.$", longer(**{LONG: {"loss": 0.52}}))
    assert "in 7 of 10 seeds" in longer(
        **{LONG: {"loss": 0.52, "spread": 1e-3, "diverged": (0, 1, 2)}, "lr_0_05": {"spread": 1e-3}}
    )
    assert longer(lr_0_05={"diverged": TEN}) == ""


def test_equal_steps_and_a_larger_rate_are_told_as_they_came_out():
    def told(accuracy):
        results = runs(batch_sizes.SECTION, **{name: {"accuracy": accuracy} for name in (STEPS_ALIKE, RATE_SCALED)})
        small, long = results.curves(batch_size=32), results.curves(batch_size=256, epochs=80)
        fast = results.curves(batch_size=256, lr=0.4)
        return batch_sizes.equal_steps(small, long), batch_sizes.scaled(small, fast)

    for said in told(0.7):
        assert "lower at batch 256" in said
        assert said.endswith("it ends more than half a point lower in all 10 seeds.")
    for said in told(0.9):
        assert "higher at batch 256" in said
        assert said.endswith("it ends more than half a point lower in none of 10 seeds.")
    assert "With 80 epochs, 240 steps" in told(0.7)[0]
    assert "8 times the learning rate, 0.4," in told(0.7)[1]


def test_the_best_buy_is_the_lowest_line_of_its_time():
    def best(**other):
        points = batch_sizes.STUDY.points
        small = curves(points[0].config, label="small", spread=0.0)
        return drawings._leaders([small, curves(points[2].config, label="large", spread=0.0, **other)])

    assert "that is large throughout." in best(loss=0.3)
    assert "that is small throughout." in best(loss=0.8)
    assert re.search(r"that is large at first, from [\d.]+ s on small\.$", best(loss=0.6, seconds=0.5))
    assert "no time in common" in best(seconds=100.0)
    assert "or a run diverged" in best(diverged=(0, 1, 2))
