# SPDX-License-Identifier: Apache-2.0
"""Sections 3.1 to 3.3: their claims' verdicts follow the runs, both ways, and learning rates are chosen unseen by the
test split."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from imagined import Imagined, curves
from shoal import streams
from shoal.analysis.claims import Claim, Untestable
from shoal.analysis.curves import Curves
from shoal.analysis.outcomes import outcome
from shoal.analysis.verdicts import judge
from shoal.studies import find, lenet_epochs, relu_max
from shoal.studies.relu_max import corners, factorial
from shoal.studies.relu_max.factorial import CORNERS, TEST
from shoal.study import Config

SECTIONS = ("3.1", "3.2", "3.3")
SEEDS = tuple(range(10))
CLAIMS = {claim.id: (section, claim) for section in SECTIONS for claim in find(section).sentences}


@dataclass
class Made(Imagined):
    """Imagined results whose curves can be bent, and whose test images can be scrambled."""

    bend: Callable[[Curves], Curves] = lambda curves: curves
    scrambled: bool = False
    asked: list[Config] = field(default_factory=list)
    """Configs whose answers on the test images were asked for."""
    found: dict[str, Curves] = field(default_factory=dict)
    """Made once: a judge asks for the same curves again and again."""

    def curves(self, **values: Any) -> Curves:
        if str(values) not in self.found:
            self.found[str(values)] = self.bend(super().curves(**values))
        return self.found[str(values)]

    def correct(self, config: Config, seed: int) -> np.ndarray:
        self.asked.append(config)
        if self.scrambled:
            return streams.normals(100, "scrambled", seed, int(config.hash[:6], 16)) > 0
        return super().correct(config, seed)


def made(section: str, shape: Callable[..., dict[str, Any]], **more: Any) -> Made:
    return Made(
        find(section).study, lambda **values: {"seeds": SEEDS, "spread": 0.001} | shape(**values), probes={}, **more
    )


def verdict(id: str, shape: Callable[..., dict[str, Any]], bend: Callable[[Curves], Curves] = lambda curves: curves):
    section, _ = CLAIMS[id]
    found = judge(find(section).study.claims, made(section, shape, bend=bend), asked=len(SEEDS))
    return next(each for each in found if each.claim.id == id)


def everywhere(**wanted: Any) -> Callable[..., dict[str, Any]]:
    return lambda **values: wanted


def networks(original: dict[str, Any], modified: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    return lambda network="", **values: {"original": original, "modified": modified}.get(network, {})


def crossed(*accuracies: float) -> Callable[..., dict[str, Any]]:
    """Accuracies of the four corners, whatever the rate; but the second rate is a little better."""
    by_corner = dict(zip(CORNERS, accuracies, strict=True))

    def shape(network: str = "", activation: str = "", pooling: str = "", lr: float = 0.0) -> dict[str, Any]:
        if network:
            return {}
        second = factorial.RATES[activation][1]
        return {"accuracy": by_corner[activation, pooling] - 0.02 * (lr != second)}

    return shape


def data_sets(mnist: float, fashion: float = 0.9) -> Callable[..., dict[str, Any]]:
    return lambda data: {"accuracy": {"mnist": mnist, "fashion-mnist": fashion}[data]}


def slopes(validation: float, training: float) -> Callable[[Curves], Curves]:
    def bend(given: Curves) -> Curves:
        line = np.arange(given.config.epochs + 1) * np.linspace(0.9, 1.1, len(given.seeds))[:, None]
        return replace(given, validation_loss=2 + validation * line, train_loss=2 + training * line)

    return bend


def late(given: Curves) -> Curves:
    """Accuracies that rise as much in every epoch."""
    way = np.arange(given.config.epochs + 1) / given.config.epochs
    return replace(given, validation_accuracy=0.1 + (given.final("validation_accuracy")[:, None] - 0.1) * way)


def training_accuracy(by: float) -> Callable[[Curves], Curves]:
    return lambda given: replace(given, train_accuracy=given.validation_accuracy + by)


def same(given: Curves) -> Curves:
    return given


BETTER = networks({"accuracy": 0.85, "loss": 0.45}, {"accuracy": 0.9, "loss": 0.3})
WORSE = networks({"accuracy": 0.9, "loss": 0.3}, {"accuracy": 0.85, "loss": 0.45})
BOTH_WAYS = [
    ("15a", everywhere(accuracy=0.72), everywhere(accuracy=0.78), same, same),
    ("15b", everywhere(accuracy=0.85), everywhere(accuracy=0.89), same, same),
    ("15c", everywhere(accuracy=0.72), everywhere(accuracy=0.1), same, same),
    ("16a", everywhere(), everywhere(), same, late),
    ("16b", everywhere(), everywhere(), slopes(0.01, -0.01), slopes(-0.01, -0.02)),
    ("17a", BETTER, WORSE, same, same),
    ("17b", BETTER, WORSE, same, same),
    ("17c", BETTER, WORSE, same, same),
    ("17d", BETTER, WORSE, same, same),
    ("17e", BETTER, WORSE, same, same),
    ("18a", crossed(0.80, 0.80, 0.85, 0.85), crossed(0.80, 0.85, 0.80, 0.85), same, same),
    ("18b", crossed(0.80, 0.81, 0.85, 0.86), crossed(0.80, 0.85, 0.81, 0.86), same, same),
    ("18c", crossed(0.80, 0.85, 0.80, 0.85), crossed(0.80, 0.80, 0.85, 0.85), same, same),
    ("18d", crossed(0.80, 0.82, 0.85, 0.87), crossed(0.80, 0.80, 0.85, 0.90), same, same),
    (
        "19a",
        data_sets(0.999),
        data_sets(0.99),
        lambda c: replace(c, validation_accuracy=c.validation_accuracy**0.01),
        late,
    ),
    ("19b", data_sets(0.989), data_sets(0.95), same, same),
    ("19c", data_sets(0.989), data_sets(0.989), training_accuracy(0.7), training_accuracy(0.01)),
    ("20a", data_sets(0.989), data_sets(0.989), training_accuracy(0.005), training_accuracy(0.02)),
    ("20b", data_sets(0.989), data_sets(0.9, 0.95), same, same),
]


@pytest.mark.parametrize(("id", "holding", "failing", "bent", "other"), BOTH_WAYS, ids=[row[0] for row in BOTH_WAYS])
def test_a_claim_is_supported_by_runs_that_bear_it_out_and_refuted_by_others(id, holding, failing, bent, other):
    assert verdict(id, holding, bent).word == "supported"
    assert verdict(id, failing, other).word == "refuted"


def test_every_claim_here_is_seen_to_go_both_ways():
    assert [row[0] for row in BOTH_WAYS] == [id for id, (_, claim) in CLAIMS.items() if isinstance(claim, Claim)]


def test_causes_are_not_tested():
    vague = {id for id, (_, claim) in CLAIMS.items() if isinstance(claim, Untestable)}
    assert vague == {"18e", "20c"}
    for section in ("3.2", "3.3"):
        found = judge(find(section).sentences, made(section, everywhere()))
        assert {each.claim.id for each in found if each.word == "not testable"} == vague & {
            claim.id for claim in find(section).sentences
        }


@pytest.mark.parametrize("section", SECTIONS)
def test_the_original_is_quoted_in_its_own_words(section):
    original = " ".join(find(section).original.split())
    for claim in find(section).sentences:
        assert claim.says.strip("… ") in original
        assert len(claim.says) <= 80


@pytest.mark.parametrize("section", SECTIONS)
def test_few_claims_share_the_error_level(section):
    primary = [claim for claim in find(section).sentences if isinstance(claim, Claim) and claim.primary]
    assert 4 <= len(primary) <= 6


# ---- 3.1 ----------------------------------------------------------------------------------------------


def test_a_rising_loss_is_overfitting_only_while_training_loss_falls():
    assert verdict("16b", everywhere(), slopes(0.01, 0.01)).word == "refuted"


def test_runs_that_diverge_are_no_sign_of_overfitting():
    assert verdict("16b", everywhere(diverged=SEEDS)).word == "refuted"


def test_the_newer_edition_is_told_beside_the_older_one():
    older, newer = (
        curves(find("3.1").study.points[at].config, accuracy=a, spread=1e-4, label="x")
        for at, a in ((0, 0.75), (3, 0.1))
    )
    said = lenet_epochs.edition(newer, older)
    assert "learning rate of 0.1 and batches of 128" in said
    assert "after 5 epochs: accuracy is .6" in said
    assert said.endswith(" lower with 0.1 and 128 than with 0.9 and 256.")
    assert lenet_epochs.edition(newer, None).endswith("after 5 epochs.")
    assert lenet_epochs.edition(replace(newer, seeds=()), older) == ""


# ---- 3.2 ----------------------------------------------------------------------------------------------


def test_the_time_is_that_to_where_the_original_of_the_same_seed_ends():
    results = made("3.2", networks({"accuracy": 0.85, "spread": 0.02}, {"accuracy": 0.9}))
    original, modified = results.curves(network="original"), results.curves(network="modified")
    times = relu_max.TIME.values(modified, results)
    targets = original.final("validation_accuracy")
    for time, row, target in zip(times, modified.validation_accuracy, targets, strict=True):
        assert np.interp(time, modified.epochs, row) == pytest.approx(target)
    assert relu_max.TIME.values(original, results).max() <= 20
    assert len(set(times.round(3))) == len(SEEDS)


def test_a_target_is_unknown_where_the_original_diverged():
    results = made("3.2", networks({"diverged": (3,)}, {"accuracy": 0.9}))
    times = relu_max.TIME.values(results.curves(network="modified"), results)
    assert not np.isfinite(times[3])
    assert np.isfinite(np.delete(times, 3)).all()


def by_rate(best: int) -> Callable[..., dict[str, Any]]:
    """The rate at that place does best on the images held out."""

    def shape(network: str = "", activation: str = "", pooling: str = "", lr: float = 0.0) -> dict[str, Any]:
        return {} if network else {"accuracy": 0.8 + 0.05 * (lr == factorial.RATES[activation][best])}

    return shape


@pytest.mark.parametrize("best", [0, 1])
def test_rates_are_chosen_on_the_images_held_out_whatever_the_test_images_say(best):
    for scrambled in (False, True):
        results = made("3.2", by_rate(best), scrambled=scrambled)
        for (activation, _), side in CORNERS.items():
            found = outcome(side, TEST, results)
            chosen = next(v for v in side.among if results.curves(**v).config.hash == found.hashes[0])
            assert chosen["lr"] == factorial.RATES[activation][best]


def test_the_test_images_are_asked_only_of_the_rates_that_were_chosen():
    results = made("3.2", by_rate(1))
    judge(find("3.2").study.claims, results)
    asked = [config for config in results.asked if config.holdout]
    assert {config.optimizer.lr for config in asked} == {rates[1] for rates in factorial.RATES.values()}


def told(best: int) -> str:
    results = made("3.2", by_rate(best))
    return corners.choice([corners._tried(corner, corners._curves(corner, results), results) for corner in CORNERS])


@pytest.mark.parametrize("best", [0, 1])
def test_the_choice_is_told_and_how_the_other_rate_does(best):
    said, (sigmoid, relu) = told(best), factorial.RATES.values()
    assert said.startswith(f"The better rate is {sigmoid[best]:g} for sigmoid + average pooling, ")
    assert f" and {relu[best]:g} for ReLU + max pooling. " in said
    assert " a still better one may lie beyond it. At the other rate accuracy is ." in said
    assert said.count(" lower for ") == len(CORNERS)


def test_the_chapter_s_effects_are_those_that_the_claims_judge():
    results = made("3.2", crossed(0.80, 0.82, 0.85, 0.88))
    shown = corners.contrasts(results)
    judged = {each.claim.id: each for each in judge(find("3.2").study.claims, results)}
    for id, which in (("18a", "first"), ("18c", "second"), ("18d", "interaction")):
        np.testing.assert_allclose(judged[id].comparison.each, 100 * shown[which])
    np.testing.assert_allclose(shown["first"], 0.055, atol=1e-9)
    np.testing.assert_allclose(shown["second"], 0.025, atol=1e-9)
    np.testing.assert_allclose(shown["interaction"], 0.01, atol=1e-9)


def test_nothing_is_chosen_before_every_rate_has_run():
    found = made("3.2", lambda lr=0.0, **values: {"seeds": () if lr == 0.1 else SEEDS})
    (only,) = corners.blocks(found)
    assert only.text.endswith("It is too early to choose: 6 of these 8 have a finished run.")
