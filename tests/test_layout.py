# SPDX-License-Identifier: Apache-2.0
"""The house's order, held: who may import whom, what is imported when, how files begin, what is documented."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from shoal.cli import shoal

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "shoal"

STOREYS = (
    "errors files shown theme",
    "spec",
    "losses models optimizers",
    "streams training",
    "data study",
    "analysis engines plan",
    "pace probes provenance store wording",
    "figures progress results rulings studyfile",
    "studies terminal",
    "notebook",
    "report runner",
    "bench live",
    "cli",
    "__main__",
)
"""From the ground up. A room imports only from storeys below its own; `__init__` names what is public."""

ENGINES_MAY_BE_SEEN_BY = {"__init__", "bench", "cli", "engines", "live", "probes", "runner"}
HEAVY = [
    *("PIL", "altair", "anyio", "jinja2", "mpmath", "msgspec", "numpy", "pooch", "rich", "safetensors", "scipy"),
    *("sqlite3", "starlette", "uvicorn"),
]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def room(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[list[str]]:
    """Every import from shoal in a file, wherever it stands: ["shoal", "engines", "reference"]."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".") for name in names if name.startswith("shoal."))


@pytest.mark.parametrize("file", files(SOURCE), ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_go_down_only(file):
    storey = {name: number for number, names in enumerate(STOREYS) for name in names.split()}
    own = room(file)
    if own == "__init__":
        return
    assert own in storey, f"{own} has no storey: put it into STOREYS"
    for _, name, *_ in imported(file):
        if name not in (own, "_native", "__version__"):
            assert storey[name] < storey[own], f"{own} must not import {name}"


@pytest.mark.parametrize("file", files(SOURCE), ids=lambda file: str(file.relative_to(SOURCE)))
def test_only_who_trains_sees_an_engine(file):
    """All others know the seam, `shoal.engines`: what an engine is given and what it gives."""
    engines = {path.stem for path in (SOURCE / "engines").iterdir()} - {"__init__", "__pycache__"}
    seen = [name for name in imported(file) if name[1] == "engines" and name[2] in engines]
    assert not seen or room(file) in ENGINES_MAY_BE_SEEN_BY


@pytest.mark.parametrize("file", files(SOURCE), ids=lambda file: str(file.relative_to(SOURCE)))
def test_only_twins_import_other_frameworks_and_they_no_shoal(file):
    """A comparison in which one side imported the other would compare nothing."""
    nodes = ast.walk(ast.parse(file.read_text()))
    lines = [ast.unparse(node).split()[1] for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = {line.split(".")[0] for line in lines}
    twin = file.is_relative_to(SOURCE / "bench" / "twins")
    assert not roots & ({"shoal"} if twin else {"torch", "jax", "keras", "sklearn"})


@pytest.mark.parametrize("module", ["shoal", "shoal.cli"])
def test_importing_it_imports_nothing_heavy(module):
    program = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


@pytest.mark.parametrize(
    "file",
    [file for folder in ("src", "tests", "docs", "benchmarks", "examples") for file in files(ROOT / folder)],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_a_file_says_its_licence_and_what_it_is(file):
    text = file.read_text()
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert ast.get_docstring(ast.parse(text)), "a file opens with what it is"


@pytest.mark.parametrize("file", sorted((ROOT / "native").rglob("*.[ch]*")), ids=lambda file: file.name)
def test_a_native_file_says_its_licence(file):
    assert file.read_text().startswith("// SPDX-License-Identifier: Apache-2.0\n")


def test_the_page_on_commands_is_what_the_commands_say():
    """If this fails, run `python docs/write_cli.py`."""
    program = "import write_cli; print(write_cli.text(), end='')"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT / "docs"
    )
    assert (ROOT / "docs" / "cli.md").read_text() == answer.stdout


@pytest.mark.parametrize("name", list(shoal.commands))
def test_every_command_and_option_is_explained(name):
    command = shoal.commands[name]
    page = (ROOT / "docs" / "cli.md").read_text()
    assert f"## shoal {name}\n" in page
    assert command.help
    said = subprocess.run(
        [sys.executable, "-m", "shoal", name, "-h"], capture_output=True, text=True, check=True
    ).stdout
    assert " ".join(said.split()) in " ".join(page.split()), "the page shows what the command itself says"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"
