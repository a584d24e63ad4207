# SPDX-License-Identifier: Apache-2.0
"""Pieces of HTML that stand alone in a notebook's cell: words, tables, charts, verdicts, with their style inside.

Every text passes `words`, which escapes it; the rest is markup written here, or a drawing made here.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path

import numpy as np

from shoal import rulings, theme, wording
from shoal.analysis.verdicts import Verdict
from shoal.spec import content_hash

Line = tuple[str, np.ndarray, np.ndarray, float]
"""A label, x (E,), values (n, E) and where their mean ends, as in `figures.Series`."""

LIGHT = ("[data-jp-theme-light=true]", ".vscode-light", "html[theme=light]")
DARK = ("[data-jp-theme-light=false]", ".vscode-dark", "html[theme=dark]")
"""How JupyterLab, VS Code and Colab say their scheme, which need not be the system's."""

ON_ONE_PLANE = 6
"""Curves on one plane, as many as there are colours; more are drawn each in a panel of its own."""
MOST_PANELS = 12


def fragment(*parts: str) -> str:
    """The parts as one element that brings its style with it; what is no Unicode becomes a question mark."""
    text = f'<div class="shoal-shown"><style>{_style()}</style>{"".join(parts)}</div>'
    return text.encode("utf-8", "replace").decode()


@cache
def _style() -> str:
    day, night = (
        "".join(f"--{name}:{getattr(token, scheme)};" for name, token in theme.COLOURS.items())
        for scheme in ("light", "dark")
    )
    rules = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    fonts = f"--sans:{theme.FONTS};--mono:{theme.MONOSPACE};"
    return (
        f".shoal-shown{{{fonts}}}.shoal-shown,{_within(LIGHT)}{{{day}}}"
        f"@media (prefers-color-scheme:dark){{.shoal-shown{{{night}}}}}{_within(DARK)}{{{night}}}{rules}"
    )


def _within(places: Iterable[str]) -> str:
    return ",".join(f"{place} .shoal-shown" for place in places)


# ---- words and tables ---------------------------------------------------------------------------------


def words(text: object) -> str:
    """Text as HTML that shows it and nothing else."""
    return escape(str(text))


def line(kind: str, *texts: object) -> str:
    """A paragraph of one of the style's kinds; parts that are empty are left out."""
    return f'<div class="{kind}">{words(" · ".join(str(text) for text in texts if text))}</div>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = (), foot: Sequence[object] = ()
) -> str:
    """Rows under their heads.

    Args:
        right: the columns that are aligned to the right.
        foot: a last row, of totals.
    """

    def cells(tag: str, row: Sequence[object]) -> str:
        kinds = (' class="n"' if at in right else "" for at in range(len(row)))
        return "".join(f"<{tag}{kind}>{words(text)}</{tag}>" for kind, text in zip(kinds, row, strict=True))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    last = f"<tfoot><tr>{cells('td', foot)}</tr></tfoot>" if foot else ""
    inside = f"<thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody>{last}"
    return f'<div class="scroll"><table>{inside}</table></div>'


# ---- verdicts -----------------------------------------------------------------------------------------


def claim(id: str, says: str, tested: str) -> str:
    """A sentence that is to be judged."""
    return (
        f'<div class="claim asked"><span class="word">{words(id)}</span> <span class="soft">“{words(says)}”</span>'
        f"{_tested(tested)}</div>"
    )


def verdict(given: Verdict) -> str:
    """A verdict with its mark, its word, the words judged, and what the runs say."""
    standing = rulings.word(given) + (", so far" if given.so_far else "")
    return (
        f'<div class="claim {given.word.replace(" ", "-")}"><span class="sign">{rulings.mark(given)}</span>'
        f'<span class="word">{words(standing)}</span> <span class="soft">{words(given.claim.id)}</span> '
        f'<span class="says">“{words(given.claim.says)}”</span>{_tested(given.claim.tested)}'
        f"{words(rulings.sentence(given))}</div>"
    )


def _tested(text: str) -> str:
    return f'<span class="tested">{words(text)}</span>' if text else ""


# ---- charts -------------------------------------------------------------------------------------------


def charts(*drawn: str) -> str:
    """Charts side by side where there is room."""
    return f'<div class="charts">{"".join(drawn)}</div>'


def curves(title: str, lines: Sequence[Line], *, ordered: bool = False, dashed: Sequence[str] = ()) -> str:
    """One chart of curves against epochs, as an SVG element; with a band over seeds where there are enough.

    Args:
        title: what is drawn: "validation loss".
        ordered: the labels are steps of one quantity.
        dashed: labels drawn dashed.
    """
    from shoal import figures

    shown = _trained([line for line in lines if np.isfinite(line[2]).any()][:MOST_PANELS])
    if not shown:
        return ""
    many = len(shown) > ON_ONE_PLANE
    size = {"width": None, "height": 130} if many else {"width": 300, "height": 200}
    with figures.unchecked():
        chart = figures.curves(
            shown, x_title="epoch", y_title=title, ordered=ordered and not many, dashed=dashed, facet=many, **size
        )
        drawing = figures.svg(chart)
    ends = wording.listed([f"{label}: {_last(values)}" for label, _, values, _ in shown])
    name = f"shoal-{content_hash([title, drawing])}"
    return figures.element(drawing, name, f"{title} against epochs", f"Mean at the last epoch shown: {ends}.")


def _trained(lines: Sequence[Line]) -> Sequence[Line]:
    """Without epoch 0, once all go beyond epoch 1: what no network had learnt yet would flatten all that they learn."""
    if not all(np.isfinite(values[:, x > 1]).any() for _, x, values, _ in lines):
        return lines
    return [(label, x[x > 0], values[:, x > 0], means_to) for label, x, values, means_to in lines]


def _last(values: np.ndarray) -> str:
    """The mean of values (n, E) over the seeds that have one in the last column where any has."""
    column = values[:, np.isfinite(values).any(axis=0)][:, -1]
    return wording.rounded(float(column[np.isfinite(column)].mean()))


def left_out(count: int) -> str:
    """That not all configs are drawn, or "" ."""
    return f"; {wording.count(count - MOST_PANELS, 'further config')} not drawn" if count > MOST_PANELS else ""
