# SPDX-License-Identifier: Apache-2.0
"""A study's curves for a page: from what is asked to the chart that the report would draw, its caption, its numbers.

Smoothing changes what is drawn, and says so; the numbers of a point and of the table are never smoothed.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shoal import wording
from shoal.live.watching import layers, stepwise
from shoal.live.watching.captions import AXES, METRICS, Shown, caption
from shoal.live.watching.gathering import Watched
from shoal.live.watching.grouping import BY_CONFIG, Grouping, choices, grouped
from shoal.live.watching.lines import Axis, Lines, chosen, lines, means, trained_only
from shoal.store import Store

Metric = Literal["validation_loss", "validation_accuracy", "train_loss", "train_accuracy", "seconds"]
LINES = 200
"""Thin lines that one chart shows: a browser takes half a millisecond for each of them."""
SMOOTHING = (0.0, 0.5, 0.8, 0.9, 0.95)
"""Factors to choose from."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of a chart, as a request has it."""

    study: str = ""
    metric: Metric = "validation_loss"
    by: str = BY_CONFIG
    x: Axis = "epochs"
    log_x: bool = False
    log_y: bool = False
    smooth: Annotated[float, Meta(ge=0, le=0.99)] = 0.0
    """The share of the point before in each point of a line."""
    width: Annotated[int, Meta(ge=240, le=1600)] = 640
    """Pixels of the whole chart."""


def chart(asked: Asked, study: Watched, store: Store) -> dict[str, Any]:
    """The chart as a Vega-Lite spec, None while there is nothing to draw; its caption; n; its numbers as a table; and
    what else a chart of the study can show, so that a page need not ask for that first.

    Raises:
        UsageError: the runs cannot be grouped so.
    """
    grouping = grouped(study, asked.by, asked.metric)
    steps = stepwise.steps_of(grouping, store) if asked.x == "steps" else {}
    found = _lines(asked, grouping, steps, store)
    shown = Shown(study, grouping, found, asked.metric, asked.x, asked.smooth, stamp(study, store))
    n = max((int(one.averaged.sum()) for one in found), default=0)
    spec = None
    if asked.metric == "train_loss" and asked.x == "steps":
        every = stepwise.series(grouping, steps, store, asked.smooth)
        if every:
            shown = shown._replace(every=every)
            spec = layers.every_step(asked, grouping, every)
    if spec is None and found:
        spec = layers.over_seeds(asked, grouping, found)
    return {
        "chart": spec,
        "caption": caption(shown),
        "n": n,
        "numbers": numbers(found),
        "choices": {
            "by": choices(study),
            "metrics": [{"key": key, "title": title} for key, title in METRICS.items()],
            "x": [{"key": key, "title": title} for key, title in AXES.items()],
            "smooth": SMOOTHING,
        },
    }


def _lines(asked: Asked, grouping: Grouping, steps: Mapping[str, int], store: Store) -> list[Lines]:
    most = max(LINES // max(len(grouping.groups), 1), 2)
    shown = [one for group in grouping.groups for runs in chosen(group, most)[0].values() for one in runs]
    ids = {one.row.id for one in shown if one.row}
    curves = store.curves(ids, asked.metric)
    seconds = store.curves(ids, "seconds") if asked.x == "seconds" else {}
    found = [lines(group, curves, seconds, steps, asked.x, most) for group in grouping.groups]
    return [trained_only(one) for one in found] if asked.metric == "seconds" else found


def numbers(found: Sequence[Lines]) -> dict[str, Any]:
    """The thick lines as a table: a row for each series and epoch."""
    rows = [
        [
            one.label,
            point.epoch,
            point.n,
            *(wording.significant(value, 5) if value == value else "–" for value in point[2:5]),
        ]
        for one in found
        for point in means(one)
    ]
    return {"columns": ["series", "epoch", "n", "mean", "low", "high"], "rows": rows}


def stamp(study: Watched, store: Store) -> str:
    """ "on the stand-in; says nothing of Fashion-MNIST", or "" on real data."""
    from shoal.studies.compose import TITLES

    used = {setup.config["data"] for setup in study.setups if setup.config}
    missing = [one["stand_in"] for one in store.data() if one["name"] in used and one["stand_in"]]
    names = [TITLES.get(name, name) for name in missing]
    return f"on the stand-in; says nothing of {wording.listed(names, 'or')}" if names else ""
