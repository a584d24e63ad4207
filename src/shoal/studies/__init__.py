# SPDX-License-Identifier: Apache-2.0
"""The report's own content: one short file a question. Adding a section is adding a file that holds `SECTION`;
nothing here lists them, trains them or lays them out."""

import importlib
import pkgutil
from functools import cache

from shoal.errors import StudyError
from shoal.studies.section import Section


@cache
def sections() -> tuple[Section, ...]:
    """Every section whose file lies in this folder, sorted by id: "1.2" before "1.10"."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    found = [module.SECTION for module in modules if hasattr(module, "SECTION")]
    return tuple(sorted(found, key=lambda section: [int(part) for part in section.id.split(".")]))


def find(name: str) -> Section:
    """The section with this id ("1.2") or whose study has this name ("learning-rates").

    Raises:
        StudyError: there is none; the message lists those there are.
    """
    for candidate in sections():
        if name == candidate.id or (candidate.study and name == candidate.study.name):
            return candidate
    known = ", ".join(f"{each.id} {each.study.name}" if each.study else each.id for each in sections())
    raise StudyError(f"{name!r} is neither a section nor a study. Use one of: {known}.")
