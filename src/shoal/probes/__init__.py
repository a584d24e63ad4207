# SPDX-License-Identifier: Apache-2.0
"""Exact experiments that train nothing: each function computes from what it is given and returns plain data."""
