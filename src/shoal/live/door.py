# SPDX-License-Identifier: Apache-2.0
"""`Door`: by which names a page answers and what opens it. It compares nothing: that is for `rules.py`."""

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Door:
    """By which names the page answers, and what opens it.

    Args:
        port: the one it listens at.
        host: the address it listens at, a name by which it is called as well.
        token: printed once, in `address`, and good for a cookie.
        secret: what that cookie holds.
    """

    port: int
    host: str = "127.0.0.1"
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def names(self) -> frozenset[str]:
        """What a Host header may say."""
        hosts = {"127.0.0.1", "localhost", "[::1]", bracketed(self.host).lower()}
        return frozenset(f"{host}:{self.port}" for host in hosts) | (hosts if self.port == 80 else frozenset())

    @property
    def cookie(self) -> str:
        """Its name: cookies do not tell ports apart, so the name does."""
        return f"shoal-{self.port}"

    @property
    def address(self) -> str:
        """Where to go, with the token."""
        return f"http://{bracketed(self.host)}:{self.port}/?token={self.token}"


def bracketed(host: str) -> str:
    """A host as addresses write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
