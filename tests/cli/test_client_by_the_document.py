"""What the client asks for, and what it reads of the answers, stands in the OpenAPI document."""

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import responses

from rlm_exporter.cli.client import Answer, Client
from rlm_exporter.cli.connection import Connection
from rlm_exporter.errors import ApiError
from rlm_exporter.server.openapi.document import document
from tests.cli import documents
from tests.server.contract import faults_of, template_of

URL = "http://127.0.0.1:10053"
ANYWHERE = re.compile(f"{URL}/.*")
WINDOW = {"last": "week"}
MOVE = {"to": "rlm2", "from": "rlm1", "reason": "a disk", "requested_by": "ada", "dry_run": True}
WHO = {"requested_by": "ada", "reason": "a disk"}
BATCH = {"after": 0, "position": "", "minutes_west": None, "sessions": [], "denials": []}

Call = Callable[[Client], object]

CALLS: Mapping[str, tuple[Call, ...]] = {
    "clusters": (lambda it: it.clusters(),),
    "cluster": (lambda it: it.cluster("main"),),
    "targets": (lambda it: it.targets(by="server"), lambda it: it.targets(by="cluster", cluster="main")),
    "events": (lambda it: it.events("main", since="2026-03-01T00:00:00Z", limit=20),),
    "operation": (lambda it: it.operation("main", 12),),
    "fail_over": (
        lambda it: it.fail_over("main", {**MOVE, "force": True}, key="k"),
        lambda it: it.fail_over("main", MOVE, key="k", verb="switchover"),
        lambda it: it.fail_over("main", MOVE, key="k", verb="failback"),
    ),
    "tell": (
        lambda it: it.tell("main", "pause", {"for": "2h", **WHO}),
        lambda it: it.tell("main", "resume", WHO),
        lambda it: it.tell("main", "ack", WHO),
        lambda it: it.tell("main", "maintenance", {"server": "rlm2", "enable": True, **WHO}),
    ),
    "update_health": (
        lambda it: it.update_health("main", {"reports": [{"server": "rlm2", "healthy": True}]}),
    ),
    "usage": (
        lambda it: it.usage("main", {**WINDOW, "by": "user", "feature": "STARCCM"}),
        lambda it: it.usage("main", WINDOW, groups={"alice": "design"}),
    ),
    "usage_sessions": (lambda it: it.usage_sessions("main", {**WINDOW, "longer": "12h"}),),
    "denials": (lambda it: it.denials("main", {**WINDOW, "by": "host"}),),
    "double_use": (lambda it: it.double_use("main", WINDOW),),
    "profile": (lambda it: it.profile("main", {**WINDOW, "feature": "STARCCM", "timezone": "UTC"}),),
    "expiring": (lambda it: it.expiring("main", {"within": "30d"}),),
    "what_if": (lambda it: it.what_if("main", {**WINDOW, "feature": "STARCCM", "seats": "30,40"}),),
    "seats": (lambda it: it.seats("main", {"feature": "STARCCM"}),),
    "release": (lambda it: it.release("main", {"handle": "15c", "dry_run": True}),),
    "client_config": (lambda it: it.client_config("main"),),
    "set_client_config": (
        lambda it: it.set_client_config("main", {"license_failover_enabled": True, "dry_run": True, **WHO}),
    ),
    "alerts": (lambda it: it.alerts(since="2026-03-01T00:00:00Z", limit=20),),
    "deploy": (
        lambda it: it.deploy({"manifest": "kind: x", "source": "site.yaml", "dry_run": True}),
        lambda it: it.deploy(
            {"manifest": "kind: x", "after": {"main": 3, "lab": None}, "requested_by": "ada"}
        ),
    ),
    "manifest": (lambda it: it.manifest("main"),),
    "settings": (lambda it: it.settings("main"),),
    "configure": (
        lambda it: it.configure("main", {"settings": {"strategy": "geographic"}, "dry_run": True}),
    ),
    "remove": (lambda it: it.remove("main", requested_by="ada"),),
    "send_alert": (lambda it: it.send_alert({"severity": "info", "message": "hello"}),),
    "log_place": (lambda it: it.log_place("main", "rlm1", "siemens"),),
    "ship": (lambda it: it.ship("main", "rlm1", "siemens", BATCH),),
}
"""Every call that the client has, with all that the commands give to it."""

BODIES_IN_BYTES = {"ship"}
"""They are packed."""

IN_PLAIN_TEXT = {"reasons_against"}
"""What probes and people ask, `/-/healthy` and `/-/ready`, has no document."""

ALL = [(name, index) for name, calls in CALLS.items() for index in range(len(calls))]


def test_every_call_of_the_client_is_tried_here() -> None:
    own = {
        name for name, each in vars(Client).items() if not name.startswith("_") and inspect.isfunction(each)
    }
    assert own == set(CALLS) | IN_PLAIN_TEXT


@pytest.mark.parametrize(("name", "index"), ALL)
def test_a_request_has_its_entry(name: str, index: int) -> None:
    request = asked(CALLS[name][index])
    entry, where = entry_of(request)
    told = {(each["in"], each["name"]): each for each in entry.get("parameters", [])}
    for word, values in parse_qs(urlsplit(str(request.url)).query).items():
        assert ("query", word) in told
        schema = told["query", word]["schema"]
        assert schema["type"] == "array" or values[0] in schema.get("enum", values)
    needed = {word for (_, word), each in told.items() if each["required"] and each["in"] == "query"}
    assert needed <= set(parse_qs(urlsplit(str(request.url)).query))
    if name not in BODIES_IN_BYTES and request.body is not None:
        schema_at = (*where, "requestBody", "content", "application/json", "schema")
        assert faults_of(orjson.loads(request.body), *schema_at) == []
    assert (request.body is not None) is ("requestBody" in entry)


@pytest.mark.parametrize(("name", "index"), ALL)
def test_what_is_read_of_an_answer_is_always_in_it(name: str, index: int) -> None:
    entry, _ = entry_of(asked(CALLS[name][index]))
    kind = get_type_hints(getattr(Client, name))["return"]
    read = get_args(kind)[0] if get_origin(kind) is Answer else kind
    told = [
        answer["content"]["application/json"]["schema"]
        for status, answer in entry["responses"].items()
        if status.startswith("2")
    ]
    assert list(misfits(read, told, name)) == []


def test_answers_that_tests_make_up_fit_the_document() -> None:
    assert faults_of(documents.status(), "components", "schemas", "Cluster") == []


def test_a_field_that_the_document_does_not_have_is_noticed() -> None:
    seats = document()["components"]["schemas"]["Seats"]
    kind = get_args(get_type_hints(Client.seats)["return"])[0]
    without = {
        **seats,
        "properties": {**seats["properties"], "known": {"type": "string"}},
        "required": ["cluster"],
    }
    assert set(misfits(kind, [without], "seats")) == {
        "seats.known: bool, and in the document string",
        *(f"seats.{field}: may be missing" for field in ("known", "features")),
    }


def asked(call: Call) -> Any:
    """The request that a call makes."""
    with responses.RequestsMock() as answers:
        for method in ("GET", "POST", "PUT", "DELETE"):
            answers.add(method, ANYWHERE, json={}, status=200)
        answers.assert_all_requests_are_fired = False
        with pytest.raises(ApiError):  # an empty answer lacks everything
            call(Client(Connection(url=URL), trace=lambda _: None))
        return answers.calls[0].request


def entry_of(request: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The entry of a request, and where in the document it stands."""
    template = template_of(urlsplit(request.url).path)
    assert template is not None, request.url
    return document()["paths"][template][request.method.lower()], ("paths", template, request.method.lower())


def misfits(kind: Any, told: list[Any], place: str) -> Iterator[str]:
    """Where a type cannot be read from an answer that fits any of these schemas."""
    told = [each for schema in told for each in alternatives(schema)]
    may_be_null = any(is_null(each) for each in told)
    told = [each for each in told if each.get("type") != "null"]
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(each for each in get_args(kind) if each is not type(None))
    elif may_be_null:
        yield f"{place}: may be null"
    if is_dataclass(kind):
        yield from field_misfits(kind, told, place)
    elif get_origin(kind) is tuple:
        yield from misfits(get_args(kind)[0], [each["items"] for each in told], f"{place}[]")
    else:
        for each in told:
            if each.get("type") and not set(words(each)) - {"null"} <= JSON[kind]:
                yield f"{place}: {kind.__name__}, and in the document {each['type']}"
            if (kind is datetime) and each.get("format") != "date-time":
                yield f"{place}: not a time in the document"


JSON = {
    str: {"string"},
    int: {"integer"},
    float: {"integer", "number"},
    bool: {"boolean"},
    datetime: {"string"},
}


def field_misfits(kind: Any, told: list[Any], place: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    for field in fields(kind):
        key = field.metadata.get("key", field.name)
        has = [each for each in told if key in each.get("properties", {})]
        if not has:
            yield f"{place}.{key}: not in the document"
            continue
        yield from misfits(hints[field.name], [each["properties"][key] for each in has], f"{place}.{key}")
        optional = type(None) in get_args(hints[field.name])
        if not optional and any(key not in each.get("required", ()) for each in told):
            yield f"{place}.{key}: may be missing"


def alternatives(schema: Any) -> Iterator[Any]:
    """The schemas that a value may fit, without references."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        yield from alternatives(document()["components"]["schemas"][name])
    elif "anyOf" in schema or "oneOf" in schema:
        for each in schema.get("anyOf") or schema["oneOf"]:
            yield from alternatives(each)
    else:
        yield schema


def words(schema: Any) -> list[str]:
    found = schema["type"]
    return found if isinstance(found, list) else [found]


def is_null(schema: Any) -> bool:
    return "null" in words(schema)
