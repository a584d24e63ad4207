# SPDX-License-Identifier: Apache-2.0
"""What a notebook shows: studies, models, results, curves and verdicts as fragments of HTML in the report's look, and a
run that was started in a cell while it goes on. Charts are Altair's and show themselves.

Nothing is trained, stored or judged here, and IPython is no dependency: who runs in a kernel has it already.
"""

from shoal.notebook.cell import Cell, live
from shoal.notebook.things import html

__all__ = ["Cell", "html", "live"]
