# SPDX-License-Identifier: Apache-2.0
"""`shoal report`: its options, its sections and its data. What it then does is in `work`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shoal.cli.options import SKETCHES, Setting, as_json, shared
from shoal.cli.text import print_json
from shoal.cli.verify import planned_looks
from shoal.cli.work import Work
from shoal.errors import DataMissing, UsageError

if TYPE_CHECKING:
    from shoal.data import Dataset
    from shoal.studies.section import Section

DIVERGED = 3
SEEDS = 10
MAX_SEEDS = 30


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
    return DIVERGED if outcome.mishaps else 0


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
