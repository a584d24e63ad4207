# SPDX-License-Identifier: Apache-2.0
"""Progress as people see it, on stderr: a live picture of all runs in a terminal, plain lines elsewhere.

Results never come here; they go to stdout. `NO_COLOR` is honoured.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO

from shoal.engines import EpochRecord
from shoal.plan import Task
from shoal.progress import Board, Cell, duration, sparkline
from shoal.wording import fixed

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0
STYLES = {"●": "default", "×": "red", "○": "blue", "◔": "blue", "◑": "blue", "◕": "blue", "·": "bright_black"}
MOST_RUNNING = 8
SPARK_WIDTH = 24
BAR_WIDTH = 40
ROOM_BELOW = 5
"""Lines of a picture for the bar, and around it."""


class View(Protocol):
    """Something that shows a `Board`; a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def plan(self, tasks: tuple[Task, ...]) -> None:
        """Training begins."""

    def record(self, record: EpochRecord) -> None:
        """An epoch has been stored."""

    def tell(self, cell: Cell) -> None:
        """The board knows already that this run has come further."""

    def say(self, text: str) -> None:
        """A line that stays."""


def view(board: Board, stream: TextIO | None = None) -> View:
    """The live picture if ``stream`` (stderr) is a terminal, else lines."""
    stream = stream or sys.stderr
    return Live(board, stream) if stream.isatty() else Lines(board, stream)


class Lines:
    """A plain line every few seconds."""

    def __init__(self, board: Board, stream: TextIO) -> None:
        self.board, self.stream = board, stream
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put away: every line stays."""

    def plan(self, tasks: tuple[Task, ...]) -> None:
        self.board.plan(tasks)
        self.say(announcement(tasks))

    def record(self, record: EpochRecord) -> None:
        self.tell(self.board.record(record))

    def tell(self, cell: Cell) -> None:
        done, total = self.board.epochs
        if monotonic() >= self._next or done == total:
            self._next = monotonic() + SECONDS_BETWEEN_LINES
            self.say(f"{summary(self.board)} · {standing(cell)}")

    def say(self, text: str) -> None:
        print(text, file=self.stream, flush=True)


class Live:
    """A picture of all runs that is redrawn in place, a few times a second."""

    def __init__(self, board: Board, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self.board = board
        self.console = Console(file=stream, highlight=False)
        self._live = RichLive(
            get_renderable=lambda: picture(self.board, self.console.width, self.console.height),
            console=self.console,
            refresh_per_second=5,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *given: Any) -> None:
        self._live.__exit__(*given)

    def plan(self, tasks: tuple[Task, ...]) -> None:
        self.board.plan(tasks)

    def record(self, record: EpochRecord) -> None:
        self.board.record(record)

    def tell(self, cell: Cell) -> None:
        """It is redrawn anyway."""

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)


# ---- in words -----------------------------------------------------------------------------------------


def announcement(tasks: Sequence[Task]) -> str:
    """What is about to happen."""
    if not tasks:
        return "Every run is in the store already."
    most = "at most " if any(task.run.config.early_stopping for task in tasks) else ""
    return f"Training {len(tasks):,} runs, {most}{sum(task.epochs for task in tasks):,} epochs."


def summary(board: Board) -> str:
    """``"412 of 1,370 epochs · 38.2 epochs/s · about 25 s left"``."""
    done, total = board.epochs
    parts = [f"{done:,} of {total:,} epochs"]
    if board.pace.trained:
        parts.append(f"{board.pace.rate:.1f} epochs/s")
    if board.left is not None and done < total:
        parts.append(f"about {duration(board.left)} left")
    return " · ".join([*parts, board.note] if board.note else parts)


def standing(cell: Cell) -> str:
    """Where a run stands whose epoch just ended."""
    if cell.diverged_at is not None:
        return f"{cell.name}: diverged at step {cell.diverged_at:,}"
    numbers = f"loss {fixed(cell.loss, 3)}, accuracy {fixed(cell.accuracy, 3)}"
    epoch = f"stopped early after epoch {cell.done}" if cell.stopped else f"epoch {cell.done}"
    return f"{cell.name}: {epoch} of {cell.total}, {numbers}"


# ---- as a picture -------------------------------------------------------------------------------------


def picture(board: Board, width: int, height: int = 40) -> "RenderableType":
    """Every study with a mark a run, then the runs that are going on, then how far it all is.

    Where the marks would fill the screen, each study has a line with how many there are of each.
    """
    from rich.console import Group
    from rich.text import Text

    rows = [(name, row) for name, row in board.rows if row]
    indent = max((len(name) for name, _ in rows), default=0) + 2
    few = sum(len(cells) for _, row in rows for cells in row.values()) <= width * height
    lines = [line for name, row in rows for line in _study(name, row, indent, width)] if few else []
    if not few or len(lines) > height - ROOM_BELOW:
        lines = _counts(rows, indent, width, height - ROOM_BELOW)
    running = board.running[: max(min(MOST_RUNNING, height - len(lines) - ROOM_BELOW), 0)]
    names = max((len(cell.name) for cell in running), default=0)
    return Group(
        *lines,
        Text(),
        *(_running(cell, names, width) for cell in running),
        *([Text()] if running else []),
        _bar(board, width),
    )


def _counts(rows: "Sequence[tuple[str, dict[int, list[Cell]]]]", indent: int, width: int, room: int) -> "list[Text]":
    """``"learning-rates  ● 412  × 3  ◔ 2  · 83"``: a line for each study, as many as there is room for."""
    from rich.text import Text

    lines = []
    for name, row in rows:
        marks = Counter(cell.mark for cells in row.values() for cell in cells)
        lines.append(Text(name.ljust(indent), no_wrap=True))
        for mark in (mark for mark in STYLES if mark in marks):
            lines[-1].append(mark, style=STYLES[mark]).append(f" {marks[mark]:,}  ")
        lines[-1].truncate(width)
    if len(lines) <= max(room, 1):
        return lines
    shown = max(room - 1, 0)
    return [*lines[:shown], Text(f"and {len(lines) - shown:,} more", style="bright_black")]


def _study(name: str, row: dict[int, list[Cell]], indent: int, width: int) -> "list[Text]":
    """The study's name, then its marks, seed by seed, on as many lines as they need."""
    from rich.text import Text

    lines = [Text(name.ljust(indent))]
    for cells in row.values():
        if lines[-1].cell_len > indent and lines[-1].cell_len + len(cells) > width:
            lines.append(Text(" " * indent))
        for cell in cells:
            if lines[-1].cell_len >= width:
                lines.append(Text(" " * indent))
            lines[-1].append(cell.mark, style=STYLES[cell.mark])
        lines[-1].append(" ")
    return lines


def _running(cell: Cell, names: int, width: int) -> "Text":
    """Name, loss so far, epoch, and where it stands; what has no room is left out from the right."""
    from rich.text import Text

    sparks = SPARK_WIDTH if names <= width - SPARK_WIDTH - 40 else SPARK_WIDTH // 2
    names = min(names, max(width - sparks - 40, 12))
    line = Text(f"{cell.name:<{names}.{names}}  ", no_wrap=True)
    line.append(f"{sparkline(cell.trail, sparks):<{sparks}}", style="blue")
    line.append(f"  {cell.done:>3}/{cell.total}", style="bright_black")
    line.append(f"   loss {fixed(cell.loss, 3):>5}   accuracy {fixed(cell.accuracy, 3)}")
    line.truncate(width)
    return line


def _bar(board: Board, width: int) -> "Text":
    from rich.text import Text

    done, total = board.epochs
    words = summary(board)
    room = max(min(width - len(words) - 2, BAR_WIDTH), 0)
    full = room * done // max(total, 1)
    return Text.assemble(("━" * full, "blue"), ("━" * (room - full), "bright_black"), "  " if room else "", words)
