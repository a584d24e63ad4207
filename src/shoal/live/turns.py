# SPDX-License-Identifier: Apache-2.0
"""Turns at a route: so many answers of one route are worked out at a time, and who waits for a turn holds no thread.

A server has forty threads. Sixty pages that ask for a dear answer would hold them all, and whoever wants to cancel a
training would wait behind those who look at another one. Here a crowd at one route holds up nobody at the others.
"""

from functools import wraps
from inspect import iscoroutinefunction

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

AT_ONCE = 4
"""Answers of one route: enough for quick ones beside a dear one."""


def in_turn(route: Route) -> Route:
    """The same route, whose function has `AT_ONCE` threads of its own. An asynchronous one holds none, and stays."""
    answer = route.endpoint
    if iscoroutinefunction(answer):
        return route
    threads: RunVar[CapacityLimiter | None] = RunVar(route.path, None)  # they belong to a server's loop

    @wraps(answer)
    async def turn(request: Request) -> Response:
        own = threads.get()
        if own is None:
            threads.set(own := CapacityLimiter(AT_ONCE))
        found: Response = await anyio.to_thread.run_sync(answer, request, limiter=own)
        return found

    return Route(route.path, turn, methods=list(route.methods or ()))
