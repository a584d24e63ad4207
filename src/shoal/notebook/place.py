# SPDX-License-Identifier: Apache-2.0
"""Where this runs: in a notebook's kernel or not, and in which of its cells. It imports IPython from nowhere: who
runs in a kernel has it already."""

import sys
from typing import Any
from weakref import WeakKeyDictionary

_shown: "WeakKeyDictionary[object, int]" = WeakKeyDictionary()


def shell() -> Any | None:
    """The notebook's shell; None elsewhere, as in a terminal's IPython, which cannot show what changes."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython else None
    return found if getattr(found, "kernel", None) is not None else None


def shown_here(thing: object) -> bool:
    """Whether this cell shows it already."""
    here = shell()
    return here is not None and _shown.get(thing) == here.execution_count


def note_shown(thing: object) -> None:
    """This cell shows it."""
    here = shell()
    if here is not None:
        _shown[thing] = here.execution_count
