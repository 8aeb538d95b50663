"""The OpenAPI document as a judge of answers: stricter than it is told, for nothing may be left unsaid."""

import re
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import orjson
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from rlm_exporter.server.openapi.document import document

Document = dict[str, Any]

WHERE = "urn:openapi"
JSON_KINDS = {"application/json", "application/problem+json"}

formats = FormatChecker()


@formats.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def closed(schema: Any) -> Any:
    """The same, in which an object that does not say otherwise has no further fields."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        inner.setdefault("additionalProperties", False)
    return inner


@cache
def strict() -> Document:
    """The whole document so."""
    made = closed(document())
    assert isinstance(made, dict)
    return made


@cache
def _registry() -> Registry[Any]:
    document: Resource[Any] = Resource.from_contents(strict(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(WHERE, document)
    return registry


@cache
def _validator(pointer: str) -> Draft202012Validator:
    schema = {"$ref": f"{WHERE}#{pointer}"}
    return Draft202012Validator(schema, registry=_registry(), format_checker=formats)


def faults_of(value: object, *place: str) -> list[str]:
    """What does not fit the schema at that place of the document."""
    return [
        f"{error.json_path}: {error.message}" for error in _validator(_pointer(*place)).iter_errors(value)
    ]


def _pointer(*parts: str) -> str:
    """A JSON pointer, as the fragment of an address has it."""
    return "".join("/" + quote(each.replace("~", "~0").replace("/", "~1"), safe="~") for each in parts)


@cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    paths = document()["paths"]
    return tuple(
        (re.compile("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", path)))), path) for path in paths
    )


def template_of(path: str) -> str | None:
    """The path of the document that this one is; of two, the one with fewer parameters."""
    found = [template for pattern, template in _templates() if pattern.fullmatch(path)]
    return min(found, key=lambda template: template.count("{"), default=None)


def check_answer(*, method: str, path: str, status: int, content: str, body: bytes) -> None:
    """AssertionError where the document does not have it so."""
    template = template_of(path.partition("?")[0])
    entry = None if template is None else document()["paths"][template].get(method.lower())
    if template is None or entry is None:
        return  # no such address, or no such method of it
    asked = f"{method} {path}: {status}"
    answer = entry["responses"].get(str(status))
    assert answer is not None, f"{asked} is not in the document: {body!r}"
    kind = content.partition(";")[0]
    assert kind in answer["content"], f"{asked} is {kind}"
    if kind in JSON_KINDS:
        where = ("paths", template, method.lower(), "responses", str(status), "content", kind, "schema")
        faults = faults_of(orjson.loads(body), *where)
        assert not faults, "\n".join((asked, *faults))
