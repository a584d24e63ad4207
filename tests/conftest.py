# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: a property is never refuted by a slow machine; commands are called as typed."""

import pytest
from hypothesis import settings

from shoal.cli import run_command

settings.register_profile("shoal", deadline=None)
settings.load_profile("shoal")


@pytest.fixture
def shell(capsys):
    """A command line to its exit code, stdout and stderr."""

    def shell(line: str) -> tuple[int, str, str]:
        code = run_command(line.split())
        out, err = capsys.readouterr()
        return code, out, err

    return shell


@pytest.fixture
def trained(shell):
    """The same, after the study in mine.py was trained."""
    assert shell("run mine.py --engine reference")[0] == 0
    return shell
