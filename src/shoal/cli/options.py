# SPDX-License-Identifier: Apache-2.0
"""The options that commands share, and what they stand for: an engine, data sets, a store, seeds.

Heavy imports happen in the functions, once a command really runs.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shoal.errors import DataMissing, EngineError

if TYPE_CHECKING:
    from shoal.data import Dataset
    from shoal.engines import Engine

F = TypeVar("F", bound=Callable[..., Any])
SKETCHES = "sketches"
DEFAULT_STORE = "shoal.db"


@dataclass(frozen=True)
class Setting:
    """What the shared options said."""

    store: str | None
    data: str | None
    threads: int | None
    engine_name: str

    def engine(self) -> "Engine":
        """The engine, ready to train.

        Raises:
            EngineError: the native engine was not built.
        """
        if self.engine_name == "reference":
            from shoal.engines.reference import ReferenceEngine

            return ReferenceEngine()
        try:
            from shoal.engines.native import NativeEngine
        except ImportError as reason:
            raise EngineError(
                f"the native engine cannot be loaded ({reason}). Install Shoal with `pip install .`, "
                f"or use --engine reference, which is slow."
            ) from None
        return NativeEngine(threads=self.threads)

    def store_path(self, folder: str | Path = ".") -> Path:
        """``--store``, or shoal.db in a folder."""
        return Path(self.store) if self.store else Path(folder) / DEFAULT_STORE

    def stored_path(self) -> Path:
        """Where to read: ``--store``, or the first of shoal.db and report/shoal.db that is there."""
        usual = [self.store_path(), self.store_path("report")]
        return next((path for path in usual if path.exists()), usual[0])

    def datasets(self, names: Iterable[str], own: "Mapping[str, Dataset] | None" = None) -> "dict[str, Dataset]":
        """Data sets by the names that configs use.

        Args:
            own: those that a study file brings.

        Raises:
            DataMissing: one that is insisted on is nowhere, or the folder named has none of them.
        """
        from shoal.data import load
        from shoal.data.sources import OFFICIAL, STAND_INS

        wanted = sorted(set(names) - set(own or {}))
        if self.data == SKETCHES:
            found = {name: load(STAND_INS.get(name, name)) for name in wanted}
        elif self.data is None or self.data in OFFICIAL:
            found = {name: load(name, insist=name == self.data) for name in wanted}
        else:
            found = _below(Path(self.data), wanted)
        if self.data != SKETCHES:
            for warning in sorted({dataset.warning for dataset in found.values()} - {""}):
                click.echo(warning, err=True)
        return {name: dataset for name, dataset in (own or {}).items() if name in set(names)} | found


def _below(place: Path, names: list[str]) -> "dict[str, Dataset]":
    from shoal.data import load
    from shoal.data.sources import STAND_INS

    if not place.is_dir():
        raise DataMissing(
            f"--data {place}: there is no such folder, nor a data set of that name. "
            f"Use a folder, fashion-mnist, mnist or {SKETCHES}."
        )
    found: dict[str, Dataset] = {}
    for name in names:
        with suppress(DataMissing):
            found[name] = load(name, place, insist=True)
    wanted = [name for name in names if name not in STAND_INS.values()]
    if wanted and not any(Path(found[name].source).is_relative_to(place) for name in wanted if name in found):
        raise DataMissing(f"--data {place}: it has none of {', '.join(wanted)}. Name the folder that holds them.")
    return {name: found[name] if name in found else load(STAND_INS[name]) for name in names}


def shared(command: F) -> F:
    """Adds --store, --data, --threads and --engine; the command receives them as one `Setting`."""

    def call(
        store: str | None, data: str | None, threads: int | None, engine: str, *given: Any, **named: Any
    ) -> int | None:
        result: int | None = command(Setting(store, data, threads, engine), *given, **named)
        return result

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    options = (
        click.option(
            "--store",
            metavar="PATH",
            help="File that keeps the runs: shoal.db, or a report's DIR/shoal.db.",
        ),
        click.option(
            "--data",
            metavar="PATH|NAME",
            help="Folder to look in first; or fashion-mnist, mnist to insist on the real thing; or sketches.",
        ),
        click.option(
            "--threads", type=click.IntRange(min=1), metavar="N", help="Runs at once; all cores if not given."
        ),
        click.option(
            "--engine",
            type=click.Choice(["native", "reference"]),
            default="native",
            help="What trains; native if not given.",
        ),
    )
    for option in reversed(options):
        call = option(call)
    return call  # type: ignore[return-value]


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
seeds_option = click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Replicates: seeds 0 to N-1.")
