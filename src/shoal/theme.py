# SPDX-License-Identifier: Apache-2.0
"""The one place where colours, fonts and widths are chosen; charts and style sheet both read it. It draws nothing.

A chart is drawn with the light colours. No two tokens share a light colour, so a drawing can be read backwards:
the report replaces each colour by its token and the page's colour scheme decides.
"""

from typing import NamedTuple


class Token(NamedTuple):
    """One colour in both schemes."""

    light: str
    dark: str


COLOURS: dict[str, Token] = {
    "paper": Token("#fefdfb", "#16181b"),
    "ink": Token("#1d2024", "#e7e5e0"),
    "soft": Token("#5a5f66", "#a6a9af"),
    "faint": Token("#b5b8bc", "#50545a"),
    "grid": Token("#eae8e3", "#2a2d31"),
    # Okabe and Ito's colours for categories, lightened on dark ground; yellow is too light for a line on paper.
    "blue": Token("#0072b2", "#56aee6"),
    "vermillion": Token("#d55e00", "#f28a48"),
    "green": Token("#009e73", "#3cc79e"),
    "purple": Token("#cc79a7", "#e39cc3"),
    "orange": Token("#e69f00", "#f0b73c"),
    "sky": Token("#56b4e9", "#9ad6f7"),
    # The same for words: dark enough to read.
    "blue-text": Token("#00649c", "#6cb9ea"),
    "vermillion-text": Token("#b04e00", "#f49a60"),
    "green-text": Token("#00775a", "#55d0ac"),
    "purple-text": Token("#a04f7c", "#e8abcc"),
    "orange-text": Token("#8a6100", "#f3c35c"),
    "sky-text": Token("#23749f", "#a8dcf8"),
    # One hue for ordered values, weak to strong.
    "ramp-0": Token("#a6c9e5", "#3e5c80"),
    "ramp-1": Token("#88b4da", "#48709b"),
    "ramp-2": Token("#6a9dcc", "#5486b4"),
    "ramp-3": Token("#4f87be", "#659ccb"),
    "ramp-4": Token("#3870ac", "#7cb2dd"),
    "ramp-5": Token("#255996", "#99c6ea"),
    "ramp-6": Token("#15427b", "#b9d9f3"),
    "ramp-7": Token("#0a2c5b", "#d9ebfa"),
}

CATEGORIES = ("blue", "vermillion", "green", "purple", "orange", "sky")
RAMP = tuple(f"ramp-{step}" for step in range(8))
ACCENT = "vermillion"

FONTS = (
    '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", '
    "Arial, sans-serif"
)
MONOSPACE = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace'
CHART_FONT = "Liberation Sans"
"""What charts are measured with: the renderer carries it, and it is as wide as Arial and Helvetica."""

COLUMN = 640
"""Pixels: the width of the text, about 70 characters, and of a figure in it."""
WIDE = 920
"""Pixels: the width of a figure that may leave the text column."""


def light(name: str) -> str:
    """The hex colour that charts draw with."""
    return COLOURS[name].light


def text_of(name: str) -> str:
    """The token to write words with, beside a mark of that token."""
    if name in RAMP:
        return RAMP[max(RAMP.index(name), 3)]
    return f"{name}-text" if f"{name}-text" in COLOURS else name


def colours(count: int, ordered: bool = False) -> list[str]:
    """Tokens for so many series: Okabe-Ito for categories, one hue from weak to strong for ordered ones."""
    if not ordered:
        return [CATEGORIES[index % len(CATEGORIES)] for index in range(count)]
    if count == 1:
        return [RAMP[4]]
    return [RAMP[round(index * (len(RAMP) - 1) / (count - 1))] for index in range(count)]


def css() -> str:
    """The tokens as CSS custom properties: light, dark where the reader prefers it, and light on paper."""
    day = "".join(f"--{name}:{token.light};" for name, token in COLOURS.items())
    night = "".join(f"--{name}:{token.dark};" for name, token in COLOURS.items())
    fonts = f"--sans:{FONTS};--mono:{MONOSPACE};--column:{COLUMN}px;--wide:{WIDE}px;"
    return (
        f":root{{color-scheme:light dark;{fonts}{day}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{night}}}}}"
        f":root[data-theme=dark]{{{night}}}"
    )
