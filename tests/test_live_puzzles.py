# SPDX-License-Identifier: Apache-2.0
"""The report's sections as questions to play with: every one is there, trains in a minute or two, and can be settled."""

import msgspec
import pytest

from shoal.analysis.comparison import FEWEST
from shoal.data.sketches import digits, garments
from shoal.engines.native import NativeEngine
from shoal.live import asks
from shoal.live.play_sides import METRICS
from shoal.live.puzzles import PUZZLES
from shoal.results import on_data
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.studies import sections

DATA = {"fashion-mnist": garments(train=400, test=100), "mnist": digits(train=400, test=100)}
each_puzzle = pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.section)


def test_every_section_has_its_puzzle():
    assert [puzzle.section for puzzle in PUZZLES] == [section.id for section in sections()]


@each_puzzle
def test_a_puzzle_asks_shows_what_there_is_and_can_be_settled(puzzle):
    assert puzzle.question.endswith("?")
    assert puzzle.metric in METRICS
    assert puzzle.setting < len(puzzle.ask.settings)
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
