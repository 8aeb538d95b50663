"""The form of a document: JSON Schema finds what is wrong, sentences of ours say it."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from rlm_exporter.manifest.document import Document, Part, Path, Plain, Problem, shown
from rlm_exporter.manifest.formats import FORMATS
from rlm_exporter.rlm.address import is_ipv6

MOST_PROBLEMS = 100
"""Of one document: nobody reads more, and a hostile one must not cost more."""

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FALSE = {"false", "no", "off", "n", "disabled"}
_TRUE = {"true", "yes", "on", "y", "enabled"}
_SENTENCES: Mapping[tuple[Path, str], str] = {
    (("spec", "type"), "const"): (
        "{value} servers cannot be read with rlmutil, so only rlm is supported; "
        "write rlm, or leave this manifest to the program that manages {value}"
    ),
    (("spec", "highAvailability", "mode"), "enum"): (
        "{value} is refused: every server would serve its full count from the same licenses, more than was "
        "bought; write active-passive"
    ),
}
"""For a place and a keyword of the schema, where the general sentence would not explain enough."""

_EXPLAINED = {"exec": "exec (a program and its arguments)", "rlmdown": "rlmdown: true"}
"""Keys of which one has to be chosen, where the name alone does not say what to write."""

_extended: Callable[..., type[Draft202012Validator]] = extend
Finding = tuple[Path, str]


def validator(schema: Mapping[str, Any], kind: str) -> Draft202012Validator:
    """A validator of documents of one kind, for values whose scalars are text."""
    formats = FormatChecker(formats=())
    for name, check in FORMATS.items():
        formats.checks(name, raises=ValueError)(_as_format(check))
    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_whole, "number": _is_whole, "boolean": _is_boolean}
    )
    limits = {"minimum": _minimum, "maximum": _maximum}
    ours = _extended(Draft202012Validator, validators=limits, type_checker=types)
    return ours({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}, format_checker=formats)


def check_shape(document: Document, by: Draft202012Validator) -> tuple[tuple[Problem, ...], Document]:
    """What is wrong with the form, and the document with those parts marked as broken."""
    found: dict[Finding, None] = {}
    for error in islice(by.iter_errors(document.value), MOST_PROBLEMS):
        found.update(dict.fromkeys(_findings(error)))
    broken = frozenset(path for path, _ in found)
    problems = tuple(Part(document=document, path=path).problem(text) for path, text in found)
    return problems, document.without(broken)


def closest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant."""
    by_lower = {name.lower(): name for name in known}
    squeezed = word[:64].lower().replace("_", "").replace("-", "")
    match = difflib.get_close_matches(squeezed, by_lower, n=1, cutoff=0.7)
    return by_lower[match[0]] if match else None


def _as_format(check: Callable[[str], None]) -> Callable[[object], bool]:
    def conforms(instance: object) -> bool:
        if isinstance(instance, str):
            check(instance)
        return True

    return conforms


def _is_whole(_: object, instance: object) -> bool:
    return isinstance(instance, Plain) and _WHOLE.fullmatch(instance) is not None


def _is_boolean(_: object, instance: object) -> bool:
    return isinstance(instance, Plain) and instance in {"true", "false"}


def _minimum(_: Any, limit: int, instance: Any, __: Any) -> Iterator[ValidationError]:
    if _is_whole(None, instance) and int(instance) < limit:
        yield ValidationError(f"{instance} is below {limit}")


def _maximum(_: Any, limit: int, instance: Any, __: Any) -> Iterator[ValidationError]:
    if _is_whole(None, instance) and int(instance) > limit:
        yield ValidationError(f"{instance} is above {limit}")


def _findings(error: ValidationError) -> Iterator[Finding]:
    path, instance, wanted = tuple(error.absolute_path), _any(error.instance), _any(error.validator_value)
    if "propertyNames" in error.absolute_schema_path:
        yield (*path, str(instance)), str(error.cause)
        return
    own = _SENTENCES.get((path, str(error.validator)))
    match error.validator:
        case "additionalProperties":
            yield from _unknown_keys(path, instance, list(_any(error.schema)["properties"]))
        case "required":
            yield from ((((*path, key), "is missing; add it")) for key in _missing(instance, wanted, error))
        case "oneOf":
            yield path, _one_of([str(each["required"][0]) for each in wanted])
        case _:
            yield path, own.format(value=shown(instance)) if own and instance else _sentence(error)


def _missing(instance: Mapping[str, Any], wanted: Sequence[str], error: ValidationError) -> list[str]:
    """Wanted keys that are not there; one that is only misspelled has its problem already."""
    known = list(_any(error.schema)["properties"])
    unknown = islice((key for key in instance if key not in known), MOST_PROBLEMS)
    meant = {closest(key, known) for key in unknown}
    return [key for key in wanted if key not in instance and key not in meant]


def _one_of(keys: Sequence[str]) -> str:
    words = _alternatives([_EXPLAINED.get(key, key) for key in keys])
    return f"needs {words}, and not {'both' if len(keys) == 2 else 'more than one'}"


def _any(value: Any) -> Any:
    """jsonschema types what an error carries as perhaps unset; errors of a validation have it all."""
    return value


def _unknown_keys(path: Path, instance: Mapping[str, Any], known: list[str]) -> Iterator[Finding]:
    for key in islice((key for key in instance if key not in known), MOST_PROBLEMS):
        meant = closest(key, known)
        advice = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}"
        yield (*path, key), f"unknown key; {advice}"


def _sentence(error: ValidationError) -> str:
    value, wanted = _any(error.instance), _any(error.validator_value)
    if value is None:
        return "has no value; write one, or delete the line if the key is optional"
    match error.validator:
        case "type":
            return _wrong_type(value, wanted)
        case "format":
            return str(error.cause)
        case "const":
            return f"{shown(value)} is not supported; write {wanted}"
        case "enum":
            return f"{shown(value)} is not known here; write {_alternatives(wanted)}"
        case "minimum" | "maximum":
            low, high = (_any(error.schema)[limit] for limit in ("minimum", "maximum"))
            return f"{value} is out of range; write a number from {low} to {high}"
        case "minItems" | "minLength":
            return "is empty; fill it, or leave the key out"
        case "maxItems" | "maxProperties":
            return f"has {len(value)} entries; {wanted} at most"
    return error.message  # a keyword of the schema for which there is no sentence yet


def _wrong_type(value: Any, wanted: Any) -> str:
    match wanted:
        case ["array", "object"]:
            advice = "write [item, item], or `key: value` lines below it"
            return f"{shown(value)} stands where a list or keys are wanted; {advice}"
        case "object":
            return f"{shown(value)} stands where keys are wanted; write `key: value` lines below it"
        case "array":
            return f"{shown(value)} stands where a list is wanted; write [item, item] or `- item` lines"
        case "boolean":
            return _not_boolean(value)
        case "integer":
            return _not_whole(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) and is_ipv6(value[0]):
        return f'YAML reads [{value[0]}] as a list; put it in quotes: "[{value[0]}]"'
    return f"{shown(value)} stands where a text is wanted; write one word, or a text in quotes"


def _not_boolean(value: Any) -> str:
    word = value.lower() if isinstance(value, str) else ""
    if word in _TRUE | _FALSE:
        meant = "true" if word in _TRUE else "false"
        return f"{shown(value)} is not true or false; write {meant}, without quotes"
    return f"{shown(value)} is not true or false; write one of the two"


def _not_whole(value: Any) -> str:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return f"{shown(value)} is a text; write {value} without quotes"
    return f"{shown(value)} is not a whole number; write digits alone"


def _alternatives(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
