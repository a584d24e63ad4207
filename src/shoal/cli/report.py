# SPDX-License-Identifier: Apache-2.0
"""`shoal report`: train what the sections need, and write the report while the seeds arrive."""

import json
import shlex
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from shoal.cli.options import SKETCHES, Setting, as_json, shared
from shoal.cli.text import print_json
from shoal.errors import DataMissing, UsageError

if TYPE_CHECKING:
    from shoal.data import Dataset
    from shoal.engines import Engine
    from shoal.runner import Outcome
    from shoal.store import Store
    from shoal.studies.section import Section
    from shoal.terminal import View

DIVERGED = 3
PAUSE = 3.0
"""After a writing, so many times as long passes before the next: writing takes the cores from training."""


@click.command()
@click.option("--sections", metavar="IDS", help="Only these, such as 1.2,1.3; all if not given.")
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", default=10, show_default=True, help="Replicates.")
@click.option("--out", metavar="DIR", default="report", show_default=True, help="Folder to write to.")
@as_json
@shared
def report(setting: Setting, sections: str | None, seeds: int, out: str, as_json: bool) -> int:
    """Train what the report needs, and write it: index.html, report.json and figures.

    The report is there after the first seed and grows with every further one. Ctrl-C leaves a true report of
    what there is; the same command goes on where it stopped.
    """
    click.echo("Reading the data ...", err=True)
    from shoal.store import Store

    chosen = choose(sections)
    data = setting.datasets({name for section in chosen for name in _data_names(section)})
    for dataset in data.values():
        click.echo(f"{dataset.name}: {dataset.source}", err=True)
    if setting.data != SKETCHES:
        keep_real(Path(out), data.values())
    engine = setting.engine()
    Path(out).mkdir(parents=True, exist_ok=True)  # before training for an hour: can it be written to?
    with Store.open(setting.store_path(out), write=True) as store:
        work = Work(store, engine, chosen, data, range(seeds), Path(out))
        outcome = work.run()
    if as_json:
        files = {"page": str(Path(out) / "index.html"), "numbers": str(Path(out) / "report.json")}
        print_json("report", **files, sections=[section.id for section in chosen], seeds=seeds)
    else:
        click.echo(Path(out) / "index.html")
    return DIVERGED if outcome.diverged else 0


def choose(ids: str | None) -> "list[Section]":
    """The sections named, in the report's order.

    Raises:
        UsageError: there is none of that name.
    """
    from shoal import studies

    if ids is None:
        return list(studies.sections())
    named = {studies.find(one.strip()).id for one in ids.split(",") if one.strip()}
    if not named:
        raise UsageError(f"--sections {ids!r}: expected ids such as 1.2,1.3.")
    return [section for section in studies.sections() if section.id in named]


def keep_real(out: Path, data: "Iterable[Dataset]") -> None:
    """Refuse to write a report on stand-ins over one on the real thing.

    Raises:
        DataMissing: the folder's report is on a data set that is not found now.
    """
    try:
        there = json.loads((out / "report.json").read_text())["data_sets"]
    except (OSError, ValueError, KeyError):
        return
    real = {one["name"] for one in there if not one["stand_in"]}
    lost = sorted(real & {dataset.stand_in for dataset in data})
    if lost:
        raise DataMissing(
            f"{out} has a report on the real {' and '.join(lost)}, which cannot be found now. Say where the data is "
            f"with --data or SHOAL_DATA, write to another --out, or replace it on purpose with --data {SKETCHES}."
        )


def _data_names(section: "Section") -> set[str]:
    points = section.study.points if section.study else ()
    return {*section.data, *(point.config.data for point in points)}


class Work:
    """One call of `shoal report`: a store, what to train, where to write."""

    def __init__(
        self, store: "Store", engine: "Engine", sections: "Sequence[Section]", data: Any, seeds: range, out: Path
    ) -> None:
        from shoal.results import StoredResults, on_data

        self.store, self.engine, self.sections, self.seeds, self.out = store, engine, sections, seeds, out
        self.studies = [on_data(section.study, data) for section in sections if section.study]
        self.data = {dataset.name: dataset for dataset in data.values()}
        self.results = [StoredResults(store, section.study, data, engine, seeds=seeds) for section in sections]

    def run(self) -> "Outcome":
        """Train and write; also when interrupted, the report is written at the end."""
        from shoal.progress import Board
        from shoal.runner import Demand, train
        from shoal.terminal import view

        board = Board(self.studies, self.seeds, self.store.progress(self.engine.name))
        with view(board) as screen:
            growing = Growing(self.write, screen, self.out)
            try:
                outcome = train(
                    Demand.of(self.studies, self.seeds),
                    self.engine,
                    self.data,
                    self.store,
                    on_plan=screen.plan,
                    on_record=screen.record,
                    on_seed=growing.seed,
                )
            except KeyboardInterrupt:
                screen.say("Stopped. Writing the report of what there is; Ctrl-C once more ends that, too.")
                growing.finish(self.seeds)
                screen.say(f"{self.out / 'index.html'} has what there is; the same command goes on from there.")
                raise
            screen.say("Every run is there. Writing the report ...")
            growing.finish(self.seeds)
            return outcome

    def write(self, seeds: Sequence[int]) -> None:
        """Write the report of the runs of these seeds that are there."""
        from shoal import report
        from shoal.provenance import provenance

        facts = report.Provenance(
            provenance(self.engine), command_line(), len(self.seeds), sessions=self.store.sessions()
        )
        results = [results.on_seeds(seeds) for results in self.results]
        report.write(self.out, list(zip(self.sections, results, strict=True)), facts)


def command_line() -> str:
    """What to type to get the same."""
    typed = sys.argv[0] if Path(sys.argv[0]).name == "shoal" else "shoal"
    return shlex.join([typed, *sys.argv[1:]])


class Growing:
    """Writes the report again and again, in a thread of its own, so that training and storing go on meanwhile."""

    def __init__(self, write: Callable[[Sequence[int]], None], screen: "View", out: Path) -> None:
        self._write, self._screen, self._page = write, screen, out / "index.html"
        self._thread: threading.Thread | None = None
        self._not_before = 0.0

    def seed(self, done: tuple[int, ...], asked: int) -> None:
        """One more seed is complete: begin to write, unless a writing is going on or has just ended."""
        idle = self._thread is None or not self._thread.is_alive()
        if len(done) < asked and idle and monotonic() >= self._not_before:
            self._thread = threading.Thread(target=self._write_meanwhile, args=(done, asked), daemon=True)
            self._thread.start()

    def _write_meanwhile(self, done: tuple[int, ...], asked: int) -> None:
        begun = monotonic()
        try:
            self._write(done)
        except Exception as reason:
            self._screen.say(f"The report could not be written yet, training goes on: {reason}")
        else:
            self._screen.say(f"{self._page} is ready with {len(done)} of {asked} seeds; going on, Ctrl-C stops")
        self._not_before = monotonic() + PAUSE * (monotonic() - begun)

    def finish(self, seeds: Sequence[int]) -> None:
        """The last writing, of whatever there is, after the one that is going on."""
        if self._thread:
            self._thread.join()
        self._write(seeds)
