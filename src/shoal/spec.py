# SPDX-License-Identifier: Apache-2.0
"""What every piece of configuration is: a frozen struct that checks itself and has a content hash.

A spec is plain data (layers, models, optimizers, schedules, configs). It is checked when it is built,
not when it is used; it travels as JSON; two specs with the same content have the same hash. Fields that
equal their default are left out of that JSON, so a field added later does not change any earlier hash.
"""

import hashlib
import inspect
from functools import cache
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

import msgspec

from shoal.errors import StudyError, UsageError


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen struct whose fields are checked against their types and bounds.

    Raises the class's ``error`` (a `UsageError`), naming the field and the value. NumPy's scalars are taken as
    Python's own numbers.
    """

    error: ClassVar[type[UsageError]] = StudyError
    typed: ClassVar[str] = ""
    """What people call to make one, where that is not the class."""

    def __post_init__(self) -> None:
        for field in fields(type(self)):
            value = plain(getattr(self, field.name))
            try:
                checked = msgspec.convert(value, field.type)
            except msgspec.ValidationError as reason:
                what = f"{type(self).__name__}({field.name}={_shown(value)})"
                raise self.error(f"{what}: {_misfit(field.type, value) or reason}") from None
            # Left out of the hash is only the very object of a default: so a default written out is that object.
            msgspec.structs.force_setattr(self, field.name, field.default if checked == field.default else checked)
        self.check()

    def check(self) -> None:
        """Raise if the fields, each right alone, make no sense together."""

    def identity(self) -> dict[str, Any]:
        """The content that makes two specs the same, as plain data: everything but display names."""
        return without_names(msgspec.to_builtins(self))  # type: ignore[no-any-return]

    @property
    def hash(self) -> str:
        """Sixteen hex digits of the SHA-256 of `identity()`."""
        return content_hash(self.identity())

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked like any other."""
        return msgspec.structs.replace(self, **changes)


@cache
def fields(kind: type[Spec]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """A spec's fields, their types read once: a study of a thousand runs makes many thousand specs."""
    return msgspec.structs.fields(kind)


def content_hash(content: Any) -> str:
    """Sixteen hex digits of the SHA-256 of plain data, whatever the order of its keys."""
    encoded = msgspec.json.encode(content, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]


def plain(value: Any) -> Any:
    """A NumPy scalar, which its empty shape tells, as Python's own number; also inside lists and tuples."""
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    return value.item() if getattr(value, "shape", None) == () else value


def is_name(value: object) -> bool:
    """Whether it is lower-case words joined by hyphens: ``"learning-rates"``."""
    return isinstance(value, str) and all(word.isalnum() and word == word.lower() for word in value.split("-"))


def _misfit(kind: Any, value: Any) -> str:
    """What is expected, by name, of a spec or of a few words: msgspec only speaks of an `object` or an `enum`."""
    if get_origin(kind) is Literal:
        return f"Expected one of {', '.join(map(repr, get_args(kind)))}."
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        kind = get_args(kind)[0]
        value = next((item for item in value if not isinstance(item, get_args(kind) or kind)), value)
    allowed = [spec for spec in get_args(kind) or (kind,) if isinstance(spec, type) and issubclass(spec, Spec)]
    if not allowed or isinstance(value, dict):
        return ""
    found = f"Expected {'one of ' * (len(allowed) > 1)}{', '.join(map(_call, allowed))}, got {_shown(value)}."
    return f"{found} Use {_call(value)}." if value in allowed or inspect.isfunction(value) else found


def _call(made_by: Any) -> str:
    """``"SGD(...)"``, or ``"Flatten()"`` where nothing has to be given."""
    given = inspect.signature(made_by).parameters.values()
    needs = any(one.default is one.empty and one.kind is not one.VAR_POSITIONAL for one in given)
    name = getattr(made_by, "typed", "") or made_by.__name__
    return f"{name}(...)" if needs else f"{name}()"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))}{',' * (len(value) == 1)})"
    return value.__name__ if inspect.isclass(value) or inspect.isfunction(value) else repr(value)


def without_names(content: Any) -> Any:
    """Plain data without what only people read: every ``name``, at any depth."""
    if isinstance(content, dict):
        return {key: without_names(value) for key, value in content.items() if key != "name"}
    if isinstance(content, list | tuple):
        return [without_names(value) for value in content]
    return content
