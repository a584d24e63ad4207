# SPDX-License-Identifier: Apache-2.0
"""Section 1.4, the half that trains: softmax regression with each way to write the loss, at rates up to ten.

It holds the study and its claims, and tells what became of its runs. The arithmetic is `facts`'.
"""

from shoal import wording
from shoal.analysis.claims import Claim
from shoal.analysis.curves import Curves
from shoal.losses import CrossEntropy
from shoal.models import normal, softmax_regression
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, rows, told
from shoal.studies.section import Results, Table
from shoal.studies.softmax_stability.facts import ENOUGH, FACTS
from shoal.study import Config, Grid, Study

FORMS = ("naive", "shifted", "log-sum-exp")
RATES = (0.1, 1.0, 10.0)
"""The usual one, the highest of section 1.2, and ten times that."""

Found = dict[tuple[str, float], Curves]


def config(form: str, lr: float) -> Config:
    return Config(
        data="fashion-mnist",
        model=softmax_regression(),
        optimizer=SGD(lr=lr),
        init=normal(0.01),
        batch_size=256,
        epochs=5,
        loss=CrossEntropy(form=form),  # type: ignore[arg-type]
    )


CLAIMS = (
    Claim(
        "9c",
        ENOUGH,
        tested="One application stands for nearly all of them, training at a high rate: softmax regression at a "
        "learning rate of 1, with the logarithm of shifted probabilities as its loss, diverges in less than half of "
        "the runs.",
        measure="diverged",
        a={"form": "shifted", "lr": 1.0},
        b=0.5,
        direction="below",
    ),
    Claim(
        "9d",
        ENOUGH,
        tested="At a usual learning rate, 0.1, softmax regression with the logarithm of shifted probabilities as its "
        "loss diverges in less than half of the runs.",
        measure="diverged",
        a={"form": "shifted", "lr": 0.1},
        b=0.5,
        direction="below",
        primary=False,
    ),
    Claim(
        "9e",
        ENOUGH,
        tested="It is not the rate alone: at a learning rate of 1, softmax regression with its loss by log-sum-exp "
        "diverges in less than half of the runs.",
        measure="diverged",
        a={"form": "log-sum-exp", "lr": 1.0},
        b=0.5,
        direction="below",
        primary=False,
    ),
)


def label(form: str, lr: float) -> str:
    """ "lr 1 (shifted)"."""
    return f"lr {lr:g} ({form})"


STUDY = Study("softmax-stability", config, Grid(form=FORMS, lr=RATES), label=label, claims=[*FACTS, *CLAIMS])


def saved(found: Found) -> str:
    """How many of the runs that the naive form loses the other two do not."""
    rates: dict[str, list[str]] = {}
    for lr in RATES:
        naive = found.get(("naive", lr))
        others = {form: found[form, lr] for form in FORMS[1:] if (form, lr) in found}
        if naive is None or not others or not _lost(naive):
            continue
        kept = [f"{_kept(naive, curves)} with the {form} form" for form, curves in others.items()]
        runs = "the run" if len(naive.seeds) == 1 else f"the {wording.count(_lost(naive), 'run')}"
        said = f"of {runs} that the naive form loses, {wording.listed(kept)}."
        rates.setdefault(said, []).append(f"lr {lr:g}")
    told_each = (f"At {wording.listed(at)}{' alike' * (len(at) > 1)}, {said}" for said, at in rates.items())
    return " ".join(told_each) or "No rate here is high enough for the naive form to lose a run."


def _lost(curves: Curves) -> int:
    return sum(step is not None for step in curves.diverged_at)


def _steps(naive: Curves, other: Curves) -> list[tuple[int | None, int | None]]:
    """At which step each seed was lost in one and in the other."""
    left, right = rows(naive, other)
    return [(naive.diverged_at[a], other.diverged_at[b]) for a, b in zip(left, right, strict=True)]


def _kept(naive: Curves, other: Curves) -> str:
    kept = sum(a is not None and b is None for a, b in _steps(naive, other))
    return f"{kept} {'trains' if kept == 1 else 'train'} on" if kept else "none trains on"


def together(found: Found) -> str:
    """How many of the runs that both forms lose they lose at the same step."""
    both = [
        (a, b)
        for lr in RATES
        if ("naive", lr) in found and ("shifted", lr) in found
        for a, b in _steps(found["naive", lr], found["shifted", lr])
        if a is not None and b is not None
    ]
    if not both:
        return ""
    same = sum(a == b for a, b in both)
    end = "ends" if same == 1 else "end"
    return f"Of {wording.count(len(both), 'run')} lost with and without the shift, {same} {end} at the very same step."


def fates(found: Found, results: Results) -> Table:
    """What becomes of each form at each rate: how it ends, or when it is lost."""
    forms = [form for form in FORMS if any(own == form for own, _ in found)]
    rates = [lr for lr in RATES if any(own == lr for _, own in found)]
    body = [[f"lr {lr:g}", *(_fate(found[form, lr]) if (form, lr) in found else "–" for form in forms)] for lr in rates]
    records = [
        {"form": form, "lr": lr, "hash": curves.config.hash, "n": len(curves.seeds), "diverged": _lost(curves)}
        | {"steps": list(curves.diverged_at), "validation_accuracy": ACCURACY.of(curves).tolist()}
        for (form, lr), curves in found.items()
    ]
    epochs = next(iter(found.values())).config.epochs
    data = compose.title(results.dataset(STUDY.points[0].config.data))
    caption = (
        f"What becomes of softmax regression on {data} trained with each form: validation accuracy after {epochs} "
        f"epochs, or the runs whose loss ceased to be finite and after how many steps. {compose.seeds(found.values())}."
    )
    return Table("softmax-training", ["", *forms], body, caption, records)


def _fate(curves: Curves) -> str:
    steps = sorted(step for step in curves.diverged_at if step is not None)
    if not steps:
        return told(curves, ACCURACY)
    span = "" if steps[0] == steps[-1] else f"{steps[0]:,} to "
    after = f"after {span}{wording.count(steps[-1], 'step')}"
    lost = f"lost {after}" if len(curves.seeds) == 1 else f"{len(steps)} of {len(curves.seeds)} lost, {after}"
    return lost if len(steps) == len(curves.seeds) else f"{told(curves, ACCURACY)}; {lost}"
