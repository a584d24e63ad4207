# SPDX-License-Identifier: Apache-2.0
"""The report: one self-contained HTML file, its figures as files, and all of its numbers as JSON.

A reader: it asks sections for their chapters and lays them out. It trains nothing, stores nothing, and no
sentence about a result is written here. The same store gives the same bytes, but for the time of writing.
"""

from shoal.report.document import Document, Provenance, compose
from shoal.report.writing import write

__all__ = ["Document", "Provenance", "compose", "write"]
