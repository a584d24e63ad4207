# SPDX-License-Identifier: Apache-2.0
"""What Play may ask: nothing beyond the table gets through, and what gets through is the same config everywhere."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.analysis.claims import Claim
from shoal.data.sketches import digits, garments
from shoal.errors import UsageError
from shoal.live import asks
from shoal.live.asks_fields import DEFAULTS, FIELDS, Field
from shoal.live.asks_settings import OF_SETTING, Ask, ModelSetting, OptimizerSetting, Setting
from shoal.live.asks_words import labels, python, title
from shoal.study import Config
from shoal.studyfile import read
from small_data import patches

GARMENTS, DIGITS, PATCHES = garments(train=400, test=100), digits(train=400, test=100), patches()
DATA = {"fashion-mnist": GARMENTS, "mnist": DIGITS}
DATA_AND_PATCHES = {**DATA, "patches": PATCHES}


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """{"model.kind": "mlp"} as {"model": {"kind": "mlp"}}."""
    made: dict[str, Any] = {}
    for name, value in flat.items():
        *outer, inner = name.split(".")
        (made.setdefault(outer[0], {}) if outer else made)[inner] = value
    return made


def setting(**flat: Any) -> Setting:
    """As a browser sends it; ``model_kind`` stands for "model.kind"."""
    named = {field.name.replace(".", "_"): field.name for field in FIELDS}
    return msgspec.json.decode(
        msgspec.json.encode(nested({named[name]: value for name, value in flat.items()})), type=Setting
    )


def values(field: Field) -> st.SearchStrategy[Any]:
    if field.name == "data":
        return st.sampled_from(sorted(DATA))
    if field.kind == "choice":
        return st.sampled_from([word for word, _ in field.choices])
    if field.kind == "switch":
        return st.booleans()
    if field.kind == "number":
        return st.floats(field.least, field.most)
    whole = st.integers(int(field.least), int(field.most))
    return st.lists(whole, min_size=1, max_size=field.longest).map(tuple) if field.kind == "widths" else whole


FLAT = st.fixed_dictionaries({field.name: values(field) for field in OF_SETTING})
CHANGES = st.dictionaries(st.sampled_from([field.name for field in OF_SETTING]), st.none(), min_size=1, max_size=3)


@st.composite
def pairs(draw: Any) -> tuple[Setting, ...]:
    """One setting, or two that differ in a few fields or in all."""
    first = draw(FLAT)
    how = draw(st.sampled_from(["one", "few", "all"]))
    if how == "one":
        return (msgspec.convert(nested(first), Setting),)
    names = list(draw(CHANGES)) if how == "few" else list(first)
    second = first | {field.name: draw(values(field)) for field in OF_SETTING if field.name in names}
    return tuple(msgspec.convert(nested(one), Setting) for one in (first, second))


def configs(given: tuple[Setting, ...]) -> list[Config]:
    return [asks.config(one, DATA[one.data]) for one in given]


# ---- the table ----------------------------------------------------------------------------------------


def test_the_table_has_every_field_of_a_setting_and_no_other():
    leaves = {"seeds"}
    for kind, prefix in ((Setting, ""), (ModelSetting, "model."), (OptimizerSetting, "optimizer.")):
        leaves |= {prefix + name for name in kind.__struct_fields__ if name not in ("model", "optimizer")}
    assert {field.name for field in FIELDS} == leaves
    assert nested({field.name: field.default for field in OF_SETTING}) == msgspec.to_builtins(Setting()) | {
        "model": msgspec.structs.asdict(ModelSetting())
    }


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_allows_its_default_and_its_ends(field):
    field.check(field.default)
    for end in (field.least, field.most):
        if end is not None:
            field.check((int(end),) if field.kind == "widths" else end)
    assert all(other in DEFAULTS for other in field.when)


BEYOND: dict[str, list[Any]] = {
    "model.kind": ["transformer", "", "__import__('os')"],
    "model.hidden": [[], [0], [1025], [8, 8, 8, 8], [10**30], [-1]],
    "model.activation": ["leaky_relu", "ReLU", "lambda x: x"],
    "model.pooling": ["min"],
    "model.dropout": [-0.01, 0.95, 1],
    "optimizer.kind": ["SGD", "lbfgs"],
    "optimizer.momentum": [0.0, 1.0],
    "optimizer.weight_decay": [-1e-9, 1.5],
    "lr": [0, -0.1, 1e-7, 1001, 1e308],
    "batch_size": [0, -1, 8193, 10**20],
    "epochs": [0, 51],
    "init": ["zeros", "normal(0.01)"],
    "loss": ["hinge"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, them in BEYOND.items() for value in them])
def test_what_the_table_does_not_have_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=name.replace(".", r"\.")):
        msgspec.json.decode(msgspec.json.encode(nested({name: value})), type=Setting)


@pytest.mark.parametrize(
    "sent",
    [
        '{"code": "print()"}',
        '{"model": {"kind": "mlp", "path": "/etc/passwd"}}',
        '{"optimizer": {"betas": [0.9, 0.999]}}',
        '{"lr": "0.1"}',
        '{"epochs": 2.5}',
        '{"epochs": true}',
        '{"model": {"hidden": "256"}}',
        '{"data": null}',
        '{"lr": NaN}',
        '{"lr": 1e999}',
        "[]",
    ],
)
def test_what_has_another_shape_is_refused(sent):
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(sent, type=Setting)


@pytest.mark.parametrize("count", [0, 3])
def test_one_setting_or_two(count):
    with pytest.raises(UsageError, match="Use one, or two"):
        Ask((Setting(),) * count)


@pytest.mark.parametrize("seeds", [0, 21])
def test_seeds_have_bounds(seeds):
    with pytest.raises(UsageError, match="seeds"):
        Ask((Setting(),), seeds)


# ---- configs ------------------------------------------------------------------------------------------


@given(pairs())
def test_every_setting_of_the_table_is_a_config(given):
    for one, config in zip(given, configs(given), strict=True):
        assert config.model.shapes()[0] == DATA[one.data].image_shape


@given(pairs(), st.integers(1, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_study_file_asks_for_the_same_runs(tmp_path, given, seeds):
    ask, made = Ask(given, seeds), configs(given)
    if len({config.hash for config in made}) < len(made):
        with pytest.raises(UsageError, match="Both settings say the same"):
            asks.study(ask, DATA)
        return
    study = asks.study(ask, DATA)
    place = tmp_path / "play.py"
    place.write_text(python(ask, DATA), encoding="utf-8")
    (found,) = read(place).studies
    assert found.name == study.name == "play"
    assert [point.config.hash for point in found.points] == [config.hash for config in made]
    assert [point.config.hash for point in study.points] == [config.hash for config in made]
    assert list(found.seeds) == list(study.seeds) == list(range(seeds))
    assert len(found.claims) == len(made) - 1
    for claim in found.claims:
        assert isinstance(claim, Claim)
        assert (claim.measure.name, claim.direction) == ("final validation accuracy", "above")


@pytest.mark.parametrize("second", [{"lr": 0.5}, {"model_dropout": 0.5}, {"model_kind": "softmax"}])
def test_a_study_file_fits_other_images(tmp_path, second):
    first = {
        "data": "patches",
        "model_kind": "mlp",
        "model_hidden": [5, 4],
        "model_dropout": 0.25,
        "model_batch_norm": True,
    }
    ask = Ask((setting(**first), setting(**first | second)), 2)
    place = tmp_path / "play.py"
    place.write_text(python(ask, DATA_AND_PATCHES), encoding="utf-8")
    (found,) = read(place).studies
    assert [point.config.hash for point in found.points] == [
        point.config.hash for point in asks.study(ask, DATA_AND_PATCHES).points
    ]


def test_settings_of_one_shape_become_a_function_of_what_differs():
    text = python(Ask((setting(lr=0.1), setting(lr=0.5))), DATA)
    assert "def config(lr):" in text
    assert "Grid(lr=[0.1, 0.5])" in text
    assert 'b={"lr": 0.1}' in text
    alone = python(Ask((setting(lr=0.1),)), DATA)
    assert "Claim" not in alone
    assert "SETTINGS" in python(Ask((setting(), setting(model_kind="mlp"))), DATA)


def test_what_does_not_matter_changes_nothing():
    plain, noisy = setting(), setting(model_hidden=[3], model_pooling="avg", model_dropout=0.5, optimizer_momentum=0.5)
    assert asks.config(plain, GARMENTS).hash == asks.config(noisy, GARMENTS).hash
    assert labels((noisy,)) == ("softmax regression, lr 0.1",)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"lr": 0.1}, {"lr": 0.5}, ("lr 0.1", "lr 0.5")),
        ({"lr": 0.1}, {"lr": 0.1000000001}, ("lr 0.1", "lr 0.1000000001")),
        ({}, {"model_kind": "mlp", "model_hidden": [64, 32]}, ("softmax regression", "MLP 64–32 relu")),
        ({"model_kind": "mlp", "model_hidden": [1]}, {"model_kind": "mlp"}, ("1 unit", "256 units")),
        ({"batch_size": 32, "epochs": 1}, {}, ("batch 32, 1 epoch", "batch 256, 5 epochs")),
        ({}, {"data": "mnist"}, ("fashion-mnist", "mnist")),
        ({}, {"optimizer_kind": "adam"}, ("SGD", "Adam")),
        (
            {"loss": "naive"},
            {"standardize": True},
            ("pixels as they are, Naive softmax", "standardized pixels, Log-sum-exp"),
        ),
    ],
)
def test_a_label_says_what_differs(first, second, words):
    assert labels((setting(**first), setting(**second))) == words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([{}], "softmax regression, lr 0.1, 3 seeds"),
        ([{"lr": 0.1}, {"lr": 0.5}], "softmax regression, lr 0.1 against lr 0.5, 3 seeds"),
        ([{"model_kind": "mlp", "model_hidden": [1]}, {"model_kind": "mlp"}], "MLP, 1 unit against 256 units, 3 seeds"),
        ([{}, {"model_kind": "lenet"}], "softmax regression against LeNet relu+max, 3 seeds"),
    ],
)
def test_a_title_says_what_is_asked(settings, words):
    assert title(Ask(tuple(setting(**one) for one in settings))) == words


@given(pairs())
def test_two_settings_that_differ_are_called_differently(given):
    if len({config.hash for config in configs(given)}) == 2:
        assert len(set(labels(given))) == 2


def test_data_that_is_not_here_is_refused():
    with pytest.raises(UsageError, match=r"'cifar' is not here\. Use one of fashion-mnist, mnist"):
        asks.study(Ask((setting(data="cifar"),)), DATA)


def test_a_network_that_does_not_fit_is_refused_in_shoals_own_words():
    with pytest.raises(UsageError, match="LeNet"):
        asks.study(Ask((setting(data="patches", model_kind="lenet"),)), {"patches": PATCHES})


# ---- how much it is -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole():
    """As many images as the real thing has, without any ink."""
    import numpy as np

    from shoal.data import Dataset, Split

    def blank(count: int) -> Split:
        return Split(np.zeros((count, 1, 28, 28), np.uint8), np.zeros(count, np.uint16))

    return {"fashion-mnist": Dataset("fashion-mnist", GARMENTS.classes, blank(60_000), blank(10_000), "blank")}


def work(whole: Any, seeds: int, *settings: dict[str, Any]) -> None:
    asks.check_work(asks.study(Ask(tuple(setting(**one) for one in settings), seeds), whole), whole, threads=2)


@pytest.mark.parametrize(
    "many",
    [
        (20, {"epochs": 50}, {"epochs": 50, "lr": 0.5}),
        (5, {"model_kind": "lenet", "epochs": 10}),
        (3, {"model_kind": "mlp", "batch_size": 32, "epochs": 10}),
        (1, {"batch_size": 1}),
    ],
)
def test_what_takes_minutes_is_allowed(whole, many):
    work(whole, *many)


@pytest.mark.parametrize(
    ("many", "words"),
    [
        (
            (1, {"model_kind": "mlp", "model_hidden": [1024] * 3, "batch_size": 1}),
            r"batches of 1 .* Use a batch size of \d+ or more",
        ),
        ((20, {"model_kind": "lenet", "epochs": 50}), "Use fewer seeds than 20, fewer epochs"),
        (
            (
                20,
                {
                    "model_kind": "mlp",
                    "model_hidden": [1024] * 3,
                    "epochs": 1,
                    "optimizer_kind": "adam",
                    "batch_size": 8192,
                },
            ),
            "keep",
        ),
    ],
)
def test_what_takes_hours_or_fills_the_disk_is_refused(whole, many, words):
    with pytest.raises(UsageError, match=words):
        work(whole, *many)


def test_a_batch_size_that_is_proposed_is_allowed(whole):
    slow = {"model_kind": "mlp", "model_hidden": [1024] * 3, "epochs": 1}
    with pytest.raises(UsageError) as refused:
        work(whole, 1, slow | {"batch_size": 1})
    proposed = int(str(refused.value).split("batch size of ")[1].split()[0])
    work(whole, 1, slow | {"batch_size": proposed})
