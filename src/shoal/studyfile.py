# SPDX-License-Identifier: Apache-2.0
"""Studies from a Python file that its author runs on purpose, like any script: every `Study` at its top level,
and every `Dataset`, which its configs may then name. Whatever is wrong in the file becomes one `StudyError`
with file and line.
"""

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from shoal.data import Dataset
from shoal.errors import StudyError
from shoal.study import DEFINING, Study


@dataclass(frozen=True)
class StudyFile:
    """What a file defines.

    Args:
        data: by its variable's name and by its own.
    """

    studies: tuple[Study, ...]
    data: Mapping[str, Dataset]


def read(path: str | Path) -> StudyFile:
    """Run a file and take its studies.

    Raises:
        StudyError: it cannot be read or run, or has no study, or two of one name.
    """
    place = Path(path)
    try:
        content = place.read_bytes()
    except OSError as reason:
        raise StudyError(f"{place} cannot be read: {reason.strerror}.") from None
    module = ModuleType(f"{__name__}.{place.stem}")
    module.__file__ = str(place)
    try:
        with _at_home(module, place):
            exec(compile(content, str(place), "exec"), module.__dict__)
    except (Exception, SystemExit) as reason:
        raise StudyError(f"{_where(reason, place)}: {_what(reason)}") from reason
    return _found(place, vars(module))


@contextmanager
def _at_home(module: ModuleType, place: Path) -> Iterator[None]:
    """While it runs, a file is a module that can be looked up (dataclasses do), and imports what lies beside it.

    The module's name is below this one's, where nothing else can be: a file random.py does not hide Python's own.
    """
    folder = str(place.absolute().parent)
    sys.modules[module.__name__] = module
    sys.path.insert(0, folder)
    defining = DEFINING.set(True)
    try:
        yield
    finally:
        DEFINING.reset(defining)
        del sys.modules[module.__name__]
        if folder in sys.path:
            sys.path.remove(folder)


def _found(place: Path, names: Mapping[str, object]) -> StudyFile:
    studies = {id(value): value for value in names.values() if isinstance(value, Study)}
    if not studies:
        raise StudyError(f"{place} defines no study. Put `study = Study(...)` at its top level.")
    titles = [study.name for study in studies.values()]
    if len(set(titles)) < len(titles):
        raise StudyError(f"{place} defines two studies of one name: {', '.join(titles)}. Rename one.")
    datasets = {name: value for name, value in names.items() if isinstance(value, Dataset)}
    return StudyFile(tuple(studies.values()), datasets | {one.name: one for one in datasets.values()})


def _where(reason: BaseException, place: Path) -> str:
    """file:line of the innermost line of the file itself that was at work."""
    if isinstance(reason, SyntaxError) and reason.lineno:
        return f"{place}:{reason.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(reason.__traceback__) if frame.filename == str(place)]
    return f"{place}:{lines[-1]}" if lines else str(place)


def _what(reason: BaseException) -> str:
    if isinstance(reason, SyntaxError):
        return f"{reason.msg}. Is that line Python?"
    if isinstance(reason, StudyError):
        return str(reason)
    return f"{type(reason).__name__}: {reason}"
