# SPDX-License-Identifier: Apache-2.0
"""A document as one HTML page: styles, drawings, pictures and data all inside, no script, nothing fetched.

All words are escaped by the template; only drawings that Shoal rendered itself pass as they are.
"""

import base64
import re
from collections.abc import Mapping
from html import escape
from importlib import resources

import jinja2
from markupsafe import Markup

from shoal import rulings, theme, wording
from shoal.analysis.comparison import FEWEST
from shoal.analysis.verdicts import BETTER
from shoal.report import findings
from shoal.report.document import Document
from shoal.studies.section import Table

NUMERIC = re.compile(r"^[\s\d.,±×%−+\-–\[\]⁰¹²³⁴⁵⁶⁷⁸⁹∞…·⁻]*( (ms|s|min|h|bytes?|kB|MB|GB|diverged|undefined))*$")


UNITS = "ms|s|min|h|kB|MB|GB|%|bytes?|seed|epoch|unit|step|layer|image|time|class"


def html(document: Document, drawings: Mapping[str, str], data: Mapping[str, str]) -> str:
    """The page.

    Args:
        drawings: a figure's file stem to its SVG element.
        data: the same to its CSV.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("shoal.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.undefined = jinja2.StrictUndefined
    environment.filters |= {
        "marked": marked,
        "numeric": numeric,
        "broad": broad,
        "plain": plain,
        "count": wording.count,
        "duration": wording.duration,
    }
    environment.globals |= {
        "rulings": rulings,
        "findings": findings,
        "rules": {"fewest": FEWEST, "better": wording.percent(BETTER), "level": wording.percent(findings.LEVEL)},
    }
    style = theme.css() + resources.files("shoal.report").joinpath("templates/style.css").read_text("utf-8")
    return environment.get_template("report.html.j2").render(
        document=document,
        style=Markup(style),
        drawings={name: Markup(drawing) for name, drawing in drawings.items()},
        links={name: csv_link(text) for name, text in data.items()},
    )


def marked(text: str) -> Markup:
    """Plain text with `code` and *emphasis*; everything else is escaped."""
    parts = re.split(r"(`[^`]+`)", text)
    return Markup(
        "".join(_code(part) if part[:1] == "`" == part[-1:] and len(part) > 2 else _words(part) for part in parts)
    )


def _code(part: str) -> str:
    return f"<code>{escape(part[1:-1])}</code>"


def _words(part: str) -> str:
    return re.sub(r"\*(\S(?:[^*]*\S)?)\*", r"<em>\1</em>", escape(kept(part)))


def kept(text: str) -> str:
    """The same text with spaces that do not break within "n = 10 seeds", "lr 0.1", "4.9 × 10⁻⁴", "±" and "2/λ"."""
    text = re.sub(r"(?<=[\w.%)]) ([=×·]|±(?= [\d.])|/(?= )) ", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", text)
    text = re.sub(r"\b(lr|batch|epoch|filter|image|seed|N\(0,) (?=[\d.])", "\\1\N{NO-BREAK SPACE}", text)
    text = re.sub(rf"(?<=[\d.]) (?=(?:{UNITS})s?\b)", "\N{NO-BREAK SPACE}", text)
    return re.sub(r"(?<=\w)/(?=\w)", "\N{WORD JOINER}/\N{WORD JOINER}", text)


def plain(label: str) -> str:
    """A study's own label for people: "batch size 32", "lr 1"."""
    return re.sub(r"(?<=\d)\.0\b", "", label.replace("_", " "))


def numeric(cell: str) -> bool:
    """Whether a cell is a number, or a word where numbers stand, to be set flush right."""
    figures = bool(NUMERIC.match(cell)) and any(sign.isdigit() or sign in "–∞" for sign in cell)
    return figures or cell in ("never", "diverged")


def broad(table: Table) -> bool:
    """Whether a table needs more room than the text column has: about 80 letters, with what keeps columns apart."""
    columns = zip(*table.rows, strict=True)
    letters = sum(min(max(len(cell) for cell in column), 32) + 3 for column in columns)
    return bool(letters > 80)


def csv_link(text: str) -> str:
    """A CSV as a data URL."""
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode("ascii")
