# SPDX-License-Identifier: Apache-2.0
"""What Play draws and says of settings on their way, at their end, and diverged: by arrays of known values."""

import numpy as np
import pytest

from fakes import FakeEngine, dots, tiny_study
from shoal.errors import UsageError
from shoal.live.play_charts import _curves, _lines, _roof, shown
from shoal.live.play_sides import Pairs, Side
from shoal.live.watching.layers import LONE
from shoal.runner import Demand, train
from shoal.store import Store


def side(label: str, values: list[list[float]], last: list[int], diverged: list[bool] | None = None) -> Side:
    return Side(label, np.array(values), np.array(last), np.array(diverged or [False] * len(last)), 2.3)


NAN = float("nan")


def test_means_are_of_runs_that_have_come_equally_far():
    values = np.array([[2.0, 1.0, 0.5], [2.0, 1.5, NAN], [NAN, NAN, NAN]])
    (mean, beside) = _lines("a", values, np.array([2, 1, -1]), np.zeros(3, bool))
    assert mean.values.tolist() == [[2.0, 1.0, 0.5]]
    assert beside.values[0, 1] == 1.5
    assert beside.means_to == -1
    five = np.concatenate([values[:2], values[:2], values])
    (common,) = _lines("a", five, np.array([1, 1, 1, 1, 1, 0, -1]), np.zeros(7, bool))
    assert (len(common.values), common.means_to) == (6, 0)


def test_a_run_that_diverged_is_in_no_mean():
    values = np.array([[2.0, 1.0], [9.0, NAN]])
    mean, beside = _lines("a", values, np.array([1, 1]), np.array([False, True]))
    assert mean.values.tolist() == [[2.0, 1.0]]
    assert beside.values[0, 0] == 9.0
    nothing, lost = _lines("a", values[1:], np.array([1]), np.array([True]))
    assert len(nothing.values) == 0
    assert lost.values[0, 0] == 9.0


@pytest.mark.parametrize(("seeds", "bands"), [(1, 0), (2, 0), (3, 0), (4, 1)])
def test_a_band_needs_four_seeds(seeds, bands):
    values = [[2.0, 1.0 + seed / 10] for seed in range(seeds)]
    chart = _curves([side("a", values, [1] * seeds)], "validation_loss", False)
    assert sum(layer["mark"]["type"] == "area" for layer in chart["layer"]) == bands


def test_every_line_of_a_chart_is_a_line_of_its_own():
    """Runs that have ended and those on their way have one name and one colour, and yet are not joined."""
    values = [[2.0, 1.0, 0.5], [2.0, 1.5, NAN], [2.0, 1.0, 0.7], [2.0, NAN, NAN]]
    chart = _curves([side("a", values, [2, 1, 2, 0])], "validation_loss", False)
    drawn: dict[str, dict[float, float]] = {}
    for layer in chart["layer"]:
        for row in chart["datasets"][layer["data"]["name"]] if layer["mark"]["type"] == "line" else ():
            assert row["x"] not in drawn.setdefault(row["line"], {}), "two values in one place"
            drawn[row["line"]][row["x"]] = row["y"]
    assert list(drawn["a"].values()) == [2.0, 1.0, 0.6]
    seeds = [list(line.values()) for name, line in drawn.items() if name != "a"]
    assert sorted([y for y in line if y is not None] for line in seeds if line[0]) == sorted(
        [y for y in row if y == y] for row in values
    )


def test_a_loss_that_runs_away_does_not_flatten_the_others():
    calm = side("calm", [[2.3, 0.5]], [1])
    assert _roof([calm], "validation_loss", False) is None
    wild = side("wild", [[2.3, 1e9]], [1])
    low, high = _roof([calm, wild], "validation_loss", False)
    assert low < 0.5 < high == pytest.approx(2 * 2.3)


def test_the_first_epoch_of_a_run_is_a_point_as_a_line_would_not_show_it():
    begun = side("a", [[2.3, NAN, NAN], [2.2, NAN, NAN], [NAN, NAN, NAN]], [0, 0, -1])
    (points,) = (layer for layer in _curves([begun], "validation_loss", False)["layer"] if layer["mark"] == LONE)
    assert [(row["x"], row["y"]) for row in points["data"]["values"]] == [(0, 2.3), (0, 2.2)]
    later = side("a", [[2.3, 2.0, NAN], [2.2, NAN, NAN]], [1, 2], [False, True])
    assert not [layer for layer in _curves([later], "validation_loss", False)["layer"] if layer["mark"] == LONE]


def test_a_run_that_diverged_ends_in_a_cross_inside_the_plane():
    chart = _curves(
        [side("a", [[2.3, 1.0, 0.5]], [2]), side("b", [[2.3, 1e9, NAN]], [2], [True])], "validation_loss", False
    )
    (cross,) = (layer for layer in chart["layer"] if layer["mark"].get("text") == "×")
    (row,) = cross["data"]["values"]
    assert (row["x"], row["y"]) == (1.0, pytest.approx(2 * 2.3))
    calm = _curves([side("a", [[2.3, 1.0, 0.5]], [2])], "validation_loss", False)
    assert not [layer for layer in calm["layer"] if layer["mark"].get("text") == "×"]


def test_the_difference_is_of_the_last_epoch_that_all_pairs_have():
    a = side("a", [[0.1, 0.5, NAN], [0.1, 0.6, NAN]], [1, 1])
    b = side("b", [[0.1, 0.6, 0.9], [0.1, 0.8, NAN]], [2, 1])
    pairs = Pairs(a, b, "validation_accuracy")
    assert pairs.epoch == 1
    assert pairs.comparison.each == pytest.approx([0.1, 0.2])
    waiting = side("c", [[NAN, NAN, NAN]] * 2, [-1, -1])
    assert Pairs(a, waiting, "validation_accuracy").comparison is None
    begun = side("d", [[2.3, NAN, NAN]] * 2, [0, 0])
    assert Pairs(a, begun, "train_loss").comparison is None


def test_a_study_on_its_way_is_shown_as_far_as_it_is(tmp_path):
    study, data = tiny_study(seeds=range(3)), {"dots": dots(stand_in="lines")}
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        empty = shown(study, store, "fake", data, "validation_loss", False)
        assert "has not begun" in empty["caption"]
        assert (empty["chart"], empty["difference"]) == (None, None)
        with pytest.raises(KeyboardInterrupt):
            train(Demand.of([study]), FakeEngine(stop_after=16), data, store)
        found = shown(study, store, "fake", data, "validation_loss", False)
        assert "(n = 3 seeds, so far)" in found["caption"]
        assert found["difference"]["n"] > 0
        with pytest.raises(UsageError, match="metric='x'"):
            shown(study, store, "fake", data, "x", False)
