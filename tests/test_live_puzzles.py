# SPDX-License-Identifier: Apache-2.0
"""The report's sections as questions to play with: each is there, trains in a minute or two, and can be settled."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

import shoal.live
from shoal.analysis.comparison import FEWEST
from shoal.data import Dataset, Split
from shoal.data.sketches import digits, garments
from shoal.engines.native import NativeEngine
from shoal.live import asks
from shoal.live.play_sides import METRICS
from shoal.live.puzzles import PUZZLES, offered, takes
from shoal.results import on_data
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.studies import sections

DATA = {"fashion-mnist": garments(train=400, test=100), "mnist": digits(train=400, test=100)}
PAGES = Path(shoal.live.__file__).parent / "pages"
BLANK = (Split(np.zeros((count, 1, 28, 28), np.uint8), np.zeros(count, np.uint16)) for count in (60_000, 10_000))
WHOLE = Dataset("blank", tuple("0123456789"), *BLANK, source="made by a test")
FULL = dict.fromkeys(DATA, WHOLE)
"""As many images as there really are."""
each_puzzle = pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.section)


def test_every_section_has_its_puzzle():
    assert [puzzle.section for puzzle in PUZZLES] == [section.id for section in sections()]


@each_puzzle
def test_a_puzzle_asks_shows_what_there_is_and_can_be_settled(puzzle):
    assert puzzle.question.endswith("?")
    assert puzzle.metric in METRICS
    assert puzzle.setting < len(puzzle.ask.settings)
    assert f'lesson("{puzzle.lesson}"' in (PAGES / "play_lessons.js").read_text()
    assert puzzle.ask.seeds >= (FEWEST if len(puzzle.ask.settings) == 2 else 4)


@each_puzzle
def test_a_puzzle_trains(tmp_path, puzzle):
    small = [msgspec.structs.replace(setting, epochs=1) for setting in puzzle.ask.settings]
    study = on_data(asks.study(msgspec.structs.replace(puzzle.ask, settings=tuple(small), seeds=1), DATA), DATA)
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        data = {dataset.name: dataset for dataset in DATA.values()}
        assert train(Demand.of([study]), NativeEngine(), data, store).trained == len(small)


@each_puzzle
def test_a_puzzle_takes_a_minute_or_two_at_most(puzzle):
    """By what is assumed of an epoch, which is two or three times what it takes on processors of recent years."""
    study = asks.study(puzzle.ask, DATA)
    each = (asks.epoch_seconds(point.config, DATA["fashion-mnist"]) * point.config.epochs for point in study.points)
    assert puzzle.ask.seeds * sum(each) * 60_000 / 400 / 2 < 120


def test_a_puzzle_says_how_many_runs_it_trains_and_how_long():
    said = {one["section"]: one["takes"] for one in offered(FULL, threads=2)}
    assert list(said) == [puzzle.section for puzzle in PUZZLES]
    assert said["1.1"] == "6 runs, in about 10 s or less"
    assert re.fullmatch(r"12 runs, in about 1 min( 30 s)? or less", said["3.2"])
    assert takes(PUZZLES[-1].ask, FULL, threads=16) == "12 runs, in about 20 s or less", (
        "no more at once than there are"
    )
    assert takes(PUZZLES[-1].ask, DATA, threads=2) == "12 runs, in about 10 s or less", "fewer images"


def test_without_its_data_there_is_no_puzzle():
    assert "3.3" not in [one["section"] for one in offered({"fashion-mnist": DATA["fashion-mnist"]}, threads=2)]
