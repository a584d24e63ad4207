# SPDX-License-Identifier: Apache-2.0
"""The live lab: one page, on this machine, where runs are watched, trained and tried out on drawings.

`Lab` (in `lab.py`) is what the page is about, `serve` puts it on a port. The page reads the store; what it trains goes
through the runner, like everything. Nothing here runs code that a browser sends, nor opens a path that it names.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal.live.lab import Lab
    from shoal.live.sockets import Serving

PORT = 7117


def serve(lab: "Lab", *, host: str = "127.0.0.1", port: int = PORT) -> "Serving":
    """A server of the lab in a thread of its own, begun by ``with`` and ended after it.

    Args:
        host: the address to listen at, and the one name beside 127.0.0.1, localhost and [::1] by which it answers.
        port: 0 for any that is free.

    Raises:
        UsageError: the port is taken, or the address is not this machine's.

    Example:
        >>> with Lab("shoal.db") as lab, serve(lab, port=0) as serving:     # doctest: +SKIP
        ...     print(serving.address)
        http://127.0.0.1:40123/?token=...
    """
    from shoal.live import vega, warming
    from shoal.live.app import guarded, rooms
    from shoal.live.door import Door
    from shoal.live.sockets import Serving, listen

    listening = listen(host, port)
    door = Door(listening.getsockname()[1], host)
    app = rooms(lab)
    serving = Serving(guarded(app, door), listening, door.address, farewell=lab.hub.close)
    vega.begin()
    warming.begin(app.state.watch.standings)
    return serving
