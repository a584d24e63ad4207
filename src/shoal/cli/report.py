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
from shoal.cli.settling import announced, concluded, narrowed
from shoal.cli.text import print_json
from shoal.cli.verify import planned_looks
from shoal.errors import DataMissing, UsageError

if TYPE_CHECKING:
    from shoal.analysis.verdicts import Verdict
    from shoal.data import Dataset
    from shoal.engines import Engine
    from shoal.runner import Outcome
    from shoal.store import Store
    from shoal.studies.section import Section
    from shoal.study import Study
    from shoal.terminal import View

DIVERGED = 3
SEEDS = 10
MAX_SEEDS = 30
PAUSE = 3.0
"""After a writing, so many times as long passes before the next: writing takes the cores from training."""


@click.command()
@click.option("--sections", metavar="IDS", help="Only these, such as 1.2,1.3; all if not given.")
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Replicates: seeds 0 to N-1; 10 if not given.")
@click.option(
    "--until-settled", is_flag=True, help="Train 10 seeds, then 10 more of what open claims look at, and so on."
)
@click.option(
    "--max-seeds", type=click.IntRange(min=1), metavar="N", help="With --until-settled: stop there; 30 if not given."
)
@click.option("--out", metavar="DIR", default="report", show_default=True, help="Folder to write to.")
@as_json
@shared
def report(
    setting: Setting,
    sections: str | None,
    seeds: int | None,
    until_settled: bool,
    max_seeds: int | None,
    out: str,
    as_json: bool,
) -> int:
    """Train what the report needs, and write it: index.html, report.json and figures.

    The report is there after the first seed and grows with every further one. Ctrl-C leaves a true report of
    what there is; the same command goes on where it stopped.

    With --until-settled claims are judged at 10, 20, 30 ... seeds, fixed beforehand and sharing one error level;
    it stops when every claim is supported or refuted, or at --max-seeds.
    """
    looks = _looks(until_settled, max_seeds, seeds)
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
        work = Work(store, engine, chosen, data, range(looks[-1] if looks else seeds or SEEDS), Path(out), looks)
        outcome = work.run()
    if as_json:
        files = {"page": str(Path(out) / "index.html"), "numbers": str(Path(out) / "report.json")}
        print_json("report", **files, sections=[section.id for section in chosen], seeds=len(work.base), looks=looks)
    else:
        click.echo(Path(out) / "index.html")
    return DIVERGED if outcome.diverged else 0


def _looks(until_settled: bool, max_seeds: int | None, seeds: int | None) -> tuple[int, ...]:
    """The looks that are planned; none for a fixed number of seeds.

    Raises:
        UsageError: options that do not go together.
    """
    if until_settled:
        return planned_looks(max_seeds or MAX_SEEDS, seeds)
    if max_seeds is not None:
        raise UsageError(
            f"--max-seeds {max_seeds} goes with --until-settled. Add that, or use --seeds {max_seeds} for that many."
        )
    return ()


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
    """One call of `shoal report`: a store, what to train, where to write.

    Args:
        seeds: those to read; those to train of every config, unless there are looks.
        looks: then the first of them is trained of every config, and more of what open claims look at.
    """

    def __init__(
        self,
        store: "Store",
        engine: "Engine",
        sections: "Sequence[Section]",
        data: Any,
        seeds: range,
        out: Path,
        looks: tuple[int, ...] = (),
    ) -> None:
        from shoal.results import StoredResults

        self.store, self.engine, self.sections, self.seeds, self.out = store, engine, sections, seeds, out
        self.looks, self.base = looks, range(looks[0]) if looks else seeds
        self._data = data
        self.data = {dataset.name: dataset for dataset in data.values()}
        self.results = [StoredResults(store, section.study, data, engine, seeds=seeds) for section in sections]

    def run(self) -> "Outcome":
        """Train and write, look by look; also when interrupted, the report is written at the end."""
        found = self._train([section.study for section in self.sections], self.base)
        for at in self.looks[1:]:
            wanted = self._wanted(at)
            if wanted:
                found = _both(found, self._train(wanted, range(at)))
        if self.looks:
            every = [verdict for verdicts in self._judge() for verdict in verdicts]
            click.echo(concluded(every, self.looks[-1]), err=True)
        return found

    def _judge(self) -> "list[tuple[Verdict, ...]]":
        """The verdicts of each section."""
        from shoal.analysis.sequential import judge_by_looks

        pairs = zip(self.sections, self.results, strict=True)
        return [
            judge_by_looks(section.sentences, results, seeds=self.seeds, looks=self.looks) for section, results in pairs
        ]

    def _wanted(self, at: int) -> "list[Study]":
        """What the claims look at that are open before this look; says so."""
        from shoal.analysis.sequential import waiting

        open_ = [waiting(verdicts, at) for verdicts in self._judge()]
        pairs = zip(self.sections, open_, strict=True)
        studies = [study for section, of_it in pairs if (study := narrowed(section.study, of_it))]
        if studies:
            configs = {point.config.trajectory for study in studies for point in study.points}
            every = [verdict for of_it in open_ for verdict in of_it]
            click.echo(announced(every, len(configs), at, self.looks), err=True)
        return studies

    def _train(self, asked: "Iterable[Study | None]", seeds: range) -> "Outcome":
        from shoal.progress import Board
        from shoal.results import on_data
        from shoal.runner import Demand, train
        from shoal.terminal import view

        studies = [on_data(study, self._data) for study in asked if study]
        board = Board(studies, seeds, self.store.progress(self.engine.name))
        with view(board) as screen:
            growing = Growing(self.write, screen, self.out)
            try:
                outcome = train(
                    Demand.of(studies, seeds),
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
            provenance(self.engine),
            command_line(),
            len(self.base),
            sessions=self.store.sessions(),
            looks=self.looks,
        )
        results = [results.on_seeds(seeds) for results in self.results]
        report.write(self.out, list(zip(self.sections, results, strict=True)), facts)


def _both(one: "Outcome", other: "Outcome") -> "Outcome":
    from shoal.runner import Outcome

    return Outcome(one.trained + other.trained, tuple(dict.fromkeys(one.diverged + other.diverged)))


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
