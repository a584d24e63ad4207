# SPDX-License-Identifier: Apache-2.0
"""A chart as SVG or PNG, without a browser and without a network. It changes no number."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from shoal import theme

UNDRAWABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no place for: given one of these, the renderer ends the process."""


def svg(chart: Any) -> str:
    """The chart as a stand-alone SVG document, in light colours on their own ground."""
    import vl_convert

    drawn = str(vl_convert.vegalite_to_svg(_drawable(chart.to_dict(validate=False))))
    # Vega counts its clips through the life of the process: counted anew, the same chart is the same text.
    clips = {name: f"clip{number}" for number, name in enumerate(dict.fromkeys(re.findall(r'id="(clip\d+)"', drawn)))}
    drawn = re.sub(r"\bclip\d+\b", lambda found: clips.get(found[0], found[0]), drawn)
    return drawn.replace(f'font-family="{theme.CHART_FONT}"', f"font-family='{theme.FONTS}'")


@contextmanager
def unchecked() -> Iterator[None]:
    """While it lasts, charts are built without holding each piece against the grammar's schema, which takes longer than
    drawing them. The tests draw every chart with the checks."""
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        yield


def png(chart: Any, scale: float = 2.0) -> bytes:
    """The chart as a PNG, for looking; ``scale`` pixels for each of the SVG's."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_drawable(chart.to_dict(validate=False)), scale=scale))


def stamped(drawing: str, text: str) -> str:
    """The SVG document with a line of text below the chart; as it is if there is no text."""
    if not text:
        return drawing
    width, height = _size(drawing)
    head, body = drawing.split(">", 1)
    head = head.replace(f'height="{height:g}"', f'height="{height + 20:g}"')
    head = head.replace(f' {height:g}"', f' {height + 20:g}"')
    ground = f'<rect width="{width:g}" height="{height + 20:g}" fill="{theme.light("paper")}"/>'
    words = (
        f"<text x='4' y='{height + 12:g}' font-family='{theme.FONTS}' font-size='11px' "
        f"fill='{theme.light('vermillion-text')}'>{escape(text)}</text>"
    )
    return f"{head}>{ground}{body.removesuffix('</svg>')}{words}</svg>"


def element(drawing: str, name: str, title: str, description: str) -> str:
    """An SVG document as an element of a page: colours follow the page's scheme, ids start with ``name``.

    Its natural width is kept as a custom property, so that the page may scale it or let it scroll.
    """
    width, height = _size(drawing)
    body = drawing[drawing.index(">") + 1 :]
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


def _drawable(content: Any) -> Any:
    """The same plain data, its texts without what cannot be drawn."""
    if isinstance(content, str):
        return UNDRAWABLE.sub("\N{REPLACEMENT CHARACTER}", content)
    if isinstance(content, dict):
        return {name: _drawable(value) for name, value in content.items()}
    return [_drawable(value) for value in content] if isinstance(content, list | tuple) else content


def _size(drawing: str) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing)
    if found is None:
        raise ValueError("the renderer gave an SVG without a viewBox")
    return float(found.group(1)), float(found.group(2))
