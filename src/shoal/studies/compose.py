# SPDX-License-Identifier: Apache-2.0
"""The pieces that chapters share: the table of outcomes and the sentences about how many runs there are.

Every sentence is composed from the numbers it is given and must be true for any of them. Nothing here
trains, reads a store or draws.
"""
