# SPDX-License-Identifier: Apache-2.0
"""Data sets: where their bytes come from, verified, and what they look like in memory."""

from typing import TYPE_CHECKING, Any

from shoal.data.dataset import Dataset, Split, from_arrays
from shoal.data.sources import fashion_mnist, load, mnist

if TYPE_CHECKING:
    from shoal.data import sketches

__all__ = ["Dataset", "Split", "fashion_mnist", "from_arrays", "load", "mnist", "sketches"]


def __getattr__(name: str) -> Any:
    """`sketches` is imported when it is first asked for: who has the real data never draws."""
    if name != "sketches":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module("shoal.data.sketches")
