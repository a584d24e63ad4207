# SPDX-License-Identifier: Apache-2.0
"""What a report holds, as plain data: chapters of numbered blocks with their verdicts, what was run, where it is from.

It draws, renders and writes nothing; `page` makes HTML of it and `record` JSON.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np

from shoal import rulings, wording
from shoal.analysis.curves import Curves
from shoal.analysis.sequential import judge_by_looks
from shoal.analysis.verdicts import Verdict
from shoal.data import Dataset
from shoal.report import findings
from shoal.report.configuration import described
from shoal.studies.compose import TITLES, title
from shoal.studies.section import Block, Prose, Results, Section

TITLE = "Linear networks, perceptrons and LeNet, on clothes and digits"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Provenance:
    """Where a report comes from.

    Args:
        facts: `shoal.provenance.provenance(engine)`: machine, versions, engine.
        command: what to type to get the same report.
        seeds: replicates asked of every config.
        sessions: `Store.sessions()`: every time somebody trained.
        written: ISO 8601, UTC.
        looks: at how many seeds its claims are judged, fixed before training; none is one look at all of them.
    """

    facts: Mapping[str, Mapping[str, Any]]
    command: str
    seeds: int
    sessions: Sequence[Mapping[str, Any]] = ()
    written: str = field(default_factory=_now)
    looks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Numbered:
    """A block with its place: figures and tables are counted through the whole report; prose is 0."""

    block: Block
    number: int
    file: str = ""
    """Of a figure or table: "1.2-validation-loss", the stem of its files and its anchor."""

    @property
    def kind(self) -> str:
        """ "prose", "figure" or "table"."""
        return type(self.block).__name__.lower()


@dataclass(frozen=True)
class Chapter:
    """One section, composed."""

    section: Section
    blocks: tuple[Numbered, ...]
    curves: tuple[Curves, ...]
    points: int
    """Configs its study asks for; 0 for a section of probes."""
    datasets: tuple[Dataset, ...]
    configuration: tuple[tuple[str, str], ...]
    verdicts: tuple[Verdict, ...] = ()
    """On the original's sentences, in the order of the section's claims."""

    @property
    def anchor(self) -> str:
        return "section-" + self.section.id.replace(".", "-")

    @property
    def stamp(self) -> str:
        """What must stand on everything of this chapter, or ""."""
        return stamp(self.datasets)


@dataclass(frozen=True)
class Document:
    """The whole report."""

    title: str
    chapters: tuple[Chapter, ...]
    provenance: Provenance

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """Each data set once, in order of appearance."""
        found = {dataset.name: dataset for chapter in self.chapters for dataset in chapter.datasets}
        return tuple(found.values())

    @property
    def stamp(self) -> str:
        return stamp(self.datasets)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Those of all chapters."""
        return tuple(verdict for chapter in self.chapters for verdict in chapter.verdicts)

    @property
    def statements(self) -> list[rulings.Statement]:
        """The original's sentences that these chapters judge, in their order."""
        return rulings.statements(self.verdicts)

    @property
    def origin(self) -> str:
        """When it was written, on which data, and on which machine its facts were taken, as one line."""
        written = datetime.fromisoformat(self.provenance.written)
        data = wording.listed([title(one) for one in self.datasets]) if self.datasets else ""
        machine = self.provenance.facts.get("machine", {}).get("processor", "")
        parts = [f"Written {written.day} {written:%B %Y, %H:%M} UTC", data, str(machine)]
        return " · ".join(part for part in parts if part)

    @property
    def seeds_done(self) -> int:
        """Seeds of which every config of every chapter has a run."""
        counts = [len(curves.seeds) for chapter in self.chapters for curves in chapter.curves]
        lacking = any(len(chapter.curves) < chapter.points for chapter in self.chapters)
        return 0 if lacking else min(counts, default=0)

    @property
    def runs(self) -> int:
        return len({(c.config.hash, seed) for chapter in self.chapters for c in chapter.curves for seed in c.seeds})

    @property
    def epochs(self) -> int:
        """Epochs trained, a prefix of a longer run counted once."""
        return sum(len(seconds) for seconds in self._trained().values())

    @property
    def seconds(self) -> float:
        """Time spent training on all threads together, without evaluation."""
        return float(sum(seconds.sum() for seconds in self._trained().values()))

    def _trained(self) -> dict[tuple[str, int], np.ndarray]:
        """Seconds of each finished epoch of the longest run of every trajectory."""
        trained: dict[tuple[str, int], np.ndarray] = {}
        for curves in (curves for chapter in self.chapters for curves in chapter.curves):
            for seed, row in zip(curves.seeds, curves.seconds, strict=True):
                seconds = row[1:][np.isfinite(row[1:])]
                key = curves.config.trajectory, seed
                if len(seconds) >= len(trained.get(key, ())):
                    trained[key] = seconds
        return trained


def stamp(datasets: Sequence[Dataset]) -> str:
    """ "on the stand-in; says nothing of Fashion-MNIST", or "" on real data."""
    missing = [TITLES.get(dataset.stand_in, dataset.stand_in) for dataset in datasets if dataset.stand_in]
    return f"on the stand-in; says nothing of {wording.listed(missing, 'or')}" if missing else ""


def compose(sections: Sequence[tuple[Section, Results]], provenance: Provenance, title: str = TITLE) -> Document:
    """Ask every section for its chapter, as the results are now."""
    numbers = {"figure": count(1), "table": count(1)}
    chapters = tuple(_chapter(section, results, provenance, numbers) for section, results in sections)
    return Document(title, chapters, provenance)


def _chapter(
    section: Section, results: Results, provenance: Provenance, numbers: Mapping[str, Iterator[int]]
) -> Chapter:
    curves = tuple(results.all()) if section.study else ()
    datasets = tuple(results.dataset(name) for name in section.data)
    points = section.study.points if section.study else ()
    seeds = range(max(provenance.seeds, *provenance.looks, 0))
    verdicts = judge_by_looks(section.sentences, results, seeds=seeds, looks=provenance.looks)
    blocks = section.chapter(results) if curves or not points else [_nothing_yet(len(points))]
    drawn = findings.figure(verdicts)
    blocks = [*([drawn] if drawn else []), *blocks]
    numbered = tuple(_numbered(section, block, numbers) for block in blocks)
    configs = [one.config for one in curves] or [point.config for point in points]
    words = described(configs, curves, datasets)
    return Chapter(section, numbered, curves, len(points), datasets, words, verdicts)


def _nothing_yet(points: int) -> Prose:
    asked = wording.count(points, "configuration")
    return Prose(f"No run of its {asked} has finished yet. This chapter is written once one has.")


def _numbered(section: Section, block: Block, numbers: Mapping[str, Iterator[int]]) -> Numbered:
    if isinstance(block, Prose):
        return Numbered(block, 0)
    return Numbered(block, next(numbers[type(block).__name__.lower()]), f"{section.id}-{block.name}")
