# SPDX-License-Identifier: Apache-2.0
"""The command line: each command parses, calls what does the work, and prints. Nothing is computed here.

Results go to stdout, progress and errors to stderr. Importing this room imports click and nothing heavier.
"""

import sys
from typing import Any, TextIO

import click

from shoal import __version__
from shoal.cli.about import data, doctor
from shoal.cli.bench import bench
from shoal.cli.compare import compare
from shoal.cli.report import report
from shoal.cli.serve import serve
from shoal.cli.stored import export, list_runs, show
from shoal.cli.training import plan, run
from shoal.cli.verify import verify
from shoal.cli.watching import watch
from shoal.errors import ShoalError

INTERRUPTED = 130


class Commands(click.Group):
    """Commands in the order in which one meets them, not in that of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="shoal %(version)s")
def shoal() -> None:
    """Train schools of small neural networks at once, and tell what the curves prove.

    Exit codes: 0 done, 1 error, 2 usage or study error, 3 finished but runs diverged unasked,
    4 data missing or damaged, 5 store locked or too new, 130 interrupted.
    """


for command in (report, run, plan, serve, watch, verify, compare, list_runs, show, export, data, doctor, bench):
    shoal.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    sys.exit(run_command(arguments))


def run_command(arguments: list[str] | None = None) -> int:
    """Run a command; whatever is nobody's mistake in Shoal's own code becomes a line on stderr and a code.

    `shoal list | head` is click's: whoever read has read enough.
    """
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_print(stream)
    try:
        return shoal.main(arguments, prog_name="shoal", standalone_mode=False) or 0
    except ShoalError as error:
        return _say(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", INTERRUPTED)
    except OSError as error:
        what = error.filename or "the output"
        why = error.strerror or error
        return _say(f"{what} cannot be used: {why}. Check the path, its rights and the room on its disk.", 1)
    except MemoryError:
        return _say("not enough memory. Use a smaller model or batch_size, or fewer --threads.", 1)


def _say(words: str, code: int) -> int:
    click.echo(f"shoal: {words}", err=True)
    return code


def _never_fail_to_print(stream: TextIO | Any) -> None:
    """A terminal that cannot show "●" shows "?"."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
