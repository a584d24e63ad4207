# SPDX-License-Identifier: Apache-2.0
"""`shoal compare`: any two configs of the store by one measure, seed by seed. It trains nothing and claims nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from shoal.cli.options import Setting, as_json, shared
from shoal.cli.text import columns, print_json
from shoal.cli.verdicts import say, spans
from shoal.errors import DataMissing, UsageError

if TYPE_CHECKING:
    from shoal.analysis.comparison import Comparison
    from shoal.analysis.curves import Curves
    from shoal.analysis.margins import Margin
    from shoal.analysis.measures import Measure
    from shoal.data import Dataset
    from shoal.results import StoredResults
    from shoal.store import Store, StoredRun
    from shoal.study import Config

MOST = 6
"""Configs that an ambiguous hash is told to begin."""


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--metric", metavar="M", default="accuracy", show_default=True, help="What is compared; a wrong one lists all."
)
@click.option("--margin", metavar="AMOUNT", help='What counts as a difference, such as "0.5 points", "5%" or "1.25x".')
@as_json
@shared
def compare(setting: Setting, a: str, b: str, metric: str, margin: str | None, as_json: bool) -> None:
    """Compare configs A and B of the store, seed by seed. A and B are how their hashes begin (see `show`).

    Only seeds that both have, trained by the same engine, are compared. The result does not change the exit code.
    """
    from shoal.analysis.margins import Margin
    from shoal.analysis.measures import measure
    from shoal.store import Store

    of, wide = measure(metric), Margin.read(margin) if margin else None
    by = wide.of(of) if wide else None
    with Store.open(setting.stored_path()) as store:
        pair = _pair(setting, store, a, b, of)
        found = _compared(pair, of, by)
        if as_json:
            return print_json("compare", **_facts(pair, of, metric, wide, found))
        _print(pair, of, wide, found)
    return None


@dataclass(frozen=True)
class Pair:
    """Both sides' curves, in the order A, B, and what must be said beside any number."""

    a: "Curves"
    b: "Curves"
    engine: str
    notes: tuple[str, ...]
    results: "StoredResults"


@dataclass(frozen=True, eq=False)
class Found:
    """The comparison with no difference, the values it is of, where the truth is beside a margin, and by what."""

    seeds: tuple[int, ...]
    a: Any
    b: Any
    comparison: "Comparison"
    verdict: str
    decided: "tuple[Comparison, ...]"
    """The comparisons that the verdict rests on: with no difference, or with the margin's ends."""


# ---- which runs ---------------------------------------------------------------------------------------


def _pair(setting: Setting, store: "Store", a: str, b: str, of: "Measure") -> Pair:
    from shoal.results import StoredResults
    from shoal.study import Grid, Study

    sides = {"A": _config(store, a), "B": _config(store, b)}
    if sides["A"][0] == sides["B"][0]:
        raise UsageError(f"A and B are the same config, {sides['A'][0].hash[:8]}. Name another one.")
    engine = setting.engine()
    _check_engine(engine.name, {name: runs for name, (_, runs) in sides.items()})
    data = _data(setting, sides, of, engine.name)
    study = Study("compared", lambda side: sides[side][0], Grid(side=["A", "B"]))
    seeds = sorted({run.seed for _, runs in sides.values() for run in runs})
    results = StoredResults(store, study, data, engine, seeds=seeds, weights=of.deep)
    curves = {name: results.curves(side=name) for name in sides}
    notes = [
        *_stand_ins(store, sides),
        *(note for name in sides for note in _unfinished(results, name, sides[name][0])),
    ]
    return Pair(curves["A"], curves["B"], engine.name, tuple(notes), results)


def _config(store: "Store", prefix: str) -> "tuple[Config, list[StoredRun]]":
    """The one config whose hash, or one of whose runs' hash, begins so, with its runs."""
    found = store.runs(prefix)
    configs = {run.config.hash: run.config for run in found}
    if not found:
        raise UsageError(f"{store.path} has no run whose hash begins with {prefix!r}. See `shoal list --json`.")
    if len(configs) > 1:
        some = ", ".join(list(configs)[:MOST]) + (" ..." if len(configs) > MOST else "")
        raise UsageError(f"{prefix!r} begins the hashes of {len(configs)} configs: {some}. Write more of one.")
    (config,) = configs.values()
    return config, [run for run in store.runs(config.hash) if run.config == config]


def _check_engine(engine: str, sides: "Mapping[str, Sequence[StoredRun]]") -> None:
    """Two engines round differently: a difference between them would be the engines' as well."""
    engines = {name: sorted({run.engine for run in runs}) for name, runs in sides.items()}
    if all(engine in found for found in engines.values()):
        return
    told = "; ".join(f"{name} was trained by {', '.join(found)}" for name, found in engines.items())
    raise UsageError(
        f"{told}; only runs of one engine are compared, and {engine} was asked for. Choose another --engine, or train "
        f"both with {engine}."
    )


def _data(
    setting: Setting, sides: "Mapping[str, tuple[Config, list[StoredRun]]]", of: "Measure", engine: str
) -> "dict[str, Dataset]":
    """Data only where curves do not tell: for a deep measure, or beside a config of which every run diverged."""
    ended = all(any(run.engine == engine and run.status == "finished" for run in runs) for _, runs in sides.values())
    if ended and not of.deep:
        return {}
    found = setting.datasets({config.data for config, _ in sides.values()})
    for name, dataset in found.items():
        if dataset.name != name:
            raise DataMissing(
                f"The {of.name} needs the images of {name}, which is not on this machine. Name its folder with --data."
            )
    return found


def _stand_ins(store: "Store", sides: "Mapping[str, tuple[Config, list[StoredRun]]]") -> list[str]:
    """Different data is compared all the same, but never silently; nor is a stand-in taken for the real thing."""
    known = {row["name"]: row["stand_in"] for row in store.data()}
    names = {side: config.data for side, (config, _) in sides.items()}
    notes = [
        f"{side} was trained on {name}, a stand-in that says nothing of {known[name]}."
        for side, name in names.items()
        if known.get(name)
    ]
    if len(set(names.values())) > 1:
        notes.append(f"A and B are on different data ({names['A']}, {names['B']}): seeds pair only their draws.")
    return notes


def _unfinished(results: "StoredResults", side: str, config: "Config") -> list[str]:
    left = [history for history in results.histories(config) if history.status == "unfinished"]
    return [f"Left out, unfinished: seed {h.run.seed} of {side} ({h.epochs} of {config.epochs} epochs)." for h in left]


# ---- what they say ------------------------------------------------------------------------------------


def _compared(pair: Pair, of: "Measure", by: float | None) -> Found:
    from shoal.analysis import comparison
    from shoal.analysis.measures import paired

    shared_seeds, a, b = paired(of, pair.a, pair.b, pair.results)
    if not shared_seeds:
        have = {name: spans(side.seeds) or "none" for name, side in (("A", pair.a), ("B", pair.b))}
        raise UsageError(
            f"A and B share no seed that has ended: A has {have['A']}, B has {have['B']}. "
            f"Train both on the same seeds. {' '.join(pair.notes)}".strip()
        )

    def against(margin: float | None) -> "Comparison":
        return comparison.compare(a, b, scale=of.scale, margin=margin, outcome=of.outcome)

    ends = (None,) if by is None else (by, 1 / by if of.scale == "ratio" else -by)
    tested = tuple(against(end) for end in ends)
    verdict = _verdict(tested, by is not None)
    return Found(shared_seeds, a, b, against(None), verdict, _deciding(tested, verdict))


def _verdict(tested: "Sequence[Comparison]", margin: bool) -> str:
    """Where A is beside B, or beside the margin's upper and lower end: by all opinions, or not settled."""
    from shoal.analysis import comparison

    above, below = tested[0], tested[-1]
    if above.decision == "too few":
        return f"too few seeds to settle anything, {above.n} of at least {comparison.FEWEST}"
    beyond = " by more than the margin" if margin else ""
    if above.decision == "above":
        return f"A is above B{beyond}"
    if below.decision == "below":
        return f"A is below B{beyond}"
    if margin and above.decision == "below" and below.decision == "above":
        return "A and B are equal within the margin"
    return "not settled"


def _deciding(tested: "Sequence[Comparison]", verdict: str) -> "tuple[Comparison, ...]":
    """Beyond one end of the margin, the other says nothing more."""
    if verdict.startswith("A is above"):
        return tuple(tested[:1])
    return tuple(tested[-1:] if verdict.startswith("A is below") else tested)


# ---- printing -----------------------------------------------------------------------------------------


def _print(pair: Pair, of: "Measure", margin: "Margin | None", found: Found) -> None:
    from shoal.wording import percent, rounded

    one, ratio = found.comparison, of.scale == "ratio"
    for name, side in (("A", pair.a), ("B", pair.b)):
        say(f"{name}  {side.config.hash[:8]}  {_told(side.config)}")
    sense = "" if of.outcome else f" ({'more' if of.rising else 'less'} is better)"
    say(f"\n{of.name[0].upper()}{of.name[1:]}{f', in {of.unit}' if of.unit else ''}{sense}\n")
    facts = [
        ("A / B" if ratio else "A − B", f"{_number(one.estimate)} {_interval(one.low, one.high)}, interval of 95%"),
        ("settled" if found.verdict.startswith("A ") else "open", found.verdict + (f" of {margin}" if margin else "")),
        ("seeds", f"{one.n}: {spans(found.seeds)}"),
        ("p", f"{rounded(one.p)}, of no difference"),
        ("P(A > B)", f"A is above B in {percent(one.p_better)} of seeds, ties half"),
        ("correlation", "–" if one.correlation is None else _number(one.correlation)),
    ]
    facts += [("but", _disagreement(each)) for each in found.decided if not each.agree and each.decision == "open"]
    for label, text in facts:
        say(f"{label:<12} {text}")
    head = ("seed", "A", "B", facts[0][0])
    values = zip(found.seeds, found.a, found.b, one.each, strict=True)
    say("\n" + columns(head, [[str(seed), *map(_number, row)] for seed, *row in values], right=range(4)))
    for note in pair.notes:
        click.echo(f"\n{note}", err=True)


def _disagreement(one: "Comparison") -> str:
    """Of opinions on one bound, which is named unless it is no difference."""
    beside = f"the second interval is {_interval(one.beside.low, one.beside.high)}" if one.beside else ""
    told = "; ".join(part for part in (beside, f"p is {one.p:.2g}") if part)
    bound = "" if one.margin == (one.scale == "ratio") else f", of {_number(one.margin)}"
    return f"{told}{bound}: the opinions differ, so it is open"


def _told(config: "Config") -> str:
    optimizer = f"{type(config.optimizer).__name__} {config.optimizer.lr:g}"
    epochs = f"{'at most ' if config.early_stopping else ''}{config.epochs} epochs"
    return f"{config.data}, {config.model.name}, {optimizer}, batch {config.batch_size}, {epochs}"


def _number(value: float) -> str:
    from shoal.wording import significant

    return "unknown" if value != value else significant(float(value), 4)


def _interval(low: float, high: float) -> str:
    return f"[{_number(low)}, {_number(high)}]"


def _facts(pair: Pair, of: "Measure", metric: str, margin: "Margin | None", found: Found) -> dict[str, Any]:
    one = found.comparison
    names = ("estimate", "low", "high", "n", "level", "scale", "method", "p", "p_better", "correlation", "agree")
    return {
        "metric": metric,
        "measure": of.name,
        "unit": of.unit,
        "engine": pair.engine,
        "a": {"hash": pair.a.config.hash, "values": found.a.tolist()},
        "b": {"hash": pair.b.config.hash, "values": found.b.tolist()},
        "seeds": list(found.seeds),
        "each": one.each.tolist(),
        **{name: getattr(one, name) for name in names},
        "beside": one.beside._asdict() if one.beside else None,
        "margin": str(margin) if margin else None,
        "verdict": found.verdict,
        "notes": list(pair.notes),
    }
