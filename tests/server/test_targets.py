"""`/probe` and `/api/v1/sd`: what Prometheus needs to divide clusters among daemons."""

import gzip
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from rlm_exporter.manifest.model import HealthCheckPolicy
from tests.clock import FakeClock
from tests.probe.parts import NOW, REFUSED
from tests.server.daemon import Daemon, cluster, daemon, tell, until

Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
async def told(local: Daemon) -> Daemon:
    """A daemon whose page knows what its controllers know."""
    await tell(local)
    return local


async def samples(made: Daemon, path: str) -> dict[Sample, float]:
    answer = await made.get(path, headers={"Accept-Encoding": "identity"})
    assert (answer.status, answer.headers["Content-Type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    families = parse_text(answer.body.decode())
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in families
        for each in family.samples
    }


def of(found: dict[Sample, float], name: str) -> list[tuple[dict[str, str], float]]:
    return [(dict(labels), value) for (each, labels), value in found.items() if each == name]


# ---- one target


async def test_a_clusters_target_has_all_of_that_cluster_and_nothing_of_another(told: Daemon) -> None:
    whole, alone = await samples(told, "/metrics"), await samples(told, "/probe?target=prod")
    added = {key for key in alone if key[0].startswith("probe_")}

    assert {key for key in whole if ("cluster", "prod") in key[1]} == alone.keys() - added
    assert added == {
        (name, frozenset({("cluster", "prod")}))
        for name in ("probe_success", "probe_duration_seconds", "probe_timestamp_seconds")
    }


async def test_a_servers_target_has_what_is_said_of_that_server(told: Daemon) -> None:
    whole, alone = await samples(told, "/metrics"), await samples(told, "/probe?target=prod/rlm2")
    rlm2 = {("cluster", "prod"), ("server", "rlm2")}

    assert {key for key in whole if key[1] >= rlm2} == {
        key for key in alone if not key[0].startswith("probe_")
    }
    assert of(alone, "probe_success") == [(dict(rlm2), 1)]
    assert of(alone, "rlm_server_active") == [(dict(rlm2), 0)]


async def test_a_cluster_is_as_well_as_the_server_that_clients_are_sent_to(local: Daemon) -> None:
    async def fails(host: str) -> None:
        local.license.failures[host] = REFUSED
        prober = local.services.controllers["prod"].prober
        prober.check_now(host.partition(".")[0])

        async def down() -> bool:
            return prober.snapshot.server(host.partition(".")[0]).health.failures > 0

        await until(down, what=f"{host} down")
        await tell(local)

    await fails("rlm2.prod.example.com")
    assert of(await samples(local, "/probe?target=prod"), "probe_success") == [({"cluster": "prod"}, 1)]
    await fails("rlm1.prod.example.com")
    assert of(await samples(local, "/probe?target=prod"), "probe_success") == [({"cluster": "prod"}, 0)]
    assert of(await samples(local, "/probe?target=lab"), "probe_success") == [({"cluster": "lab"}, 1)]


async def test_what_was_never_checked_is_neither_a_success_nor_a_failure(fresh: Daemon) -> None:
    for _ in ("before the page knows of the cluster", "after it"):
        for path in ("/probe?target=prod", "/probe?target=prod/rlm1"):
            found = await samples(fresh, path)
            assert [key for key in found if key[0].startswith("probe_")] == []
        await tell(fresh)


async def test_a_check_that_is_too_old_is_no_success(told: Daemon) -> None:
    """Normal detection: three attempts of 10 s and a pause of 1 s each are longer than the interval."""
    prober = told.services.controllers["prod"].prober
    await told.stop_controllers()
    await tell(told)
    checked = prober.snapshot.server("rlm1").checked_at
    assert checked is not None

    for path in ("/probe?target=prod", "/probe?target=prod/rlm1"):
        told.services.clock = FakeClock(checked + timedelta(seconds=66))
        assert [value for _, value in of(await samples(told, path), "probe_success")] == [1]
        told.services.clock = FakeClock(checked + timedelta(seconds=66, microseconds=1))
        late = await samples(told, path)
        assert [value for _, value in of(late, "probe_success")] == [0]
        assert of(late, "probe_duration_seconds") == []
        assert [value for _, value in of(late, "probe_timestamp_seconds")] == [
            pytest.approx(checked.timestamp())
        ]


async def test_a_scrape_asks_nothing_of_a_license_server(told: Daemon) -> None:
    await told.stop_controllers()
    before = len(told.license.asked)
    for target in ("prod", "prod/rlm1"):
        await samples(told, f"/probe?target={target}")

    assert len(told.license.asked) == before > 0


async def test_a_target_comes_in_the_form_that_is_asked_for(told: Daemon) -> None:
    plain = await told.get("/probe?target=prod", headers={"Accept-Encoding": "identity"})
    packed = await told.get("/probe?target=prod", headers={"Accept-Encoding": "gzip"})
    other = await told.get("/probe?target=prod", headers={"Accept": "application/openmetrics-text"})

    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["Content-Encoding"] == "gzip"
    assert other.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = parse_openmetrics(gzip.decompress(other.body).decode())  # type: ignore[no-untyped-call]  # theirs
    assert {"probe_success", "rlm_server_up", "rlm_probe_failures"} <= {family.name for family in families}


async def test_the_module_says_which_probe_is_told_of(tmp_path: Path) -> None:
    described = replace(cluster("prod"), health_check=HealthCheckPolicy(check_web=True))
    async with daemon(tmp_path, clusters=(described,)) as made:
        await tell(made)
        found = {
            module: await samples(made, f"/probe?target=prod/rlm1{module}")
            for module in ("", "&module=license", "&module=web")
        }

    [(_, web_ended)] = of(found["&module=web"], "probe_timestamp_seconds")
    assert web_ended == NOW.timestamp() + 0.003, "when the scripted web probe says that it ended"
    assert found[""] == found["&module=license"] != found["&module=web"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "",
            (400, "invalid", "target: say it once, as CLUSTER or CLUSTER/SERVER; /api/v1/sd lists them"),
        ),
        (
            "?target=",
            (400, "invalid", "target: say it once, as CLUSTER or CLUSTER/SERVER; /api/v1/sd lists them"),
        ),
        (
            "?target=prod&target=lab",
            (400, "invalid", "target: say it once, as CLUSTER or CLUSTER/SERVER; /api/v1/sd lists them"),
        ),
        ("?cluster=prod", (400, "invalid", "cluster: unknown; known are target, module")),
        ("?target=prod&module=icmp", (400, "invalid", "module: unknown; known are license, web")),
        (
            "?target=prod&module=web",
            (400, "invalid", "module: the manifest of prod has checkWeb: false"),
        ),
        ("?target=nope", (404, "unknown_cluster", "no such cluster; known: lab, prod")),
        ("?target=Prod/rlm1", (404, "unknown_cluster", "no such cluster; known: lab, prod")),
        ("?target=prod/rlm9", (404, "unknown_server", "prod has no such server; known: rlm1, rlm2, rlm3")),
        ("?target=prod/", (404, "unknown_server", "prod has no such server; known: rlm1, rlm2, rlm3")),
        ("?target=prod/rlm1/", (404, "unknown_server", "prod has no such server; known: rlm1, rlm2, rlm3")),
    ],
)
async def test_a_target_that_is_none_is_a_problem(
    fresh: Daemon, query: str, expected: tuple[int, str, str]
) -> None:
    assert (await fresh.get(f"/probe{query}")).problem == expected


# ---- the list of targets


async def discovered(made: Daemon, query: str = "") -> list[dict[str, Any]]:
    answer = await made.get(f"/api/v1/sd{query}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    groups = orjson.loads(answer.body)
    assert isinstance(groups, list)
    return groups


async def test_each_cluster_is_a_target_with_its_name_as_label(fresh: Daemon) -> None:
    assert await discovered(fresh) == [
        {"targets": ["prod"], "labels": {"cluster": "prod"}},
        {"targets": ["lab"], "labels": {"cluster": "lab"}},
    ]


async def test_servers_are_targets_where_they_are_asked_for(fresh: Daemon) -> None:
    groups = await discovered(fresh, "?by=server&cluster=lab")

    assert [group["targets"] for group in groups] == [["lab/rlm1"], ["lab/rlm2"], ["lab/rlm3"]]
    assert groups[0]["labels"] == {
        "cluster": "lab",
        "server": "rlm1",
        "__meta_rlm_ha_host": "rlm1.lab.example.com",
        "__meta_rlm_ha_role": "primary",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?cluster=lab", ["lab"]),
        ("?cluster=lab&cluster=prod", ["prod", "lab"]),
        ("?cluster=gone", []),
        ("?by=cluster", ["prod", "lab"]),
    ],
)
async def test_the_list_can_be_narrowed_to_some_clusters(
    fresh: Daemon, query: str, expected: list[str]
) -> None:
    groups = await discovered(fresh, query)
    assert [target for group in groups for target in group["targets"]] == expected


async def test_every_target_of_the_list_is_one_that_can_be_scraped(told: Daemon) -> None:
    groups = [*await discovered(told), *await discovered(told, "?by=server")]
    for group in groups:
        for target in group["targets"]:
            assert (await told.get(f"/probe?target={target}")).status == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?by=host", "by: unknown; known are cluster, server"),
        ("?clusters=prod", "clusters: unknown; known are cluster, by"),
    ],
)
async def test_a_list_that_cannot_be_meant_is_a_problem(fresh: Daemon, query: str, expected: str) -> None:
    assert (await fresh.get(f"/api/v1/sd{query}")).problem == (422, "invalid", expected)
