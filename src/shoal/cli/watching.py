# SPDX-License-Identifier: Apache-2.0
"""`shoal watch`: how a training stands that another process does, read off its store. It writes nothing to the store.

`shoal watch && next` goes on only once all is there: Ctrl-C ends it with 130, and where nobody trains any more although
runs are missing, it ends with 1.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import click

from shoal.cli.options import Setting, as_json
from shoal.cli.text import print_json
from shoal.errors import StoreError, StudyError
from shoal.wording import count

if TYPE_CHECKING:
    from shoal.progress import Cell
    from shoal.store import NewRecord, Store

PAUSE = 0.25
"""Seconds between two looks at what is new."""
SECONDS_BETWEEN_READINGS = 1.0
SHARE = 10.0
"""After reading a whole store at least so many times as long passes: of ten thousand runs it takes a second."""
QUIET = 30.0
"""Seconds without news after which it says so: whoever trains may be stuck."""
ALONE = 10.0
"""Seconds in which nobody trained, and nothing came, after which what is missing is not waited for."""
SETTLED = 5.0
"""Seconds without news after which runs that no study asked for are taken to be all there are."""


@click.command()
@click.argument("study", metavar="[STUDY]", default="")
@click.option("--store", metavar="PATH", help="File that keeps the runs: shoal.db, or a report's DIR/shoal.db.")
@click.option("--forever", is_flag=True, help="Go on when everything asked for is there, or nobody trains.")
@as_json
def watch(study: str, store: str | None, forever: bool, as_json: bool) -> None:
    """Watch a store while another process trains, until everything asked for is there.

    Where runs are missing and nobody trains for ten seconds, it ends with exit code 1.

    STUDY shows that study alone: its name, or the Python file it stands in. With --json it tells how things stand
    and ends.
    """
    following = Following(Setting(store, None, None, ""), _names(study))
    there = following.look()
    if not there:
        following.refuse_unknown(study)
    if as_json:
        return print_json("watch", **following.facts())
    if not there:
        click.echo(f"{following.path} holds no runs{study and f' of {study}'} yet. Waiting for some; Ctrl-C ends it.")
    while not there:
        sleep(SECONDS_BETWEEN_READINGS)
        there = following.look()
    _show(following, forever)
    following.refuse_incomplete()
    return click.echo(following.conclusion())


def _show(following: "Following", forever: bool) -> None:
    from shoal.terminal import view

    with view(following.board, sys.stdout) as screen:
        while forever or not (following.ended or following.abandoned):
            sleep(PAUSE)
            for cell in following.news()[-1:]:
                screen.tell(cell)


def _names(study: str) -> tuple[str, ...]:
    """The studies of a Python file or of a section, by name; any other is a name that the store knows."""
    from shoal.cli.training import find_studies

    if study.endswith(".py") or Path(study).is_file() or "." in study:
        return tuple(each.name for each in find_studies(study)[0])
    return (study,) if study else ()


class Following:
    """The board of a store, kept up to date. The store need not be there yet.

    Args:
        names: the studies to show; none is all of them, and the runs that no study asked for.
    """

    def __init__(self, setting: Setting, names: Sequence[str] = ()) -> None:
        from shoal.progress import Board

        self.board = Board()
        self.path = setting.stored_path()
        self._setting, self._names = setting, names
        self._store: Store | None = None
        self._known: tuple[str, ...] = ()
        self._asked = 0
        self._mark = 0
        self._next = self._heard = self._trained = monotonic()
        self._unknown: list[NewRecord] = []

    def look(self) -> bool:
        """Read the whole store; whether there is anything to show.

        Raises:
            StoreError: it is no store, or cannot be read.
        """
        if not self.board.cells:
            self.path = self._setting.stored_path()
        store = self._opened()
        self._mark = store.mark()  # before the rest: what comes meanwhile is then news
        self._fill(store)
        return bool(self.board.cells)

    def _opened(self) -> "Store":
        """The store, opened anew: meanwhile it may have been made, or got tables that an older Shoal lacked."""
        from shoal.store import Store

        if self._store:
            self._store.close()
        self._store = Store.open(self.path)
        return self._store

    def _fill(self, store: "Store") -> None:
        begun = monotonic()
        studies = store.studies()
        wanted = [study for study in studies if study.name in self._names or not self._names]
        self.board.fill(wanted, store.table(), others=not self._names)
        self._known, self._asked = tuple(study.name for study in studies), len(wanted)
        self._next = monotonic() + max(SECONDS_BETWEEN_READINGS, SHARE * (monotonic() - begun))

    def refuse_unknown(self, study: str) -> None:
        """Raise `StudyError` if the store has studies, but none of the name that somebody typed."""
        if self._known and (study,) == tuple(self._names):
            known = ", ".join(self._known)
            raise StudyError(f"{self.path} has no study {study!r}. Use one of {known}, or the file it stands in.")

    def news(self) -> "list[Cell]":
        """The runs that have come further since the last time, each once."""
        from shoal.store import held_since

        store = self._store or self._opened()
        if not store.current:  # another store is in its place: nothing of it was read yet
            self.look()
            return []
        found, self._mark = store.since(self._mark)
        self._heard = monotonic() if found else self._heard
        self._trained = monotonic() if found or held_since(self.path) else self._trained
        cells = dict(self._told(found))
        if self.board.stale and monotonic() >= self._next:
            again, self._unknown = self._unknown, []
            self._fill(self._opened())
            cells |= self._told(again)
        self.board.note = self._note()
        return list(cells.values())

    def _told(self, records: "Sequence[NewRecord]") -> "Iterator[tuple[int, Cell]]":
        for record in records:
            cell = self.board.news(record)
            if cell:
                yield record.run, cell
            elif self.board.stale:
                self._unknown.append(record)

    def _note(self) -> str:
        from shoal.progress import duration

        if self._complete:
            return ""
        quiet = monotonic() - self._heard
        if monotonic() - self._trained >= SETTLED:
            return "nobody trains"
        return f"nothing new for {duration(quiet)}" if quiet >= QUIET else ""

    @property
    def _complete(self) -> bool:
        """Whether all of what studies asked for is there, or without studies all that was begun."""
        rows = self.board.rows[: self._asked] if self._asked else self.board.rows
        return not self.board.stale and all(cell.ended for _, row in rows for cells in row.values() for cell in cells)

    @property
    def ended(self) -> bool:
        """Whether there is no more to wait for."""
        return self._complete and (self._asked > 0 or monotonic() >= self._heard + SETTLED)

    @property
    def abandoned(self) -> bool:
        """Whether nobody trains any more, although something is missing."""
        return not self._complete and monotonic() >= self._trained + ALONE

    def refuse_incomplete(self) -> None:
        """Raise `StoreError` if it was given up: what is missing, and how to get it."""
        if self.ended:
            return
        missing = [cell for cell in self.board.cells.values() if not cell.ended]
        raise StoreError(
            f"Nobody trains into {self.path}, and of {count(len(self.board.cells), 'run')} that were asked for "
            f"{len(missing):,} {'is' if len(missing) == 1 else 'are'} missing or not at the end. Ask for them again, "
            "with shoal run or in Play: training goes on where it stopped. Or watch one study, by its name."
        )

    def conclusion(self) -> str:
        """ "shoal.db has everything that was asked for: 60 runs, of which 2 diverged."."""
        cells = [cell for cell in self.board.cells.values() if cell.ended]
        diverged = sum(cell.diverged for cell in cells)
        lost = f", of which {diverged:,} diverged" if diverged else ""
        return f"{self.path} has everything that was asked for: {count(len(cells), 'run')}{lost}."

    def facts(self) -> dict[str, Any]:
        """What ``--json`` tells."""
        studies = [
            {"name": name, **_counted([cell for cells in row.values() for cell in cells])}
            for name, row in self.board.rows
        ]
        done, total = self.board.epochs
        return {"store": str(self.path), "studies": studies, "epochs_done": done, "epochs_asked": total}


def _counted(cells: "Sequence[Cell]") -> dict[str, int]:
    """How the runs of a study stand, each in one of four ways."""
    ways = [_way(cell) for cell in cells]
    counts = {way: ways.count(way) for way in ("finished", "diverged", "begun", "waiting")}
    done = sum(cell.total if cell.ended else cell.done for cell in cells)
    return {"runs": len(cells), **counts, "epochs_done": done, "epochs_asked": sum(cell.total for cell in cells)}


def _way(cell: "Cell") -> str:
    if cell.diverged:
        return "diverged"
    return "finished" if cell.ended else "begun" if cell.done else "waiting"
