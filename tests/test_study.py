# SPDX-License-Identifier: Apache-2.0
"""Configs, runs, grids and studies: plain data that checks itself, with hashes that say what is the same."""

import functools

import msgspec
import numpy as np
import pytest

from fakes import MODEL, tiny_config
from shoal.errors import StudyError
from shoal.losses import CrossEntropy
from shoal.models import Model, lenet, normal, xavier_uniform
from shoal.optimizers import SGD, Adam, Cosine
from shoal.study import Config, Grid, Run, Study
from shoal.training import ClipNorm, ClipValue, EarlyStopping


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
        loss=CrossEntropy("naive"),
        gradient_clipping=ClipNorm(0.5),
        early_stopping=EarlyStopping(4, metric="validation_accuracy"),
    )
    again = msgspec.json.decode(msgspec.json.encode(config), type=Config)
    assert again == config
    assert again.hash == config.hash


def test_hashes_are_those_of_the_first_release():
    """A store outlives a version: these two numbers may only change together with a migration."""
    assert tiny_config().hash == "bb78113689473255"
    assert Run(tiny_config(), 0).trajectory == "c95b303bcea66de2"


def test_the_default_loss_is_the_same_config_said_or_not():
    """Even as another object, whose text is another object: a study's grid may name all three forms."""
    for loss in (CrossEntropy(), CrossEntropy("-".join(["log", "sum", "exp"]))):
        assert tiny_config().replace(loss=loss).hash == tiny_config().hash


def test_a_misspelt_form_of_the_loss_is_refused_with_those_there_are():
    with pytest.raises(StudyError, match=r"form='fused'\): Expected one of 'log-sum-exp', 'shifted', 'naive'\."):
        CrossEntropy("fused")


@pytest.mark.parametrize(
    "change",
    [
        {"data": "other"},
        {"optimizer": SGD(lr=0.2)},
        {"batch_size": 8},
        {"init": normal(0.1)},
        {"standardize": True},
        {"loss": CrossEntropy("shifted")},
        {"loss": CrossEntropy("naive")},
        {"loss": CrossEntropy(label_smoothing=0.1)},
        {"gradient_clipping": ClipNorm(1)},
        {"gradient_clipping": ClipValue(1)},
        {"early_stopping": EarlyStopping(3)},
        {"early_stopping": EarlyStopping(3, min_delta=0.1)},
        {"early_stopping": EarlyStopping(3, metric="validation_accuracy")},
    ],
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
        ("epochs", 2**40, r"epochs=1099511627776\): Expected `int` <= 2147483647"),
        ("batch_size", 10**12, r"batch_size=1000000000000\): Expected `int` <= 2147483647"),
        ("optimizer", "sgd", r"'sgd'\): Expected one of SGD\(\.\.\.\), Lion\(\), .*, AdamW\(\), got 'sgd'\.$"),
        ("optimizer", SGD, r"optimizer=SGD\): .*, got SGD\. Use SGD\(\.\.\.\)\.$"),
        ("optimizer", Cosine(3), r"got Cosine\(epochs=3, floor=0\.0\)\.$"),
        ("model", lenet, r"model=lenet\): Expected Model\(\.\.\.\), got lenet\. Use lenet\(\)\.$"),
        (
            "init",
            xavier_uniform,
            r"Expected one of xavier_uniform\(\), .*, got xavier_uniform\. Use xavier_uniform\(\)\.$",
        ),
        ("gradient_clipping", 1.0, r"Expected one of ClipNorm\(\.\.\.\), ClipValue\(\.\.\.\), got 1\.0\.$"),
        ("early_stopping", 3, r"early_stopping=3\): Expected EarlyStopping\(\.\.\.\), got 3\.$"),
        ("init", "xavier", r"Expected one of xavier_uniform\(\), kaiming_uniform\(\), .*normal\(\), got 'xavier'\.$"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(field, value, words):
    with pytest.raises(StudyError, match=words):
        tiny_config().replace(**{field: value})


@pytest.mark.parametrize("seed", [-1, 2**63, 2**70, 0.5, True])
def test_a_seed_is_one_that_a_store_can_hold(seed):
    Run(tiny_config(), 2**63 - 1)
    with pytest.raises(StudyError, match="Run\\(seed="):
        Run(tiny_config(), seed)
    with pytest.raises(StudyError, match=f"seeds=.*: {seed} is no seed"):
        study(Grid(lr=[0.1]), seeds=[0, seed])


def test_numbers_of_numpy_are_numbers():
    config = tiny_config().replace(optimizer=Adam(np.float64(0.1), (np.float64(0.8), 0.99)), epochs=np.int32(3))
    plain = tiny_config().replace(optimizer=Adam(0.1, (0.8, 0.99)), epochs=3)
    assert (config, config.hash) == (plain, plain.hash)
    assert type(config.optimizer.lr) is float
    assert Run(config, np.int64(3)) == Run(plain, 3)


# ---- grids and studies --------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [np.geomspace(0.25, 1, 3), list(np.geomspace(0.25, 1, 3)), (0.25, 0.5, 1.0)])
def test_a_grid_takes_arrays_and_their_numbers(values):
    grid = Grid(lr=values)
    assert repr(grid) == "Grid(lr=[0.25, 0.5, 1.0])"
    assert [point.config.optimizer.lr for point in study(grid).points] == [0.25, 0.5, 1.0]


@pytest.mark.parametrize("unnamed", [[0.1, 0.2], {"lr": [0.1]}])
def test_a_grid_of_values_without_a_name_is_refused(unnamed):
    with pytest.raises(StudyError, match=r"Grid\([\[{].*\): the values need a name\. Use Grid\(lr="):
        Grid(unnamed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": 3}, r"Study\(name=3\): expected lower-case words"),
        ({"config": 3}, "rates: config=3: expected a function"),
        ({"grid": {"lr": [0.1]}}, r"rates: grid=\{'lr': \[0\.1\]\}: expected a Grid"),
        ({"seeds": 5}, r"rates: seeds=5: expected at least one seed, each once: range\(5\)"),
        ({"seeds": ["one"]}, "'one' is no seed. Expected `int`, got `str`"),
        ({"seeds": range(-1, 3)}, "-1 is no seed"),
        ({"seeds": [[0]]}, r"\[0\] is no seed"),
        ({"config": functools.partial(tiny_config, rate=1)}, "rates: config cannot be called: .* incorrect arguments"),
        ({"config": functools.partial(lambda rate: 1)}, r"names lr, but config\(rate\) takes other arguments"),
        ({"config": dict}, "dict cannot be called: no signature"),
    ],
)
def test_what_is_no_part_of_a_study_is_named(arguments, words):
    with pytest.raises(StudyError, match=words):
        Study(**{"name": "rates", "config": tiny_config, "grid": Grid(lr=[0.1])} | arguments)


def test_seeds_may_come_from_numpy():
    assert study(Grid(lr=[0.1]), seeds=np.arange(3)).seeds == (0, 1, 2)


def test_a_grid_crosses_its_values_in_order():
    points = list(Grid(lr=[0.1, 0.2], batch_size=[1, 2]))
    assert points == [
        {"lr": 0.1, "batch_size": 1},
        {"lr": 0.1, "batch_size": 2},
        {"lr": 0.2, "batch_size": 1},
        {"lr": 0.2, "batch_size": 2},
    ]


@pytest.mark.parametrize("values", ["relu", [], 3, [1, 1], {"a": 1}, {1, 2}, np.ones((2, 2)), np.ones(2), np.ones(0)])
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


# ---- grids that add up, claims ------------------------------------------------------------------------


def test_grids_add_up_and_config_fills_in_what_one_of_them_does_not_name():
    grid = Grid(lr=[0.1, 0.2]) + Grid(lr=[0.1], epochs=[7])
    assert list(grid) == [{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.1, "epochs": 7}]
    assert repr(grid) == "Grid(lr=[0.1, 0.2]) + Grid(lr=[0.1], epochs=[7])"
    points = study(grid, lambda lr, epochs=3: tiny_config(lr, epochs)).points
    assert [point.config.epochs for point in points] == [3, 3, 7]


def test_a_point_that_two_grids_both_name_is_refused():
    with pytest.raises(StudyError, match=r"'lr 0.1' and 'lr 0.1' are the same config"):
        study(Grid(lr=[0.1]) + Grid(lr=[0.1]))


class Spoken:
    """A claim that notes by which study it was checked."""

    def __init__(self, id: str) -> None:
        self.id, self.checked = id, []

    def check(self, study: Study) -> None:
        self.checked.append(study.name)


def test_a_study_checks_its_claims_when_it_is_built():
    claim = Spoken("1")
    assert study(Grid(lr=[0.1]), claims=[claim]).claims == (claim,)
    assert claim.checked == ["rates"]


def test_two_claims_of_one_id_are_refused():
    with pytest.raises(StudyError, match="two claims have the id '1'"):
        study(Grid(lr=[0.1]), claims=[Spoken("1"), Spoken("1")])


def test_a_study_may_say_what_its_configs_are_called():
    points = study(Grid(lr=[0.1, 0.5]), label=lambda lr: "slow" if lr < 0.2 else "fast").points
    assert [point.label for point in points] == ["slow", "fast"]
