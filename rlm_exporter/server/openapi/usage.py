"""Entries about what was used, and who was refused. Pure."""

from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.entry import Body, Entry, Parameter, Problems, Told
from rlm_exporter.server.openapi.parameters import BY, DENIED_BY, FEATURE, NAME, WINDOW, query
from rlm_exporter.server.openapi.problems import JOURNAL
from rlm_exporter.server.openapi.shapes import Schema, duration, ref, text, word
from rlm_exporter.server.usage import GROUP

PART = "Usage"

_ASKED: Problems = {422: ("invalid",), **JOURNAL}


def _entry(
    path: str,
    name: str,
    summary: str,
    schema: str,
    *,
    parameters: tuple[Parameter, ...] = (),
    problems: Problems = _ASKED,
) -> Entry:
    return Entry(
        method="GET",
        path=f"/api/v1/clusters/{{name}}/usage{path}",
        name=name,
        summary=summary,
        part=PART,
        role=Role.VIEWER,
        parameters=(NAME, *WINDOW, *parameters),
        answers={200: Told(meaning=summary, schema=ref(schema))},
        problems=problems,
    )


_GROUPS: Schema = {
    "type": "object",
    "description": "Users and the group of each; one that is not named is `unassigned`.",
    "properties": {"groups": {"type": "object", "additionalProperties": text(minLength=1)}},
    "required": ["groups"],
    "additionalProperties": True,
}

ENTRIES = (
    _entry(
        "", "usage", "figures by feature, user, host, server or project", "Usage", parameters=(BY, FEATURE)
    ),
    Entry(
        method="POST",
        path="/api/v1/clusters/{name}/usage",
        name="usage_of_groups",
        summary="the same figures by groups of users",
        part=PART,
        role=Role.VIEWER,
        parameters=(NAME, *WINDOW, query("by", word((GROUP,)), "group"), FEATURE),
        body=Body(schema=_GROUPS, example={"groups": {"alice": "design", "bob": "design"}}),
        answers={200: Told(meaning="figures by group", schema=ref("Usage"))},
        problems=_ASKED,
        more="A question that is too long for an address; it changes nothing.",
    ),
    _entry(
        "/sessions",
        "usage_sessions",
        "who held seats, the longest first",
        "Sessions",
        parameters=(query("longer", duration(), "sessions that lasted longer than this, such as 12h or 3d"),),
    ),
    _entry(
        "/what-if",
        "what_if",
        "what another number of seats would have meant",
        "WhatIf",
        parameters=(
            query("feature", text(minLength=1), "which one", required=True),
            query(
                "seats",
                text(pattern="^[0-9]{1,9}(,[0-9]{1,9}){0,49}$"),
                "numbers of seats, such as 30,40,50",
                required=True,
            ),
        ),
        problems={**_ASKED, 404: ("unknown_feature",), 422: ("invalid", "too_much")},
    ),
    _entry("/denials", "denials", "who was refused, and why", "Denials", parameters=(DENIED_BY, FEATURE)),
    _entry("/double-use", "double_use", "hosts that held a product from two pools", "DoubleUse"),
    _entry(
        "/profile",
        "profile",
        "one feature over time: hour by hour, and by seats in use",
        "Profile",
        parameters=(
            query("feature", text(minLength=1), "which one", required=True),
            query("isv", text(), "where several ISVs have that feature"),
            query(
                "timezone", text(minLength=1), "by whose clocks, such as Europe/Berlin; UTC where not given"
            ),
        ),
        problems={**_ASKED, 404: ("unknown_feature",)},
    ),
)
