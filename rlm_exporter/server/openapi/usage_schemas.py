"""What is answered about usage; docs/usage.md explains the figures. Pure."""

from rlm_exporter.server.openapi.shapes import (
    Schema,
    answer,
    listed,
    maybe,
    moment,
    number,
    ref,
    table,
    text,
    truth,
    whole,
    word,
)
from rlm_exporter.server.usage import GROUP
from rlm_exporter.store.report_records import Dimension

_ABOUT = {"cluster": text(), "since": moment(), "until": moment()}
_OMITTED = whole("lines that are not told")
_WHO = maybe(text("the user, host, server, project or group; null by feature, and where it is not known"))

SCHEMAS: dict[str, Schema] = {
    "Usage": answer(
        "Figures of a time.",
        {
            **_ABOUT,
            "by": word((*Dimension, GROUP)),
            "lines": listed(ref("UsageLine")),
            "omitted": _OMITTED,
            "undated": whole("sessions of which no beginning is known"),
            "known_since": maybe(moment("the earliest moment of which the log tells anything")),
        },
    ),
    "UsageLine": answer(
        "A feature, or one user, host, server, project or group of it.",
        {
            "isv": maybe(text()),
            "feature": text(),
            "who": _WHO,
            "sessions": whole(),
            "checkouts": whole(),
            "peak": whole("the most seats at once"),
            "average": number("seats"),
            "seat_hours": number(),
            "seats": maybe(whole("that exist")),
            "ceiling_hours": maybe(number("for which all were in use")),
            "unused": maybe(whole("seats that nobody needed, at the peak")),
            "reserved": maybe(whole()),
            "idle_reserved": maybe(whole("reserved seats that nobody used")),
            "denied": maybe(whole("null where no report log tells of refusals")),
            "passed_on": maybe(whole("refusals after which another server was asked; null likewise")),
            "denial_rate": maybe(number(maximum=1)),
            "reasons": table(whole(), "refusals by reason"),
            "last_denied": maybe(moment()),
        },
    ),
    "Sessions": answer(
        "Who held seats, the longest first.",
        {**_ABOUT, "sessions": listed(ref("Session")), "omitted": _OMITTED},
    ),
    "Session": answer(
        "One session.",
        {
            "server": text(),
            "isv": maybe(text()),
            "feature": text(),
            "version": maybe(text()),
            "user": maybe(text()),
            "host": maybe(text()),
            "seats": whole(),
            "out": maybe(moment()),
            "ended": maybe(moment("null while it lasts")),
            "hours": maybe(number("until its end, or that of the time asked for")),
        },
    ),
    "WhatIf": answer(
        "The same requests with other numbers of seats.",
        {
            **_ABOUT,
            "feature": text(),
            "seats_now": maybe(whole()),
            "outcomes": listed(ref("Outcome")),
        },
    ),
    "Outcome": answer(
        "What would have been with one number of seats.",
        {
            "seats": whole(),
            "granted": whole(),
            "refused": whole(),
            "newly_granted": whole("that were refused in truth"),
            "newly_refused": whole("that were granted in truth"),
            "peak": whole(),
            "denial_rate": maybe(number(maximum=1)),
        },
    ),
    "Denials": answer(
        "Who was refused.",
        {
            **_ABOUT,
            "by": word(Dimension),
            "lines": listed(ref("DenialLine")),
            "omitted": _OMITTED,
            "newest": listed(ref("Denial"), "the newest ones, one by one"),
        },
    ),
    "DenialLine": answer(
        "Refusals of one feature for one reason.",
        {
            "isv": maybe(text()),
            "feature": text(),
            "who": _WHO,
            "reason": text("a word such as all_in_use"),
            "denied": whole(),
            "passed_on": whole(),
            "last": moment(),
        },
    ),
    "Denial": answer(
        "One refusal.",
        {
            "at": maybe(moment()),
            "server": text(),
            "isv": maybe(text()),
            "feature": text(),
            "version": maybe(text()),
            "user": maybe(text()),
            "host": maybe(text()),
            "seats": whole(),
            "reason": text(),
            "final": truth("whether no other server was asked"),
        },
    ),
    "DoubleUse": answer(
        "Hosts that held seats of one product from two pools.",
        {
            **_ABOUT,
            "hosts": listed(ref("DoubleUser")),
            "omitted": _OMITTED,
            "complete": truth("false where there were too many sessions to look at all"),
        },
    ),
    "DoubleUser": answer(
        "One such host.",
        {
            "server": text(),
            "isv": maybe(text()),
            "feature": text(),
            "host": text(),
            "versions": listed(text()),
            "users": listed(text()),
            "hours": number(),
            "last": moment(),
        },
    ),
    "Profile": answer(
        "One feature over time.",
        {
            **_ABOUT,
            "timezone": text(),
            "isv": maybe(text()),
            "feature": text(),
            "hours": listed(ref("Hour")),
            "shares": listed(ref("Share"), "they add up to 1"),
        },
    ),
    "Hour": answer(
        "One hour.",
        {
            "at": moment("with the offset of the time zone"),
            "average": number(),
            "peak": whole(),
            "seats": maybe(whole()),
        },
    ),
    "Share": answer(
        "The part of the time in which so many seats were in use.",
        {"in_use": whole(), "share": number(maximum=1)},
    ),
}
