# SPDX-License-Identifier: Apache-2.0
"""Data in, one Altair chart out: the same chart goes to report, notebook, page, SVG and PNG. Nothing is computed
here but intervals over seeds, and nothing is read.

Lines: `curves` (over seeds), `multiples` (panels of curves), `lines` (exact functions), `steps` (every step's loss).
Amounts: `dots` (a dot per seed and the interval), `bars` (a stacked ledger), `heatmap` (a confusion matrix),
`tried` (settings on a log axis and which was chosen), `speeds` (how many times as long others take).
Claims: `verdicts` (a row per claim: a dot per seed, the interval, where the claim would hold).
Pictures: `images` (pixel by pixel), `filters` (weights around zero).
``curve_rows`` and ``steps_rows`` give the same numbers as rows, for a figure's CSV.
"""

from shoal.figures.amounts import bars, dot_rows, dots, heatmap, heatmap_rows
from shoal.figures.curves import BINS, curve_rows, curves, lines, multiples, steps, steps_note, steps_rows
from shoal.figures.drawing import Series
from shoal.figures.pictures import filters, image_rows, images
from shoal.figures.render import element, png, stamped, svg, unchecked
from shoal.figures.speeds import Pace, speeds
from shoal.figures.tried import Choice, tried
from shoal.figures.verdicts import ClaimRow, verdict_rows, verdicts

__all__ = [
    "BINS",
    "Choice",
    "ClaimRow",
    "Pace",
    "Series",
    "bars",
    "curve_rows",
    "curves",
    "dot_rows",
    "dots",
    "element",
    "filters",
    "heatmap",
    "heatmap_rows",
    "image_rows",
    "images",
    "lines",
    "multiples",
    "png",
    "speeds",
    "stamped",
    "steps",
    "steps_note",
    "steps_rows",
    "svg",
    "tried",
    "unchecked",
    "verdict_rows",
    "verdicts",
]
