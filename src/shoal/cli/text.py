# SPDX-License-Identifier: Apache-2.0
"""How results are printed: aligned columns, and one versioned JSON object. It computes nothing."""

import json
import math
from collections.abc import Sequence
from typing import Any

import click

SCHEMA = 1


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows under their heads, two blanks apart.

    Args:
        right: the columns that are aligned to the right.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(row: Sequence[str]) -> str:
        cells = zip(range(len(head)), row, widths, strict=True)
        return "  ".join(cell.rjust(width) if at in right else cell.ljust(width) for at, cell, width in cells).rstrip()

    return "\n".join(map(line, (head, *rows)))


def print_json(command: str, **content: Any) -> None:
    """`to_json` on stdout."""
    click.echo(to_json(command, **content))


def to_json(command: str, **content: Any) -> str:
    """One object: schema, command, content. What is not finite is null."""
    return json.dumps({"schema": SCHEMA, "command": command, **_plain(content)}, indent=1, ensure_ascii=False)


def _plain(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _plain(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
