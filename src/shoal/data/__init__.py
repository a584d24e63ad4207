# SPDX-License-Identifier: Apache-2.0
"""Data sets: where their bytes come from, verified, and what they look like in memory."""

from shoal.data.dataset import Dataset, Split

__all__ = ["Dataset", "Split"]
