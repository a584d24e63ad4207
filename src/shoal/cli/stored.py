# SPDX-License-Identifier: Apache-2.0
"""`shoal list`, `show` and `export`: what is in the store, for people and for other programs. They only read."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal import files
from shoal.cli.options import Setting, as_json, shared
from shoal.cli.text import columns, print_json
from shoal.errors import UsageError

if TYPE_CHECKING:
    from shoal.store import Store, StoredRun

METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")


@click.command("list")
@as_json
@shared
def list_runs(setting: Setting, as_json: bool) -> None:
    """List the runs in the store."""
    with _open(setting) as store:
        runs = store.runs()
    if as_json:
        return print_json("list", store=str(setting.stored_path()), runs=[_facts(run) for run in runs])
    if not runs:
        click.echo(
            f"{setting.stored_path()} holds no runs yet. Train some: shoal report, or shoal run STUDY.", err=True
        )
        return None
    head = ("run", "data", "model", "optimizer", "batch", "seed", "epochs", "status", "loss", "accuracy", "engine")
    click.echo(columns(head, [_row(run) for run in runs], right=(4, 5, 6, 8, 9)))
    return None


@click.command()
@click.argument("run", metavar="RUN")
@as_json
@shared
def show(setting: Setting, run: str, as_json: bool) -> None:
    """Show a RUN: its configuration and every epoch. RUN is how its hash, or its config's, begins."""
    with _open(setting) as store:
        found = _find(store, run)
        if as_json:
            runs = [{**_facts(one), "config": _config(one), "epochs": list(_epochs(store, one))} for one in found]
            return print_json("show", runs=runs)
        for one in found:
            click.echo(_shown(store, one))
    return None


@click.command()
@click.argument("run", metavar="[RUN]", default="")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "json"]), default="csv", show_default=True, help="Of epochs."
)
@click.option("--to", type=click.Path(dir_okay=False), metavar="FILE", help="File to write; stdout if not given.")
@click.option(
    "--weights", type=click.Path(file_okay=False), metavar="DIR", help="Write kept weights there as safetensors."
)
@as_json
@shared
def export(setting: Setting, run: str, kind: str, to: str | None, weights: str | None, as_json: bool) -> None:
    """Export every epoch of every run (or of RUN) as CSV or JSON, and weights as safetensors."""
    with _open(setting) as store:
        found = _find(store, run) if run else store.runs()
        text = _as_json(store, found) if as_json or kind == "json" else _as_csv(store, found)
        if weights:
            count = sum(_save_weights(store, one, Path(weights)) for one in found)
            click.echo(f"{count} files of weights in {weights}", err=True)
    if to:
        files.write(Path(to), text.encode())
    else:
        click.echo(text, nl=False)


def _open(setting: Setting) -> "Store":
    from shoal.store import Store

    return Store.open(setting.stored_path())


def _find(store: "Store", prefix: str) -> "list[StoredRun]":
    found = store.runs(prefix)
    if not found:
        raise UsageError(f"{store.path} has no run whose hash begins with {prefix!r}. See `shoal list`.")
    return found


def _facts(run: "StoredRun") -> dict[str, Any]:
    return {
        "run": run.trajectory,
        "hash": run.config.hash,
        "engine": run.engine,
        "data": run.config.data,
        "model": run.config.model.name,
        "optimizer": type(run.config.optimizer).__name__,
        "lr": run.config.optimizer.lr,
        "batch_size": run.config.batch_size,
        "seed": run.seed,
        "status": run.status,
        "epochs_done": run.epochs,
        "epochs_asked": run.config.epochs,
        "diverged_at": run.diverged_at,
        "stopped_early": run.stopped,
        "validation_loss": run.validation_loss,
        "validation_accuracy": run.validation_accuracy,
        "seconds": run.seconds,
        "created": run.created,
    }


def _row(run: "StoredRun") -> list[str]:
    from shoal.wording import fixed

    facts = _facts(run)
    names = ("data", "model", "optimizer", "batch_size", "seed")
    optimizer = {"optimizer": f"{facts['optimizer']} {facts['lr']:g}"}
    return [
        run.trajectory[:8],
        *(str((facts | optimizer)[name]) for name in names),
        f"{run.epochs}/{run.config.epochs}",
        run.status,
        *(fixed(value, 3) if value == value else "" for value in (run.validation_loss, run.validation_accuracy)),
        run.engine,
    ]


def _config(run: "StoredRun") -> dict[str, Any]:
    import msgspec

    return {name: msgspec.to_builtins(getattr(run.config, name)) for name in run.config.__struct_fields__}


def _epochs(store: "Store", run: "StoredRun") -> Iterator[dict[str, Any]]:
    history = store.history(run.run, run.engine)
    assert history is not None, "a stored run has a history"
    for epoch in range(history.epochs + 1):
        yield {"epoch": epoch, **{name: float(getattr(history, name)[epoch]) for name in METRICS}}


def _shown(store: "Store", run: "StoredRun") -> str:
    from shoal.wording import fixed

    told = {name: value for name, value in _facts(run).items() if value is not None and value is not False}
    facts = [f"{name.replace('_', ' '):<20} {value}" for name, value in told.items()]
    weights = ", ".join(map(str, store.weight_epochs(run.run, run.engine))) or "none"
    rows = [
        [str(epoch["epoch"]), *(fixed(epoch[name], 4) if epoch[name] == epoch[name] else "" for name in METRICS)]
        for epoch in _epochs(store, run)
    ]
    table = columns(("epoch", *(name.replace("_", " ") for name in METRICS)), rows, right=range(6))
    return "\n".join([*facts, f"{'weights after epoch':<20} {weights}", "", str(run.config.model), "", table, ""])


def _as_csv(store: "Store", runs: "list[StoredRun]") -> str:
    """A row an epoch; numbers in full, so that they read back to the same bits; what is NaN is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("run", "hash", "engine", "data", "model", "optimizer", "lr", "batch_size", "seed", "status")
    writer.writerow([*names, "epoch", *METRICS])
    for run in runs:
        facts = _facts(run)
        for epoch in _epochs(store, run):
            numbers = ["" if epoch[name] != epoch[name] else repr(epoch[name]) for name in METRICS]
            writer.writerow([*(facts[name] for name in names), epoch["epoch"], *numbers])
    return text.getvalue()


def _as_json(store: "Store", runs: "list[StoredRun]") -> str:
    from shoal.cli.text import to_json

    entries = [{**_facts(run), "config": _config(run), "epochs": list(_epochs(store, run))} for run in runs]
    return to_json("export", runs=entries) + "\n"


def _save_weights(store: "Store", run: "StoredRun", folder: Path) -> int:
    """One file per kept epoch: RUN-epoch-E.safetensors."""
    from shoal.store.rows import pack

    folder.mkdir(parents=True, exist_ok=True)
    epochs = store.weight_epochs(run.run, run.engine)
    for epoch in epochs:
        name = f"{run.trajectory[:16]}-{run.engine}-epoch-{epoch}.safetensors"
        files.write(folder / name, pack(store.weights(run.run, run.engine, epoch)))
    return len(epochs)
