# SPDX-License-Identifier: Apache-2.0
"""One call of `shoal report`: training what the sections need, writing the report while the seeds arrive, and going on
until the claims are settled. It parses no option and prints no result."""

import shlex
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from shoal.cli.settling import announced, concluded, narrowed

if TYPE_CHECKING:
    from shoal.analysis.verdicts import Verdict
    from shoal.engines import Engine
    from shoal.runner import Outcome
    from shoal.store import Store
    from shoal.studies.section import Section
    from shoal.study import Study
    from shoal.terminal import View

PAUSE = 12.0
"""After a writing, so many times as long passes before the next: writing takes the cores from training."""


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

    diverged, mishaps = (
        dict.fromkeys(a + b) for a, b in ((one.diverged, other.diverged), (one.mishaps, other.mishaps))
    )
    return Outcome(one.trained + other.trained, tuple(diverged), tuple(mishaps))


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
