# SPDX-License-Identifier: Apache-2.0
"""The sections: what the report's ten train, that files are all it takes, and that every chapter can be composed from
any outcome. What the sentences say is `test_sentences`' concern."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from imagined import Imagined
from shoal import figures
from shoal.errors import StudyError
from shoal.models import lenet, mlp, normal, softmax_regression, xavier_uniform
from shoal.optimizers import SGD
from shoal.probes.memory import ledger
from shoal.studies import find, memory, sections
from shoal.studies.learning_rates import curvature
from shoal.studies.relu_max import factorial
from shoal.studies.section import Block, Figure, Prose, Section, Table
from shoal.studies.vanishing_gradients import gradient_flow

IDS = ["1.1", "1.2", "1.3", "1.4", "2.1", "2.2", "2.3", "3.1", "3.2", "3.3"]
"""The report's own. What a reader adds beside them owes only what `Section` asks, not the manner of these."""

OWN = [section for section in sections() if section.id in IDS]
TRAINED = [section for section in OWN if section.study]


def by_id(section: Section) -> str:
    return section.id


# ---- what is asked ------------------------------------------------------------------------------------


def test_the_report_has_its_ten_sections_in_order():
    found = [section.id for section in sections()]
    assert [identity for identity in found if identity in IDS] == IDS
    assert len(found) == len(set(found))


def test_sections_are_found_by_id_and_by_study_name():
    assert find("1.2") is find("learning-rates")
    with pytest.raises(StudyError, match=r"'1\.9'.*1\.2 learning-rates"):
        find("1.9")


@pytest.mark.parametrize("section", sections(), ids=by_id)
def test_a_section_asks_one_question_and_has_a_chapter_to_answer_it(section):
    assert re.fullmatch(r"\d+\.\d+", section.id)
    assert section.question.endswith("?")
    assert section.title
    assert callable(section.chapter)


def test_the_original_is_quoted_only_where_it_says_something():
    silent = [section.id for section in OWN if not section.original]
    assert silent == ["1.1"]
    assert Section("9.9", "Mine", "Is it?", lambda results: []).original == ""


@pytest.mark.parametrize("section", TRAINED, ids=by_id)
def test_a_section_names_the_data_that_it_trains_on(section):
    assert {point.config.data for point in section.study.points} == set(section.data)


def asked(identity: str) -> list[tuple[Any, ...]]:
    points = find(identity).study.points
    return [(c.model.hash, c.optimizer, c.batch_size, c.epochs, c.init) for c in (point.config for point in points)]


def test_learning_rates_are_those_of_the_original_and_beyond():
    rates = [0.001, 0.05, 0.1, 0.12, 0.2, 0.5, 1.0]
    runs = [(lr, 10) for lr in rates] + [(0.001, 60)]
    assert asked("1.2") == [(softmax_regression().hash, SGD(lr=lr), 256, epochs, normal(0.01)) for lr, epochs in runs]
    assert find("1.2").study.keep_weights


def test_batch_sizes_are_those_of_the_original_and_the_largest_is_given_more():
    runs = [(0.05, size, 10) for size in (32, 128, 256)] + [(0.05, 256, 80), (0.4, 256, 10)]
    assert asked("1.3") == [
        (softmax_regression().hash, SGD(lr=lr), size, epochs, normal(0.01)) for lr, size, epochs in runs
    ]


def test_depths_one_to_eight_with_both_activations():
    expected = [
        (mlp(*[64] * depth, activation=name).hash, SGD(lr=0.1), 256, 5, xavier_uniform())
        for name in ("sigmoid", "relu")
        for depth in range(1, 9)
    ]
    assert asked("2.1") == expected


def test_hidden_units_include_one_256_and_no_hidden_layer():
    models = [softmax_regression(), *(mlp(units) for units in (1, 2, 4, 16, 64, 256))]
    assert asked("2.2") == [(model.hash, SGD(lr=0.1), 256, 10, normal(0.01)) for model in models]


def test_lenet_is_trained_as_the_original_must_have_been_and_as_the_newer_edition_does():
    *original, newer = asked("3.1")
    assert original == [(lenet().hash, SGD(lr=0.9), 256, epochs, xavier_uniform()) for epochs in (5, 10, 20)]
    assert newer == (lenet().hash, SGD(lr=0.1), 128, 5, xavier_uniform())
    (trajectory,) = {point.config.trajectory for point in find("3.1").study.points[:3]}
    assert trajectory


def test_the_two_networks_are_followed_by_a_factorial_with_rates_to_choose_from():
    original, modified, *crossed = asked("3.2")
    assert original == (lenet().hash, SGD(lr=0.9), 256, 20, xavier_uniform())
    assert modified == (lenet("relu", "max").hash, SGD(lr=0.1), 128, 20, xavier_uniform())
    assert crossed == [
        (lenet(activation, pooling).hash, SGD(lr=lr), 128, 10, xavier_uniform())
        for activation, rates in factorial.RATES.items()
        for pooling in ("avg", "max")
        for lr in rates
    ]
    assert [point.config.holdout for point in find("3.2").study.points] == [0, 0, *[20_000] * 8]
    for rates in factorial.RATES.values():
        assert all(high / low == pytest.approx(2) for low, high in itertools.pairwise(rates))


def test_mnist_is_trained_as_the_modified_lenet_was():
    assert asked("3.3") == [(lenet("relu", "max").hash, SGD(lr=0.1), 128, 20, xavier_uniform())] * 2


@pytest.mark.parametrize(("one", "other"), [("1.2", "1.3"), ("1.2", "2.2"), ("3.1", "3.2"), ("3.2", "3.3")])
def test_what_two_sections_share_is_trained_once(one, other):
    first, second = ({point.config.hash for point in find(identity).study.points} for identity in (one, other))
    assert len(first & second) == 1


# ---- every outcome can be told ------------------------------------------------------------------------

OUTCOMES: dict[str, Any] = {
    "three seeds": lambda **values: {},
    "one seed": lambda **values: {"seeds": (0,)},
    "ten seeds": lambda **values: {"seeds": tuple(range(10))},
    "noisy": lambda **values: {"spread": 0.2, "rebound": 0.5},
    "ties": lambda **values: {"spread": 0.0},
    "some diverged": lambda **values: {"diverged": (1,)},
    "all diverged": lambda **values: {"diverged": (0, 1, 2)},
    "first diverged": lambda **values: {"seeds": (0,), "diverged": (0,)},
    "half there": lambda **values: {} if len(str(values)) % 2 else None,
    "not there": lambda **values: None,
    "uneven": lambda **values: {"seeds": (0, 1, 2) if len(str(values)) % 2 else (0,)},
}

CHAPTERS: dict[tuple[str, str], list[Block]] = {}
"""Composed once: a chapter depends on nothing but its section and the outcome."""

PROBES: dict[str, dict[str, Any]] = {}
"""Probes depend on seeds and not on the outcome, so outcomes share them."""

CHARTS = ("bars", "curves", "dots", "filters", "heatmap", "images", "lines", "multiples", "steps", "tried")


def imagined(section: Section, outcome: str, stand_in: str = "") -> Imagined:
    return Imagined(
        section.study, OUTCOMES[outcome], stand_in, PROBES.setdefault(section.id, {"memory": memory_rows()})
    )


def composed(section: Section, outcome: str) -> list[Block]:
    key = section.id, outcome
    if key not in CHAPTERS:
        CHAPTERS[key] = section.chapter(imagined(section, outcome))
    return CHAPTERS[key]


def memory_rows() -> list[dict[str, Any]]:
    rows = []
    for name, model in memory.MODELS.items():
        for batch in memory.BATCHES:
            for use, optimizer in memory.USES.items():
                counted = ledger(model, batch, optimizer)
                measured = {"held": counted["total"], "peak": 2 * counted["total"], "workspace": counted["total"]}
                rows.append({"model": name, "batch": batch, "use": use} | counted | measured)
    return rows


@pytest.fixture(autouse=True)
def _few_images(monkeypatch):
    """Probes that run on many images run on few here."""
    for module, name in (
        (curvature, "PROBED_IMAGES"),
        (gradient_flow, "PROBED_IMAGES"),
    ):
        monkeypatch.setattr(module, name, 20)
    monkeypatch.setattr(curvature, "PROBED_SEEDS", 2)


@pytest.fixture
def undrawn(monkeypatch):
    """Sentences, captions and tables need no chart, and charts are what takes time."""
    for name in CHARTS:
        monkeypatch.setattr(figures, name, lambda *_, **__: None)


def texts(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        yield block.text if isinstance(block, Prose) else block.caption
        if isinstance(block, Table):
            yield from (cell for row in block.rows for cell in row)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("section", TRAINED, ids=by_id)
def test_a_chapter_can_be_composed_from_any_outcome(section, outcome, undrawn):
    blocks = composed(section, outcome)
    assert blocks
    for text in texts(blocks):
        assert not re.search(r"\bnan\b|\bNone\b(?! of)|\binf\b|∞|\{|\}|  |\.\.|,,", text), text
    for block in blocks:
        if isinstance(block, Prose):
            assert block.text.endswith(".")
        else:
            assert block.caption.endswith(".")
        if isinstance(block, Figure):
            assert block.rows
        if isinstance(block, Table):
            assert {len(row) for row in block.rows} == {len(block.columns)}
            assert len(block.records) >= len(block.rows)


@pytest.mark.parametrize("section", TRAINED, ids=by_id)
def test_one_seed_claims_no_interval(section, undrawn):
    blocks = composed(section, "one seed")
    assert not [text for text in texts(blocks) if "±" in text or "clearly" in text.replace("clearly above", "")]
    assert "no interval is given" in " ".join(texts(blocks))
    assert "every seed" not in " ".join(texts(blocks))


@pytest.mark.parametrize("section", TRAINED, ids=by_id)
def test_three_seeds_are_said_once_to_be_too_few_for_intervals(section, undrawn):
    said = list(texts(composed(section, "three seeds")))
    assert not [text for text in said if "±" in text or "95% interval" in text]
    assert " ".join(said).count("3 seeds: too few for intervals.") == 1
    assert "intervals over 10 seeds" in " ".join(texts(composed(section, "ten seeds")))


@pytest.mark.parametrize("section", TRAINED, ids=by_id)
@pytest.mark.parametrize("outcome", ["ten seeds", "noisy"])
def test_no_brackets_stand_in_brackets(section, outcome, undrawn):
    assert not [text for text in texts(composed(section, outcome)) if re.search(r"\([^()]*\(", text)]


@pytest.mark.parametrize("section", TRAINED, ids=by_id)
def test_runs_that_diverged_are_named(section, undrawn):
    assert "Runs that diverged: 1 of 3 " in " ".join(texts(composed(section, "some diverged")))
    assert "diverged" not in " ".join(texts(composed(section, "three seeds"))).replace("a run diverges", "")


@pytest.mark.parametrize("section", TRAINED, ids=by_id)
def test_nothing_is_said_of_fashion_mnist_on_its_stand_in(section, undrawn):
    assert "Fashion-MNIST" in " ".join(texts(composed(section, "three seeds")))
    assert "Fashion-MNIST" not in " ".join(texts(section.chapter(imagined(section, "three seeds", "fashion-mnist"))))


@pytest.mark.parametrize("identity", ["1.2", "1.3"])
def test_a_stand_in_is_not_held_against_the_original(identity, undrawn):
    section = find(identity)
    assert "The original" in " ".join(texts(composed(section, "three seeds")))
    assert "The original" not in " ".join(texts(section.chapter(imagined(section, "three seeds", "fashion-mnist"))))


@pytest.mark.parametrize("section", sections(), ids=by_id)
def test_every_section_can_be_composed(section, undrawn):
    assert composed(section, "three seeds")


@pytest.mark.parametrize("section", OWN, ids=by_id)
def test_the_report_s_own_sections_show_and_tabulate(section, undrawn):
    blocks = composed(section, "three seeds")
    assert any(isinstance(block, Figure) for block in blocks)
    assert any(isinstance(block, Table) for block in blocks)


def test_figures_and_tables_have_names_of_their_own(undrawn):
    blocks = [block for section in sections() for block in composed(section, "three seeds")]
    for kind in (Figure, Table):
        names = [block.name for block in blocks if isinstance(block, kind)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("outcome", ["uneven", "all diverged"])
def test_figures_are_charts_that_can_be_drawn(outcome):
    blocks = [block for section in OWN for block in section.chapter(imagined(section, outcome))]
    for block in blocks:
        if isinstance(block, Figure):
            assert block.chart.to_dict(validate=False)["$schema"]
