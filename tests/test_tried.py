# SPDX-License-Identifier: Apache-2.0
"""The figure of what was tried before a choice: every seed of every setting, and a disc on what was chosen."""

import numpy as np
import pytest

from shoal import figures, theme

VALUES = np.array([[0.80, 0.90, 0.70], [0.82, 0.94, np.nan]])
CHOICES = [
    figures.Choice("one", (0.1, 0.2, 0.4), VALUES, 1),
    figures.Choice("other", (0.1, 0.2, 0.4), VALUES + 0.02, 0),
    figures.Choice("third", (0.9, 1.8, 3.6), VALUES - 0.02, 2),
]
WORDS = {"x_title": "learning rate", "y_title": "accuracy"}


def points(choices):
    """Rows of the seeds' dots and of the discs."""
    spec = figures.tried(choices, **WORDS).to_dict()
    return [spec["datasets"][each["data"]["name"]] for each in spec["layer"] if each["mark"]["type"] == "point"]


def test_every_seed_of_every_setting_is_a_dot():
    dots, _ = points(CHOICES)
    drawn = sorted(row["y"] for row in dots if row["shade"] == theme.light("blue"))
    assert drawn == pytest.approx([0.70, 0.80, 0.82, 0.90, 0.94])


def test_a_disc_lies_on_the_mean_of_what_was_chosen():
    _, discs = points(CHOICES)
    assert [row["x"] for row in discs] == [0.2, 0.1, 3.6]
    assert [row["y"] for row in discs] == pytest.approx([0.92, 0.83, 0.68])


def test_dots_of_those_that_tried_the_same_stand_side_by_side():
    dots, _ = points(CHOICES)
    columns = {
        hue: sorted({row["x"] for row in dots if row["shade"] == theme.light(hue)})
        for hue in ("blue", "vermillion", "green")
    }
    apart = np.subtract(columns["vermillion"], columns["blue"])
    assert (apart > 5).all()
    assert min(columns["green"]) > max(columns["vermillion"])


def test_what_diverged_everywhere_has_neither_dot_nor_disc():
    dots, discs = points([*CHOICES, figures.Choice("lost", (0.1, 0.2, 0.4), VALUES * np.nan, 0)])
    assert len(discs) == 3
    assert len(dots) == 15
    assert figures.tried([figures.Choice("lost", (0.1, 0.2), VALUES[:, :2] * np.nan, 0)], **WORDS).to_dict()


def test_every_choice_is_named_and_every_setting_marked():
    drawn = figures.svg(figures.tried(CHOICES, **WORDS))
    for text in ("one", "other", "third", ".1", ".4", ".9", "3.6", "learning rate, log scale", "accuracy"):
        assert f">{text}<" in drawn
