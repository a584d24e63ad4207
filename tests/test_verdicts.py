# SPDX-License-Identifier: Apache-2.0
"""Verdicts change as they must: when sides are swapped, labels shuffled, margins doubled, seeds taken away."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.analysis.claims import Claim, Fact, Found, Untestable
from shoal.analysis.measures import Measure
from shoal.analysis.sides import Chosen, Combined, highest
from shoal.analysis.verdicts import judge

ACCURACY = Measure("accuracy", lambda curves: curves.values, rising=True)
LOSS = Measure("loss", lambda curves: curves.values, "nats", scale="ratio")
DIVERGED = Measure("share diverged", lambda curves: curves.values, outcome=True)
HELD_OUT = Measure("held-out accuracy", lambda curves: curves.held_out, rising=True)

A, B = {"side": "a"}, {"side": "b"}


@dataclass
class Seen:
    """Evidence that is what a test says: values by the name of the side."""

    values: dict[str, np.ndarray]
    seeds: dict[str, tuple[int, ...]] | None = None
    held_out: dict[str, np.ndarray] | None = None
    data: dict[str, str] | None = None
    holdout: int = 0

    def correct(self, config, seed):
        """Of a thousand images as many as the value says, counted from the first."""
        return np.arange(1000) < 1000 * self.values[config.side][seed]

    def curves(self, side):
        values = np.asarray(self.values[side], float)
        seeds = (self.seeds or {}).get(side, tuple(range(len(values))))
        held_out = (self.held_out or {}).get(side)
        data = (self.data or {}).get(side, "clothes")
        config = SimpleNamespace(hash=f"hash of {side}", side=side, data=data, holdout=self.holdout)
        found = {"label": side, "seeds": seeds, "values": values, "held_out": held_out, "config": config}
        return SimpleNamespace(**found, stopped_after=())


def claim(measure=ACCURACY, a=A, b=B, direction="above", margin="0.5 points", id="1", **more) -> Claim:
    says = more.pop("says", "Better.")
    return Claim(id, says, tested="A is better.", measure=measure, a=a, b=b, direction=direction, margin=margin, **more)


def one(made: Claim, a, b=(), **more):
    return judge([made], Seen({"a": a, "b": b}), **more)[0]


def seeds(mean: float, sd: float = 0.001, n: int = 10, index: int = 0) -> np.ndarray:
    noise = np.random.Generator(np.random.Philox(index)).standard_normal(n)
    return mean + sd * (noise - noise.mean()) / noise.std(ddof=1)


TEN = seeds(0.8, 0.01, index=7)


# ---- each word ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("apart", "sd", "word", "how"),
    [
        (0.020, 0.002, "supported", ""),
        (0.000, 0.002, "refuted", "equal"),
        (-0.020, 0.002, "refuted", "opposite"),
        (-0.003, 0.008, "refuted", "less"),
        (0.002, 0.001, "refuted", "less"),
        (-0.002, 0.001, "refuted", "opposite"),
        (0.006, 0.004, "inconclusive", ""),
    ],
)
def test_a_difference_gives_each_word(apart, sd, word, how):
    verdict = one(claim(), TEN + seeds(apart, sd), TEN)
    assert (verdict.word, verdict.how) == (word, how)
    assert verdict.n == 10


def test_six_times_is_not_equal_where_ten_times_was_claimed():
    verdicts = [one(claim(LOSS, margin="10x"), TEN * seeds(ratio), TEN) for ratio in (6, 1, 1 / 6)]
    assert [verdict.how for verdict in verdicts] == ["less", "equal", "opposite"]


@pytest.mark.parametrize(("ratio", "word", "how"), [(1.2, "supported", ""), (1.0, "refuted", "equal")])
def test_so_does_a_ratio(ratio, word, how):
    verdict = one(claim(LOSS, margin="5%"), TEN * seeds(ratio), TEN)
    assert (verdict.word, verdict.how) == (word, how)
    assert verdict.comparison.estimate == pytest.approx(ratio, abs=0.002)


@pytest.mark.parametrize(
    ("mean", "word"), [(0.72, "supported"), (0.69, "refuted"), (0.76, "refuted"), (0.74, "inconclusive")]
)
def test_a_value_is_within_a_range_or_not(mean, word):
    verdict = one(claim(b=(0.70, 0.74), direction="within", margin=None), seeds(mean))
    assert (verdict.word, verdict.how) == (word, "")
    assert verdict.comparison.estimate == pytest.approx(mean)


@pytest.mark.parametrize(("apart", "word"), [(0.0, "supported"), (0.01, "refuted"), (0.005, "inconclusive")])
def test_two_configs_are_equal_within_a_margin_or_not(apart, word):
    assert one(claim(direction="within"), TEN + seeds(apart), TEN).word == word


@pytest.mark.parametrize(("mean", "direction", "word"), [(0.98, "above", "supported"), (0.98, "below", "refuted")])
def test_a_constant_is_a_bound(mean, direction, word):
    verdict = one(claim(b=0.97, direction=direction, margin=None), seeds(mean))
    assert (verdict.word, verdict.p_better) == (word, float(word == "supported"))


def test_facts_are_exact_and_vague_sentences_are_not_testable():
    facts = [
        Fact(str(holds), "So.", "It is so.", lambda seen, holds=holds: Found(holds, 1, 2)) for holds in (True, False)
    ]
    true, false, vague = judge([*facts, Untestable("5", "Good.", "How good?")], Seen({}))
    assert (true.word, false.word, vague.word) == ("supported", "refuted", "not testable")
    assert (true.n, true.found.value, vague.n) == (None, 1, None)


# ---- seeds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(6))
def test_under_six_seeds_there_is_no_verdict_however_plain(n):
    assert one(claim(), np.full(n, 0.9), np.full(n, 0.1)).word == "too few seeds"
    assert one(claim(DIVERGED, b=0.5, margin=None), np.ones(n)).word == "too few seeds"


def test_six_plain_seeds_give_one():
    assert one(claim(), seeds(0.9, n=6), seeds(0.1, n=6)).word == "supported"


def test_only_seeds_that_both_sides_have_are_compared():
    seen = Seen({"a": seeds(0.9), "b": seeds(0.8, n=8)}, {"b": (9, 8, 7, 6, 5, 4, 3, 12)})
    verdict = judge([claim()], seen)[0]
    assert verdict.seeds == (3, 4, 5, 6, 7, 8, 9)
    assert verdict.comparison.each == pytest.approx(seeds(0.9)[3:] - seeds(0.8, n=8)[6::-1])


def test_fewer_seeds_than_asked_for_are_so_far():
    assert one(claim(), TEN + 0.1, TEN, asked=20).so_far
    assert not one(claim(), TEN + 0.1, TEN, asked=10).so_far
    assert one(claim(), [], [], asked=10).so_far


# ---- properties ---------------------------------------------------------------------------------------

apart = st.lists(st.floats(-0.03, 0.03).map(lambda x: round(x, 4)), min_size=6, max_size=12)
margins = st.sampled_from([0.1, 0.5, 1.0, 2.0])


def verdict_of(differences, margin, measure=ACCURACY, **more):
    b = seeds(0.8, 0.01, n=len(differences))
    unit = "%" if measure is LOSS else " points"
    return one(claim(measure, margin=f"{margin}{unit}", **more), b + np.array(differences), b)


@given(apart, margins, st.sampled_from([ACCURACY, LOSS]))
def test_swapping_the_sides_swaps_the_verdict(differences, margin, measure):
    there, back = (verdict_of(differences, margin, measure, a=x, b=y) for x, y in ((A, B), (B, A)))
    assert there.word != "supported" or (back.word, back.how) in {("refuted", "opposite"), ("refuted", "less")}
    assert {there.word, back.word} != {"supported"}
    mirrored = verdict_of(differences, margin, measure, a=B, b=A, direction="below")
    assert (mirrored.word, mirrored.how) == (there.word, there.how)


@given(apart, margins)
def test_doubling_the_margin_only_ever_makes_a_claim_harder(differences, margin):
    once, twice = verdict_of(differences, margin), verdict_of(differences, 2 * margin)
    assert twice.word != "supported" or once.word == "supported"
    assert once.word != "refuted" or twice.word == "refuted"


def test_doubling_the_margin_changes_a_verdict():
    assert [verdict_of(seeds(0.008, 0.002), margin).word for margin in (0.5, 1.0)] == ["supported", "refuted"]


@given(st.floats(0.03, 0.1), st.floats(0.0001, 0.01), margins)
def test_a_margin_at_the_flip_is_judged_otherwise(mean, sd, margin):
    differences = seeds(mean, sd)
    verdict = verdict_of(differences, margin)
    assert verdict.word == "supported"
    assert verdict.flip == verdict.comparison.low
    beyond = verdict_of(differences, 100 * verdict.flip + 0.01)
    assert beyond.word != "supported"


def test_shuffled_labels_are_hardly_ever_found_to_differ():
    """A plain difference, its sides named at random in each seed: supported in at most 5% of the shuffles, or so."""
    rng = np.random.Generator(np.random.Philox(11))
    a, b = seeds(0.9, index=1), seeds(0.8, index=2)
    assert one(claim(), a, b).word == "supported"
    shuffles = [rng.random(10) < 0.5 for _ in range(400)]
    words = [one(claim(), np.where(swap, b, a), np.where(swap, a, b)).word for swap in shuffles]
    assert words.count("supported") <= 0.04 * len(words)


def test_three_quarters_of_the_seeds_must_be_on_the_claims_side():
    few = np.array([0.30] * 7 + [-0.001] * 3)
    few[:7] += seeds(0, 0.001, n=7)
    verdict = one(claim(margin="0 points"), TEN + few, TEN)
    assert verdict.comparison.low > 0
    assert (verdict.word, verdict.p_better) == ("inconclusive", 0.7)


# ---- sharing the error level --------------------------------------------------------------------------


def test_primary_claims_share_the_level_and_exploratory_ones_do_not():
    marginal = TEN + seeds(0.02, 0.018)
    assert one(claim(), marginal, TEN).word == "supported"
    others = [claim(id=f"{number}", margin="2 points") for number in (2, 3, 4)]
    seen = Seen({"a": marginal, "b": TEN})
    assert judge([claim(), *others], seen)[0].word == "inconclusive"
    assert judge([claim(), *(replace_primary(other) for other in others)], seen)[0].word == "supported"


def replace_primary(made: Claim) -> Claim:
    return Claim(
        made.id,
        made.says,
        tested=made.tested,
        measure=made.measure,
        a=made.a,
        b=made.b,
        direction=made.direction,
        margin=made.margin,
        primary=False,
    )


def test_a_stricter_level_widens_the_interval():
    wide, narrow = (one(claim(), TEN + seeds(0.02), TEN, level=level).comparison for level in (0.99, 0.95))
    assert wide.low < narrow.low < narrow.high < wide.high


# ---- what diverged, what is unknown -------------------------------------------------------------------


def test_a_diverged_run_is_the_worst_there_is_and_never_dropped():
    a = TEN + 0.1
    a[:4] = -np.inf
    verdict = one(claim(), a, TEN)
    assert (verdict.word, verdict.n, verdict.p_better) == ("inconclusive", 10, 0.6)


def test_shares_of_runs_are_judged_exactly():
    ten = np.ones(10)
    verdict = one(claim(DIVERGED, b=0.5, margin=None), ten)
    assert verdict.word == "supported"
    assert (verdict.comparison.low, verdict.comparison.high) == pytest.approx((0.692, 1), abs=0.001)
    assert one(claim(DIVERGED, b=0.9, margin=None), ten).word == "inconclusive"
    assert one(claim(DIVERGED, margin="10 points"), ten, ten * 0).word == "supported"


def test_what_cannot_be_known_speaks_against_the_claim():
    unknown = Combined((A, B), lambda rows: rows[0] - rows[1], "effect")
    never = np.full(10, -np.inf)
    assert one(claim(a=unknown, b=0.0, margin=None), never, never).word == "refuted"
    assert one(claim(a=unknown, b=0.0, margin=None, direction="below"), never, never).word == "refuted"
    ratio = [one(claim(LOSS, b=unknown, margin="5%", direction=to), -never, -never) for to in ("above", "below")]
    assert not {"supported"} & {verdict.word for verdict in ratio}


# ---- other images -------------------------------------------------------------------------------------

TESTED = Measure("accuracy", lambda curves: curves.values, rising=True, of_images=True)


def test_an_accuracy_has_an_interval_for_other_images_too():
    verdict = one(claim(TESTED), TEN + 0.02, TEN)
    found, here = verdict.elsewhere, verdict.comparison
    assert found.estimate == pytest.approx(here.estimate, abs=0.001)
    assert found.high - found.low > here.high - here.low
    assert one(claim(TESTED, b=0.7, margin=None), TEN).elsewhere.estimate == pytest.approx(0.8, abs=0.001)


def test_not_so_what_is_no_accuracy_or_not_on_the_same_images():
    values = {"a": TEN + 0.02, "b": TEN}
    assert judge([claim()], Seen(values))[0].elsewhere is None
    assert judge([claim(TESTED)], Seen(values, data={"b": "digits"}))[0].elsewhere is None
    assert judge([claim(TESTED)], Seen(values, holdout=100))[0].elsewhere is None
    assert judge([claim(TESTED)], Seen(values | {"a": np.append(TEN[1:], -np.inf)}))[0].elsewhere is None


# ---- sides made of several ----------------------------------------------------------------------------


def test_a_config_is_chosen_by_another_measure_than_the_one_it_is_judged_by():
    seen = Seen({"a": seeds(0.9), "b": seeds(0.7)}, held_out={"a": seeds(0.5), "b": seeds(0.6)})
    verdict = judge([claim(a=Chosen((A, B), by=HELD_OUT), b=0.8, margin=None)], seen)[0]
    assert (verdict.a.label, verdict.a.hashes, verdict.word) == ("b", ("hash of b",), "refuted")


def test_the_best_of_several_is_taken_seed_by_seed():
    seen = Seen({"a": seeds(0.8, 0.01, index=1), "b": seeds(0.8, 0.01, index=2)})
    verdict = judge([claim(a=highest(A, B, label="either"), b=0.8, margin=None)], seen)[0]
    assert verdict.a.values == pytest.approx(np.maximum(seen.values["a"], seen.values["b"]))
    assert verdict.a.hashes == ("hash of a", "hash of b")


def test_sides_are_called_what_the_claim_calls_them():
    verdict = one(claim(called=("the new", "the old")), TEN, TEN)
    assert (verdict.a.label, verdict.b.label) == ("the new", "the old")


@pytest.mark.parametrize(("direction", "a"), [("above", [np.inf] * 10), ("below", [0.0] * 10)])
def test_what_has_no_end_lies_in_a_region_that_has_none(direction, a):
    """A run that never arrives takes more than ten times as long as one that does."""
    assert one(claim(LOSS, margin="10x", direction=direction), np.array(a), seeds(1.0)).word == "supported"
