# SPDX-License-Identifier: Apache-2.0
"""Every error Shoal raises on purpose, and the exit code each one ends the command with.

    ShoalError                 1   anything below
    ├── UsageError             2   an argument, a study or a spec that cannot mean anything
    │   ├── ModelError         2   layers that do not fit together
    │   └── StudyError         2   a study file, a grid or a config that is wrong
    ├── DataError              4   bytes that are not what they should be
    │   └── DataMissing        4   a data set that is insisted on and cannot be had
    ├── StoreError             1   a store that cannot be read or written
    │   ├── StoreLocked        5   another process writes to it
    │   └── StoreTooNew        5   a newer Shoal wrote it
    └── EngineError            1   an engine that cannot train what it was given

A message says what, where, the value, and what to do. Nothing here imports anything.
"""


class ShoalError(Exception):
    """The root: catch this to catch everything Shoal raises on purpose."""

    exit_code = 1


class UsageError(ShoalError):
    """The caller asked for something that has no meaning."""

    exit_code = 2


class ModelError(UsageError):
    """Layers that do not fit together; the message names the layer and both shapes."""


class StudyError(UsageError):
    """A study, grid or config that is wrong; the message names the field and its value."""


class DataError(ShoalError):
    """A data file that is truncated, oversized, corrupted or of the wrong kind."""

    exit_code = 4


class DataMissing(DataError):
    """A data set that is not on this machine and could not be fetched."""


class StoreError(ShoalError):
    """A store that cannot be read or written."""


class StoreLocked(StoreError):
    """Another process is the store's one writer."""

    exit_code = 5


class StoreTooNew(StoreError):
    """The store's schema is newer than this Shoal knows."""

    exit_code = 5


class EngineError(ShoalError):
    """An engine that cannot train what it was given."""
