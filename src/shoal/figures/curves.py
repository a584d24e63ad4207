# SPDX-License-Identifier: Apache-2.0
"""Lines over an axis: learning curves over seeds, exact functions, losses step by step, small multiples; and the
same numbers as rows."""

from collections.abc import Collection, Sequence
from typing import Any

import altair as alt
import numpy as np

from shoal import wording
from shoal.figures.drawing import Given, Rows, Rule, as_series, palette
from shoal.figures.panels import Look, Panel, side_by_side, single
from shoal.figures.strokes import band, binned

BINS = 240
"""Points to which the losses of all steps are thinned out: more would be closer than pixels."""


def curves(
    series: Given,
    *,
    x_title: str,
    y_title: str,
    ordered: bool = False,
    accent: str | None = None,
    among: Sequence[str] | None = None,
    dashed: Collection[str] = (),
    log_x: bool = False,
    log_y: bool = False,
    x_domain: tuple[float, float] | None = None,
    y_domain: tuple[float, float] | None = None,
    x_ticks: Sequence[float] | None = None,
    x_rules: Sequence[Rule] = (),
    y_rules: Sequence[Rule] = (),
    facet: bool = False,
    columns: int = 3,
    width: int | None = None,
    height: int | None = None,
) -> alt.LayerChart | alt.ConcatChart:
    """Curves over seeds: each seed a thin line, the mean a thick one, the 95% t interval a band, from four seeds on.

    Args:
        series: (label, x (E,), values (n, E)) each; one seed is a single line.
        ordered: the labels are steps of one quantity (learning rates): one hue from weak to strong.
        accent: the label of the notable series.
        among: all labels of a chapter, so that one series has one colour in each of its figures.
        dashed: labels drawn dashed (training beside validation).
        x_domain, y_domain: by default the range of the values; lines that leave a given one are cut off.
        x_ticks: where x is marked, for values that are not round.
        x_rules, y_rules: values worth a dashed line, each with a word.
        facet: a panel for each series, on shared axes, the others' means behind it in grey.
        columns: panels in a row when ``facet``.
        width, height: pixels of the plane (of one panel when ``facet``), without labels.
    """
    drawn = as_series(series)
    colour = palette([one.label for one in drawn], ordered, accent, among)
    look = Look(x_title, y_title, log_x, log_y, x_domain, y_domain, x_ticks, x_rules, y_rules, tuple(dashed))
    if facet:
        return side_by_side([Panel(one.label, [one]) for one in drawn], colour, look, columns, width, height, drawn)
    return single(drawn, colour, look, width, height)


def multiples(
    panels: Sequence[tuple[str, Given]],
    *,
    x_title: str | Sequence[str],
    y_title: str,
    ordered: bool = False,
    accent: str | None = None,
    columns: int = 3,
    width: int | None = None,
    height: int | None = None,
    **look: Any,
) -> alt.ConcatChart:
    """Small multiples on shared axes: panels of (title, series), every panel drawn as by `curves`.

    Series of the same label have the same colour everywhere and are named in the first panel that has them.

    Args:
        x_title: one for all; or one for each panel, which then has a horizontal axis of its own.
        look: other options of `curves`.
    """
    filled = [(title, as_series(series)) for title, series in panels]
    colour = palette([one.label for _, series in filled for one in series], ordered, accent)
    own = [""] * len(filled) if isinstance(x_title, str) else list(x_title)
    every = [Panel(*panel, title) for panel, title in zip(filled, own, strict=True)]
    common = Look(x_title if isinstance(x_title, str) else "", y_title, **_frozen(look))
    return side_by_side(every, colour, common, columns, width, height)


def _frozen(look: dict[str, Any]) -> dict[str, Any]:
    return {**look, "dashed": tuple(look.get("dashed", ()))}


def lines(series: Given, *, x_title: str, y_title: str, **options: Any) -> alt.LayerChart | alt.ConcatChart:
    """Exact functions, (label, x (E,), y (E,)) each; options as for `curves`. NaN and infinity break a line."""
    return curves(series, x_title=x_title, y_title=y_title, **options)


def steps(
    series: Given, *, x_title: str = "step", y_title: str = "training loss", bins: int = BINS, **options: Any
) -> alt.LayerChart | alt.ConcatChart:
    """Losses of every step, (label, x (steps,), values (n, steps)) each, binned: see `steps_note`, which says how.

    The line is the mean of a bin, the band reaches from its lowest to its highest value, both averaged over
    seeds. Other options as for `curves`.
    """
    drawn = [binned(one, bins) for one in as_series(series)]
    colour = palette([one.label for one in drawn], options.pop("ordered", False), options.pop("accent", None))
    facet, columns = options.pop("facet", False), options.pop("columns", 3)
    width, height = options.pop("width", None), options.pop("height", None)
    look = Look(x_title, y_title, **_frozen(options))
    if facet:
        return side_by_side([Panel(one.label, [one]) for one in drawn], colour, look, columns, width, height)
    return single(drawn, colour, look, width, height)


def steps_note(count: int, bins: int = BINS) -> str:
    """How `steps` thins out ``count`` points, as a sentence for the caption; empty if it does not."""
    size = -(-count // bins)
    if size == 1:
        return ""
    return (
        f"Each point of a line stands for {wording.count(size, 'step')}: their mean, and as a band their lowest "
        f"and highest loss, averaged over seeds."
    )


def curve_rows(series: Given, *, x: str, y: str) -> Rows:
    """The numbers of `curves` as rows: series, x, mean, low, high, and a column for each seed's value.

    Args:
        x, y: names of the columns: ``x="epoch", y="validation_loss"``.
    """
    rows: Rows = []
    for one in as_series(series):
        mean, low, high = band(one)
        for column, at in enumerate(one.x):
            row: dict[str, Any] = {"series": one.label, x: float(at), y: _plain(mean[column])}
            if len(one.seeds) > 1:
                row |= {"low": _plain(low[column]), "high": _plain(high[column])}
                row |= {f"value {number}": _plain(v) for number, v in enumerate(one.seeds[:, column], start=1)}
            rows.append(row)
    return rows


def steps_rows(series: Given, *, x: str = "step", y: str = "training_loss", bins: int = BINS) -> Rows:
    """The numbers of `steps` as rows: series, x of the bin's middle, mean, lowest and highest."""
    return [
        {"series": one.label, x: float(at), y: _plain(mean), "lowest": _plain(low), "highest": _plain(high)}
        for one in (binned(given, bins) for given in as_series(series))
        for at, mean, low, high in zip(one.x, *one.values, strict=True)
    ]


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
