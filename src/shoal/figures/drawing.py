# SPDX-License-Identifier: Apache-2.0
"""What all charts share: series and their colours, rows, words over a plane, the theme. It draws no chart."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import altair as alt
import numpy as np

from shoal import theme

Rows = list[dict[str, Any]]
Rule = tuple[float, str]
"""A value on an axis worth a line, and what to write beside it."""


class Series(NamedTuple):
    """One named curve. ``x`` is (E,); ``values`` (n, E), a row per seed, or (E,) for an exact function.

    Mean and band end at ``means_to``: beyond, some runs were stopped, and a mean of the others would jump.
    """

    label: str
    x: np.ndarray
    values: np.ndarray
    means_to: float = inf

    @property
    def seeds(self) -> np.ndarray:
        """The values as (n, E) float64, what is not finite as NaN."""
        values = np.atleast_2d(np.asarray(self.values, np.float64))
        return np.where(np.isfinite(values), values, np.nan)


Given = Sequence[Series | tuple[str, Any, Any] | tuple[str, Any, Any, float]]
"""What charts take: plain tuples do."""


def as_series(given: Given) -> list[Series]:
    """Plain tuples (label, x, values), perhaps with ``means_to``, as `Series` of float64 arrays."""
    return [
        Series(*one)._replace(
            label=str(one[0]), x=np.asarray(one[1], np.float64), values=np.asarray(one[2], np.float64)
        )
        for one in given
    ]


def palette(
    labels: Sequence[str], ordered: bool, accent: str | None, among: Sequence[str] | None = None
) -> Mapping[str, str]:
    """A colour token for each label; the accented one takes no step of an ordered ramp.

    Args:
        among: all labels of which these are some, so that a series has one colour in every figure.
    """
    every = list(dict.fromkeys([*(among or ()), *labels]))
    plain = [label for label in every if label != accent or not ordered]
    chosen = dict(zip(plain, theme.colours(len(plain), ordered), strict=True))
    return chosen if accent is None else {**chosen, accent: theme.ACCENT}


def table(rows: Rows) -> alt.InlineData:
    """Rows as the data of a chart: a tuple, which Altair does not copy each time a chart is changed."""
    return alt.InlineData(values=tuple(rows))


def point(value: float) -> float | None:
    """A number for a chart: six digits are more than a pixel; None where there is none, which breaks a line."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def shade() -> alt.Color:
    """The colour written in each row."""
    return alt.Color("shade", type="nominal", scale=None, legend=None)


def left() -> alt.XValue:
    """The left edge of a plane."""
    return alt.XValue(0)  # type: ignore[no-untyped-call]


def below(row: float) -> alt.YValue:
    """So many pixels below the top of a plane."""
    return alt.YValue(row)  # type: ignore[no-untyped-call]


def heading(text: str, row: float, **look: Any) -> alt.Chart:
    """Words over a plane, ``row`` pixels below its top: a mark, since Vega would move a title about."""
    look = {"align": "left", "baseline": "alphabetic", "fontSize": 12, **look}
    mark: alt.Chart = alt.Chart(table([{"text": text}])).mark_text(**look)
    return mark.encode(x=left(), y=below(row), text=alt.Text("text", type="nominal"))


def finish(chart: Any) -> Any:
    """The theme, on the whole chart: quiet axes, no boxes, words in ink."""
    axis: dict[str, Any] = {
        "domain": False,
        "tickColor": theme.light("faint"),
        "tickSize": 4,
        "gridColor": theme.light("grid"),
        "labelColor": theme.light("soft"),
        "labelFontSize": 11,
        "labelPadding": 5,
        "labelFlush": False,
        "titleColor": theme.light("soft"),
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    }
    return chart.configure(
        font=theme.CHART_FONT,
        background=theme.light("paper"),
        padding=4,
        aria=False,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(**axis),
        axisY=alt.AxisConfig(ticks=False),
        legend=alt.LegendConfig(
            labelColor=theme.light("ink"), labelFontSize=12, title=None, orient="top", symbolType="square", offset=14
        ),
        text=alt.MarkConfig(color=theme.light("ink"), fontSize=12),
    )
