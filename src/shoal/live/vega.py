# SPDX-License-Identifier: Apache-2.0
"""The library that draws charts in a browser: Vega, Vega-Lite and Vega-Embed, as the report's renderer carries them.

Putting them into one file takes seconds, during which Python could do nothing else: so another process does it, once
for each version of the renderer, and the user's cache keeps the file. It is fetched from nowhere.
"""

import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from shoal import files

PROGRAM = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"

_turn = threading.Lock()


def bundle() -> bytes:
    """A script that defines ``vegaEmbed``; whoever asks while it is made waits for it.

    Raises:
        OSError: it cannot be made.
    """
    with _turn:
        return _bundle()


def begin() -> None:
    """Have it made, so that it is there when a page asks."""
    threading.Thread(target=bundle, name="shoal-vega", daemon=True).start()


@cache
def _bundle() -> bytes:
    place = _place()
    with suppress(OSError):
        return place.read_bytes()
    made = _made()
    with suppress(OSError):  # where nothing can be kept, it is made every time
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write(place, made)
    return made


def _place() -> Path:
    import pooch

    return Path(pooch.os_cache("shoal")) / f"vega-{version('vl-convert-python')}.js"


def _made() -> bytes:
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM], capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise OSError(f"vl-convert did not give the charts' library: {reason}")
    return done.stdout
