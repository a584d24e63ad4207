# SPDX-License-Identifier: Apache-2.0
"""Verdicts in words: every word has its mark, every sentence the numbers of its verdict, and none is canned."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from shoal import rulings
from shoal.analysis.claims import Claim, Fact, Found, Untestable
from shoal.analysis.verdicts import judge
from test_verdicts import ACCURACY, DIVERGED, LOSS, TEN, Seen, claim, one, seeds


def said(made: Claim, a, b=(), **more) -> str:
    return rulings.sentence(one(made, a, b, **more))


PLAIN = one(claim(called=("the new net", "the old")), TEN + seeds(0.02), TEN)


# ---- short --------------------------------------------------------------------------------------------


def test_every_word_has_a_mark_of_its_own():
    assert len(set(rulings.MARKS.values())) == len(rulings.MARKS) == 6


@pytest.mark.parametrize(
    ("verdict", "short"),
    [
        (PLAIN, "✓ Supported | 2.000 points [1.928, 2.072] | > .5 points"),
        (one(claim(), TEN - seeds(0.02), TEN), "✗ Refuted (opposite) | −2.000 points [−2.072, −1.928] | > .5 points"),
        (one(claim(LOSS, margin="5%"), TEN * 1.2, TEN), "✓ Supported | 1.20× | > 1.05×"),
        (
            one(claim(b=(0.7, 0.74), direction="within", margin=None), seeds(0.72)),
            "✓ Supported | .72000 [.71928, .72072] | .70 to .74",
        ),
        (one(claim(b=0.97, margin=None), seeds(0.9)), "✗ Refuted | .90000 [.89928, .90072] | > .97"),
        (one(claim(DIVERGED, b=0.5, margin=None), np.ones(10)), "✓ Supported | 100% [69, 100] | > 50%"),
        (one(claim(), TEN[:3], TEN[:3]), "… Too few seeds | 0 points | > .5 points"),
    ],
)
def test_a_verdict_in_short(verdict, short):
    assert (
        f"{rulings.mark(verdict)} {rulings.word(verdict)} | {rulings.deciding(verdict)} | {rulings.bound(verdict)}"
        == short
    )


# ---- sentences ----------------------------------------------------------------------------------------


def test_a_supported_claim_says_by_how_much_and_in_how_many_seeds():
    assert rulings.sentence(PLAIN) == (
        "Supported by 10 seeds: accuracy is 2.000 points (1.928 to 2.072) higher for the new net than for the old; "
        "the claim asks for more than .5 points higher. It is higher in every seed."
    )
    assert rulings.flips(PLAIN) == "Had the claim asked for more than 1.929 points higher, it would be inconclusive."


@pytest.mark.parametrize(
    ("apart", "end"),
    [
        (0.000, "Within that margin the two are equal."),
        (-0.02, "It is the other way round."),
    ],
)
def test_a_refuted_claim_says_in_which_way(apart, end):
    assert said(claim(), TEN + seeds(apart), TEN).endswith(end)


def test_what_goes_down_is_lower():
    sentence = said(claim(direction="below"), TEN - seeds(0.02), TEN)
    assert (
        "accuracy is 2.000 points (1.928 to 2.072) lower for a than for b; the claim asks for more than .5 points lower"
        in sentence
    )


def test_a_ratio_is_so_many_times_the_other():
    sentence = said(claim(LOSS, margin="5%"), TEN * seeds(1.2), TEN)
    assert (
        "loss for a is 1.20000 times (1.19928 to 1.20072) that for b; the claim asks for more than 1.05 times"
        in sentence
    )


def test_an_open_claim_says_where_it_leans_what_is_lacking_and_what_would_close_it():
    verdict = one(claim(), TEN + seeds(0.006, 0.004), TEN)
    assert rulings.sentence(verdict).startswith(
        "Inconclusive after 10 seeds: accuracy is .60 points (.31 to .89) higher"
    )
    assert re.search(r"It leans towards the claim; about \d+ more seeds would settle it\.$", rulings.sentence(verdict))
    assert rulings.flips(verdict) == "It would be settled by an interval that does not hold the bound."


def test_an_open_claim_whose_interval_is_clear_says_what_else_keeps_it_open():
    six = one(claim(), TEN[:6] + seeds(0.02, n=6), TEN[:6], level=0.99)
    assert rulings.flips(six) == (
        "The interval does not hold the bound, but the sign-flip test does not agree: p = .031, where .010 is needed."
    )
    few = TEN + np.append(seeds(0.3, 0.001, n=7), [-0.001] * 3)
    mixed = one(claim(margin="0 points"), few, TEN)
    assert rulings.flips(mixed) == "The interval lies on one side of the bound, but not three quarters of the seeds do."


def test_numbers_beyond_a_thousand_have_three_digits_that_count():
    verdict = one(claim(LOSS, margin="10x"), TEN * seeds(139_676, 9_000), TEN)
    assert rulings.deciding(verdict) == "139,000× [133,000, 146,000]"


def test_no_margin_would_support_the_opposite():
    assert rulings.flips(one(claim(), TEN - seeds(0.02), TEN)) == "No margin would support it."


def test_too_few_seeds_say_how_many_there_are():
    assert said(claim(), seeds(0.8, n=3), seeds(0.7, n=3)).startswith(
        "Too few seeds for a verdict, 3 of at least 6: accuracy is"
    )
    assert said(claim(), [], []) == "No run that it needs has ended yet."


def test_while_seeds_arrive_it_is_so_far():
    assert said(claim(), TEN + 0.1, TEN, asked=20).startswith("So far supported by 10 seeds: ")


def test_an_exact_number_may_be_infinite():
    fact = Fact("7", "It overflows.", "It does.", lambda seen: Found(True, float("inf"), 3.4e38))
    assert rulings.deciding(judge([fact], Seen({}))[0]) == "∞"


def test_facts_say_their_number_and_vague_sentences_why():
    fact = Fact("7", "It overflows.", "Below 89.", lambda seen: Found(True, 88.7228, 89))
    exact, vague = judge([fact, Untestable("5", "Good.", "how good is good is not said.")], Seen({}))
    assert (
        rulings.sentence(exact) == "Supported, exactly, without seeds; the number that decides: 88.72, held against 89."
    )
    assert rulings.sentence(vague) == "Not testable: how good is good is not said."
    assert (rulings.deciding(vague), rulings.bound(vague), rulings.flips(vague)) == ("", "", "")


@pytest.mark.parametrize("apart", [-0.02, -0.003, 0.0, 0.004, 0.006, 0.02])
@pytest.mark.parametrize("direction", ["above", "below", "within"])
def test_every_number_of_a_sentence_is_one_of_the_verdicts(apart, direction):
    verdict = one(claim(direction=direction), TEN + seeds(apart, 0.004), TEN)
    found, known = verdict.comparison, {10.0, verdict.needed, round(100 * verdict.p_better)}
    for number in re.findall(r"−?\d*\.?\d+", rulings.sentence(verdict)):
        value = float(number.replace("−", "-"))
        ends = [100 * end for end in (found.estimate, found.low, found.high, 0.005)]
        near = any(abs(abs(value) - abs(end)) <= 0.05 + 1e-9 for end in ends)
        assert near or value in known, (number, rulings.sentence(verdict))


def test_a_fact_says_what_was_measured_and_what_stands_beside_it():
    found = Found(False, 2, 3, "of 3 formats", "formats in which it breaks", "float16 and float32")
    fact = Fact("7", "It overflows.", "It does.", lambda seen: found)
    (exact,) = judge([fact], Seen({}))
    assert rulings.measured(exact) == "formats in which it breaks"
    assert rulings.sentence(exact) == (
        "Refuted, exactly, without seeds; formats in which it breaks: 2 of 3 formats, held against 3 of 3 formats. "
        "Beside it: float16 and float32."
    )
    record = rulings.record(exact, "1.4")
    assert (record["measure"], record["beside"]) == ("formats in which it breaks", "float16 and float32")


@pytest.mark.parametrize(
    ("apart", "end"),
    [
        (-0.003, "If anything it is the other way round, by less than that margin."),
        (-0.02, "It is the other way round."),
        (0.003, "It is so, but by less than that."),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_other_way_round_by_less_than_the_margin_is_told_so(apart, end, sign):
    direction = "above" if sign > 0 else "below"
    assert said(claim(direction=direction), TEN + sign * seeds(apart, 0.0005), TEN).endswith(f" {end}")


def test_seeds_are_counted_on_the_side_of_no_difference():
    nine = seeds(0.02, 0.014)
    assert said(claim(), TEN + nine, TEN).endswith("It is higher in 9 of 10 seeds.")
    assert said(claim(), TEN + np.maximum(nine, 0), TEN).endswith("It is higher in 9 of 10 seeds, and the same in 1.")
    assert said(claim(b=0.7, margin=None), seeds(0.72)).endswith("It is above .7 in every seed.")
    assert said(claim(b=(0.7, 0.74), direction="within", margin=None), seeds(0.72)).endswith(
        "It lies there in every seed."
    )


def test_seeds_that_are_all_alike_have_no_interval():
    verdict = one(claim(LOSS, margin="5%"), TEN * 12, TEN)
    assert rulings.deciding(verdict) == "12.0×"
    assert "is 12.0 times (the same in every seed) that for b" in rulings.sentence(verdict)
    assert rulings.flips(verdict) == ("Had the claim asked for more than 12.0 times, it would no longer be supported.")


# ---- statements ---------------------------------------------------------------------------------------


def verdicts(*parts: tuple[str, str], vague: str = ""):
    apart = {"yes": 0.02, "no": -0.02, "open": 0.006}
    seen = Seen({name: TEN + seeds(by, 0.004) for name, by in apart.items()} | {"b": TEN})
    claims = [claim(id=id, a={"side": name}, says=f"So {id}.") for id, name in parts]
    return judge([*claims, *([Untestable(vague, "Why.", "causes.")] if vague else [])], seen)


@pytest.mark.parametrize(
    ("parts", "word", "decider", "told"),
    [
        ([("1a", "yes"), ("1b", "yes")], "supported", "1a", "Supported"),
        ([("1a", "yes"), ("1b", "no")], "partly", "1b", "Partly (1 of 2)"),
        ([("1a", "yes"), ("1b", "open")], "inconclusive", "1b", "Inconclusive (1 of 2)"),
        ([("1a", "open"), ("1b", "no")], "refuted", "1b", "Refuted"),
    ],
)
def test_a_sentence_is_as_true_as_its_parts(parts, word, decider, told):
    (statement,) = rulings.statements(verdicts(*parts))
    assert (statement.id, statement.word, statement.decider.claim.id) == ("1", word, decider)
    assert (rulings.mark(statement), rulings.word(statement)) == (rulings.MARKS[word], told)


def test_what_is_not_testable_or_exploratory_does_not_decide_for_the_rest():
    (statement,) = rulings.statements(verdicts(("1a", "yes"), vague="1b"))
    assert statement.word == "supported"
    exploratory = claim(id="1b", a={"side": "no"}, primary=False)
    seen = Seen({"a": TEN + 0.02, "no": TEN - 0.02, "b": TEN})
    (statement,) = rulings.statements(judge([claim(id="1a"), exploratory], seen))
    assert statement.word == "supported"


def test_statements_come_in_the_order_of_their_numbers():
    found = rulings.statements(verdicts(("10", "yes"), ("2b", "yes"), ("name", "no"), ("2a", "yes")))
    assert [statement.id for statement in found] == ["2", "10", "name"]
    assert [verdict.claim.id for verdict in found[0].verdicts] == ["2a", "2b"]
    assert found[0].says == "So 2a. … So 2b."


# ---- report.json --------------------------------------------------------------------------------------


def test_a_record_has_the_numbers_of_the_verdict():
    record = rulings.record(PLAIN, "3.2")
    named = {"id": "1", "section": "3.2", "says": "Better.", "tested": "A is better.", "verdict": "supported", "n": 10}
    assert named.items() <= record.items()
    numbers = {name: record[name] for name in ("estimate", "low", "high", "margin", "p", "p_better", "needed")}
    assert numbers["low"] == PLAIN.comparison.low
    assert numbers["margin"] == 0.005
    assert numbers["needed"] == 0
    assert record["a"] == {"label": "the new net", "configs": ["hash of a"]}
    json.dumps(record, allow_nan=False)


def test_a_record_of_what_has_no_seeds():
    fact = Fact("7", "It overflows.", "Below 89.", lambda seen: Found(False, 88.7, 80, "nats"))
    exact, vague = (rulings.record(each, "1.4") for each in judge([fact, Untestable("5", "Good.", "Why?")], Seen({})))
    assert (exact["verdict"], exact["estimate"], exact["margin"], exact["n"]) == ("refuted", 88.7, 80, None)
    assert (vague["verdict"], vague["estimate"], vague["why"]) == ("not testable", None, "Why?")


def test_what_is_infinite_in_a_record_is_null_however_deep():
    verdict = one(claim(replace(ACCURACY, of_images=True)), TEN[:1], TEN[:1] - 0.02)
    assert verdict.elsewhere is not None
    record = rulings.record(verdict, "3.2")
    assert None in record["elsewhere"].values()
    json.dumps(record, allow_nan=False)
