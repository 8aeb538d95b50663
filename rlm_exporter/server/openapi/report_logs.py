"""Entries for report logs that license hosts ship. Pure."""

from rlm_exporter.rlm.report_log_values import Begun, Ended
from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.entry import Body, Entry, Parameter, Problems, Told
from rlm_exporter.server.openapi.parameters import NAME
from rlm_exporter.server.openapi.problems import JOURNAL
from rlm_exporter.server.openapi.shapes import (
    LONGEST_NUMBER,
    Schema,
    answer,
    listed,
    maybe,
    number,
    ref,
    request,
    text,
    whole,
    word,
)
from rlm_exporter.server.report_logs import FARTHEST, FIELDS, LONGEST_ISV, LONGEST_POSITION
from rlm_exporter.usage.report_log_bounds import LONGEST
from rlm_exporter.usage.report_log_usage import AT_ONCE
from rlm_exporter.usage.report_log_wire import DENIAL, HANDLE, LARGEST_NUMBER, LATER, LONGEST_WORD, SESSION

PART = "Report logs"

_PATH = "/api/v1/clusters/{name}/servers/{server}/report-logs/{isv}"
_WORD = text(maxLength=LONGEST_WORD)
_COUNT = whole(maximum=LARGEST_NUMBER)
_NUMBER = whole(minimum=-LARGEST_NUMBER, maximum=LARGEST_NUMBER)
_LOCAL = text(
    "the server's own time, without a zone; from 2000 on, and at most two days ahead of the daemon's clock",
    pattern=r"^(2\d\d\d)-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d$",
)

_PARAMETERS = (
    NAME,
    Parameter(
        name="server",
        place="path",
        schema=text(minLength=1),
        meaning="its name or host",
        required=True,
        example="rlm1",
    ),
    Parameter(
        name="isv",
        place="path",
        schema=text(minLength=1, maxLength=LONGEST_ISV),
        meaning="the ISV server that writes the log",
        required=True,
        example="siemens",
    ),
)
_PROBLEMS: Problems = {
    404: ("unknown_server",),
    409: ("not_recorded", "read_here"),
    422: ("invalid",),
    **JOURNAL,
}

SCHEMAS: dict[str, Schema] = {
    "LogPlace": answer(
        "How far a log has come.",
        {
            "number": whole("of the newest batch; 0 before the first"),
            "position": text("as its reader gave it; empty before the first"),
        },
    ),
    "LogTaken": answer("A batch was taken.", {"number": whole("its number")}),
    "LoggedSession": request(
        "One session, as the log tells it.",
        {
            "product": maybe(_WORD),
            "version": maybe(_WORD),
            "user": maybe(_WORD),
            "host": maybe(_WORD),
            "seats": _COUNT,
            "handle": text(pattern=HANDLE),
            "begun": word(Begun),
            "out": maybe(_LOCAL),
            "ended": word(Ended),
            "back": maybe(_LOCAL),
            "reason": maybe(_NUMBER),
            "lasted": maybe(number("seconds", maximum=LONGEST.total_seconds())),
            "not_after": maybe(_LOCAL),
            "project": maybe(_WORD),
        },
        needed=[name for name in SESSION if name not in LATER],
    ),
    "LoggedDenial": request(
        "One refusal, as the log tells it.",
        {
            "product": _WORD,
            "version": _WORD,
            "user": _WORD,
            "host": _WORD,
            "seats": _COUNT,
            "why": whole("RLM's status code", minimum=-LARGEST_NUMBER, maximum=LARGEST_NUMBER),
            "last_attempt": _NUMBER,
            "at": maybe(_LOCAL),
        },
        needed=DENIAL,
    ),
}

_BATCH = request(
    "What comes next of a log; all of it is taken, or nothing.",
    {
        "after": whole("the number of the batch before", maximum=LONGEST_NUMBER),
        "position": text("what its reader needs to go on, or as it was", maxLength=LONGEST_POSITION),
        "minutes_west": maybe(whole("of UTC, as the log says", minimum=-FARTHEST, maximum=FARTHEST)),
        "sessions": listed(ref("LoggedSession"), maxItems=AT_ONCE),
        "denials": listed(ref("LoggedDenial")),
    },
    needed=FIELDS,
)

ENTRIES = (
    Entry(
        method="GET",
        path=_PATH,
        name="log_place",
        summary="how far a report log has come",
        part=PART,
        role=Role.SHIPPER,
        parameters=_PARAMETERS,
        answers={200: Told(meaning="its place", schema=ref("LogPlace"))},
        problems=_PROBLEMS,
    ),
    Entry(
        method="POST",
        path=_PATH,
        name="ship_log",
        summary="bring what comes next of a report log",
        part=PART,
        role=Role.SHIPPER,
        parameters=_PARAMETERS,
        body=Body(
            schema=_BATCH,
            example={"after": 0, "position": "", "minutes_west": None, "sessions": [], "denials": []},
            encodings="It may be packed: Content-Encoding gzip or deflate.",
        ),
        answers={200: Told(meaning="taken", schema=ref("LogTaken"))},
        problems={**_PROBLEMS, 409: (*_PROBLEMS[409], "stale_place")},
    ),
)
