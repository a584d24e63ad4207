# SPDX-License-Identifier: Apache-2.0
"""`shoal data` and `shoal doctor`: where the data comes from, and whether all is well on this machine."""

from typing import TYPE_CHECKING, Any

import click

from shoal.cli.options import SKETCHES, Setting, as_json, shared
from shoal.cli.text import columns, print_json
from shoal.errors import DataMissing, EngineError, ShoalError

if TYPE_CHECKING:
    from shoal.data import Dataset


@click.command()
@click.option("--fetch", is_flag=True, help="Download what is not on this machine.")
@as_json
@shared
def data(setting: Setting, fetch: bool, as_json: bool) -> int:
    """Show where each data set comes from, with its hashes. Nothing is downloaded without --fetch."""
    found = {name: _look(setting, name, fetch) for name in ("fashion-mnist", "mnist")}
    if as_json:
        print_json("data", data=[_data_facts(name, one) for name, one in found.items()])
    else:
        for name, one in found.items():
            click.echo(_described(name, one) + "\n")
    return 0 if all(not isinstance(one, DataMissing) for one in found.values()) or not fetch else DataMissing.exit_code


@click.command()
@as_json
@shared
def doctor(setting: Setting, as_json: bool) -> int:
    """Check this installation: versions, engine, cores, data, store."""
    checks = [
        *_versions(),
        _engine(setting),
        *(_data(setting, name) for name in ("fashion-mnist", "mnist")),
        _store(setting),
    ]
    if as_json:
        print_json("doctor", checks=[dict(zip(("check", "well", "finding"), check, strict=True)) for check in checks])
    else:
        rows = [["ok" if well else "!!", name, finding] for name, well, finding in checks]
        click.echo(columns(("", "", ""), rows).lstrip("\n"))
    return 0 if all(well for _, well, _ in checks) else 1


# ---- data ---------------------------------------------------------------------------------------------


def _look(setting: Setting, name: str, fetch: bool) -> "Dataset | DataMissing":
    from shoal.data.sources import OFFICIAL, obtain

    if setting.data == SKETCHES:
        return setting.datasets([name])[name]
    place = None if setting.data in (None, *OFFICIAL) else setting.data
    try:
        return obtain(OFFICIAL[name], place, None if fetch else ())
    except DataMissing as missing:
        return missing


def _data_facts(name: str, found: "Dataset | DataMissing") -> dict[str, Any]:
    if isinstance(found, DataMissing):
        return {"name": name, "found": False, "reason": str(found)}
    return {
        "name": found.name,
        "found": not found.stand_in,
        "source": found.source,
        "stand_in": found.stand_in,
        "train": len(found.train),
        "test": len(found.test),
        "classes": list(found.classes),
        "sha256": dict(found.sha256),
    }


def _described(name: str, found: "Dataset | DataMissing") -> str:
    if isinstance(found, DataMissing):
        return f"{name}: not found; reports use its stand-in.\n{found}"
    stands = f", a stand-in for {found.stand_in}" if found.stand_in else ""
    head = (
        f"{found.name}{stands}: {len(found.train):,} training and {len(found.test):,} test images from {found.source}"
    )
    return "\n".join([head, *(f"  {sha256}  {file}" for file, sha256 in found.sha256.items())])


# ---- doctor -------------------------------------------------------------------------------------------

Check = tuple[str, bool, str]


def _versions() -> list[Check]:
    from shoal.provenance import machine, versions

    here = machine()
    found = [(name, version != "not installed", version) for name, version in versions().items()]
    return [*found, ("machine", True, f"{here['processor']}, {here['cores']} cores usable, {here['system']}")]


def _engine(setting: Setting) -> Check:
    from shoal.provenance import engine_facts

    try:
        facts = engine_facts(setting.engine())
    except EngineError as reason:
        return "engine", False, str(reason)
    return "engine", True, ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())


def _data(setting: Setting, name: str) -> Check:
    """Missing data is no illness: there is the stand-in. Damaged data is."""
    try:
        found = _look(setting, name, fetch=False)
    except ShoalError as reason:
        return name, False, str(reason)
    if isinstance(found, DataMissing):
        return name, True, "not on this machine; reports use the stand-in (see `shoal data`)"
    return name, True, f"{found.source}, verified" if not found.stand_in else found.source


def _store(setting: Setting) -> Check:
    from shoal.store import Store

    path = setting.stored_path()
    try:
        with Store.open(path) as store:
            count = len(store.runs())
    except ShoalError as reason:
        return "store", False, str(reason)
    return "store", True, f"{path}, {count:,} runs" if path.exists() else f"{path} is not there yet"
