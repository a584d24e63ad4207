# SPDX-License-Identifier: Apache-2.0
"""The public names are one page: sorted, all there, imported when asked for, and no others."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import shoal


def test_they_are_sorted_and_told_to_the_type_checker():
    def constants_classes_functions(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    assert sorted(shoal.__all__, key=constants_classes_functions) == shoal.__all__
    source = Path(shoal.__file__).read_text().partition("if TYPE_CHECKING:")[2].partition("__version__")[0]
    told = set(re.findall(r"\w+", source))
    assert set(shoal.__all__) <= told


@pytest.mark.parametrize("name", shoal.__all__)
def test_each_can_be_had_and_says_what_it_is(name):
    value = getattr(shoal, name)
    assert value.__name__ == name
    assert value.__doc__


def test_there_are_no_others():
    assert set(shoal._ROOM_OF) == set(shoal.__all__)
    with pytest.raises(AttributeError, match="no attribute 'swim'"):
        _ = shoal.swim
    assert set(shoal.__all__) <= set(dir(shoal))


def test_a_star_import_gives_them_all():
    program = "from shoal import *; import shoal; print(all(name in globals() for name in shoal.__all__))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "True\n"


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert project["version"] == shoal.__version__
