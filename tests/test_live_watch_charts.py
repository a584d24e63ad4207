# SPDX-License-Identifier: Apache-2.0
"""The curves of the room Watch: which lines there are, what their means are of, and what the caption says of them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import dots, tiny_config, tiny_study
from shoal.figures import Series
from shoal.live.watching import layers
from shoal.live.watching.gathering import Replicate, Setup
from shoal.live.watching.grouping import Group
from shoal.live.watching.lines import lines, means, smoothed
from shoal.store import RunRow, Store
from shoal.study import Grid, Run, Study
from watched import STEPS, Watching, ask, put


@pytest.fixture
def watch(path):
    room = Watching(path, data={"dots": dots()})
    yield room
    room.lab.close()


def falling(end, seed=0, epochs=3):
    """Losses from 0.9 to about ``end``."""
    return list(np.linspace(0.9, end + seed / 100, epochs + 1))


def whole(writer, seeds=range(3)):
    """A study of two configurations, all runs finished."""
    study = tiny_study(seeds=seeds)
    ask(writer, study)
    for seed in seeds:
        for point, end in zip(study.points, (0.6, 0.3), strict=True):
            put(writer, Run(point.config, seed), falling(end, seed))
    return study


def group(courses, epochs=3, diverged=()):
    """A group of one setup, a seed for each course, and the curves of their runs."""
    setup = Setup("a", "a", {}, {}, epochs)
    replicates = []
    for seed, course in enumerate(courses):
        done = len(course) - 1
        status = "diverged" if seed in diverged else "finished" if done == epochs else "unfinished"
        row = RunRow(seed + 1, "", "fake", seed, {}, epochs, done, None, "", *[0.0] * 4, 0.0)
        replicates.append(Replicate(setup, seed, status, row, done))
    curves = {seed + 1: np.array(course) for seed, course in enumerate(courses)}
    return Group("a", (setup,), tuple(replicates)), curves


def test_only_the_runs_that_are_drawn_are_read(writer, watch, monkeypatch):
    whole(writer, seeds=range(6))
    monkeypatch.setattr("shoal.live.watching.charts.LINES", 6)
    asked = []
    curves = Store.curves
    monkeypatch.setattr(Store, "curves", lambda store, ids, metric: asked.append(ids) or curves(store, ids, metric))
    shown = watch("chart", study="rates", metric="validation_loss")
    assert "of the first 3 seeds" in shown["caption"]
    assert [len(ids) for ids in asked] == [6]


# ---- lines ----------------------------------------------------------------------------------------------


def test_means_are_of_the_runs_that_ended_and_the_others_are_lines_only():
    found = lines(*group([[4, 3, 2, 1], [4, 3, 2, 3], [4, 0]]), {}, {}, "epochs", 100)
    assert found.averaged.tolist() == [True, True, False]
    assert [point.mean for point in means(found)] == [4, 3, 2, 2]
    assert [point.n for point in means(found)] == [2, 2, 2, 2]
    assert found.values[2, :2].tolist() == [4, 0]
    assert np.isnan(found.values[2, 2:]).all()


def test_while_no_run_has_ended_means_go_as_far_as_all_have_come():
    found = lines(*group([[4, 3, 2], [4, 1]]), {}, {}, "epochs", 100)
    assert [(point.epoch, point.mean) for point in means(found)] == [(0, 4), (1, 2)]


def test_a_diverged_run_is_in_no_mean_unless_all_have_diverged():
    found = lines(*group([[4, 3, 2, 1], [4, 5, np.nan]], diverged=[1]), {}, {}, "epochs", 100)
    assert [(point.mean, point.n) for point in means(found)] == [(4, 1), (3, 1), (2, 1), (1, 1)]
    assert found.values[1, :2].tolist() == [4, 5]
    lost = lines(*group([[4, 3, np.nan], [4, 5, 9, np.nan]], diverged=[0, 1]), {}, {}, "epochs", 100)
    assert [(point.mean, point.n) for point in means(lost)] == [(4, 2), (4, 2)]


def test_several_configurations_of_a_seed_are_averaged_first_so_that_the_seed_is_the_replicate():
    setups = [Setup(key, key, {}, {}, 1) for key in "ab"]
    runs, curves = [], {}
    for number, (setup, seed, value) in enumerate([(0, 0, 1.0), (1, 0, 3.0), (0, 1, 2.0), (1, 1, 6.0), (0, 2, 9.0)], 1):
        row = RunRow(number, "", "fake", seed, {}, 1, 1, None, "", *[0.0] * 4, 0.0)
        runs.append(Replicate(setups[setup], seed, "finished", row, 1))
        curves[number] = np.array([value, value])
    found = lines(Group("both", tuple(setups), tuple(runs)), curves, {}, {}, "epochs", 100)
    assert found.values[:, 1].tolist() == [2.0, 4.0], "seed 2 lacks a configuration"
    assert (found.seeds, found.configs, found.lacking) == ((0, 1), 2, 1)
    (_, last) = means(found)
    assert (last.mean, last.n) == (3.0, 2)


def test_seconds_and_steps_stand_where_the_runs_of_the_mean_had_come_to():
    members, curves = group([[4, 3, 2, 1], [4, 3, 2, 1], [4, 3]])
    seconds = {1: np.array([0, 1, 1, 1.0]), 2: np.array([0, 3, 3, 3.0]), 3: np.array([0, 100.0])}
    assert lines(members, curves, seconds, {}, "seconds", 100).x.tolist() == [0, 2, 4, 6]
    assert lines(members, curves, {}, {"a": 10}, "steps", 100).x.tolist() == [0, 10, 20, 30]


def test_smoothing_begins_with_the_first_value_and_ends_with_the_last():
    values = np.array([[np.nan, 1.0, 2.0, np.nan]])
    assert smoothed(values, 0.5)[0, 1:3].tolist() == [1.0, 1.5]
    assert np.isnan(smoothed(values, 0.5)[0, [0, 3]]).all()
    assert smoothed(values, 0.0) is values


# ---- charts ---------------------------------------------------------------------------------------------


def test_a_chart_has_the_reports_marks_and_points_with_exact_values(writer, watch):
    whole(writer, range(4))
    found = watch("chart", study="rates")
    hover = found["chart"]["layer"][-1]
    words = {"series": "lr 0.1", "epoch": "3", "mean": ".61500", "95% interval": "[.59446, .63554]", "seeds": "4"}
    assert words in [row["told"] for row in hover["data"]["values"]]
    assert {"area", "line", "text"} <= {layer["mark"]["type"] for layer in found["chart"]["layer"]}


def test_fewer_than_four_seeds_have_no_interval_anywhere(writer, watch):
    whole(writer)
    found = watch("chart", study="rates")
    assert {row["told"]["95% interval"] for row in found["chart"]["layer"][-1]["data"]["values"]} == {"–"}
    assert "area" not in {layer["mark"]["type"] for layer in found["chart"]["layer"]}
    assert {tuple(row[-2:]) for row in found["numbers"]["rows"]} == {("–", "–")}
    assert found["caption"].endswith("Thin lines are seeds, thick ones their means; n = 3 seeds.")


def test_the_caption_says_from_how_many_seeds_on_there_are_bands(writer, watch):
    study = tiny_study(seeds=range(5))
    ask(writer, study)
    for point, seeds in zip(study.points, (5, 2), strict=True):
        for seed in range(seeds):
            put(writer, Run(point.config, seed), falling(0.5, seed))
    assert ", bands, from 4 seeds on, 95% intervals; n = 2 to 5 seeds." in watch("chart", study="rates")["caption"]


def test_the_caption_is_composed_from_the_numbers(writer, watch):
    whole(writer, range(5))
    found = watch("chart", study="rates")
    assert found["caption"] == (
        "Validation loss by epoch, a line for each configuration. Lowest in the end: lr 0.5, .32 ± .02. "
        "Thin lines are seeds, thick ones their means, bands 95% intervals; n = 5 seeds."
    )
    assert found["n"] == 5


def test_what_is_printed_is_never_smoothed_and_what_is_drawn_says_so(writer, watch):
    whole(writer)
    plain, soft = watch("chart", study="rates"), watch("chart", study="rates", smooth=0.8)
    assert soft["numbers"] == plain["numbers"]
    assert soft["chart"]["layer"][-1]["data"] == plain["chart"]["layer"][-1]["data"]
    assert "smoothed" in json.dumps(soft["chart"])
    assert "a point is 0.8 of the point before and 0.2 of its own value" in soft["caption"]
    assert "smoothed" not in json.dumps(plain)


def test_a_diverged_run_ends_with_a_cross_and_is_counted(writer, watch):
    study = tiny_study(seeds=range(2))
    ask(writer, study)
    slow, fast = (point.config for point in study.points)
    put(writer, Run(slow, 0), falling(0.6))
    put(writer, Run(fast, 0), [0.9, 7.0], diverged=True)
    found = watch("chart", study="rates")
    (cross,) = [layer for layer in found["chart"]["layer"] if layer["mark"].get("text") == "×"]
    (place,) = cross["data"]["values"]
    assert place["x"] == 1
    assert place["y"] < 1, "on the plane of the lines that did not diverge"
    assert "1 run diverged: its line ends with a ×, and the mean is of the others" in found["caption"]


def test_runs_still_before_training_are_points_and_said_to_be(writer, watch):
    study = tiny_study(seeds=[0])
    ask(writer, study)
    put(writer, Run(study.points[0].config, 0), [0.9])
    found = watch("chart", study="rates")
    assert "No epoch has ended yet: this is before training." in found["caption"]
    (lone,) = [layer for layer in found["chart"]["layer"] if layer["mark"]["type"] == "point" and "params" not in layer]
    assert [row["y"] for row in lone["data"]["values"]] == [0.9]
    before = watch("chart", study="rates", metric="train_loss")
    assert before["chart"] is None
    assert before["caption"] == "There is no training loss before the first epoch has ended."


def test_a_study_none_of_whose_runs_has_begun_says_so(writer, watch):
    ask(writer, tiny_study())
    found = watch("chart", study="rates")
    assert (found["chart"], found["caption"]) == (None, "No run of this study has begun.")


@pytest.mark.parametrize(("metric", "order"), [("validation_loss", "lowest"), ("validation_accuracy", "highest")])
def test_of_many_groups_the_best_are_shown_and_it_is_said(writer, watch, metric, order):
    rates = [round(0.1 * step, 1) for step in range(1, 16)]
    study = Study("many", tiny_config, Grid(lr=rates), seeds=[0])
    ask(writer, study)
    for place, point in enumerate(study.points):
        put(writer, Run(point.config, 0), falling(0.8 - place / 100))
    found = watch("chart", study="many", by="lr", metric=metric)
    assert sorted({row[0] for row in found["numbers"]["rows"]}) == sorted(f"lr {rate:g}" for rate in rates[3:])
    assert f"Shown are the 12 of 15 whose last {metric.replace('_', ' ')} is {order}." in found["caption"]


@given(st.integers(1, 10**6), st.integers(120, 1600))
def test_epochs_are_marked_whole_at_even_steps_and_never_crowded(last, width):
    ticks = layers.whole_ticks([Series("a", np.array([0.0, last]), np.zeros(2))], width, log=False)
    assert ticks[0] == 0
    assert ticks[-1] <= last
    assert all(tick == int(tick) for tick in ticks)
    assert len(set(np.diff(ticks))) <= 1
    assert len(ticks) <= max(width / 60, 2) + 1


def test_more_words_than_colours_are_told_apart_by_dashes(writer, watch):
    words = "abcdefgh"
    study = Study("words", lambda word: tiny_config(0.1 + words.index(word)), Grid(word=list(words)), seeds=[0])
    ask(writer, study)
    for point in study.points:
        put(writer, Run(point.config, 0), falling(0.5))
    drawn = watch("chart", study="words")["chart"]["layer"]
    assert [layer["mark"].get("strokeDash") for layer in drawn if layer["mark"]["type"] == "line"] == [None, [5, 3]]


def test_groups_by_a_number_are_a_ramp_and_by_a_word_are_categories(writer, watch):
    whole(writer)
    hues = {row["shade"] for row in watch("chart", study="rates", by="lr")["chart"]["layer"][-1]["data"]["values"]}
    assert hues == {"#a6c9e5", "#0a2c5b"}


@pytest.mark.parametrize("x", ["epochs", "steps", "seconds"])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("metric", ["validation_loss", "train_loss", "validation_accuracy", "seconds"])
def test_every_metric_has_a_chart_on_every_axis(writer, watch, x, log, metric):
    whole(writer, range(2))
    found = watch("chart", study="rates", x=x, metric=metric, log_x=log, log_y=log)
    assert found["chart"]["layer"]
    values = [row["x"] for row in found["chart"]["layer"][-1]["data"]["values"]]
    assert min(values) > 0 or not log
    assert max(values) == {"epochs": 3, "steps": 3 * STEPS, "seconds": 6}[x]


def test_training_loss_by_step_is_that_of_every_step(writer, watch):
    whole(writer)
    found = watch("chart", study="rates", metric="train_loss", x="steps")
    rows = [row for row in found["chart"]["layer"][-1]["data"]["values"] if row["told"]["series"] == "lr 0.1"]
    assert [row["x"] for row in rows] == list(range(1, 3 * STEPS + 1))
    assert "Every step is a point, averaged over seeds." in found["caption"]


@pytest.mark.parametrize("used", ["sketches", "dots"])
def test_a_stand_in_is_stamped_on_the_caption_of_who_uses_it(writer, watch, used):
    writer.begin_session({}, {"sketches": dots("sketches", stand_in="fashion-mnist"), "dots": dots()})
    study = Study("drawn", lambda lr: tiny_config(lr, data=used), Grid(lr=[0.1]), seeds=[0])
    ask(writer, study)
    put(writer, Run(study.points[0].config, 0), falling(0.6))
    stamp = "On the stand-in; says nothing of Fashion-MNIST."
    assert (stamp in watch("chart", study="drawn")["caption"]) == (used == "sketches")


def test_names_are_text_wherever_they_stand(writer, watch):
    script = "<script>alert(1)</script> ' \" \\ {{1}} " + "long " * 20
    study = Study("named", tiny_config, Grid(lr=[0.1, 0.5]), seeds=[0], label=lambda lr: f"{script}{lr}")
    ask(writer, study)
    for point in study.points:
        put(writer, Run(point.config, 0), falling(0.6))
    found = watch("chart", study="named", width=300)
    assert [row[0] for row in found["numbers"]["rows"][::4]] == [f"{script}0.1", f"{script}0.5"]
    names = {row["text"] for layer in found["chart"]["datasets"].values() for row in layer if "text" in row}
    assert any(name.startswith("1 <script>") for name in names), "what is cut keeps its number"
