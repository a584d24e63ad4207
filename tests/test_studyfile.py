# SPDX-License-Identifier: Apache-2.0
"""A study file either gives studies or one `StudyError` that names the file, and the line where there is one."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import STUDY_FILE
from shoal.errors import StudyError
from shoal.studyfile import read


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "mine.py"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_a_file_gives_its_studies_and_its_data(write):
    file = read(write(STUDY_FILE))
    assert [study.name for study in file.studies] == ["rates"]
    assert file.data["mine"].name.startswith("mine-")
    assert file.data[file.data["mine"].name] is file.data["mine"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ndef f(:\n", r"mine\.py:2: invalid syntax"),
        ("x = 1\n\n1 / 0\n", r"mine\.py:3: ZeroDivisionError: division by zero"),
        ("x = 1\nimport no_such_thing_at_all\n", r"mine\.py:2: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", r"mine\.py:1: SystemExit: 3"),
        ("def f():\n    raise ValueError('no')\n\nf()\n", r"mine\.py:2: ValueError: no"),
        (STUDY_FILE.replace("lr=lr", "lr=-lr"), r"mine\.py:9: SGD\(lr=-0\.1\): Expected `float` >= 1e-30"),
        (STUDY_FILE.replace("Grid(lr", "Grid(rate"), r"mine\.py:11: rates: the grid names rate"),
        ("x = 1\n", r"mine\.py defines no study\. Put `study = Study"),
        ("", r"mine\.py defines no study"),
        (STUDY_FILE + "third = Study('rates', config, Grid(lr=[1.0]))\n", r"two studies of one name"),
        (b"\xff\xfe\x00", r"mine\.py"),
        (b"x = 1\x00", r"mine\.py"),
        ("(" * 3000, r"mine\.py"),
        ("-" * 100_000 + "1", r"mine\.py"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(write, text, words):
    with pytest.raises(StudyError, match=words):
        read(write(text))


def test_an_error_of_the_system_inside_the_file_is_not_one_of_reading_it(write):
    with pytest.raises(StudyError, match=r"mine\.py:2: FileNotFoundError: .*'nowhere\.csv'$"):
        read(write("x = 1\nopen('nowhere.csv')\n"))


def test_a_file_is_a_module_while_it_runs(write):
    """Dataclasses look their module up when annotations are text."""
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
    before = set(sys.modules)
    assert len(read(write(text + STUDY_FILE)).studies) == 1
    assert not [name for name in set(sys.modules) - before if "mine" in name]


def test_a_file_imports_what_lies_beside_it(write, tmp_path, monkeypatch):
    (tmp_path / "rates_beside.py").write_text("RATES = [0.1, 0.5]\n")
    monkeypatch.setitem(sys.modules, "rates_beside", None)
    del sys.modules["rates_beside"]  # and after the test it is gone again
    before = list(sys.path)
    text = "from rates_beside import RATES\n" + STUDY_FILE.replace("[0.1, 0.5]", "RATES")
    assert len(read(write(text)).studies[0].points) == 2
    assert sys.path == before
    with pytest.raises(StudyError, match="ZeroDivisionError"):
        read(write(text + "1 / 0\n"))
    assert sys.path == before


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"none\.py cannot be read: No such file"):
        read(tmp_path / "none.py")


def test_ctrl_c_is_no_study_error(write):
    with pytest.raises(KeyboardInterrupt):
        read(write("raise KeyboardInterrupt\n"))


lenient = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@lenient
@given(st.integers(0, len(STUDY_FILE) - 1), st.integers(0, 12), st.text("():=.,'\"[]\n #019abclr-", max_size=4))
def test_a_damaged_file_is_a_study_error_or_a_study(write, at, cut, put):
    damaged(write, (STUDY_FILE[:at] + put + STUDY_FILE[at + cut :]).encode())


@lenient
@given(st.binary(max_size=200))
def test_any_bytes_are_a_study_error(write, content):
    damaged(write, content)


def damaged(write, content: bytes):
    path = write(content)
    try:
        said = None if read(path).studies else "nothing"
    except StudyError as error:
        said = str(error)
    assert said is None or str(path) in said


def test_a_file_that_would_train_while_it_is_read_is_refused(write, tmp_path):
    """`shoal plan` must not train, whatever the file does at its top level."""
    file = write(STUDY_FILE + "\nfrom shoal import run\nrun(study)\n")
    with pytest.raises(StudyError, match=r"run\(\.\.\.\) would train.*__main__"):
        read(file)
    assert not (tmp_path / "shoal.db").exists()
