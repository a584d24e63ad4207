# SPDX-License-Identifier: Apache-2.0
"""Writes docs/cli.md from the commands' own help. It adds no word of its own but the head; a test holds the
file to what this gives.

    python docs/write_cli.py
"""

from pathlib import Path

import click

from shoal.cli import shoal

PAGE = Path(__file__).with_name("cli.md")
HEAD = """# The command line

Written by `python docs/write_cli.py` from the commands' own help.
"""


def text() -> str:
    """The whole page."""
    parts = [HEAD, *_command("shoal", shoal, None)]
    for name in shoal.list_commands(click.Context(shoal)):
        parts += _command(f"shoal {name}", shoal.commands[name], name)
    return "\n".join(parts)


def _command(path: str, command: click.Command, name: str | None) -> list[str]:
    settings = {**shoal.context_settings, "terminal_width": 100, "color": False}
    parent = click.Context(shoal, info_name="shoal", **settings) if name else None
    context = click.Context(command, parent, info_name=name or "shoal", **settings)
    return [f"## {path}\n", f"```\n{command.get_help(context)}\n```\n"]


if __name__ == "__main__":
    PAGE.write_text(text())
