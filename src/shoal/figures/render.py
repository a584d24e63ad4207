# SPDX-License-Identifier: Apache-2.0
"""A chart as SVG or PNG, without a browser and without a network. It changes no number."""

import re
from html import escape
from typing import Any

from shoal import theme


def svg(chart: Any) -> str:
    """The chart as a stand-alone SVG document, in light colours on their own ground."""
    import vl_convert

    drawn = str(vl_convert.vegalite_to_svg(chart.to_dict()))
    return drawn.replace(f'font-family="{theme.CHART_FONT}"', f"font-family='{theme.FONTS}'")


def png(chart: Any, scale: float = 2.0) -> bytes:
    """The chart as a PNG, for looking; ``scale`` pixels for each of the SVG's."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(chart.to_dict(), scale=scale))


def inline(chart: Any, name: str, title: str, description: str) -> str:
    """The chart as an element of a page: colours follow the page's scheme, ids start with ``name``.

    Its natural width is kept as a custom property, so that the page may scale it or let it scroll.
    """
    drawn = svg(chart)
    body = drawn[drawn.index(">") + 1 :]
    _, _, width, height = (float(number) for number in _attribute(drawn, "viewBox").split())
    for token, colour in theme.COLOURS.items():
        body = body.replace(f'"{colour.light}"', f'"var(--{token})"')
    body = body.replace(f" font-family='{theme.FONTS}'", "").replace("xlink:href", "href")
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    return (
        f'<svg role="img" aria-labelledby="{name}-title {name}-desc" viewBox="0 0 {width:g} {height:g}" '
        f'style="--natural:{width:g}px"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{body}'
    )


def _attribute(document: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', document)
    if found is None:
        raise ValueError(f"the renderer gave an SVG without {name}")
    return found.group(1)
