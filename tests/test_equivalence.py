# SPDX-License-Identifier: Apache-2.0
"""The judgement of `benchmarks/equivalence.py`: what it calls equivalent, what it does not; its page is its JSON."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import equivalence  # noqa: E402

PUBLISHED = json.loads((ROOT / "docs" / "equivalence.json").read_text())
CASE = equivalence.CASES[0]


def sides(apart: float, sd: float, mean: float = 0.8, n: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Two samples whose means and deviations are exactly these."""
    spread = np.linspace(-1, 1, n)
    spread *= sd / spread.std(ddof=1)
    return mean + apart + spread, mean - spread


def judged(*given: float, **named: float) -> equivalence.Outcome:
    return equivalence.judge("fashion-mnist", CASE, *sides(*given, **named))


@pytest.mark.parametrize("apart", [0.0, 0.002, -0.002])
def test_alike_within_the_margin_is_equivalent(apart: float) -> None:
    assert judged(apart, sd=0.004).equivalent


@pytest.mark.parametrize("apart", [0.004, -0.004, 0.006, -0.006])
def test_as_far_apart_as_the_margin_is_not(apart: float) -> None:
    assert not judged(apart, sd=0.004).equivalent


def test_alike_by_lack_of_evidence_is_not() -> None:
    assert not judged(0.0, sd=0.02).equivalent
    assert not judged(0.0, sd=0.004, n=3).equivalent


def test_alike_but_untrained_is_not() -> None:
    assert judged(0.0, sd=0.001).equivalent
    assert not judged(0.0, sd=0.001, mean=0.1).equivalent


def test_two_tests_are_one_interval() -> None:
    """Equivalent at 5% where the 90% interval lies within the margin, and nowhere else."""
    for apart in np.linspace(-0.006, 0.006, 25):
        found = judged(apart, sd=0.004)
        assert found.equivalent == (-found.margin < found.low and found.high < found.margin)
        assert found.low < found.difference < found.high
        assert found.difference == pytest.approx(apart)


def test_a_line_tells_it() -> None:
    told = judged(0.001, sd=0.002).line()
    assert "softmax regression on fashion-mnist: equivalent to PyTorch within .5 points (TOST, p = " in told
    assert "Shoal − PyTorch .10 [" in told
    assert "20 seeds a side" in told
    assert ": NOT SHOWN EQUIVALENT to PyTorch" in judged(0.006, sd=0.002).line()


def test_the_page_shows_what_was_published() -> None:
    """If this fails, run `benchmarks/equivalence.py --page`."""
    assert (ROOT / "docs" / "equivalence.md").read_text() == equivalence.page(PUBLISHED)
    found = [equivalence.Outcome(**one) for one in PUBLISHED["outcomes"]]
    asked = {(data, case.model.name, case.trained) for data in equivalence.DATA for case in equivalence.CASES}
    assert {(one.data, one.model, one.trained) for one in found} == asked
    assert all(one.equivalent for one in found)
    assert all(len(one.shoal) == len(one.pytorch) == equivalence.SEEDS for one in found)
    assert PUBLISHED["machine"]["system"].split()[1:] == [PUBLISHED["machine"]["architecture"]]
