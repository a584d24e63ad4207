# SPDX-License-Identifier: Apache-2.0
"""`shoal verify`, and the verdicts of `shoal run`: judged from the store, in words and marks, with what is missing."""

import json
import re

import pytest

from shoal import rulings
from shoal.analysis.claims import Fact, Found
from shoal.cli.verdicts import spans
from shoal.errors import UsageError
from shoal.studies.section import Section

STUDY = """
import numpy as np
from shoal import Claim, Config, Grid, SGD, Study, from_arrays, softmax_regression
from shoal.analysis.claims import Untestable

draws = np.random.default_rng(0)
labels = np.arange(40) % 2
images = (draws.integers(0, 120, (40, 2, 2)) + 100 * labels[:, None, None]).astype(np.uint8)
mine = from_arrays(images, labels, ["a", "b"], name="mine")

def config(lr):
    model = softmax_regression(classes=2, input_shape=(1, 2, 2))
    return Config(data="mine", model=model, optimizer=SGD(lr=lr), epochs=4, batch_size=4)

study = Study("rates", config, Grid(lr=[0.001, 2.0]), seeds=range(7), claims=[
    Claim("1", "Small rates are slow.", measure="loss", a={"lr": 0.001}, b={"lr": 2.0}, margin="1%",
          tested="After 4 epochs the loss at .001 is more than 1% above that at 2."),
    Claim("2", "Large rates are slow.", measure="loss", a={"lr": 2.0}, b={"lr": 0.001}, margin="1%",
          tested="After 4 epochs the loss at 2 is more than 1% above that at .001."),
    Untestable("3", "It is good.", "How good is not said."),
])
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every command runs in a folder of its own, without the network and without anybody's data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("SHOAL_DATA", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "mine.py").write_text(STUDY)
    return tmp_path


def test_run_prints_the_verdicts_of_a_study_that_claims_something(shell):
    code, out, _ = shell("run mine.py --engine reference")
    assert code == 0
    assert "3 claims: 1 supported, 1 refuted, 1 not testable\n" in out
    assert re.search(r"^✓ 1     Supported   [\d.]+× \[.*\] \(asked for: > 1.01×\)$", out, re.MULTILINE)
    assert re.search(r"^✗ 2     Refuted \(opposite\)   ", out, re.MULTILINE)
    assert "          After 4 epochs the loss at 2 is more than 1% above that at .001." in out


def test_run_tells_the_same_as_json(trained):
    claims = json.loads(trained("run mine.py --engine reference --json")[1])["claims"]
    assert [(one["id"], one["section"], one["verdict"]) for one in claims] == [
        ("1", "rates", "supported"),
        ("2", "rates", "refuted"),
        ("3", "rates", "not testable"),
    ]


def test_verify_trains_nothing_and_says_what_would(shell, folder):
    code, out, err = shell("verify mine.py --engine reference")
    assert code == 0
    assert "… 1     Too few seeds, so far" in out
    assert not (folder / "shoal.db").exists()
    assert "14 runs are still to be trained for shoal.db. " in err
    assert "Train them: shoal run mine.py --engine reference\n" in err


def test_what_it_says_to_type_trains_what_is_missing(shell, folder):
    line = "verify mine.py --engine reference --seeds 6 --store deep/runs.db"
    command = re.search(r"Train them: shoal (.*)\n", shell(line)[2])[1]
    assert command == "run mine.py --seeds 6 --store deep/runs.db --engine reference"
    assert shell(command)[0] == 0
    code, out, err = shell(line)
    assert (code, err) == (0, "Judging ...\n")
    assert "so far" not in out


def test_verify_shows_each_claim_with_all_that_decides(trained):
    code, out, err = trained("verify mine.py --engine reference")
    assert (code, err) == (0, "Judging ...\n")
    first = out.split("\n\n")[1]
    assert first.startswith("✓ 1     Supported\n")
    for words in ("“Small rates are slow.”", "n = 7 seeds", "100% of seeds on its side", "asked for > 1.01×"):
        assert words in " ".join(first.split())
    claims = json.loads(trained("verify mine.py --engine reference --json")[1])["claims"]
    for side in ("a", "b"):
        assert f"({claims[0][side]['configs'][0][:8]})" in first
    assert "seeds 0 to 6" in first
    assert out.endswith("\n3 claims: 1 supported, 1 refuted, 1 not testable\n")


def test_a_refuted_claim_ends_with_0_and_is_told_by_word_and_mark(trained):
    _, out, _ = trained("verify mine.py --engine reference")
    assert "✗ 2     Refuted (opposite)\n" in out
    assert "– 3     Not testable\n" in out
    assert "\x1b" not in out, "no colour where there is no terminal"


def test_colour_only_repeats_and_can_be_refused(trained, monkeypatch, capsys):
    from shoal.cli import verdicts

    monkeypatch.setattr("click.utils.should_strip_ansi", lambda stream, color: color is False)
    _, plain, _ = trained("verify mine.py --engine reference")
    assert "\x1b[32m\x1b[1m✓ 1     Supported" in plain
    monkeypatch.setenv("NO_COLOR", "1")
    verdicts.say("\x1b[32mgreen\x1b[0m")
    assert capsys.readouterr().out == "green\n"


def test_lines_stay_within_the_terminal(trained, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, trained("verify mine.py --engine reference")[1].splitlines())) <= 60


def test_as_json_it_is_what_the_report_writes(trained):
    answer = json.loads(trained("verify mine.py --engine reference --json")[1])
    assert (answer["schema"], answer["command"], answer["runs_missing"]) == (1, "verify", {"rates": 0})
    one = answer["claims"][0]
    assert set(one) >= {"id", "section", "says", "tested", "verdict", "estimate", "low", "high", "margin", "n", "p"}
    assert (one["n"], one["so_far"], one["margin"]) == (7, False, 1.01)
    assert one["low"] < one["estimate"] < one["high"]


def test_more_seeds_asked_for_make_it_so_far(trained):
    _, out, err = trained("verify mine.py --engine reference --seeds 9")
    assert "✓ 1     Supported, so far" in out
    assert out.endswith("not testable; 2 so far\n")
    assert "4 runs are still to be trained for" in err


def test_looks_share_the_level_and_wait(trained):
    _, out, err = trained("verify mine.py --engine reference --max-seeds 8")
    assert "✓ 1     Supported, so far" in out
    assert "Train them: shoal run mine.py --seeds 8 --engine reference" in err
    claims = json.loads(trained("verify mine.py --engine reference --max-seeds 30 --json")[1])["claims"]
    assert claims[0]["level"] > 0.978, "shared with the looks to come"


def test_a_section_without_a_study_is_proved(shell, monkeypatch):
    fact = Fact("7", "It overflows.", "It does.", lambda results: Found(True, 88.72, 88.0))
    section = Section("9.1", "Overflow", "Does it?", lambda results: [], data=(), claims=(fact,))
    monkeypatch.setattr("shoal.studies.find", lambda name: section)
    code, out, err = shell("verify 9.1 --engine reference")
    assert (code, err) == (0, "Judging ...\n")
    assert out.startswith("9.1 · Overflow\n\n✓ 7     Supported\n")
    assert "n =" not in out, "it needs no seeds"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("verify nothing-known", "'nothing-known' is neither a section nor a study"),
        ("verify 1.1", "1.1 claims nothing"),
        ("verify mine.py --max-seeds 5", "fewer than 6 seeds settle nothing"),
        ("verify mine.py --max-seeds 20 --seeds 10", "--seeds 10 does not go with looks"),
    ],
)
def test_errors_say_what_to_do(shell, line, words):
    code, out, err = shell(line)
    assert (code, out) == (UsageError.exit_code, "")
    assert words in " ".join(err.split())


def test_seeds_are_told_as_spans():
    assert spans([2, 0, 1, 5, 7, 8]) == "0 to 2, 5, 7 to 8"
    assert spans([]) == ""


def test_every_mark_is_a_different_one():
    assert len(set(rulings.MARKS.values())) == len(rulings.MARKS)
