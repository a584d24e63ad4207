# SPDX-License-Identifier: Apache-2.0
"""The figure of claims: every seed stands where its value is, on its row's own scale, and what is infinite is told."""

import xml.dom.minidom

import numpy as np
import pytest

from shoal import figures, theme
from shoal.figures import ClaimRow
from shoal.figures.verdicts import BAND, LEFT, LEGEND, RIGHT, ROW, WIDTH

INF = float("inf")


def row(each, region=(0.5, INF), log=False, none=(0.0, "0"), title="1a Supported", **more):
    each = np.asarray(each, float)
    finite = each[np.isfinite(each)]
    given = {"estimate": float(finite.mean()), "low": float(finite.min()), "high": float(finite.max())} | more
    return ClaimRow(title, "final loss, A − B", each, **given, region=region, bound="> 0.5", none=none, log=log)


def marks(chart, kind):
    """Every mark of a kind: its look and its place."""
    spec = chart.to_dict()
    found = [layer for layer in spec["layer"] if layer["mark"]["type"] == kind]
    return [(layer["mark"], one) for layer in found for one in spec["datasets"][layer["data"]["name"]]]


def seeds(chart, number=0):
    """The seeds of one row, in their order from the left."""
    top = LEGEND + ROW * number
    dots = [one for look, one in marks(chart, "point") if not look["filled"] and top <= one["y"] < top + BAND]
    return sorted(dots, key=lambda one: one["x"])


def test_a_dot_stands_for_every_seed_on_its_rows_own_scale():
    small, large = [0.6, 0.7, 0.9], [600.0, 700.0, 900.0]
    chart = figures.verdicts([row(small), row(large, region=(500.0, INF))])
    first, second = ([one["x"] for one in seeds(chart, number)] for number in (0, 1))
    assert len(first) == 3
    assert (first[1] - first[0]) / (first[2] - first[0]) == pytest.approx(1 / 3, abs=0.01)
    assert first == second
    assert all(LEFT <= x <= WIDTH - RIGHT for x in first)


def test_ratios_are_drawn_on_a_log_scale():
    xs = [one["x"] for one in seeds(figures.verdicts([row([1.0, 10.0, 100.0], log=True, none=(1.0, "1×"))]))]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)


def test_infinite_seeds_are_triangles_at_the_edge_and_unknown_ones_are_not_drawn():
    chart = figures.verdicts([row([1.0, 2.0, INF, INF, INF, np.nan])])
    looks = [
        (look["shape"], one["x"]) for look, one in marks(chart, "point") if not look["filled"] and one["y"] > LEGEND
    ]
    assert [shape for shape, _ in sorted(looks)] == ["circle", "circle", "triangle-right"]
    assert max(x for _, x in looks) == WIDTH - RIGHT - 4
    assert "×3" in [one["text"] for _, one in marks(chart, "text")]


def test_an_interval_without_end_ends_in_an_arrow():
    chart = figures.verdicts([row([1.0, 2.0, 3.0], high=INF)])
    arrows = [one["x"] for look, one in marks(chart, "point") if look["filled"] and look["shape"] == "triangle-right"]
    assert arrows == [WIDTH - RIGHT - 4]


def test_the_region_is_shaded_from_its_bound_on():
    made = row([0.2, 0.9], region=(0.5, INF))
    chart = figures.verdicts([made])
    look, area = marks(chart, "rect")[1]  # the first is the key's
    assert look["color"] == theme.light("blue")
    assert (area["x"], area["x2"]) == (pytest.approx(made.at(0.5)), WIDTH - RIGHT)
    below = figures.verdicts([row([0.2, 0.9], region=(0.0, 0.5), log=True, none=(1.0, "1×"))])
    assert marks(below, "rect")[1][1]["x"] == LEFT


def test_few_seeds_have_no_bar():
    chart = figures.verdicts([row([1.0, 2.0], low=np.nan, high=np.nan)])
    bars = [one for look, one in marks(chart, "rule") if look["strokeWidth"] == 2.4 and one["y"] > LEGEND]
    assert bars == []


def test_words_say_claim_measure_bound_and_key():
    drawn = figures.svg(figures.verdicts([row([1.0, 2.0], told=("1.5", "[1, 2]"))]))
    xml.dom.minidom.parseString(drawn)
    words = ["1a Supported", "final loss, A − B", "&gt; 0.5", "1.5", "[1, 2]", "a seed", "the claim holds"]
    assert all(f">{word}<" in drawn for word in words)


def test_rows_hold_every_number():
    (one,) = figures.verdict_rows([row([1.0, INF, np.nan], high=INF)], [(4, 7, 9)])
    assert (one["claim"], one["estimate"], one["holds_from"]) == ("1a", 1.0, 0.5)
    assert [one[f"seed {seed}"] for seed in (4, 7, 9)] == [1.0, "inf", "unknown"]


def test_the_bound_is_in_sight_however_far_the_seeds_are_from_it():
    far = row([1.0, 2.0, 3.0], region=(50.0, INF))
    assert far.at(3.0) < far.at(50.0) < WIDTH - RIGHT


def test_a_long_note_makes_its_row_higher():
    long = ClaimRow(**{**vars(row([1.0, 2.0])), "note": "words " * 30})
    chart = figures.verdicts([long, row([1.0, 2.0])])
    tops = sorted(one["y"] for look, one in marks(chart, "text") if look["fontWeight"] == 600)
    assert tops[1] - tops[0] == long.height > ROW


def test_a_count_of_seeds_does_not_lie_on_the_bound():
    crowd = [1.0, 1.0, 1.0, 1.0, 3.0]
    made = row(crowd, region=(1.05, INF), none=None)
    chart = figures.verdicts([made])
    (count,) = [(look["align"], one["x"]) for look, one in marks(chart, "text") if one["text"] == "×4"]
    assert count == ("right", pytest.approx(made.at(1.0) - 8, abs=0.1))
    late = figures.verdicts([row([12.0] * 10, region=(10.0, INF), log=True, none=(1.0, "1×"))])
    assert [look["align"] for look, one in marks(late, "text") if one["text"] == "×10"] == ["left"]
