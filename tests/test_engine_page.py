# SPDX-License-Identifier: Apache-2.0
"""docs/engine.md speaks of what is there: names, numbers and pictures follow the sources."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

from shoal.models import lenet

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "engine.md").read_text()
WORDS = " ".join(PAGE.split())
NATIVE = "\n".join(path.read_text() for path in sorted((ROOT / "native").rglob("*.*")))
SPOKEN_OF = (
    NATIVE
    + (ROOT / "CMakeLists.txt").read_text()
    + "".join((ROOT / f"src/shoal/engines/{name}.py").read_text() for name in ("native", "handover"))
)


@pytest.fixture(autouse=True)
def scripts_of_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))


def blocks(macro: str) -> list:
    drawn: ModuleType = importlib.import_module("drawings.blocks")
    return drawn.blocks(*drawn.machine(macro))


def missing(named: str) -> bool:
    """Whether what a page calls by this name is not there: a file, a target of make, or words of the sources."""
    if named.startswith("make "):
        return re.search(rf"^{named.removeprefix('make ')}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is None
    if "/" in named:
        return not list(ROOT.glob(named))
    parts = [named] if named.startswith("-") else re.split(r"::|\.", named)
    return any(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", SPOKEN_OF) is None for part in parts)


def test_what_it_names_is_there() -> None:
    named = set(re.findall(r"`([^`]+)`", PAGE))
    assert len(named) > 50
    assert sorted(name for name in named if missing(name)) == []


@pytest.mark.parametrize(
    "name", ["native/kernels/pooling.cpp", "make proofs", "Batch::scatter", "gathers", "-fwhole-program"]
)
def test_a_name_that_is_not_there_is_noticed(name: str) -> None:
    assert missing(name)


def test_every_kernel_is_called_by_its_twins_name() -> None:
    """What the page says of the two folders: a file for an operation, in both."""
    here = {path.stem for path in (ROOT / "src/shoal/engines/reference").glob("*.py")}
    there = {path.stem for path in (ROOT / "native/kernels").glob("*.cpp")}
    assert there - here == {"pixels", "sums", "table"}


def test_pictures_are_as_drawn() -> None:
    """If this fails, run `make docs`."""
    drawn = importlib.import_module("draw_engine").PICTURES
    assert set(re.findall(r"\(images/([\w-]+)\.svg\)", PAGE)) == drawn.keys()
    stale = [name for name, draw in drawn.items() if (ROOT / f"docs/images/{name}.svg").read_text() != draw().svg()]
    assert not stale


def test_register_blocks_are_drawn_by_the_rules_of_the_kernels() -> None:
    rules = importlib.import_module("drawings.blocks").RULES
    texts = {file: (ROOT / "native/kernels" / file).read_text() for file in rules}
    assert not [rule for file, lines in rules.items() for rule in lines if rule not in texts[file]]


@pytest.mark.parametrize("macro", ["__AVX512F__", "__AVX2__"])
def test_every_block_fits_and_needs_less_than_a_load_for_each_multiply_add(macro: str) -> None:
    registers, _ = importlib.import_module("drawings.blocks").machine(macro)
    for block in blocks(macro):
        assert block.registers <= registers
        assert block.loads < block.sums
        assert block.sums >= 8  # four cycles on two units


def test_numbers_follow_the_sources() -> None:
    wide, narrow = blocks("__AVX512F__")[0], blocks("__AVX2__")[0]
    rows, panels = (int(re.search(rf"PIECE_{it} = (\d+)", NATIVE)[1]) for it in ("ROWS", "PANELS"))
    piece = rows * panels * 16 * 4
    for words in (
        f"LeNet has {sum(one.size for one in lenet().parameters()):,} parameters",
        f"make {wide.down} × {wide.across} sums",
        f"{wide.loads} loads for {wide.sums} multiply-adds",
        f"{narrow.down} × {narrow.across} sums with their operands fill {narrow.registers} of 16 registers",
        f"pieces* of {rows} inputs × {panels * 16} outputs",
        f"A piece is {piece // 1024} KiB",
        f"it is {4 * piece // 1024} KiB",
        f"{784 * 256 * 4 // 1024} KiB each way",
    ):
        assert words in WORDS
    assert "MOST_TILES = 16" in NATIVE
    assert "MOST_KEPT = std::int64_t{1} << 18;  // floats of a block: 1 MiB" in NATIVE
