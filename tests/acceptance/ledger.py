"""What the simulated servers themselves say of who held what, as sessions; knows nothing of our usage log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One seat that a server gave away; times are those of the machine's wall clock, in seconds."""

    server: str
    handle: str
    user: str
    host: str
    product: str
    count: int
    began: float
    ended: float | None
    """None while it is out, or where the server was killed with it."""


def sessions(folder: Path) -> list[Held]:
    """Every session in the ledgers of a stage."""
    return [held for path in sorted(folder.glob("*.ledger")) for held in _of_one(path)]


def _of_one(path: Path) -> Iterator[Held]:
    out: dict[str, Held] = {}
    text = path.read_text(encoding="utf-8")
    for line in text[: text.rfind("\n") + 1].splitlines():
        record = json.loads(line)
        match record["kind"]:
            case "checkout":
                out[record["handle"]] = _begun(record)
            case "checkin":
                yield replace(out.pop(record["handle"]), ended=record["wall"])
            case "start" | "shutdown":
                yield from out.values()
                out.clear()
    yield from out.values()


def _begun(record: dict[str, Any]) -> Held:
    return Held(
        server=record["server"],
        handle=record["handle"],
        user=record["user"],
        host=record["host"],
        product=record["product"],
        count=record["count"],
        began=record["wall"],
        ended=None,
    )
