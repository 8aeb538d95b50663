"""Entries about seats: which are free, which end soon, and one that is taken back. Pure."""

from rlm_exporter.rlm.free_seats import NoNumber
from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.entry import Body, Entry, Told
from rlm_exporter.server.openapi.parameters import NAME, query
from rlm_exporter.server.openapi.problems import NOT_RELEASED
from rlm_exporter.server.openapi.shapes import (
    Schema,
    answer,
    duration,
    listed,
    maybe,
    moment,
    number,
    ref,
    request,
    text,
    truth,
    whole,
    word,
)
from rlm_exporter.server.requests import LONGEST_WORD
from rlm_exporter.server.seats import WhyUnknown

PART = "Seats"

_COUNT = {
    "free": maybe(whole("never negative")),
    "issued": maybe(whole()),
    "reserved": maybe(whole()),
    "in_use": maybe(whole()),
}
_HELD = {
    "host": text(),
    "version": text(),
    "seats": whole(),
    "reserved": whole("of these, so many from a reservation"),
    "handle": text("several handles may share a seat"),
    "since": text("the server's local time, without a year: MM/DD HH:MM"),
}

SCHEMAS: dict[str, Schema] = {
    "Seats": answer(
        "The seats of the server that is active. What is not known is null, with the reason.",
        {
            "cluster": text(),
            "active": maybe(text()),
            "active_host": maybe(text()),
            "known": truth(),
            "reason": maybe(word(WhyUnknown)),
            "detail": maybe(text()),
            "checked_at": maybe(moment()),
            "age_seconds": maybe(number(minimum=None)),
            "features": listed(ref("FeatureSeats")),
        },
    ),
    "FeatureSeats": answer(
        "One feature.",
        {
            "isv": maybe(text()),
            "feature": text(),
            **_COUNT,
            "reason": maybe(word((*WhyUnknown, *NoNumber), "why a number is null")),
            "detail": maybe(text()),
            "versions": maybe(listed(ref("VersionSeats"))),
            "holders": maybe(listed(ref("SeatHolder"))),
        },
    ),
    "VersionSeats": answer(
        "One version of a feature.",
        {"version": text(), **_COUNT, "reason": maybe(word(NoNumber))},
    ),
    "SeatHolder": answer("One handle; who reads free seats is not told the user.", _HELD),
    "Expiring": answer(
        "Licenses that end within a time, those that end first at the beginning.",
        {
            "cluster": text(),
            "at": moment(),
            "within_days": number(),
            "licenses": listed(ref("EndingLicense")),
            "unknown": listed(text(), "servers of which nothing is known now"),
        },
    ),
    "EndingLicense": answer(
        "One license or pool with an end.",
        {
            "server": text(),
            "isv": maybe(text()),
            "product": text(),
            "version": maybe(text()),
            "count": maybe(whole()),
            "expires": text("the last day on which it is good", format="date"),
            "ends_at": moment(),
            "days_left": number("negative once it has ended", minimum=None),
            "source": word(("pool", "license_file")),
            "place": maybe(text("file and line")),
            "renewed_by": maybe(text("file and line of the license that begins when this one ends")),
        },
    ),
    "Seat": answer(
        "A seat, and whose it is.",
        {
            "server": text(),
            "isv": text(),
            "product": text(),
            "user": text(),
            **_HELD,
            "shares": truth("whether several handles share seats"),
        },
    ),
    "Release": answer(
        "What would be freed, or was.",
        {"result": word(("plan", "released")), "detail": text(), "seat": ref("Seat")},
    ),
}

_LINE = "of the answer to a dry run: frees that seat or none"

ENTRIES = (
    Entry(
        method="GET",
        path="/api/v1/clusters/{name}/seats",
        name="seats",
        summary="free seats by feature, for schedulers",
        part=PART,
        role=Role.VIEWER,
        parameters=(
            NAME,
            query("feature", text(minLength=1, maxLength=LONGEST_WORD), "this feature alone"),
        ),
        answers={200: Told(meaning="the seats of the active server", schema=ref("Seats"))},
        problems={404: ("unknown_feature",), 422: ("invalid",)},
    ),
    Entry(
        method="GET",
        path="/api/v1/clusters/{name}/expiring",
        name="expiring",
        summary="licenses that end soon",
        part=PART,
        role=Role.VIEWER,
        parameters=(
            NAME,
            query("within", duration(), "how soon, such as 30d or 4w; 90 days where not given"),
        ),
        answers={200: Told(meaning="those that end first at the beginning", schema=ref("Expiring"))},
        problems={422: ("invalid",)},
    ),
    Entry(
        method="POST",
        path="/api/v1/clusters/{name}/release",
        name="release",
        summary="take one seat back by its handle",
        part=PART,
        role=Role.OPERATOR,
        parameters=(NAME,),
        body=Body(
            schema=request(
                "A wish for one seat.",
                {
                    "handle": text(pattern="^[0-9A-Fa-f]{1,16}$"),
                    "server": text("the active one where not given", maxLength=LONGEST_WORD),
                    "isv": text(maxLength=LONGEST_WORD),
                    "product": text(maxLength=LONGEST_WORD),
                    "user": text(_LINE, maxLength=LONGEST_WORD),
                    "host": text(_LINE, maxLength=LONGEST_WORD),
                    "since": text(_LINE, maxLength=LONGEST_WORD),
                    "dry_run": truth("tell whose it is and change nothing"),
                    "reason": text(maxLength=LONGEST_WORD),
                    "requested_by": text(maxLength=LONGEST_WORD),
                },
                needed=("handle",),
            ),
            example={"handle": "15c", "dry_run": True},
        ),
        answers={200: Told(meaning="freed, or the plan of a dry run", schema=ref("Release"))},
        problems={
            404: NOT_RELEASED[404],
            409: ("not_leader", *NOT_RELEASED[409]),
            422: ("invalid", "unknown_server"),
            503: ("not_ready", "store_slow", "store_unavailable", *NOT_RELEASED[503]),
        },
    ),
)
