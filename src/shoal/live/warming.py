# SPDX-License-Identifier: Apache-2.0
"""What takes a second to load, loaded while the page is on its way to the browser: charts, and the report's studies.

The address is printed before any of it is there. Whoever asks for a chart earlier waits for the rest, no more.
"""

import threading


def begin() -> None:
    """In a thread that nobody waits for."""
    threading.Thread(target=_warm, name="shoal-warm", daemon=True).start()


def _warm() -> None:
    import shoal.studies.compose  # noqa: F401
    from shoal.live import play_charts

    play_charts.warm()
