# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/engine.md, one a file, each a function that gives an SVG. They measure nothing."""
