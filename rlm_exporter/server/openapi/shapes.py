"""The words in which schemas are written here: JSON Schema as OpenAPI 3.1 has it. Pure.

Of an answer all fields are always there, so all are required; a newer daemon may have more of them, so the
object is open. A request has the fields that are named and no others: the daemon refuses the rest.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]

LONGEST_NUMBER = 2**63 - 1
"""The largest number that the journal holds."""


def ref(name: str) -> Schema:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(meaning: str = "", **limits: Any) -> Schema:
    """Any text."""
    return _described({"type": "string", **limits}, meaning)


def word(words: type[StrEnum] | Iterable[str], meaning: str = "") -> Schema:
    """One of these."""
    return _described({"type": "string", "enum": [str(each) for each in words]}, meaning)


def moment(meaning: str = "") -> Schema:
    """A time with its zone."""
    return text(meaning, format="date-time")


def duration(meaning: str = "") -> Schema:
    """A length of time as manifests write it."""
    return text(meaning, pattern=_DURATION, maxLength=40)


def whole(meaning: str = "", *, minimum: int | None = 0, maximum: int | None = None) -> Schema:
    """A whole number."""
    return _described({"type": "integer", **_bounds(minimum, maximum)}, meaning)


def number(meaning: str = "", *, minimum: float | None = 0, maximum: float | None = None) -> Schema:
    """Any number."""
    return _described({"type": "number", **_bounds(minimum, maximum)}, meaning)


def truth(meaning: str = "") -> Schema:
    """True or false."""
    return _described({"type": "boolean"}, meaning)


def listed(items: Schema, meaning: str = "", **limits: Any) -> Schema:
    """A list."""
    return _described({"type": "array", "items": items, **limits}, meaning)


def table(values: Schema, meaning: str = "") -> Schema:
    """A mapping of names that are not known beforehand."""
    return _described({"type": "object", "additionalProperties": values}, meaning)


def maybe(schema: Schema) -> Schema:
    """The same, or null: not known, or there is none."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    nullable = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def answer(
    meaning: str, fields: Mapping[str, Schema], *, sometimes: Mapping[str, Schema] | None = None
) -> Schema:
    """An object that the daemon tells; the fields of `sometimes` need not be there."""
    return {
        "type": "object",
        "description": meaning,
        "properties": {**fields, **(sometimes or {})},
        "required": list(fields),
    }


def request(meaning: str, fields: Mapping[str, Schema], *, needed: Iterable[str] = ()) -> Schema:
    """An object that the daemon is told."""
    return {
        "type": "object",
        "description": meaning,
        "properties": dict(fields),
        "required": list(needed),
        "additionalProperties": False,
    }


_DURATION = r"^(?=[0-9])([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$"


def _described(schema: Schema, meaning: str) -> Schema:
    return {**schema, "description": meaning} if meaning else schema


def _bounds(minimum: float | None, maximum: float | None) -> Schema:
    bounds = {"minimum": minimum, "maximum": maximum}
    return {name: bound for name, bound in bounds.items() if bound is not None}
