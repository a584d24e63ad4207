# SPDX-License-Identifier: Apache-2.0
"""What every piece of configuration is: a frozen struct that checks itself and has a content hash.

A spec is plain data (layers, models, optimizers, schedules, configs). It is checked when it is built,
not when it is used; it travels as JSON; two specs with the same content have the same hash. Fields that
equal their default are left out of that JSON, so a field added later does not change any earlier hash.
"""

import hashlib
import math
from typing import Any, ClassVar, Self

import msgspec

from shoal.errors import StudyError, UsageError


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen struct whose fields are checked against their types and bounds.

    Raises the class's ``error`` (a `UsageError`), naming the field and the value.
    """

    error: ClassVar[type[UsageError]] = StudyError

    def __post_init__(self) -> None:
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            try:
                checked = msgspec.convert(value, field.type)
            except msgspec.ValidationError as reason:
                raise self.error(f"{type(self).__name__}({field.name}={value!r}): {reason}") from None
            if isinstance(checked, float) and not math.isfinite(checked):
                raise self.error(f"{type(self).__name__}({field.name}={value!r}): expected a finite number")
            msgspec.structs.force_setattr(self, field.name, checked)
        self.check()

    def check(self) -> None:
        """Raise if the fields, each right alone, make no sense together."""

    def identity(self) -> dict[str, Any]:
        """The content that makes two specs the same, as plain data: everything but display names."""
        return _without_names(msgspec.to_builtins(self))  # type: ignore[no-any-return]

    @property
    def hash(self) -> str:
        """Sixteen hex digits of the SHA-256 of `identity()`."""
        return content_hash(self.identity())

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked like any other."""
        return msgspec.structs.replace(self, **changes)


def content_hash(content: Any) -> str:
    """Sixteen hex digits of the SHA-256 of plain data, whatever the order of its keys."""
    encoded = msgspec.json.encode(content, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]


def _without_names(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_names(value) for key, value in content.items() if key != "name"}
    if isinstance(content, list | tuple):
        return [_without_names(value) for value in content]
    return content
