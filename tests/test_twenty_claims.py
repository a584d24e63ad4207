# SPDX-License-Identifier: Apache-2.0
"""The report's own claims, all twenty: quoted from the original, worded as they are judged, each in its section."""

import re
from math import isfinite

import pytest

from shoal import studies
from shoal.analysis.claims import Claim, statement

SECTIONS = studies.sections()
SENTENCES = [(section, sentence) for section in SECTIONS for sentence in section.sentences]
CLAIMS = [(section, sentence) for section, sentence in SENTENCES if isinstance(sentence, Claim)]
QUOTES = [(section, sentence.says) for section, sentence in SENTENCES]


def ids(cases):
    return [getattr(sentence, "id", sentence) for _, sentence in cases]


def test_all_twenty_statements_are_there_in_order_and_no_claim_twice():
    found = [sentence.id for _, sentence in SENTENCES]
    assert len(set(found)) == len(found)
    assert list(dict.fromkeys(statement(id) for id in found)) == [str(number) for number in range(1, 21)]


@pytest.mark.parametrize(("section", "says"), QUOTES, ids=ids(SENTENCES))
def test_what_is_said_is_the_originals_words(section, says):
    original = " ".join(section.original.split()).lower()
    for fragment in re.split(r"\s*…\s*", says):
        assert fragment.strip(" .,").lower() in original, fragment


IN_WORDS = {
    "0.5": "half",
    "0.25": "quarter",
    "0.8": "four fifths",
    "1.25": "four fifths",
    "1": "one",
    "0": "zero",
    "0.95": "5%",
}


@pytest.mark.parametrize("claim", [claim for _, claim in CLAIMS], ids=ids(CLAIMS))
def test_the_wording_names_the_bound_that_it_is_held_against(claim):
    own = claim.margin is None or (claim.constant is not None and not claim.by_ratio)
    bounds = [abs(end) for end in claim.region if isfinite(end)] if own else [claim.margin.amount]
    for bound in bounds:
        numbers = [f"{bound:g}", f"{100 * bound:g}"]
        ways = [
            *numbers,
            *(number.removeprefix("0") for number in numbers),
            *(IN_WORDS.get(number, number) for number in numbers),
        ]
        assert any(re.search(rf"(?<![\d.]){re.escape(way)}(?!\d|\.\d)", claim.tested) for way in ways), (
            bound,
            claim.tested,
        )


@pytest.mark.parametrize("section", [section for section in SECTIONS if section.study], ids=lambda section: section.id)
def test_ten_seeds_can_decide_a_sections_primary_claims(section):
    """The smallest p of ten seeds is 2/2^10; the strictest step of Holm's must not be below it."""
    primary = [claim for claim in section.study.claims if isinstance(claim, Claim) and claim.primary]
    assert 0.05 / max(len(primary), 1) > 2 / 2**10
