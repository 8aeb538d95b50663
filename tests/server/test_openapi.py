"""The OpenAPI document, the routes, and what the handlers read say the same."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.split import Split
from rlm_exporter.server import alerts, by_hand, client_config, health_reports, manifests, release
from rlm_exporter.server.app import build_app
from rlm_exporter.server.auth import Role, Token, webhook_token
from rlm_exporter.server.documents import ClusterState, cluster_document
from rlm_exporter.server.openapi.document import ENTRIES, SCHEMAS, document
from rlm_exporter.server.openapi.entry import Entry
from rlm_exporter.server.openapi.problems import ANYWHERE, MEANINGS, problems_of
from rlm_exporter.server.openapi.reference import reference
from rlm_exporter.server.seats import seats_document
from tests.server.contract import faults_of
from tests.server.daemon import Daemon, daemon
from tests.server.states import degraded, hostile, moving, nothing_known, report, standing, state

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BY_NAME = {entry.name: entry for entry in ENTRIES}
FOREIGN = LeaseView(ours=False, holder="ha2", url="http://ha2.example.com:10053", remaining=0.0)
TYPES = {str: "string", bool: "boolean", list: "array", dict: "object"}
TOKENS = (
    *(
        Token(name=role, role=role, sha256=hashlib.sha256(role.encode()).hexdigest())
        for role in (Role.VIEWER, Role.OPERATOR, Role.SHIPPER)
    ),
    webhook_token(Role.WEBHOOK),
)


def routes_of(app: web.Application) -> set[tuple[str, str]]:
    """Method and path; HEAD comes with GET, and needs no entry."""
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


async def test_every_route_has_its_entry_and_every_entry_its_route(local: Daemon) -> None:
    entries = [(entry.method, entry.path) for entry in ENTRIES]
    assert len(entries) == len(set(entries))
    assert routes_of(build_app(local.services)) == set(entries)


def test_the_document_is_openapi() -> None:
    from schemathesis.specs.openapi.definitions import OPENAPI_31  # noqa: PLC0415 - a second to import

    found = Draft202012Validator(OPENAPI_31).iter_errors(document())
    assert [f"{error.json_path}: {error.message[:200]}" for error in found] == []


def test_each_operation_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(ENTRIES)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in BY_NAME)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one_and_is_used(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert f"#/components/schemas/{name}" in set(refs(document()))


def test_each_reference_leads_somewhere() -> None:
    assert {each.removeprefix("#/components/schemas/") for each in refs(document())} == set(SCHEMAS)


@pytest.mark.parametrize("entry", ENTRIES, ids=list(BY_NAME))
def test_the_parameters_of_a_path_are_those_in_it(entry: Entry) -> None:
    in_path = {each.name for each in entry.parameters if each.place == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", entry.path))
    assert all(each.required for each in entry.parameters if each.place == "path")


@pytest.mark.parametrize("entry", [each for each in ENTRIES if each.body is not None], ids=lambda e: e.name)
def test_the_example_of_a_body_fits_its_schema(entry: Entry) -> None:
    assert entry.body is not None
    where = (
        "paths",
        entry.path,
        entry.method.lower(),
        "requestBody",
        "content",
        "application/json",
        "schema",
    )
    assert faults_of(entry.body.example, *where) == []


def test_each_kind_of_problem_is_told_somewhere() -> None:
    everywhere = (ANYWHERE, *map(problems_of, ENTRIES))
    told = {kind for problems in everywhere for kinds in problems.values() for kind in kinds}
    assert told == set(MEANINGS)


FIELDS: dict[str, Mapping[str, type]] = {
    **{verb: fields for verb, (_, fields) in by_hand.VERBS.items()},
    "release": release.FIELDS,
    "deploy": manifests.DEPLOY,
    "configure": manifests.CONFIG,
    "set_client_config": client_config.FIELDS,
    "update_health": health_reports.FIELDS,
    "send_alert": alerts.FIELDS,
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_body_has_the_fields_that_its_handler_reads(name: str) -> None:
    body = BY_NAME[name].body
    assert body is not None
    assert types_of(body.schema) == {field: TYPES[kind] for field, kind in FIELDS[name].items()}
    assert body.schema["additionalProperties"] is False


def test_a_health_report_has_the_fields_that_its_handler_reads() -> None:
    fields = health_reports.REPORT_FIELDS
    assert types_of(SCHEMAS["HealthReport"]) == {field: TYPES[kind] for field, kind in fields.items()}


async def test_the_document_is_served_to_viewers(tmp_path: Path) -> None:
    async with daemon(tmp_path, tokens=TOKENS, ready=False) as made:
        path = "/api/v1/openapi.json"
        answer = await made.get(path, headers={"Authorization": "Bearer viewer"})
        assert answer.status == 200
        assert answer.document == document()
        assert (await made.get(path)).problem[0] == 401


async def test_each_role_may_do_what_the_document_says_and_no_more(tmp_path: Path) -> None:
    async with daemon(tmp_path, tokens=TOKENS, ready=False) as made:
        for entry in ENTRIES:
            path = entry.path.format(name="nowhere", id=1, server="rlm1", isv="siemens")
            allowed = {
                role
                for role in Role
                if (await made.send(entry.method, path, headers={"Authorization": f"Bearer {role}"})).status
                != 403
            }
            told = document()["paths"][entry.path][entry.method.lower()]["security"]
            assert allowed == ({each["token"][0] for each in told} if told else set(Role)), path
            anonymous = (await made.send(entry.method, path)).status
            assert (anonymous == 401) is bool(told), path


SITUATIONS: Mapping[str, ClusterState] = {
    "all is well": state(),
    "no snapshot yet": nothing_known(),
    "in the midst of a failover": moving(),
    "a server down, a balancer away": degraded(),
    "words with markup": hostile(),
    "another daemon acts": state(standing=standing(lease=FOREIGN, splits=(Split(server="rlm3", arrived=2),))),
    "a monitor's word": state(reports=(report(), report("rlm2", healthy=False))),
    "the journal away": state(journal_readable=False, unacknowledged=None, last_operation=None),
}


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=list(SITUATIONS))
def test_a_cluster_fits_its_schema_whatever_its_situation(situation: ClusterState) -> None:
    told = orjson.loads(orjson.dumps(cluster_document(situation)))
    assert faults_of(told, "components", "schemas", "Cluster") == []


def test_free_seats_fit_their_schema_also_where_they_are_not_known() -> None:
    for situation in SITUATIONS.values():
        told = seats_document(
            cluster=situation.cluster,
            snapshot=situation.snapshot,
            standing=situation.standing,
            now=situation.now,
        )
        assert faults_of(orjson.loads(orjson.dumps(told)), "components", "schemas", "Seats") == []


@pytest.mark.parametrize("entry", [each for each in ENTRIES if each.body is not None], ids=lambda e: e.name)
async def test_no_body_is_taken_that_a_web_page_could_have_a_browser_post(
    entry: Entry, fresh: Daemon
) -> None:
    assert entry.body is not None
    path = entry.path.format(name="prod", server="rlm1", isv="acme")
    answer = await fresh.send(
        entry.method, path, data=orjson.dumps(entry.body.example), headers={"Content-Type": "text/plain"}
    )
    unasked = {"fixed", "no_sinks"}  # this daemon has no part for it
    assert answer.problem[1] in unasked or answer.problem[2] == "the body must be application/json"


def test_the_page_about_the_api_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m rlm_exporter.server.openapi.reference > docs/api.md"
    )


def types_of(schema: Mapping[str, Any]) -> dict[str, str]:
    """The type of each field, whether or not null may stand in its place."""
    types = {name: each["type"] for name, each in schema["properties"].items()}
    return {name: each if isinstance(each, str) else each[0] for name, each in types.items()}


def refs(part: Any) -> Iterator[str]:
    """Every reference in a part of the document."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for each in part.values():
            yield from refs(each)
    elif isinstance(part, list):
        for each in part:
            yield from refs(each)
