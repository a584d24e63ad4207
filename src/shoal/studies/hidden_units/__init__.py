# SPDX-License-Identifier: Apache-2.0
"""Section 2.2: one hidden layer of 256 units, of one, and of widths between; no hidden layer is softmax regression."""

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.analysis.measures import MEASURES
from shoal.analysis.statistics import mean_interval
from shoal.models import mlp, normal
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, LOSS, Quantity, apart, difference, how_often, settled, single, summary, told
from shoal.studies.hidden_units.claims import CLAIMS
from shoal.studies.section import Block, Figure, Prose, Results, Section
from shoal.study import Config, Grid, Study


def config(hidden: int) -> Config:
    return Config(
        data="fashion-mnist",
        model=mlp(*[hidden] if hidden else []),
        optimizer=SGD(lr=0.1),
        init=normal(0.01),
        batch_size=256,
        epochs=10,
    )


def label(hidden: int) -> str:
    """ "256 units"; without any it is softmax regression."""
    return wording.count(hidden, "unit") if hidden else "softmax regression"


STUDY = Study("hidden-units", config, Grid(hidden=[0, 1, 2, 4, 16, 64, 256]), label=label, claims=CLAIMS)


def chapter(results: Results) -> list[Block]:
    found = compose.finished(STUDY, results)
    varies = "only the number of hidden ReLU units differs, and without a hidden layer it is softmax regression"
    blocks: list[Block] = [compose.opening(STUDY, found, "Perceptrons with one hidden layer", results, varies)]
    if not found:
        return blocks
    group = list(found.values())
    dead = {hidden: _dead(results, found[hidden]) for hidden in found if hidden}
    if 1 in found and 256 in found:
        blocks.append(_panels(found[256], found[1]))
        blocks.append(Prose(f"{steady(found[256])} {alone(found[1], found.get(0), dead[1])}"))
    blocks += [_widths(group), compose.paragraph(between(found), asleep(found, dead))]
    blocks.append(compose.outcome_table("hidden-units", group, f"Each width after {group[0].config.epochs} epochs."))
    return blocks


def steady(wide: Curves) -> str:
    """Whether the loss of the wide network fell all the way."""
    rises, chances = metrics.rises(wide.validation_loss), wide.config.epochs - 1
    rebound = summary(wide, Quantity("", lambda curves: 100 * metrics.worst_rebound(curves.validation_loss)))
    end = f"With {wide.label} validation loss ends at {told(wide, LOSS)} and accuracy at {told(wide, ACCURACY)}"
    if not np.isfinite(rises).any():
        return f"{end}."
    if not np.nansum(rises):
        every = "" if single([wide]) else ", in every seed"
        return f"{end}; the loss fell in each of the {chances} epochs after the first{every}."
    return (
        f"{end}. The way there is not even: the loss rose in {wording.measured(mean_interval(rises), 0)} of the "
        f"{chances} epochs after the first, at worst to {wording.measured(rebound, 1)}% above its earlier low."
    )


def alone(one: Curves, linear: Curves | None, dead: np.ndarray) -> str:
    """How the single unit compares with a linear classifier, and in how many seeds it died."""
    told_end = f"With {one.label} accuracy ends at {told(one, ACCURACY)}"
    if linear is None:
        return f"{told_end}."
    gap = apart(difference(one, linear, ACCURACY))
    said = (
        f"{told_end}: beside softmax regression, the linear classifier, which ends at {told(linear, ACCURACY)}, that "
        f"is {gap}. One unit hands on one number, so that all logits move along one line, where a linear classifier "
        f"lets each go its own way. {_fate(dead)}"
    )
    return said.strip()


def _fate(dead: np.ndarray) -> str:
    """Whether the single unit died; a run that diverged left none to look at."""
    dead = dead[np.isfinite(dead)]
    if not len(dead):
        return ""
    if len(dead) == 1:
        dies = dead[0] == 1
        return f"The unit is {'dead: no test image switches' if dies else 'alive: some test images switch'} it on."
    return f"The unit is dead, switched on by no test image, {how_often(dead == 1)}."


def between(found: dict[int, Curves]) -> str:
    """The narrowest network that ends clearly above softmax regression."""
    linear = found.get(0)
    if linear is None:
        return ""
    above = [each for hidden, each in found.items() if hidden and _above(each, linear)]
    if not above:
        return "No width here ends clearly above softmax regression."
    first = above[0]
    gap = apart(difference(first, linear, ACCURACY))
    return (
        f"The narrowest network that ends above softmax regression is the one with {first.label}, with an accuracy of "
        f"{told(first, ACCURACY)}, {gap}."
    )


def _above(each: Curves, linear: Curves) -> bool:
    gap = difference(each, linear, ACCURACY)
    return gap.n > 0 and gap.mean > 0 and settled(gap)


def asleep(found: dict[int, Curves], dead: dict[int, np.ndarray]) -> str:
    """The share of hidden units that no test image switches on; what a dead one is, `alone` may have said."""
    ended = {hidden: share[np.isfinite(share)] for hidden, share in dead.items() if np.isfinite(share).any()}
    shares = {hidden: float(share.mean()) for hidden, share in ended.items() if share.any()}
    if not ended:
        return ""
    known = {0, 1, 256} <= found.keys() and 1 in ended
    if not shares:
        return f"No width has a dead unit{'' if known else ', one that no test image switches on'}."
    named = [f"{wording.percent(share, 1)} with {found[hidden].label}" for hidden, share in shares.items()]
    rest = " and none elsewhere" if len(shares) < len(ended) else ""
    meaning = "" if known else ", which no test image switches on,"
    return f"The share of dead units{meaning} is {wording.listed(named)}{rest}."


def _dead(results: Results, curves: Curves) -> np.ndarray:
    """(n,): the share of dead units of each seed's trained network; NaN where it diverged."""
    shares = MEASURES["dead-units"].values(curves, results)
    return np.where(np.isfinite(shares), shares, np.nan)


def _panels(wide: Curves, narrow: Curves) -> Figure:
    caption = (
        f"Training loss, a running mean while the weights change, and validation loss. With {wide.label} validation "
        f"ends at {told(wide, LOSS)}, with {narrow.label} at {told(narrow, LOSS)}. {compose.seeds([wide, narrow])}."
    )
    return compose.panels("hidden-units-loss", "loss", [wide, narrow], caption, columns=2)


def _widths(group: list[Curves]) -> Figure:
    from shoal import figures

    ends = [(each.label, ACCURACY.of(each)) for each in group]
    linear = [(summary(each, ACCURACY).mean, each.label) for each in group if each.label == label(0)]
    rules = [rule for rule in linear if np.isfinite(rule[0])]
    ranked = sorted(group, key=lambda each: np.nan_to_num(summary(each, ACCURACY).mean, nan=-1))
    below = "" if single(group) else ", the mean and its interval below"
    caption = (
        f"Validation accuracy at the end, a ring for each seed{below}: from "
        f"{told(ranked[0], ACCURACY)} with {ranked[0].label} to {told(ranked[-1], ACCURACY)} with {ranked[-1].label}. "
        f"{compose.seeds(group)}."
    )
    chart = figures.dots(ends, x_title="validation accuracy", ordered=True, accent=label(0), x_rules=rules)
    return Figure("hidden-units-width", chart, caption, figures.dot_rows(ends, value="validation_accuracy"))


SECTION = Section(
    id="2.2",
    title="Hidden units",
    question="What do 256 hidden units learn that one cannot, and is one unit as good as a linear classifier?",
    original="[256 units] The model shows stable decreasing training and validation loss, along with increasing "
    "validation accuracy, showing that the hidden layer provides enough nonlinear space to learn useful patterns from "
    "the data. [1 unit] The model fails to improve validation accuracy and shows poor loss behavior, showing that a "
    "single hidden neuron does not provide representational power and essentially reduces the network to a near "
    "linear classifier.",
    chapter=chapter,
    study=STUDY,
)
