# SPDX-License-Identifier: Apache-2.0
"""`shoal verify`: what the stored runs say about a study's claims. It trains nothing, and says what would."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal.cli.options import DEFAULT_STORE, Setting, as_json, seeds_option, shared
from shoal.cli.settling import narrowed, next_look
from shoal.cli.text import print_json
from shoal.errors import StudyError, UsageError

if TYPE_CHECKING:
    from shoal.analysis.claims import Sentence
    from shoal.analysis.verdicts import Verdict
    from shoal.data import Dataset
    from shoal.engines import Engine
    from shoal.runner import Demand
    from shoal.store import Store
    from shoal.study import Study

EVERYTHING = "all"

max_seeds_option = click.option(
    "--max-seeds", type=click.IntRange(min=1), metavar="N", help="Judge at 10, 20, 30 ... seeds, the last look at N."
)


@click.command()
@click.argument("study", metavar="STUDY")
@seeds_option
@max_seeds_option
@as_json
@shared
def verify(setting: Setting, study: str, seeds: int | None, max_seeds: int | None, as_json: bool) -> None:
    """Judge a STUDY's claims by the runs in the store: a Python file, a built-in name or section, or all.

    Nothing is trained. With --max-seeds it judges like a report until settled with as many. The verdict does not
    change the exit code.
    """
    from shoal.store import Store

    looks = planned_looks(max_seeds, seeds)
    cases, own = find_cases(study)
    data = setting.datasets({name for case in cases for name in case.data}, own)
    click.echo("Judging ...", err=True)
    with Store.open(setting.stored_path()) as store:
        engine = setting.engine()
        judged = [judge_case(case, store, engine, data, seeds, looks) for case in cases]
        missing = {one.case.section: _missing([one], store, engine) for one in judged}
        together = _missing(judged, store, engine)
    if as_json:
        return _print_json(setting, judged, looks, missing, together)
    _print(judged)
    if together:
        command = _training(setting, study, seeds, looks, judged)
        are = "run is" if together == 1 else "runs are"
        click.echo(f"{together:,} {are} still to be trained for {setting.stored_path()}. {command}", err=True)
    return None


@dataclass(frozen=True)
class Case:
    """Claims that are judged together, and the study that they are about."""

    section: str
    """Its id, or the name of a study from a file."""
    title: str
    claims: "tuple[Sentence, ...]"
    study: "Study | None"
    data: frozenset[str]


@dataclass(frozen=True)
class Judged:
    """A case, its verdicts, the runs that they ask for, and the data sets here that only stand in for real ones."""

    case: Case
    verdicts: "tuple[Verdict, ...]"
    demand: "Demand"
    stand_ins: "tuple[Dataset, ...]" = ()

    def records(self) -> list[dict[str, Any]]:
        """The verdicts as plain data, each with the names of the data sets that it says nothing of."""
        from shoal import rulings

        lacking = [dataset.stand_in for dataset in self.stand_ins]
        return [{**rulings.record(verdict, self.case.section), "stand_in": lacking} for verdict in self.verdicts]


def find_cases(name: str) -> "tuple[list[Case], Mapping[str, Dataset]]":
    """The claims of a study file with the data it brings, of a built-in study or section, or of the whole report.

    Raises:
        StudyError: it is none of these, or nothing is claimed there.
    """
    from shoal import studies

    if name.endswith(".py") or Path(name).is_file():
        from shoal import studyfile

        file = studyfile.read(name)
        cases, own = [of_study(each) for each in file.studies], file.data
    else:
        sections = studies.sections() if name == EVERYTHING else (studies.find(name),)
        cases, own = (
            [
                Case(one.id, one.title, one.sentences, one.study, frozenset({*one.data, *_data(one.study)}))
                for one in sections
            ],
            {},
        )
    cases = [case for case in cases if case.claims]
    if not cases:
        raise StudyError(f"{name} claims nothing: there is nothing to verify. Say claims=[...] in its Study.")
    return cases, own


def of_study(study: "Study") -> Case:
    """The claims of a study that is in no section."""
    return Case(study.name, "", tuple(study.claims), study, frozenset(_data(study)))  # type: ignore[arg-type]


def _data(study: "Study | None") -> set[str]:
    return {point.config.data for point in study.points} if study else set()


def planned_looks(max_seeds: int | None, seeds: int | None) -> tuple[int, ...]:
    """The looks that end with so many seeds; none for a single one.

    Raises:
        UsageError: both numbers are given, or too few seeds for any verdict.
    """
    if max_seeds is None:
        return ()
    from shoal.analysis.comparison import FEWEST
    from shoal.analysis.looks import planned

    if seeds is not None:
        raise UsageError(
            f"--seeds {seeds} does not go with looks, which are fixed beforehand: every ten seeds, the last at "
            f"--max-seeds {max_seeds}. Leave out --seeds, or ask for that number alone."
        )
    if max_seeds < FEWEST:
        raise UsageError(f"--max-seeds {max_seeds}: fewer than {FEWEST} seeds settle nothing. Use {FEWEST} or more.")
    return planned(max_seeds)


def judge_case(
    case: Case, store: "Store", engine: "Engine", data: Any, seeds: int | None, looks: tuple[int, ...] = ()
) -> Judged:
    """Judge by what the store has, on the seeds asked for or the study's own."""
    from shoal.analysis.sequential import judge_by_looks, waiting
    from shoal.cli.measuring import Told
    from shoal.results import on_data
    from shoal.runner import Demand

    asked: Sequence[int] = range(looks[-1]) if looks else range(seeds) if seeds else _own_seeds(case)
    results = Told(store, case.study, data, engine, seeds=asked)
    results.section = case.section
    verdicts = judge_by_looks(case.claims, results, seeds=asked, looks=looks)
    study: Study | None = case.study
    if looks:
        at = next_look(verdicts, looks) or 0
        asked = asked[:at]
        study = study if at == looks[0] else narrowed(study, waiting(verdicts, at))
    demand = Demand.of([on_data(study, data)] if study else [], asked)
    return Judged(case, verdicts, demand, tuple(stand_ins(data, case.data)))


def stand_ins(data: "Mapping[str, Dataset]", names: Collection[str]) -> "list[Dataset]":
    """Those of the data sets with these names that are stand-ins, each once, by name."""
    found = {data[name].name: data[name] for name in sorted(names) if name in data}
    return [dataset for dataset in found.values() if dataset.stand_in]


def _missing(judged: Sequence[Judged], store: "Store", engine: "Engine") -> int:
    """How many runs are still to be trained, or to be finished, for all of these together: what they share once, and
    a run of fewer epochs as part of the longer."""
    from shoal.runner import Demand, pending

    runs = tuple(run for one in judged for run in one.demand.runs)
    every = frozenset(trajectory for one in judged for trajectory in one.demand.every)
    return len(pending(Demand(runs, every), store, engine.name))


def _own_seeds(case: Case) -> Sequence[int]:
    return case.study.seeds if case.study else ()


# ---- printing -----------------------------------------------------------------------------------------


def _print_json(
    setting: Setting, judged: Sequence[Judged], looks: tuple[int, ...], missing: Mapping[str, int], together: int
) -> None:
    print_json(
        "verify",
        store=str(setting.stored_path()),
        looks=list(looks),
        runs_missing=dict(missing),
        runs_missing_together=together,
        claims=[record for one in judged for record in one.records()],
    )


def _print(judged: Sequence[Judged]) -> None:
    from shoal.cli.verdicts import print_in_full, say, stamped, tally

    for index, one in enumerate(judged):
        say("\n" * bool(index) + " · ".join(part for part in (one.case.section, one.case.title) if part))
        if one.stand_ins:
            say(stamped(one.stand_ins))
        print_in_full(one.verdicts)
    say("\n" + tally([verdict for one in judged for verdict in one.verdicts]))
    everything = {dataset.name: dataset for one in judged for dataset in one.stand_ins}
    if everything and len(judged) > 1:
        say(stamped(list(everything.values())))


def _training(setting: Setting, study: str, seeds: int | None, looks: tuple[int, ...], judged: Sequence[Judged]) -> str:
    """What to type so that they are there."""
    store = setting.stored_path()
    file = judged[0].case.study is not None and judged[0].case.section == judged[0].case.study.name
    if looks and file:
        seeds = max(next_look(one.verdicts, looks) or 0 for one in judged)
    many = ["--seeds", str(seeds)] if seeds else []
    if study == EVERYTHING or (looks and not file):
        words = ["report", *(["--sections", study] if study != EVERYTHING else [])]
        words += ["--until-settled", "--max-seeds", str(looks[-1])] if looks else many
        place = ["--out", str(store.parent)] if store.name == DEFAULT_STORE else ["--store", str(store)]
        words += [] if place == ["--out", "report"] else place
    else:
        words = ["run", study, *many]
        words += ["--store", str(store)] if str(store) != DEFAULT_STORE else []
    words += ["--data", setting.data] if setting.data else []
    words += ["--engine", setting.engine_name] if setting.engine_name != "native" else []
    return f"Train them: {shlex.join(['shoal', *words])}"
