"""Puts the document together, and answers with it: GET /api/v1/openapi.json."""

from functools import cache
from typing import Any

import orjson
from aiohttp import web

from rlm_exporter import __version__
from rlm_exporter.server.openapi import (
    by_hand,
    client_config,
    cluster_schemas,
    clusters,
    manifests,
    monitoring,
    operation_schemas,
    report_logs,
    seats,
    told,
    usage,
    usage_schemas,
)
from rlm_exporter.server.openapi.entry import JSON, Entry, Parameter, Told
from rlm_exporter.server.openapi.problems import PROBLEM, ROLES, problem_schema, problems_of, response
from rlm_exporter.server.openapi.shapes import Schema

ENTRIES: tuple[Entry, ...] = (
    *clusters.ENTRIES,
    *by_hand.ENTRIES,
    *seats.ENTRIES,
    *usage.ENTRIES,
    *manifests.ENTRIES,
    *client_config.ENTRIES,
    *told.ENTRIES,
    *report_logs.ENTRIES,
    *monitoring.ENTRIES,
)
"""Every method of every path, in the order of the chapters."""

SCHEMAS: dict[str, Schema] = {
    PROBLEM: problem_schema(),
    **cluster_schemas.SCHEMAS,
    **operation_schemas.SCHEMAS,
    **by_hand.SCHEMAS,
    **seats.SCHEMAS,
    **usage_schemas.SCHEMAS,
    **manifests.SCHEMAS,
    **client_config.SCHEMAS,
    **told.SCHEMAS,
    **report_logs.SCHEMAS,
    **monitoring.SCHEMAS,
}

TOKEN = "token"  # noqa: S105 - a name, and no secret

_ABOUT = """\
The HTTP API of rlm-ha, which keeps RLM license servers available. Null is what is not known. Times are UTC,
in ISO 8601. Errors are problem documents (RFC 9457) with one word for programs in `kind`.

The roles that a token may have stand beside each entry. A daemon without tokens listens on loopback alone
and asks nobody for one. Answers may get more fields with a newer daemon.
"""


async def openapi(_: web.Request) -> web.Response:
    """GET /api/v1/openapi.json."""
    return web.Response(body=_written(), content_type=JSON)


@cache
def document() -> dict[str, Any]:
    """The whole of it; not to be changed."""
    paths: dict[str, dict[str, Any]] = {}
    for entry in ENTRIES:
        paths.setdefault(entry.path, {})[entry.method.lower()] = _operation(entry)
    return {
        "openapi": "3.1.0",
        "info": {"title": "rlm-ha", "version": __version__, "description": _ABOUT},
        "tags": [{"name": part} for part in dict.fromkeys(entry.part for entry in ENTRIES)],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {TOKEN: {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(entry: Entry) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": entry.name,
        "summary": entry.summary,
        "tags": [entry.part],
        "security": [] if entry.role is None else [{TOKEN: [role.value]} for role in ROLES[entry.role]],
        "responses": {
            **{str(status): _answer(told) for status, told in entry.answers.items()},
            **{str(status): response(kinds) for status, kinds in problems_of(entry).items()},
        },
    }
    if entry.more:
        described["description"] = entry.more
    if entry.parameters:
        described["parameters"] = [_parameter(each) for each in entry.parameters]
    if entry.body is not None:
        described["requestBody"] = {
            "description": entry.body.encodings,
            "required": entry.body.required,
            "content": {JSON: {"schema": entry.body.schema, "example": entry.body.example}},
        }
    return described


def _answer(answer: Told) -> dict[str, Any]:
    content = {kind: {"schema": answer.schema} for kind in answer.content}
    return {"description": answer.meaning, "content": content}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.meaning,
        "required": parameter.required,
        "schema": parameter.schema,
    }
    if parameter.example is not None:
        described["example"] = parameter.example
    return described


@cache
def _written() -> bytes:
    return orjson.dumps(document())
