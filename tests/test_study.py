# SPDX-License-Identifier: Apache-2.0
"""Configs, runs, grids and studies: plain data that checks itself, with hashes that say what is the same."""

import msgspec
import pytest

from fakes import MODEL, tiny_config
from shoal.errors import StudyError
from shoal.models import Model, normal
from shoal.optimizers import SGD, Adam, Cosine
from shoal.study import Config, Grid, Run, Study


def study(grid: Grid, config=lambda lr: tiny_config(lr), **named) -> Study:
    return Study(named.pop("name", "rates"), config, grid, **named)


# ---- configs and hashes -------------------------------------------------------------------------------


def test_a_config_travels_as_json():
    config = Config(
        data="dots",
        model=MODEL,
        optimizer=Adam(lr=0.1, betas=(0.8, 0.99)),
        epochs=3,
        init=normal(0.02),
        schedule=Cosine(3),
    )
    again = msgspec.json.decode(msgspec.json.encode(config), type=Config)
    assert again == config
    assert again.hash == config.hash


def test_hashes_are_those_of_the_first_release():
    """A store outlives a version: these two numbers may only change together with a migration."""
    assert tiny_config().hash == "bb78113689473255"
    assert Run(tiny_config(), 0).trajectory == "c95b303bcea66de2"


@pytest.mark.parametrize(
    "change",
    [{"data": "other"}, {"optimizer": SGD(lr=0.2)}, {"batch_size": 8}, {"init": normal(0.1)}, {"standardize": True}],
)
def test_another_content_is_another_hash_and_trajectory(change):
    config = tiny_config()
    assert config.replace(**change).hash != config.hash
    assert config.replace(**change).trajectory != config.trajectory


def test_the_length_is_in_the_hash_but_not_in_the_trajectory():
    short, long = tiny_config(epochs=3), tiny_config(epochs=5)
    assert short.hash != long.hash
    assert short.trajectory == long.trajectory
    assert Run(short, 1).trajectory != Run(short, 0).trajectory


def test_a_display_name_is_not_content():
    config = tiny_config()
    assert config.replace(model=Model(MODEL.layers, MODEL.input_shape, name="mine")).hash == config.hash


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("epochs", 0, r"Config\(epochs=0\): Expected `int` >= 1"),
        ("epochs", 2.5, r"Config\(epochs=2.5\): Expected `int`"),
        ("batch_size", 0, r"batch_size=0"),
        ("holdout", -1, r"holdout=-1"),
        ("data", 3, r"data=3"),
        ("optimizer", "sgd", r"optimizer='sgd'"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(field, value, words):
    with pytest.raises(StudyError, match=words):
        tiny_config().replace(**{field: value})


# ---- grids and studies --------------------------------------------------------------------------------


def test_a_grid_crosses_its_values_in_order():
    points = list(Grid(lr=[0.1, 0.2], batch_size=[1, 2]))
    assert points == [
        {"lr": 0.1, "batch_size": 1},
        {"lr": 0.1, "batch_size": 2},
        {"lr": 0.2, "batch_size": 1},
        {"lr": 0.2, "batch_size": 2},
    ]


@pytest.mark.parametrize("values", ["relu", [], 3, [1, 1]])
def test_a_grid_of_no_list_is_refused(values):
    with pytest.raises(StudyError, match=r"Grid\(lr="):
        Grid(lr=values)


def test_runs_come_seed_by_seed():
    runs = study(Grid(lr=[0.1, 0.2]), seeds=[3, 5]).runs()
    assert [(run.seed, run.config.optimizer.lr) for run in runs] == [(3, 0.1), (3, 0.2), (5, 0.1), (5, 0.2)]
    assert [run.seed for run in study(Grid(lr=[0.1])).runs(range(2))] == [0, 1]


def test_a_point_is_called_by_its_values():
    points = study(Grid(lr=[0.1])).points
    assert (points[0].label, points[0].values) == ("lr 0.1", {"lr": 0.1})
    assert study(Grid(), lambda: tiny_config()).points[0].label == "softmax regression"


@pytest.mark.parametrize("name", ["", "Two Words", "under_score", "Capital"])
def test_a_name_is_lower_case_words(name):
    with pytest.raises(StudyError, match="lower-case words joined by hyphens"):
        study(Grid(lr=[0.1]), name=name)


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_seeds_are_given_once_each(seeds):
    with pytest.raises(StudyError, match="each once"):
        study(Grid(lr=[0.1]), seeds=seeds)


def test_grid_names_are_the_functions_parameters():
    with pytest.raises(StudyError, match=r"grid names rate, but .*\(lr\) takes other arguments"):
        study(Grid(rate=[0.1]))


def test_the_function_gives_a_config():
    with pytest.raises(StudyError, match="returned None, not a Config"):
        study(Grid(lr=[0.1]), lambda lr: None)


def test_two_points_that_are_one_config_are_refused():
    with pytest.raises(StudyError, match=r"'lr 0.1' and 'lr 0.2' are the same config"):
        study(Grid(lr=[0.1, 0.2]), lambda lr: tiny_config())
