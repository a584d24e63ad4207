# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: a property is never refuted by a slow machine."""

from hypothesis import settings

settings.register_profile("shoal", deadline=None)
settings.load_profile("shoal")
