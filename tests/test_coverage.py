# SPDX-License-Identifier: Apache-2.0
"""What docs/statistics.md promises of intervals and verdicts: by a quick simulation, and in the table published."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from shoal.analysis import verdicts

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("coverage_of_intervals", ROOT / "benchmarks" / "coverage.py")
assert spec is not None
assert spec.loader is not None
coverage = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = coverage  # its dataclasses look for their module
spec.loader.exec_module(coverage)

KINDS = {kind.name: kind for kind in coverage.KINDS}
PUBLISHED = json.loads((ROOT / "docs" / "coverage.json").read_text())
ROWS = [coverage.Row(**row) for row in PUBLISHED["rows"]]


@pytest.mark.parametrize(("kind", "n"), [("normal", 6), ("normal", 10), ("correlated", 10), ("heavy-tailed", 6)])
def test_a_quick_simulation_finds_the_coverage_and_few_false_verdicts(kind, n):
    found = coverage.row(KINDS[kind], n, 400)
    assert 0.925 < found.covered < 0.98  # 95% ± 2.3 standard errors of a simulation this short
    assert found.above < 0.05


@pytest.mark.parametrize("kind", ["normal", "very skewed"])
def test_the_bootstraps_interval_covers_as_published(kind):
    found = coverage.row(KINDS[kind], 20, 200)
    assert 0.91 < found.covered < 0.99
    assert found.above < 0.08


def test_an_interval_that_is_too_narrow_is_found_out(monkeypatch):
    monkeypatch.setattr("shoal.analysis.statistics.t_quantile", lambda freedom, level=0.95: 1.96)
    assert coverage.row(KINDS["normal"], 6, 400).covered < 0.925


def test_a_rule_that_asks_one_opinion_only_is_found_out(monkeypatch):
    monkeypatch.setattr("shoal.analysis.comparison.Comparison.agree", True)
    assert coverage.row(KINDS["very skewed"], 10, 400).above > 0.07


def test_a_range_is_hardly_ever_supported_or_refuted_from_its_end():
    found = coverage.ranged(KINDS["normal"], 10, 200)
    assert 0.9 < found.covered < 0.99
    assert found.above < 0.05
    assert found.below < 0.05


def test_a_judge_who_looks_at_one_end_only_is_found_out(monkeypatch):
    """Without the share of seeds that must be in the range, which would hide much of it."""
    monkeypatch.setattr(verdicts, "BETTER", 0)
    assert coverage.ranged(KINDS["normal"], 10, 100).below < 0.06
    compare = verdicts._compare
    monkeypatch.setattr(verdicts, "_compare", lambda *given: compare(*given)[:1])
    assert coverage.ranged(KINDS["normal"], 10, 100).below > 0.5


def test_accuracies_on_other_images_are_covered():
    found = coverage.on_other_images(8, 60)
    assert found.covered > 0.88


def test_the_imagined_sides_have_the_means_and_spreads_they_say():
    for kind in coverage.KINDS:
        a, b = (side.mean() for side in kind.sides(coverage.streams.uniforms(400_000, "sides", 0).reshape(2, -1)))
        assert abs(a) < 0.02, kind.name
        assert abs(b) < 0.02, kind.name


def test_the_imagined_sides_that_diverge_have_the_median_they_say():
    a, b = coverage.DIVERGING.sides(coverage.streams.uniforms(400_000, "sides", 0).reshape(2, -1))
    assert abs(coverage.np.median(a)) < 0.02
    assert coverage.np.isinf(a).mean() == pytest.approx(0.2, abs=0.01)
    assert not b.any()


def test_the_published_table_keeps_its_promises():
    """Normal seeds: 95% ± 1.5%. False "Supported": at most 5% for all but seeds that get stuck, as the page says."""
    assert PUBLISHED["studies"] == 2000
    normal = [row for row in ROWS if row.kind in ("normal", "correlated")]
    assert {row.n for row in normal} == {6, 10, 20}
    assert all(abs(row.covered - 0.95) <= 0.015 for row in normal)
    assert all(row.above <= 0.05 for row in ROWS if row.kind != "stuck")
    ranges = [row for row in ROWS if row.kind == "normal, a range"]
    assert {row.n for row in ranges} == {6, 10}
    assert all(row.below <= 0.05 for row in ranges)


def test_the_page_shows_the_published_table():
    page = (ROOT / "docs" / "statistics.md").read_text()
    assert coverage.within(page, coverage.table(ROWS, PUBLISHED["studies"])) == page
