# SPDX-License-Identifier: Apache-2.0
"""The README's Python and the examples run as they stand, and the files that links name are there."""

import re
from pathlib import Path
from typing import Any

import pytest

import imagined
from shoal import studyfile
from shoal.data import sketches
from shoal.engines.native import NativeEngine
from shoal.study import Run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_study_in_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = sketches.garments(train=128, test=50)
    monkeypatch.setattr("shoal.runner.load", lambda name: small)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(block.strip().splitlines()) <= 26
    names: dict[str, Any] = {"__name__": "__main__"}
    with pytest.warns(UserWarning, match="sketches-garments-.* stands in for it, drawings that say nothing"):
        exec(compile(block, "README.md", "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("hidden 16, lr 0.05")
    assert all(line.endswith("over 10 seeds") for line in lines[:6])
    assert re.fullmatch(
        r"(supported|refuted|inconclusive): The final .* more than 0.5 points above .*64, lr 0.2\.", lines[6]
    )


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_are_studies_that_train(example: Path, tmp_path: Path) -> None:
    found = studyfile.read(example)
    small = dict(found.data) or {"fashion-mnist": sketches.garments(train=64, test=32)}
    for study in found.studies:
        short = [point.config.replace(epochs=1, holdout=min(point.config.holdout, 16)) for point in study.points]
        data = {config.data: next(iter(small.values())) for config in short}
        records = list(NativeEngine(threads=1).train([Run(config, 0) for config in short], data))
        assert [record.epoch for record in records].count(1) == len(study.points)


def test_the_section_in_contributing_is_one() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "CONTRIBUTING.md", "exec"), names)
    results = imagined.Imagined(names["STUDY"])
    (prose,) = names["SECTION"].chapter(results)
    assert prose.text.startswith("Validation accuracy ends at momentum 0.0: ")


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/data.md",
        "docs/engine.md",
        "docs/equivalence.md",
        "docs/live.md",
        "docs/log.md",
        "docs/notebook.md",
        "docs/performance.md",
        "docs/replication.md",
        "docs/statistics.md",
    ],
)
def test_links_and_rooms_are_there(page: str) -> None:
    text = (ROOT / page).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    named = re.findall(r"`((?:src|native|docs|tests|benchmarks)/[\w./-]+)`", text)
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing
