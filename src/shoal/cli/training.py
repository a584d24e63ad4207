# SPDX-License-Identifier: Apache-2.0
"""`shoal run` and `shoal plan`: train a study, or tell what that would be."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext as nothing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal.cli.options import Setting, as_json, seeds_option, shared
from shoal.cli.serve import page, show, stay
from shoal.cli.text import columns, print_json
from shoal.cli.verdicts import print_short, say, stamped, tally
from shoal.cli.verify import Judged, judge_case, of_study, stand_ins
from shoal.errors import StudyError, UsageError

if TYPE_CHECKING:
    from shoal.analysis.curves import Curves
    from shoal.data import Dataset
    from shoal.engines import Engine
    from shoal.live.sockets import Serving
    from shoal.runner import Outcome
    from shoal.study import Study

DIVERGED = 3


@click.command()
@click.argument("study", metavar="STUDY")
@seeds_option
@click.option("--watch", is_flag=True, help="Show it live on a page in the browser, which stays until Ctrl-C.")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", help="With --watch: where the page is; any if not given."
)
@as_json
@shared
def run(setting: Setting, study: str, seeds: int | None, watch: bool, port: int | None, as_json: bool) -> int:
    """Train a STUDY: a Python file, or a built-in name such as learning-rates or 1.2."""
    if port is not None and not watch:
        raise UsageError(f"--port {port} is for a page that shows the training. Add --watch.")
    click.echo("Reading the data ...", err=True)
    studies, own = find_studies(study)
    data = setting.datasets({point.config.data for each in studies for point in each.points}, own)
    engine = setting.engine()
    live = page(setting, setting.store_path(), studies, data, port=port or 0, engine=engine) if watch else nothing()
    with live as at:
        outcome, found, judged = _train(setting, studies, data, engine, seeds, at)
        drawn = {each.name: stand_ins(data, {point.config.data for point in each.points}) for each in studies}
        _print_results(found, judged, drawn, as_json)
        if at:
            stay(at)
    return DIVERGED if outcome.mishaps else 0


def _train(
    setting: Setting,
    studies: "Sequence[Study]",
    data: "Mapping[str, Dataset]",
    engine: "Engine",
    seeds: int | None,
    at: "Serving | None",
) -> "tuple[Outcome, dict[str, list[Curves]], dict[str, Judged]]":
    """Train what the store lacks and read what it then has: curves by study, and what they say of its claims."""
    from shoal.progress import Board
    from shoal.results import StoredResults, on_data
    from shoal.runner import Demand, train
    from shoal.store import Store
    from shoal.terminal import view

    here, asked = [on_data(each, data) for each in studies], range(seeds) if seeds else None
    with Store.open(setting.store_path(), write=True) as store:
        if at:
            show(at)
        with view(Board(here, asked, store.progress(engine.name))) as screen:
            trained_on = {dataset.name: dataset for dataset in data.values()}
            try:
                demand = Demand.of(here, asked)
                outcome = train(demand, engine, trained_on, store, on_plan=screen.plan, on_record=screen.record)
            except KeyboardInterrupt:
                screen.say("Stopped. What was trained is stored; the same command goes on from there.")
                raise
        found = {each.name: StoredResults(store, each, data, engine, seeds=asked).all() for each in studies}
        cases = [of_study(each) for each in studies if each.claims]
        judged = {case.section: judge_case(case, store, engine, data, seeds) for case in cases}
    return outcome, found, judged


@click.command()
@click.argument("study", metavar="STUDY")
@seeds_option
@as_json
@shared
def plan(setting: Setting, study: str, seeds: int | None, as_json: bool) -> None:
    """Tell what `run` would train, and what is in the store already."""
    from shoal.results import on_data
    from shoal.runner import Demand, check, pending
    from shoal.store import Store

    studies, own = find_studies(study)
    data = setting.datasets({point.config.data for each in studies for point in each.points}, own)
    demand = Demand.of([on_data(each, data) for each in studies], range(seeds) if seeds else None)
    check(demand, {dataset.name: dataset for dataset in data.values()})
    with Store.open(setting.store_path()) as store:
        tasks = pending(demand, store, setting.engine().name)
    asked = len({run.trajectory for run in demand.runs})
    rows = [
        {
            "run": task.run.trajectory,
            "model": task.run.config.model.name,
            "optimizer": _optimizer(task.run.config.optimizer),
            "batch_size": task.run.config.batch_size,
            "data": task.run.config.data,
            "seed": task.run.seed,
            "from_epoch": task.start,
            "to_epoch": task.run.config.epochs,
            "may_stop_early": task.run.config.early_stopping is not None,
        }
        for task in tasks
    ]
    if as_json:
        return print_json("plan", runs=asked, tasks=rows)
    epochs = sum(task.epochs for task in tasks)
    most = "at most " if any(row["may_stop_early"] for row in rows) else ""
    there, todo = f"{asked - len(tasks):,} in the store", f"{len(tasks):,} to train: {most}{epochs:,} epochs"
    click.echo(f"{asked:,} runs asked for, {there}, {todo}.")
    if rows:
        head = ("run", "model", "optimizer", "batch", "data", "seed", "epochs")
        click.echo(columns(head, [_task(row) for row in rows], right=(3, 5)))
    return None


def find_studies(name: str) -> "tuple[list[Study], Mapping[str, Dataset]]":
    """The studies of a Python file with the data it brings, or a built-in one.

    Raises:
        StudyError: it is neither, or the section trains nothing.
    """
    if name.endswith(".py") or Path(name).is_file():
        from shoal import studyfile

        file = studyfile.read(name)
        return list(file.studies), file.data
    from shoal import studies

    section = studies.find(name)
    if section.study is None:
        raise StudyError(f"Section {section.id} trains nothing. See it with `shoal report --sections {section.id}`.")
    return [section.study], {}


def _task(row: Mapping[str, Any]) -> list[str]:
    epochs = f"{row['from_epoch']} to {'at most ' * row['may_stop_early']}{row['to_epoch']}"
    names = ("model", "optimizer", "batch_size", "data", "seed")
    return [row["run"][:8], *(str(row[name]) for name in names), epochs]


def _optimizer(spec: Any) -> str:
    return f"{type(spec).__name__} {spec.lr:g}"


def _print_results(
    found: "Mapping[str, list[Curves]]",
    judged: "Mapping[str, Judged]",
    drawn: "Mapping[str, list[Dataset]]",
    as_json: bool,
) -> None:
    """A table and the verdicts of each study; above them what they say nothing of, where data was ``drawn``."""
    rows = {name: [_result(curves) for curves in points] for name, points in found.items()}
    if as_json:
        lacking = {name: [dataset.stand_in for dataset in those] for name, those in drawn.items()}
        claims = [record for one in judged.values() for record in one.records()]
        return print_json("run", studies=rows, stand_in=lacking, claims=claims)
    for name, results in rows.items():
        click.echo(f"\n{name}")
        if drawn[name]:
            say(stamped(drawn[name]))
        head = ("", "n", "validation loss", "validation accuracy", "diverged", "config")
        click.echo(columns(head, [_cells(result) for result in results], right=(1,)))
        if name in judged:
            say(f"\n{tally(judged[name].verdicts)}")
            print_short(judged[name].verdicts)
    return None


def _result(curves: "Curves") -> dict[str, Any]:
    from shoal.analysis.statistics import mean_interval

    loss, accuracy = (mean_interval(curves.final(name)) for name in ("validation_loss", "validation_accuracy"))
    return {
        "label": curves.label,
        "hash": curves.config.hash,
        "n": len(curves.seeds),
        "diverged": sum(at is not None for at in curves.diverged_at),
        "validation_loss": vars(loss),
        "validation_accuracy": vars(accuracy),
    }


def _cells(result: Mapping[str, Any]) -> list[str]:
    from shoal.analysis.statistics import Summary
    from shoal.wording import measured

    loss, accuracy = (measured(Summary(**result[name])) for name in ("validation_loss", "validation_accuracy"))
    return [result["label"], str(result["n"]), loss, accuracy, str(result["diverged"] or ""), result["hash"][:8]]
