# SPDX-License-Identifier: Apache-2.0
"""A verdict in words, one hand for report, terminal and page: its mark, its number, its sentence, what would flip it.

Nothing here judges, and nothing is known of any particular claim.
"""

from shoal.rulings.flips import flips
from shoal.rulings.numbers import shown
from shoal.rulings.records import record
from shoal.rulings.statements import MARKS, Statement, StatementWord, statements
from shoal.rulings.words import bound, deciding, mark, measured, sentence, word

__all__ = [
    "MARKS",
    "Statement",
    "StatementWord",
    "bound",
    "deciding",
    "flips",
    "mark",
    "measured",
    "record",
    "sentence",
    "shown",
    "statements",
    "word",
]
