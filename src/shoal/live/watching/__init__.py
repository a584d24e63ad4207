# SPDX-License-Identifier: Apache-2.0
"""What the room Watch shows, from what the store has: how studies stand, their table, their charts, their verdicts.

From the ground up: `fields` (a configuration as named values), `gathering` (which runs belong to which study),
`pulse` and `memo` (who trains now, and what need not be computed again); on them `overview`, `tables`, `grouping`,
`lines`, `charts`, `captions` and `verdicts`. Nothing here writes, and nothing knows of requests.
"""
