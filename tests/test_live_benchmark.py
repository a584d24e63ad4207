# SPDX-License-Identifier: Apache-2.0
"""The judgement of `benchmarks/live.py`: what it calls kept, what it does not; its segments; its page is its JSON."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import live  # noqa: E402
import live_page  # noqa: E402
import live_verdicts  # noqa: E402
import live_watched  # noqa: E402
from live_line import times  # noqa: E402

PUBLISHED = json.loads((ROOT / "docs" / "live.json").read_text())


def segments(slower: float, noise: float, pairs: int = 60) -> list[dict[str, Any]]:
    """Segments of which the watched ones are slower by exactly this share on average, in logarithms."""
    spread = np.random.default_rng(0).normal(size=pairs)
    spread *= noise / spread.std(ddof=1)
    apart = iter(np.log1p(slower) + spread - spread.mean())
    found = []
    for watched in live_watched.order(pairs):
        speed = 40.0 * float(np.exp(-next(apart))) if watched else 40.0
        spent = {"page": 0.05 if watched else 0.01, "crowd": 0.02 if watched else 0.0}
        found.append({"watched": watched, "epochs_per_second": speed, **spent})
    return found


@pytest.mark.parametrize(
    ("slower", "noise", "word"),
    [
        (0.004, 0.02, "yes"),
        (-0.01, 0.02, "yes"),
        (0.04, 0.02, "no"),
        (0.02, 0.02, "not shown"),
        (0.004, 0.2, "not shown"),
    ],
)
def test_watchers_are_judged_by_the_whole_interval(slower: float, noise: float, word: str) -> None:
    found = live_verdicts.slowdown(segments(slower, noise))
    assert found.estimate == pytest.approx(1 + slower)
    assert live_verdicts.settled(found) == word


def test_a_few_pairs_show_nothing() -> None:
    assert live_verdicts.settled(live_verdicts.slowdown(segments(0.0, 0.001, pairs=4))) == "not shown"


def test_what_watching_takes_is_a_share_of_all_cores() -> None:
    taken = live_verdicts.shares(segments(0.0, 0.01), seconds=2.0, cores=2)
    assert taken == {"page": pytest.approx(0.01), "crowd": pytest.approx(0.005)}


@pytest.mark.parametrize(
    ("seconds", "word"),
    [([0.1, 0.2], "yes"), ([0.1, 0.3], "in 1 of 2"), ([0.3, 0.4], "no"), ([], "not shown")],
)
def test_what_is_promised_of_every_time(seconds: list[float], word: str) -> None:
    assert live_verdicts.always(times(seconds, 0.3)) == word


@pytest.mark.parametrize(("late", "lost", "word"), [(1, 0, "yes"), (2, 0, "no"), (1, 1, "no"), (0, 1, "yes")])
def test_what_is_promised_of_99_in_a_hundred_counts_what_never_came(late: int, lost: int, word: str) -> None:
    found = times([0.1] * (100 - late - lost) + [0.6] * late, 0.5)
    assert live_verdicts.nearly_always(found, lost) == word


def test_every_pair_has_both_and_each_is_as_often_first() -> None:
    order = list(live_watched.order(60))
    pairs = list(zip(order[::2], order[1::2], strict=True))
    assert sorted(pairs) == [(False, True)] * 30 + [(True, False)] * 30
    assert pairs != sorted(pairs)


def test_an_epoch_on_its_way_counts_by_the_time_that_has_passed() -> None:
    stored = np.array([0.0, 1.0, 2.0, 3.0])
    assert live_watched.rate(stored, 0.25, 2.75) == pytest.approx(1.0)
    assert live_watched.rate(np.array([0.0, 0.5, 1.0, 3.0]), 0.0, 2.0) == pytest.approx(1.25)


def facts(**parts: Any) -> dict[str, Any]:
    place = {"machine": {"processor": "a", "cores": 2}, "versions": {}, "engine": {}, "data": "drawings"}
    return {"schema": live_page.SCHEMA, "date": "2026-01-01", **place, "parts": parts}


def test_parts_are_merged_if_they_are_of_one_place() -> None:
    before, after = facts(slow=1, views=2), facts(cancel=3, slow=4)
    assert live.merged(before, after)["parts"] == {"views": 2, "cancel": 3, "slow": 4}
    assert live.merged({**before, "data": "others"}, after)["parts"] == {"cancel": 3, "slow": 4}
    assert live.merged({"schema": 1}, after) == after


def test_the_page_is_written_between_its_marks(tmp_path: Path) -> None:
    (tmp_path / "live.md").write_text(f"before\n{live_page.MARKS[0]}\nold\n{live_page.MARKS[1]}\nafter\n")
    found = facts(cancel=times([0.1, 0.2], 1.0))
    live_page.publish(found, tmp_path)
    text = (tmp_path / "live.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| < 1.0 s | median 150 ms, at most 200 ms | 2 | yes |" in text
    assert json.loads((tmp_path / "live.json").read_text()) == found


@pytest.mark.skipif(PUBLISHED["schema"] < live_page.SCHEMA, reason="docs/live.json is of an earlier benchmark")
def test_the_published_table_is_that_of_its_numbers() -> None:
    """If this fails, run `benchmarks/live.py --page`."""
    assert live_page.table(PUBLISHED) in (ROOT / "docs" / "live.md").read_text()
