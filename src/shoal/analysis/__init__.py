# SPDX-License-Identifier: Apache-2.0
"""From records to quantities. Everything here takes arrays and gives numbers."""
