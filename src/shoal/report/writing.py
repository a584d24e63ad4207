# SPDX-License-Identifier: Apache-2.0
"""Puts a document on disk: figures first, then the numbers, the page last. A reader sees the old file or the new
one and never half of either (`files`).
"""

import csv
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shoal import figures, files
from shoal.report import page, record
from shoal.report.document import Document, Numbered, Provenance, compose
from shoal.studies.section import Figure, Results, Section


def write(out: str | os.PathLike[str], sections: Sequence[tuple[Section, Results]], provenance: Provenance) -> Path:
    """Compose the report and write it as ``out``/index.html, report.json and figures/; gives the page's path."""
    with figures.unchecked():
        document = compose(sections, provenance)
    folder = Path(out)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    drawings, data = {}, {}
    for chapter in document.chapters:
        for one in chapter.blocks:
            if not isinstance(one.block, Figure):
                continue
            drawing = figures.svg(one.block.chart)
            drawings[one.file] = _element(drawing, one, one.block, chapter.section.title)
            data[one.file] = rows_csv(one.block.rows, chapter.stamp)
            _save(folder / "figures" / f"{one.file}.svg", figures.stamped(drawing, chapter.stamp))
            _save(folder / "figures" / f"{one.file}.csv", data[one.file])
    _tidy(folder / "figures", set(drawings))
    _save(folder / "report.json", as_json(document))
    index = folder / "index.html"
    _save(index, page.html(document, drawings, data))
    return index


def _tidy(folder: Path, written: set[str]) -> None:
    """Remove figures of an earlier report that this one no longer has: both halves of a pair that it would name so."""
    for drawing in folder.glob("[0-9]*.[0-9]*-*.svg"):
        rows = drawing.with_suffix(".csv")
        if drawing.stem not in written and re.fullmatch(r"\d+\.\d+-[a-z0-9-]+", drawing.stem) and rows.exists():
            drawing.unlink()
            rows.unlink()


def as_json(document: Document) -> str:
    """`record.record` as text."""
    return json.dumps(record.record(document), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def rows_csv(rows: Sequence[dict[str, Any]], stamp: str = "") -> str:
    """Rows as CSV, a column for every name that occurs; what is missing is empty.

    Args:
        stamp: written in a last column "note" of every row, if there is one.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row)) + (["note"] if stamp else [])
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**record.plain(row), **({"note": stamp} if stamp else {})} for row in rows)
    return text.getvalue()


def _element(drawing: str, place: Numbered, figure: Figure, chapter: str) -> str:
    name = "drawing-" + place.file.replace(".", "-")
    description = figure.caption.replace("`", "").replace("*", "")
    return figures.element(drawing, name, f"Figure {place.number}: {chapter}", description)


def _save(path: Path, text: str) -> None:
    files.write(path, text.encode())
