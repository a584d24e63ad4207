# SPDX-License-Identifier: Apache-2.0
"""How a thing comes to be shown in a notebook: its class says that it can be, the room `notebook` says how.

This is the house's one call from below to above. It is made only when a notebook asks, so that a study or a model
needs no chart and no page to be what it is.
"""

from importlib import import_module


def as_html(shown: object) -> str | None:
    """What a notebook shows of it, for ``_repr_html_ = as_html``; None leaves it to its ``repr``."""
    html: str | None = import_module("shoal.notebook").html(shown)
    return html
