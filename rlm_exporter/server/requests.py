"""What the handlers have in common: the cluster of a request, its body, an answer as JSON."""

import asyncio
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.server.documents import Document
from rlm_exporter.server.json_text import json_bytes
from rlm_exporter.server.problem import problem
from rlm_exporter.server.services import SERVICES

LARGEST_BODY = 64 * 1024
"""Bytes of a request to the API; the webhook has its own limit."""

BODY_LIMIT = 10.0
"""Seconds for the whole of a body to arrive."""

LONGEST_WORD = 512
"""Characters of any text in a request."""

LISTED_DEFAULT = 100
LISTED_LARGEST = 1000
"""Entries of a list that grows with time."""

_KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "a mapping",
}


class InvalidError(Exception):
    """A request that cannot be understood; its text says where."""


def controller_of(request: web.Request) -> ClusterController | None:
    """The controller of the cluster in the path."""
    return request.app[SERVICES].controllers.get(request.match_info["name"])


def unknown_cluster(request: web.Request) -> web.Response:
    """The problem that says which clusters there are."""
    return no_such_cluster(request.app[SERVICES].controllers)


def no_such_cluster(clusters: Iterable[str]) -> web.Response:
    """The problem that names these clusters."""
    known = ", ".join(sorted(clusters)) or "none"
    return problem(404, "unknown_cluster", f"no such cluster; known: {known}")


def as_json(document: Document | list[Document], *, status: int = 200) -> web.Response:
    """An answer."""
    return web.Response(status=status, body=json_bytes(document), content_type="application/json")


async def read_body(request: web.Request, fields: Mapping[str, type]) -> dict[str, Any]:
    """The body, a JSON mapping with these fields and no others; raises InvalidError. No type is coerced."""
    refuse_forms(request)
    try:
        document = orjson.loads(await whole_body(request, largest=LARGEST_BODY))
    except orjson.JSONDecodeError as error:
        raise InvalidError(f"not JSON: {error}") from error
    return check_mapping(document, fields)


def refuse_forms(request: web.Request) -> None:
    """Raise InvalidError where a body is not said to be JSON: any web page can have a browser post a form."""
    if request.content_type != "application/json":
        raise InvalidError("the body must be application/json")


def check_mapping(document: object, fields: Mapping[str, type], *, where: str = "") -> dict[str, Any]:
    """A mapping with these fields and no others; raises InvalidError, with `where` before each name."""
    if not isinstance(document, dict):
        raise InvalidError(f"{where.rstrip('.')}: not a mapping" if where else "not a mapping")
    for name, value in document.items():
        _check(name, value, fields, where)
    return document


async def whole_body(request: web.Request, *, largest: int) -> bytes:
    """The body, unpacked: at most so many bytes of it, before as after.

    Raises HTTPRequestEntityTooLarge, HTTPRequestTimeout, HTTPUnsupportedMediaType for a packing that we do
    not know, HTTPBadRequest where it breaks off or is packed badly.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", *_WINDOW_BITS}:
        raise web.HTTPUnsupportedMediaType(
            text=f"Content-Encoding: one of {', '.join(_WINDOW_BITS)}, or none"
        )
    body = await _received(request, largest)
    if encoding == "identity":
        return body
    # In a thread: what is under way beside this must not wait for megabytes to be unpacked.
    return await asyncio.to_thread(_unpacked, body, encoding, largest)


_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""How zlib is told what to expect."""


def _unpacked(body: bytes, encoding: str, largest: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=_WINDOW_BITS[encoding])
    try:
        unpacked = unpacker.decompress(body, largest + 1)
    except zlib.error as error:
        raise web.HTTPBadRequest(text=f"the body is no {encoding}: {error}") from error
    if len(unpacked) > largest:
        raise _too_large(largest, len(unpacked))
    if not unpacker.eof or unpacker.unused_data:
        raise web.HTTPBadRequest(text=f"the body is no {encoding}: it breaks off, or goes on after its end")
    return unpacked


def _too_large(largest: int, found: int) -> web.HTTPRequestEntityTooLarge:
    return web.HTTPRequestEntityTooLarge(
        max_size=largest, actual_size=found, text=f"the body has more than {largest} bytes"
    )


async def _received(request: web.Request, largest: int) -> bytes:
    try:
        async with asyncio.timeout(BODY_LIMIT):
            body = await request.content.readexactly(largest + 1)
    except asyncio.IncompleteReadError as whole:
        return whole.partial
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the body did not arrive within {BODY_LIMIT:g} s") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise web.HTTPBadRequest(text=f"the body cannot be read: {error}") from error
    raise _too_large(largest, len(body))


def _check(name: str, value: object, fields: Mapping[str, type], where: str) -> None:
    expected = fields.get(name)
    name = f"{where}{name}"
    if expected is None:
        raise InvalidError(f"{name}: unknown; known are {', '.join(fields)}")
    # In Python a truth value is a number too; in JSON it is not.
    if type(value) is not expected:
        raise InvalidError(f"{name}: not {_KINDS[expected]}")
    if isinstance(value, str) and len(value) > LONGEST_WORD:
        raise InvalidError(f"{name}: longer than {LONGEST_WORD} characters")


def since_of(request: web.Request) -> datetime | None:
    """The query's `since`, a time with its zone; raises InvalidError."""
    text = request.query.get("since")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"since: {text!r} is not a time") from error
    if moment.tzinfo is None:
        raise InvalidError("since: without a time zone; append Z for UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidError(f"since: {text!r} is outside of all years") from error


def limit_of(request: web.Request) -> int:
    """The query's `limit`; raises InvalidError."""
    text = request.query.get("limit", str(LISTED_DEFAULT))
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(LISTED_LARGEST))
    if not is_number or not 1 <= int(text) <= LISTED_LARGEST:
        raise InvalidError(f"limit: not a number from 1 to {LISTED_LARGEST}")
    return int(text)
