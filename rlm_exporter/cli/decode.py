"""Turns a JSON document into the frozen dataclass that describes it."""

import types
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class UnexpectedShapeError(ValueError):
    """The document lacks something, or has it in another type; the text says where."""


def decode(kind: type[T], document: object, place: str = "the answer") -> T:
    """An instance of `kind`. Keys it does not know are left out, for daemons newer than we are.

    A field's key is its name, or its metadata's `key`. Where None is allowed, the key may be missing.
    Raises UnexpectedShapeError.
    """
    return cast("T", _decode(kind, document, place))


def _decode(kind: Any, value: object, place: str) -> object:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        inner = next(member for member in get_args(kind) if member is not type(None))
        return None if value is None else _decode(inner, value, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise UnexpectedShapeError(f"{place} is not a list")
        return tuple(
            _decode(get_args(kind)[0], item, f"{place}[{index}]") for index, item in enumerate(value)
        )
    if is_dataclass(kind):
        return _decode_fields(kind, value, place)
    if kind is datetime:
        return _moment(value, place)
    return _plain(kind, value, place)


def _decode_fields(kind: Any, value: object, place: str) -> object:
    if not isinstance(value, dict):
        raise UnexpectedShapeError(f"{place} is not an object")
    hints = get_type_hints(kind)
    found: dict[str, object] = {}
    for field in fields(kind):
        key = field.metadata.get("key", field.name)
        hint = hints[field.name]
        if key not in value and type(None) not in get_args(hint):
            raise UnexpectedShapeError(f"{place} has no {key}")
        found[field.name] = _decode(hint, value.get(key), f"{place}.{key}")
    return kind(**found)


def _moment(value: object, place: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UnexpectedShapeError(f"{place} is not a time with its zone")
    return moment


def _plain(kind: type, value: object, place: str) -> object:
    # In Python a bool is an int; in JSON it is not a number.
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UnexpectedShapeError(f"{place} is not of type {kind.__name__}")
    return value
