"""Answers of a server, as rlmstat's reader gives them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rlm_exporter.rlm.status import Checkout, IsvServer, Pool, RlmServer, RlmStatus

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ISV = "siemens"


def later(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def line(handle: str = "1", **changes: Any) -> Checkout:
    """A usage line: alice has a seat of solver since noon, by the server's clock."""
    fields: dict[str, Any] = {
        "isv": ISV,
        "product": "solver",
        "version": "3.0",
        "user": "alice",
        "host": "ws1",
        "count": 1,
        "reserved": 0,
        "handle": handle,
        "at": "03/02 12:00",
    }
    return Checkout(**fields | changes)


def pool(product: str = "solver", *, inuse: int | None = 0, **changes: Any) -> Pool:
    """Four seats, with something changed."""
    return replace(_pool(product, inuse), **changes)


def _pool(product: str, inuse: int | None) -> Pool:
    return Pool(
        isv=ISV,
        product=product,
        version="3.0",
        pool=1,
        count=4,
        reservations=0,
        inuse=inuse,
        expires=None,
        uncounted=False,
        token=False,
        total_checkouts=None,
    )


def answer(*lines: Checkout, **changes: Any) -> RlmStatus:
    """A whole answer with these usage lines; the pool has as many in use."""
    fields: dict[str, Any] = {
        "reachable": True,
        "error_kind": None,
        "server": RlmServer(host="rlm1", port=5053, version="15.2", uptime_seconds=None),
        "isvs": (IsvServer(name=ISV, port=5060, running=True, restarts=0),),
        "counters": (),
        "pools": (pool(inuse=sum(each.count + each.reserved for each in lines)),),
        "checkouts": lines,
        "warnings": (),
    }
    return RlmStatus(**fields | changes)


def uptime(seconds: int) -> RlmServer:
    """The server's block, with how long it has run."""
    return RlmServer(host="rlm1", port=5053, version="15.2", uptime_seconds=seconds)
