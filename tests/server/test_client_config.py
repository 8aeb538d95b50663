"""GET and PUT /client-config: what clients are told, who may set it, and what is written."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.manifest.model import ClientFile, ClientSettingsSpec, LoadBalancerSpec
from rlm_exporter.server.client_config import FIELDS
from tests.server.daemon import Daemon, cluster, daemon, until
from tests.server.test_auth import TOKENS

PATH = "/api/v1/clusters/prod/client-config"
EVENTS = "/api/v1/clusters/prod/events"
ONE, TWO, THREE = (f"5053@rlm{number}.prod.example.com" for number in (1, 2, 3))


@pytest.fixture
async def writing(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon with one file, and a cluster behind a balancer beside it."""
    settings = ClientSettingsSpec(files=(ClientFile(path=str(tmp_path / "rlm.sh")),))
    prod = replace(cluster("prod"), client_settings=settings)
    lab = replace(cluster("lab"), load_balancer=LoadBalancerSpec(host="lb.example.com"))
    async with daemon(tmp_path, clusters=(prod, lab)) as made:
        await until(partial(written, tmp_path / "rlm.sh"), what="the file")
        yield made


async def written(path: Path) -> bool:
    return await asyncio.to_thread(path.exists)


@pytest.mark.row(25)
async def test_a_list_is_stored_written_and_told_with_the_active_server_first(
    writing: Daemon, tmp_path: Path
) -> None:
    wish = {
        "license_servers": f"{TWO}:{ONE}:{THREE}",
        "license_failover_enabled": True,
        "license_redundancy_mode": "active-passive",
        "requested_by": "ada",
        "reason": "fallback",
    }
    document = (await writing.put(PATH, wish)).document
    listed = f"{ONE}:{TWO}:{THREE}"
    assert document["result"] == "changed"
    assert document["changes"][0] == {
        "name": "license servers",
        "from": "as the manifest has it",
        "to": f"{TWO} {ONE} {THREE}",
    }
    assert f"export RLM_LICENSE={listed}\n" in (tmp_path / "rlm.sh").read_text()

    shown = (await writing.get(PATH)).document
    assert shown == document["config"]
    assert shown.pop("set_at").endswith("Z")
    assert "copies of one license" in shown.pop("remarks")[0]
    assert shown == {
        "cluster": "prod",
        "active": "rlm1",
        "license_servers": [TWO, ONE, THREE],
        "license_failover_enabled": True,
        "license_redundancy_mode": "active-passive",
        "set_by": "ada",
        "reason": "fallback",
        "jobs": {
            "servers": [ONE, TWO, THREE],
            "isvs": [],
            "connect_timeout_seconds": 5,
            "variables": {"RLM_LICENSE": listed, "RLM_CONNECT_TIMEOUT": "5"},
            "license_servers": [
                {"host": f"rlm{number}.prod.example.com", "port": 5053} for number in (1, 2, 3)
            ],
        },
        "files": [{"path": str(tmp_path / "rlm.sh"), "format": "sh", "trouble": None}],
    }
    rows = (await writing.get(EVENTS)).document["decisions"]
    (told,) = (each["detail"] for each in rows if each["rule"] == "client_config")
    assert told == (
        f"clients are to be told: license servers {TWO} {ONE} {THREE}, license failover enabled, redundancy "
        "mode active-passive; by ada: fallback"
    )


async def test_a_dry_run_says_the_difference_and_changes_nothing(writing: Daemon, tmp_path: Path) -> None:
    before = (tmp_path / "rlm.sh").read_text()
    planned = (await writing.put(PATH, {"license_servers": "rlm1 rlm2", "dry_run": True})).document
    assert planned["result"] == "plan"
    assert planned["changes"][-1] == {"name": "RLM_LICENSE", "from": ONE, "to": f"{ONE} {TWO}"}
    assert (tmp_path / "rlm.sh").read_text() == before
    assert (await writing.get(PATH)).document["license_servers"] == []


async def test_the_same_again_is_unchanged_and_the_clusters_name_brings_the_manifest_back(
    writing: Daemon,
) -> None:
    wish = {"license_servers": "rlm1 rlm2", "requested_by": "ada"}
    assert (await writing.put(PATH, wish)).document["result"] == "changed"
    again = (await writing.put(PATH, {**wish, "requested_by": "bob"})).document
    assert (again["result"], again["changes"], again["config"]["set_by"]) == ("unchanged", [], "ada")
    back = (await writing.put(PATH, {"license_servers": "prod"})).document["config"]
    assert (back["license_servers"], back["jobs"]["servers"]) == ([], [ONE])


@pytest.mark.parametrize(
    ("document", "status", "kind", "where"),
    [
        ({}, 422, "invalid", "nothing is to be set"),
        ({"dry_run": True}, 422, "invalid", "nothing is to be set"),
        ({"license_servers": ["rlm1"]}, 422, "invalid", "license_servers: not a text"),
        ({"license_failover_enabled": "true"}, 422, "invalid", "license_failover_enabled: not true or"),
        ({"license_servers": "rlm9"}, 422, "unknown_server", "license_servers: 'rlm9' is not of prod"),
        ({"license_redundancy_mode": "ring"}, 422, "invalid", "license_redundancy_mode: 'ring'"),
        ({"license_redundancy_mode": "active-active"}, 409, "unsafe_mode", "license_redundancy_mode: "),
        ({"license_servers": "rlm1", "requested_by": "controller"}, 422, "invalid", "requested_by:"),
        ({"servers": "rlm1"}, 422, "invalid", "servers: unknown"),
    ],
)
async def test_a_wish_that_cannot_be_granted_changes_nothing(
    local: Daemon, document: dict[str, Any], status: int, kind: str, where: str
) -> None:
    found_status, found_kind, detail = (await local.put(PATH, document)).problem
    assert (found_status, found_kind) == (status, kind)
    assert detail.startswith(where)
    assert (await local.get(PATH)).document["set_at"] is None


async def test_jobs_are_not_led_past_a_balancer(writing: Daemon) -> None:
    refused = await writing.put(PATH.replace("prod", "lab"), {"license_servers": "rlm1"})
    assert refused.problem[:2] == (409, "past_balancer")
    shown = (await writing.get(PATH.replace("prod", "lab"))).document
    assert shown["jobs"]["servers"] == ["5053@lb.example.com"]


async def test_what_jobs_get_is_not_known_before_it_is_known_who_is_active(fresh: Daemon) -> None:
    assert (await fresh.get(PATH)).document["jobs"] is None
    planned = (await fresh.put(PATH, {"license_servers": "rlm1", "dry_run": True})).document
    assert [each["name"] for each in planned["changes"]] == ["license servers"]
    assert (await fresh.get("/api/v1/clusters/none/client-config")).problem[:2] == (404, "unknown_cluster")


async def test_a_viewer_reads_and_sets_nothing(tmp_path: Path) -> None:
    async with daemon(tmp_path, ready=False, tokens=TOKENS) as made:
        viewer, operator = ({"Authorization": f"Bearer {letter}"} for letter in ("v", "o"))
        assert (await made.get(PATH, headers=viewer)).status == 200
        wish = {"license_servers": "rlm1", "requested_by": "bob"}
        assert (await made.put(PATH, wish, headers=viewer)).problem[:2] == (403, "forbidden")
        told = (await made.put(PATH, wish, headers=operator)).document
        assert told["config"]["set_by"] == "ada (bob)", "the token's name was proved, the other claimed"
        assert (await made.put(PATH, wish)).status == 401


async def test_the_page_for_jobs_explains_every_key(writing: Daemon) -> None:
    text = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")
    shown = (await writing.get(PATH)).document
    updated = (await writing.put(PATH, {"license_servers": "rlm1", "dry_run": True})).document
    keys = [*shown, *(f"jobs.{key}" for key in shown["jobs"]), *shown["files"][0], *updated, *FIELDS]
    assert [key for key in (*keys, *updated["changes"][0]) if f"`{key}`" not in text] == []
