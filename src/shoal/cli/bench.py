# SPDX-License-Identifier: Apache-2.0
"""`shoal bench`: Shoal beside other libraries on this machine, and the promises held. Nothing is measured here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal.cli.options import Setting
from shoal.cli.text import columns

if TYPE_CHECKING:
    from shoal.bench import Extent, Result

MODELS = ("softmax", "mlp-256", "lenet", "lenet-relu-max")
PEERS = (
    *("pytorch", "pytorch-processes", "pytorch-dataloader", "pytorch-compile", "pytorch-vmap"),
    *("jax-scan", "jax-vmap", "keras", "sklearn"),
)
DIFFERENT = 1


Convert = Callable[[click.Context, click.Parameter, str | None], tuple[Any, ...] | None]


def _listed(kind: "click.ParamType[Any]") -> Convert:
    """Values of a kind with commas between them, each once."""

    def convert(context: click.Context, option: click.Parameter, given: str | None) -> tuple[Any, ...] | None:
        if given is None:
            return None
        return tuple(dict.fromkeys(kind.convert(part.strip(), option, context) for part in given.split(",")))

    return convert


@click.command()
@click.option("--quick", is_flag=True, help="Less of everything: within five minutes on two cores.")
@click.option("--models", callback=_listed(click.Choice(MODELS)), metavar="IDS", help=f"Of {', '.join(MODELS)}.")
@click.option(
    "--batches", callback=_listed(click.IntRange(min=1)), metavar="NS", help="Batch sizes; 32,128,256 if not given."
)
@click.option(
    "--in-flight", callback=_listed(click.IntRange(min=1)), metavar="NS", help="Runs at once; 1,2,8,40 if not given."
)
@click.option("--rounds", type=click.IntRange(min=1), metavar="N", help="How often each is timed; 5 if not given.")
@click.option(
    "--images",
    type=click.IntRange(min=256),
    metavar="N",
    help="Of an epoch, whose time is scaled up; all if not given.",
)
@click.option("--peers", callback=_listed(click.Choice(PEERS)), metavar="IDS", help=f"Of {', '.join(PEERS)}.")
@click.option("--python", metavar="PATH", help="A Python that has the peers; .venv-bench/bin/python if not given.")
@click.option("--only", type=click.Choice(["speed", "promises"]), help="The table of speeds, or what else is promised.")
@click.option("--data", metavar="PATH|NAME", help="Where Fashion-MNIST is; or sketches.")
@click.option("--from", "earlier", metavar="FILE", help="Measure nothing: read what --json printed.")
@click.option("--page", metavar="PATH", help="Write tables into this Markdown page, figure and numbers beside it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def bench(
    python: str | None,
    only: str | None,
    data: str | None,
    earlier: str | None,
    page: str | None,
    as_json: bool,
    **extent: Any,
) -> int:
    """Time training beside PyTorch, JAX, Keras and scikit-learn on this machine.

    Each trains the same epochs from the same weights in the same order; what does not reach the same losses is not
    timed, and ends with exit code 1. What is not installed is left out. About an hour on two cores, where nothing
    else should run meanwhile.
    """
    from shoal.bench import measure

    refused: list[str] = []
    if earlier:
        result = measure.read(Path(earlier))
    else:
        where = Path(python) if python else _usual_python()
        images = Setting(None, data, None, "native").datasets(["fashion-mnist"])["fashion-mnist"]
        parts = (only,) if only else ("speed", "promises")
        result, refused = measure.measure(images, where, _extent(**extent), parts, say=_say)
    if page:
        from shoal.bench.page import write

        write(result, Path(page))
    _print(result, as_json)
    return DIFFERENT if refused else 0


def _extent(quick: bool, **asked: Any) -> "Extent":
    """All of it or the quick part, changed by what was asked for."""
    from shoal.bench import FULL, QUICK

    return replace(QUICK if quick else FULL, **{name: value for name, value in asked.items() if value is not None})


def _usual_python() -> Path:
    from shoal.bench.peers import REQUIREMENTS, USUAL_PYTHON

    if not USUAL_PYTHON.exists():
        folder = USUAL_PYTHON.parent.parent
        _say(
            f"There is no {USUAL_PYTHON}, so there is nobody to compare with. For that: python -m venv {folder} && "
            f"{USUAL_PYTHON} -m pip install -r {REQUIREMENTS}"
        )
    return USUAL_PYTHON


def _print(result: "Result", as_json: bool) -> None:
    import json

    from shoal.bench import page
    from shoal.bench.measure import to_json

    if as_json:
        return click.echo(json.dumps(to_json(result), ensure_ascii=False))
    about = result.machine
    click.echo(
        f"{about['processor']}, {about['cores']} cores, {about['instruction_set']}; {about['images']:,} images of "
        f"{about['data']}; a matrix product reaches {result.peak_gflops:.0f} GFLOP/s.\n"
    )
    if result.rows:
        click.echo(columns(page.HEAD, page.terminal(result), right=(1, 2, 3, 4, 6, 7, 9)) + "\n")
    if result.checks:
        click.echo(columns(page.PROMISES_HEAD, page.promises(result.checks)))
    return None


def _say(words: str) -> None:
    click.echo(words, err=True)
