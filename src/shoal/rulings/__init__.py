# SPDX-License-Identifier: Apache-2.0
"""A verdict in words, one hand for report, terminal and page: its mark, its number, its sentence, what would flip it.

Nothing here judges, and nothing is known of any particular claim.
"""

from shoal.rulings.records import record
from shoal.rulings.statements import MARKS, Statement, StatementWord, statements
from shoal.rulings.words import bound, deciding, flips, mark, sentence, word

__all__ = [
    "MARKS",
    "Statement",
    "StatementWord",
    "bound",
    "deciding",
    "flips",
    "mark",
    "record",
    "sentence",
    "statements",
    "word",
]
