"""Entries for an operator's wishes. Pure."""

from collections.abc import Iterable, Mapping

from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.entry import Body, Entry, Parameter, Problems, Told
from rlm_exporter.server.openapi.parameters import IDEMPOTENCY_KEY, NAME
from rlm_exporter.server.openapi.problems import REFUSALS
from rlm_exporter.server.openapi.shapes import Schema, answer, duration, ref, request, text, truth, word
from rlm_exporter.server.requests import LONGEST_WORD

PART = "Moves"

_WHO = {
    "reason": text("why, for the journal", maxLength=LONGEST_WORD),
    "requested_by": text("who asks; the token's name stands before it", maxLength=LONGEST_WORD),
}
_MOVE = {
    "to": text("the server to move to: its name, host, or host:port", maxLength=LONGEST_WORD),
    "from": text("refused with 412 where another server is active", maxLength=LONGEST_WORD),
    "dry_run": truth("tell the plan and change nothing"),
    **_WHO,
}
_FORCE = {"force": truth("go although the target does not look healthy, with the balancers that answer")}

_DONE = {200: Told(meaning="done", schema=ref("Done"))}
_MOVED = {
    200: Told(meaning="nothing to do, or the plan of a dry run", schema=ref("NotMoved")),
    202: Told(meaning="it has begun; ask for the operation until it has ended", schema=ref("Started")),
}
_PROBLEMS: Problems = {
    **REFUSALS,
    422: ("invalid", "unknown_server"),
    503: (*REFUSALS[503], "no_answer"),
}

SCHEMAS: dict[str, Schema] = {
    "Done": answer("What has been done.", {"result": word(("done",)), "detail": text("in words")}),
    "AlreadyActive": answer(
        "The server is active already; nothing was changed.",
        {"result": word(("already_active",)), "server": text()},
    ),
    "Planned": answer("Nothing was changed.", {"result": word(("plan",)), "plan": ref("Plan")}),
    "Started": answer("A move has begun.", {"result": word(("started",)), "operation": ref("Operation")}),
    "NotMoved": {"oneOf": [ref("AlreadyActive"), ref("Planned")]},
}


def _entry(
    verb: str,
    summary: str,
    fields: Mapping[str, Schema],
    *,
    example: Mapping[str, object],
    needed: Iterable[str] = (),
    answers: Mapping[int, Told] = _DONE,
    parameters: tuple[Parameter, ...] = (),
) -> Entry:
    return Entry(
        method="POST",
        path=f"/api/v1/clusters/{{name}}/{verb}",
        name=verb,
        summary=summary,
        part=PART,
        role=Role.OPERATOR,
        parameters=(NAME, *parameters),
        body=Body(
            schema=request(f"A wish: {summary}.", fields, needed=needed),
            example=example,
        ),
        answers=answers,
        problems=_PROBLEMS,
    )


ENTRIES = (
    _entry(
        "failover",
        "move the clients, whether or not the active server is healthy",
        {**_MOVE, **_FORCE},
        needed=("to",),
        example={"to": "rlm2", "from": "rlm1", "reason": "rlm1 gets new disks"},
        answers=_MOVED,
        parameters=(IDEMPOTENCY_KEY,),
    ),
    _entry(
        "switchover",
        "move the clients away from a healthy server",
        _MOVE,
        needed=("to",),
        example={"to": "rlm2", "dry_run": True},
        answers=_MOVED,
        parameters=(IDEMPOTENCY_KEY,),
    ),
    _entry(
        "failback",
        "move the clients back to the preferred server, or to another",
        _MOVE,
        example={"reason": "rlm1 has its new disks"},
        answers=_MOVED,
        parameters=(IDEMPOTENCY_KEY,),
    ),
    _entry(
        "pause",
        "hold back automatic moves for a time",
        {"for": duration("how long, at most 30 days"), **_WHO},
        needed=("for",),
        example={"for": "2h", "reason": "work on the network"},
    ),
    _entry("resume", "end a pause", _WHO, example={}),
    _entry("ack", "say that automatic moves have been seen", _WHO, example={"reason": "disk replaced"}),
    _entry(
        "maintenance",
        "take a server out, or give it back",
        {
            "server": text(maxLength=LONGEST_WORD),
            "enable": truth("true takes it out"),
            "switchover": truth("move first where it is the active one; without it that is refused"),
            **_WHO,
        },
        needed=("server", "enable"),
        example={"server": "rlm2", "enable": True, "reason": "new kernel"},
    ),
)
