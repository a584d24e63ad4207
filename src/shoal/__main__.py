# SPDX-License-Identifier: Apache-2.0
"""`python -m shoal` is `shoal`, for where the command is not on the path."""

from shoal.cli import main

main()
