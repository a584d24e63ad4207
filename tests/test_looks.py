# SPDX-License-Identifier: Apache-2.0
"""Claims judged at planned looks: what is decided stays so, what waits says so, and the error stays what it is."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import streams
from shoal.analysis.claims import Claim, Fact, Found, Untestable
from shoal.analysis.looks import family_level, shared_level
from shoal.analysis.measures import Measure
from shoal.analysis.sequential import judge_by_looks, settled
from shoal.analysis.verdicts import judge

MEASURE = Measure("height", lambda curves: curves.values, "m", rising=True)
LOOKS = (9, 11, 13)


class Heights:
    """Evidence of numbers: a name per config, a value per seed."""

    def __init__(self, values, seeds=range(1000)):
        self.values, self.seeds = values, tuple(seeds)

    def on_seeds(self, seeds):
        return Heights(self.values, seeds)

    def curves(self, of):
        seeds = [seed for seed in self.seeds if seed < len(self.values[of])]
        config = SimpleNamespace(hash=of, data="heights")
        values = np.asarray(self.values[of])[seeds]
        return SimpleNamespace(seeds=tuple(seeds), values=values, label=of, config=config, stopped_after=())


@pytest.fixture(autouse=True, scope="module")
def without_advice():
    """How many seeds would settle it is told elsewhere, and takes longer than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shoal.analysis.verdicts.seeds_needed", lambda comparison: None)
        yield


def above(name, by="1 m", **given):
    return Claim(
        name,
        "It is high.",
        tested="It is more than 1 m high.",
        measure=MEASURE,
        a={"of": name},
        b=0.0,
        direction="above",
        margin=by,
        **given,
    )


def judged(claims, values, looks=LOOKS):
    return judge_by_looks(claims, Heights(values), seeds=range(looks[-1]), looks=looks)


def draws(study, side, mean, n=LOOKS[-1]):
    return mean + streams.normals(n, "heights", study, side)


def words(verdicts):
    return [(verdict.word, verdict.n, verdict.so_far) for verdict in verdicts]


HIGH, LOW = 2 + np.sin(np.arange(13)) / 4, 0.5 + np.sin(np.arange(13)) / 4
UNSURE = 1 + np.sin(np.arange(13) * np.pi + 0.5)  # seeds in turn above and below the margin, equally far


def test_without_looks_all_seeds_are_one_look():
    claims, evidence = [above("a"), above("b")], Heights({"a": HIGH, "b": LOW})
    (a, b), expected = judge_by_looks(claims, evidence, seeds=range(30)), judge(claims, evidence, asked=30)
    assert words([a, b]) == words(expected) == [("supported", 13, True), ("refuted", 13, True)]
    assert a.comparison.level == 0.975, "two claims share the whole level"
    assert not judge_by_looks(claims, evidence, seeds=range(13))[0].so_far


def test_before_the_first_look_verdicts_are_of_what_is_there_and_so_far():
    (found,) = judged([above("a")], {"a": HIGH[:7]})
    assert words([found]) == [("supported", 7, True)]
    assert words(judged([above("a")], {"a": HIGH[:3]})) == [("too few seeds", 3, True)]
    assert words(judged([above("a")], {"a": []})) == [("too few seeds", 0, True)]


def test_a_decided_claim_keeps_its_verdict_and_an_open_one_waits_for_the_next_look():
    claims = [above("a"), above("b"), above("c")]
    at_first = judged(claims, {"a": HIGH[:9], "b": LOW[:9], "c": UNSURE[:9]})
    assert words(at_first) == [("supported", 9, False), ("refuted", 9, False), ("inconclusive", 9, True)]
    between = judged(claims, {"a": HIGH[:9], "b": LOW[:9], "c": UNSURE[:10]})
    assert words(between) == words(at_first)
    later = judged(claims, {"a": HIGH[:9], "b": LOW, "c": UNSURE})
    assert words(later) == [("supported", 9, False), ("refuted", 9, False), ("inconclusive", 13, False)]


def test_a_decided_claim_is_not_judged_again_by_seeds_that_came_for_another():
    turned = np.concatenate([HIGH[:9], LOW[9:] - 9])
    assert words(judged([above("a")], {"a": turned})) == [("supported", 9, False)]
    assert judge([above("a")], Heights({"a": turned}))[0].word != "supported"


def test_a_look_waits_until_every_open_claim_has_reached_it():
    claims = [above("a"), above("b")]
    found = judged(claims, {"a": HIGH[:9], "b": LOW[:8]})
    assert words(found) == [("supported", 9, True), ("refuted", 8, True)]


def test_a_single_look_has_the_whole_level():
    (found,) = judged([above("a")], {"a": HIGH[:9]}, looks=(9,))
    assert found.comparison.level == pytest.approx(0.95)
    assert not found.so_far


def test_the_last_look_ends_it():
    (found,) = judged([above("a")], {"a": UNSURE})
    assert (found.word, found.so_far, settled(found)) == ("inconclusive", False, False)


def test_what_needs_no_seeds_is_never_so_far():
    fact = Fact("f", "It is.", "It is.", lambda results: Found(True, 1.0, 0.0))
    vague = Untestable("u", "It is good.", "How good is not said.")
    found = judged([fact, above("a"), vague], {"a": HIGH[:2]})
    assert [(one.claim.id, one.so_far, settled(one)) for one in found] == [
        ("f", False, True),
        ("a", True, False),
        ("u", False, True),
    ]


def test_exploratory_claims_make_no_other_stricter():
    claims = [above("a"), above("b", primary=False)]
    found = judged(claims, {"a": HIGH[:9], "b": HIGH[:9]})
    assert [one.comparison.level for one in found] == [pytest.approx(shared_level(LOOKS))] * 2


def test_an_exploratory_claim_is_judged_as_if_it_were_the_only_one_whatever_the_primary_ones_come_to():
    claims = [above(name) for name in "abcd"] + [above("e", primary=False)]
    values = {"a": HIGH, "b": UNSURE, "c": UNSURE, "d": UNSURE, "e": UNSURE}
    levels = [judged(claims, {name: all_[:at] for name, all_ in values.items()})[-1].comparison.level for at in LOOKS]
    assert levels == [pytest.approx(shared_level(LOOKS), abs=1e-9)] * 3


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.lists(st.floats(0.0, 2.0), min_size=1, max_size=4),
    st.lists(st.integers(0, 13), min_size=4, max_size=4),
)
def test_what_is_decided_never_changes_and_all_is_repeatable(study, means, more):
    """Whatever seeds arrive, for whichever config, in whatever order of configs."""
    claims = [above(f"c{side}") for side in range(len(means))]
    full = {claim.id: draws(study, side, mean) for side, (claim, mean) in enumerate(zip(claims, means, strict=True))}
    decided: dict[str, tuple[str, int]] = {}
    for step in range(0, 14, 3):
        part = {
            name: values[: max(min(step + extra, 13), 0)]
            for (name, values), extra in zip(full.items(), more, strict=False)
        }
        found = judged(claims, part)
        assert words(found) == words(judged(claims, part))
        for verdict in found:
            if verdict.claim.id in decided:
                assert (verdict.word, verdict.n) == decided[verdict.claim.id]
            elif settled(verdict) and not verdict.so_far:
                decided[verdict.claim.id] = (verdict.word, verdict.n)


def test_the_level_of_a_look_is_divided_among_claims_and_looks():
    assert family_level(1) == pytest.approx(shared_level())
    assert family_level(0) == family_level(1)
    levels = [family_level(claims) for claims in (1, 2, 6, 11)]
    assert levels == sorted(levels), "more claims share a little less"
    assert family_level(11, (10,)) == pytest.approx(0.95), "one look keeps it all"


def test_false_decisions_stay_under_the_level():
    """Three claims whose truth is the margin, looked at thrice: whichever decision is false. Without sharing it
    would be more."""
    studies = 100
    wrong = plain = 0
    claims = [above(f"c{side}") for side in range(3)]
    for study in range(studies):
        values = {f"c{side}": draws(study, side, 1.0) for side in range(3)}
        wrong += any(verdict.word != "inconclusive" for verdict in judged(claims, values))
        plain += any(
            verdict.word != "inconclusive" for at in LOOKS for verdict in judge(claims, Heights(values, range(at)))
        )
    assert wrong / studies < 0.05 + 2 * (0.05 * 0.95 / studies) ** 0.5
    assert plain > wrong
