# SPDX-License-Identifier: Apache-2.0
"""`shoal serve`: the live lab on a port, until Ctrl-C. `shoal run --watch` puts up the same beside its training."""

import ipaddress
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from shoal.cli.options import Setting, as_json, shared
from shoal.cli.text import print_json
from shoal.errors import ShoalError

if TYPE_CHECKING:
    from pathlib import Path

    from shoal.data import Dataset
    from shoal.engines import Engine
    from shoal.live.sockets import Serving
    from shoal.study import Study

HOST = "127.0.0.1"


@click.command()
@click.argument("studies", metavar="[STUDIES]...", nargs=-1)
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", help="Where the page listens: 7117; 0 for any that is free."
)
@click.option("--host", metavar="ADDRESS", help="Of this machine, for others to reach it; 127.0.0.1 if not given.")
@as_json
@shared
def serve(setting: Setting, studies: tuple[str, ...], port: int | None, host: str | None, as_json: bool) -> None:
    """Open the live lab, a page where runs are watched, trained and tried out, and print its address.

    It shows the store, also while another process trains. STUDIES are Python files or built-in names whose claims it
    judges beside those of the report. Ctrl-C ends it.
    """
    from shoal.cli.training import find_studies

    named: list[Study] = []
    own: dict[str, Dataset] = {}
    for name in studies:
        found, data = find_studies(name)
        named += found
        own |= data
    warn_of(host or HOST)
    with page(setting, setting.stored_path(), named, own, port=port, host=host or HOST) as serving:
        if as_json:
            print_json("serve", address=serving.address, store=str(setting.stored_path()))
        else:
            click.echo(serving.address)
        click.echo(f"The live lab of {setting.stored_path()}: open that address. Ctrl-C ends it.", err=True)
        with suppress(KeyboardInterrupt):
            serving.wait()


@contextmanager
def page(
    setting: Setting,
    store: "Path",
    studies: "Sequence[Study]",
    own: "Mapping[str, Dataset]",
    *,
    port: int | None = None,
    host: str = HOST,
    engine: "Engine | None" = None,
) -> "Iterator[Serving]":
    """The live lab of a store, on a port, as long as the context lasts.

    Args:
        own: data sets that are there already, by the names that configs use.
    """
    from shoal import live
    from shoal.live.lab import PLAYED, Lab

    names = {*PLAYED, *(point.config.data for study in studies for point in study.points)}

    def data() -> "dict[str, Dataset]":
        try:
            return setting.datasets(names, own)
        except ShoalError as reason:
            click.echo(f"shoal: {reason}", err=True)
            raise

    with (
        Lab(store, data, tuple(studies), engine or setting.engine()) as lab,
        live.serve(lab, host=host, port=live.PORT if port is None else port) as serving,
    ):
        yield serving


def warn_of(host: str) -> None:
    """Say what it means to listen to other machines."""
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if host != "localhost":
        click.echo(
            f"Whoever can reach {host} and learns the address below can read this store and train on this machine; "
            f"nothing on its way is encrypted.",
            err=True,
        )


def show(serving: "Serving") -> None:
    """Say where the page is, and open it where somebody sits at a terminal."""
    click.echo(f"Watch it live: {serving.address}", err=True)
    if sys.stderr.isatty():
        import webbrowser

        with suppress(webbrowser.Error):
            webbrowser.open(serving.address)


def stay(serving: "Serving") -> None:
    """Keep the page until Ctrl-C."""
    click.echo("The page stays open; Ctrl-C ends it.", err=True)
    with suppress(KeyboardInterrupt):
        serving.wait()
