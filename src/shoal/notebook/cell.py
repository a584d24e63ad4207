# SPDX-License-Identifier: Apache-2.0
"""A run that was started in a cell, shown there while it goes on: one output, redrawn at most every second.

Outside a notebook nothing is shown. Curves that cannot be drawn stop no training.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from time import monotonic
from typing import Any

from shoal.engines import EpochRecord
from shoal.notebook import fragments, things
from shoal.notebook.place import note_shown, shell
from shoal.plan import Task
from shoal.progress import Board, sparkline
from shoal.results import StoredResults
from shoal.terminal import announcement, summary
from shoal.wording import rounded

SECONDS_BETWEEN = 1.0
SHARE = 10.0
"""After a drawing, so many times as long passes before the next: drawing takes the cores from training."""
MOST_BETWEEN = 5.0
"""Seconds; the first drawing, which also starts what draws, can take as long as many others."""
MOST_RUNNING = 4
SPARK_WIDTH = 24


@contextmanager
def live(results: StoredResults, show: bool = True) -> Iterator["Cell"]:
    """While runs are trained: what to tell of it, which the cell then shows.

    Args:
        results: of the study, on the store that the runs go into.
        show: whether to show anything, if this is a notebook.
    """
    cell = Cell(results) if show and shell() else Cell(None)
    try:
        yield cell
    except KeyboardInterrupt:
        cell.stopped()
        raise


class Cell:
    """What one cell shows of a training; of None nothing."""

    def __init__(self, results: StoredResults | None) -> None:
        self._results = results
        self._board = Board()
        self._handle: Any = None
        self._next = 0.0
        if results and results.study:
            progress = results.store.progress(results.engine.name)
            self._board = Board([results.study], results.seeds, progress)

    def plan(self, tasks: tuple[Task, ...]) -> None:
        """Training begins."""
        if self._results:
            self._board.plan(tasks)
            self._show(fragments.fragment(self._title(), fragments.line("about", announcement(tasks))))

    def and_then(self, on_record: Callable[[EpochRecord], None] | None) -> Callable[[EpochRecord], None] | None:
        """What to call with each record: this cell, then whoever else wants to know."""
        if not self._results:
            return on_record

        def both(record: EpochRecord) -> None:
            self._record(record)
            if on_record:
                on_record(record)

        return both

    def _record(self, record: EpochRecord) -> None:
        self._board.record(record)
        begun = monotonic()
        if begun >= self._next:
            self._show(self._picture(summary(self._board)))
            pause = SHARE * (monotonic() - begun) if self._next else 0.0
            self._next = monotonic() + max(SECONDS_BETWEEN, min(pause, MOST_BETWEEN))

    def stopped(self) -> None:
        """The training was interrupted: the last picture shows what is stored."""
        if self._results:
            for cell in self._board.running:
                cell.running = False
            done, total = self._board.epochs
            words = f"Stopped after {done:,} of {total:,} epochs. They are stored; the same call goes on from there."
            self._show(self._picture(words))

    def finished(self, results: StoredResults) -> StoredResults:
        """Show the results, and give them back, also where they cannot be drawn."""
        if self._results:
            self._show(self._answered(results), repr(results))
            note_shown(results)
        return results

    # ---- inside ---------------------------------------------------------------------------------------

    def _title(self) -> str:
        study = self._results.study if self._results else None
        return fragments.line("title", study.name if study else "")

    def _answered(self, results: StoredResults) -> str:
        try:
            return things.answered(results)
        except Exception as reason:
            words = fragments.line("caption", f"The results cannot be drawn, and are stored: {reason}")
            return fragments.fragment(self._title(), words)

    def _picture(self, words: str) -> str:
        done, total = self._board.epochs
        meter = f'<div class="meter"><div style="width:{100 * done / max(total, 1):.1f}%"></div></div>'
        stamp = things.stamp(self._results) if self._results else ""
        about = fragments.line("about", words)
        return fragments.fragment(self._title(), about, meter, stamp, self._curves(), self._running())

    def _curves(self) -> str:
        if self._results is None or self._results.study is None:
            return ""
        ordered = things.is_ordered(self._results.study)
        try:
            drawn = [
                fragments.curves(metric.replace("_", " "), things.unfinished(self._results, metric), ordered=ordered)
                for metric in ("validation_loss", "validation_accuracy")
            ]
        except Exception as reason:
            return fragments.line("caption", f"The curves cannot be drawn, training goes on: {reason}")
        return fragments.charts(*drawn)

    def _running(self) -> str:
        rows = "".join(
            f'<tr><td>{fragments.words(cell.label)}</td><td class="n">seed {cell.seed}</td>'
            f'<td class="sparks">{sparkline(cell.trail, SPARK_WIDTH)}</td><td class="n">{cell.done}/{cell.total}</td>'
            f"<td>loss {rounded(cell.loss)}</td><td>accuracy {rounded(cell.accuracy)}</td></tr>"
            for cell in self._board.running[:MOST_RUNNING]
        )
        return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>' if rows else ""

    def _show(self, html: str, text: str = "") -> None:
        bundle = {"text/html": html, "text/plain": text or summary(self._board)}
        if self._handle is None:
            self._handle = import_module("IPython.display").display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
