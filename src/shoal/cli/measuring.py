# SPDX-License-Identifier: Apache-2.0
"""Results that say so before they measure what the store does not hold. They measure nothing else, and nothing twice.

`shoal verify` writes to no store, so that what a section measures without training is measured again each time.
"""

from collections.abc import Callable
from typing import Any

import click

from shoal.results import StoredResults


class Told(StoredResults):
    """As `StoredResults`; a line on stderr comes before the first measurement.

    Attributes:
        section: its id, which the line names.
    """

    section = ""
    _said = False

    def probe(self, key: str, compute: Callable[[], Any]) -> Any:
        """As `StoredResults.probe`."""

        def measured() -> Any:
            if not self._said:
                where = f"Measuring for {self.section} what {self.store.path} does not hold"
                click.echo(f"{where}; this can take minutes ...", err=True)
                self._said = True
            return compute()

        return super().probe(key, measured)
