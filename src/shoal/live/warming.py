# SPDX-License-Identifier: Apache-2.0
"""What takes a second, done while the page is on its way to the browser: the store is read, and what draws charts and
the report's studies are loaded.

The address is printed before any of it is there. Whoever asks for a part of it earlier waits for the rest, no more.
"""

import threading
from collections.abc import Callable
from contextlib import suppress

from shoal.errors import ShoalError


def begin(first: Callable[[], object]) -> None:
    """In a thread that nobody waits for.

    Args:
        first: what a page asks for before anything else, and is kept for it.
    """
    threading.Thread(target=_warm, args=[first], name="shoal-warm", daemon=True).start()


def _warm(first: Callable[[], object]) -> None:
    with suppress(ShoalError):  # whoever asks for it is told
        first()
    import shoal.studies.compose  # noqa: F401
    from shoal.live import play_charts

    play_charts.warm()
