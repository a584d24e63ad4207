# SPDX-License-Identifier: Apache-2.0
"""Draws shapes and words into an SVG in the house's colours, for light and dark. It knows no engine and no data.

The picture brings its own ground, so that it can be read on any page.
"""

from html import escape

from shoal.theme import COLOURS, FONTS, MONOSPACE

WIDTH = 840
"""Pixels: of every picture, about what a code-hosting site leaves for a page's column."""


class Picture:
    """An SVG of so many pixels. Colours are tokens of the theme; ``tint`` is a fill that lets the ground through."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._shapes: list[str] = []

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str = "",
        stroke: str = "",
        *,
        tint: float = 1.0,
        radius: float = 2,
        thick: float = 1,
    ) -> None:
        """A rectangle."""
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}"'
        self._shapes.append(f"<rect {place} {_paint(fill, stroke, tint, thick)}/>")

    def line(self, points: list[tuple[float, float]], stroke: str, *, thick: float = 1.5, dash: str = "") -> None:
        """A line through points."""
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        joined = 'stroke-linejoin="round" stroke-linecap="round"'
        self._shapes.append(f'<polyline points="{through}" {_paint("", stroke, 1, thick)} {joined}{dashes}/>')

    def arrow(self, points: list[tuple[float, float]], stroke: str, *, thick: float = 1.5) -> None:
        """A line with a head at its last point; its last stretch is horizontal or vertical."""
        (x0, y0), (x, y) = points[-2:]
        along = ((x > x0) - (x < x0), (y > y0) - (y < y0))
        neck = (x - 7 * along[0], y - 7 * along[1])
        self.line([*points[:-1], neck], stroke, thick=thick)
        head = [(x, y), *((neck[0] + side * along[1], neck[1] + side * along[0]) for side in (4, -4))]
        through = " ".join(f"{a:.1f},{b:.1f}" for a, b in head)
        self._shapes.append(f'<polygon points="{through}" {_paint(stroke, "", 1, 0)}/>')

    def dot(self, x: float, y: float, radius: float, fill: str = "", stroke: str = "", *, tint: float = 1.0) -> None:
        """A circle."""
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" {_paint(fill, stroke, tint, 1.2)}/>')

    def words(
        self,
        x: float,
        y: float,
        text: str,
        ink: str = "ink",
        *,
        size: float = 13,
        anchor: str = "start",
        bold: bool = False,
        code: bool = False,
    ) -> None:
        """A line of text, ``y`` at its foot."""
        looks = f'class="{"c " if code else ""}f-{ink}" font-size="{size:g}" text-anchor="{anchor}"'
        weight = ' font-weight="600"' if bold else ""
        self._shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" {looks}{weight}>{escape(text)}</text>')

    def svg(self) -> str:
        """The whole file."""
        body = "\n".join(self._shapes)
        used = [name for name in COLOURS if f'f-{name}"' in body or f's-{name}"' in body or f"f-{name} " in body]
        day, night = (_classes([*used, "paper"], dark) for dark in (False, True))
        style = f"text{{font-family:{FONTS}}}.c{{font-family:{MONOSPACE}}}{day}"
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(self.title)}">\n'
            f"<title>{escape(self.title)}</title>\n"
            f"<style>{style}@media (prefers-color-scheme:dark){{{night}}}</style>\n"
            f'<rect width="{self.width}" height="{self.height}" rx="8" class="f-paper"/>\n{body}\n</svg>\n'
        )


def _paint(fill: str, stroke: str, tint: float, thick: float) -> str:
    names = " ".join([f"f-{fill}"] * bool(fill) + [f"s-{stroke}"] * bool(stroke))
    inside = f'fill-opacity="{tint:g}"' if fill else 'fill="none"'
    return f'class="{names}" {inside}' + (f' stroke-width="{thick:g}"' if stroke else "")


def _classes(names: list[str], dark: bool) -> str:
    shades = {name: COLOURS[name].dark if dark else COLOURS[name].light for name in names}
    return "".join(f".f-{name}{{fill:{shade}}}.s-{name}{{stroke:{shade}}}" for name, shade in shades.items())
