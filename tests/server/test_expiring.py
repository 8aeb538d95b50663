"""Which licenses end soon."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from rlm_exporter.rlm.status import Permanent, Pool
from rlm_exporter.server.expiring import ending_document, endings
from tests.metrics.situations import NOW, RENEWED, cluster, reading, server_down, server_up, status
from tests.server.daemon import Daemon

ANSWER = status("15.2-two-isvs")
YEAR = timedelta(days=365)
TODAY = NOW.date()


def pool(product: str, expires: date | Permanent | None, **changes: object) -> Pool:
    fields: dict[str, object] = {
        "isv": "acme", "product": product, "version": "3.0", "pool": 1, "count": 4, "reservations": 1,
        "inuse": 0, "expires": expires, "uncounted": False, "token": False, "total_checkouts": 0,
    }  # fmt: skip
    return Pool(**fields | changes)  # type: ignore[arg-type]  # the fields of a Pool


def served(*pools: Pool, name: str = "rlm1") -> ServerSnapshot:
    return server_up(name, replace(ANSWER, pools=pools))


def found(
    *parts: ServerSnapshot, within: timedelta = YEAR, now: datetime = NOW
) -> list[tuple[str, str, date]]:
    every = endings(
        cluster(),
        ClusterSnapshot(cluster="rlm-ha-cluster", taken_at=now, servers=parts),
        now=now,
        within=within,
    )
    return [(each.server, each.product, each.last_day) for each in every]


def test_pools_that_end_soon_those_first_that_end_first() -> None:
    soon, later = TODAY + timedelta(days=3), TODAY + timedelta(days=80)
    pools = (
        pool("b", later),
        pool("a", later),
        pool("c", soon),
        pool("d", Permanent.PERMANENT),
        pool("e", None),
    )
    assert found(served(*pools)) == [("rlm1", "c", soon), ("rlm1", "a", later), ("rlm1", "b", later)]
    assert found(served(*pools), within=timedelta(days=10)) == [("rlm1", "c", soon)]


def test_a_license_is_good_through_its_last_day_where_its_server_stands() -> None:
    last = served(pool("a", TODAY))
    assert len(found(last, within=timedelta(days=1))) == 1
    (ending,) = endings(
        cluster(), ClusterSnapshot(cluster="c", taken_at=NOW, servers=(last,)), now=NOW, within=YEAR
    )
    tomorrow = TODAY + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=cluster().server("rlm1").zone)
    assert ending.ends_at == midnight
    document = ending_document(ending, NOW)
    assert document["days_left"] == pytest.approx((midnight - NOW) / timedelta(days=1), abs=0.01)
    assert (document["source"], document["count"], document["version"]) == ("pool", 5, "3.0")


def test_one_that_has_ended_is_told_for_a_month() -> None:
    assert found(served(pool("a", TODAY - timedelta(days=20)))) != []
    assert found(served(pool("a", TODAY - timedelta(days=40)))) == []


def test_license_files_say_more_than_pools() -> None:
    part = replace(
        served(pool("solver", date(2026, 6, 30)), pool("other", date(2026, 5, 1))), license_files=reading()
    )
    now = datetime(2026, 2, 10, tzinfo=UTC)
    assert found(part, now=now) == [
        ("rlm1", "solver", date(2026, 1, 31)),
        ("rlm1", "other", date(2026, 5, 1)),
        ("rlm1", "solver", date(2026, 6, 30)),
    ]
    every = endings(
        cluster(), ClusterSnapshot(cluster="c", taken_at=now, servers=(part,)), now=now, within=YEAR
    )
    assert [ending_document(each, now)["place"] for each in every] == ["acme.lic:3", None, "acme.lic:4"]
    first = ending_document(every[0], now)
    assert first["days_left"] < 0
    assert (first["version"], first["count"], first["renewed_by"]) == ("3.0", 30, None)


def test_a_license_whose_renewal_is_there_says_so() -> None:
    part = replace(served(), license_files=reading(RENEWED))
    now = datetime(2026, 1, 20, tzinfo=UTC)
    every = endings(
        cluster(), ClusterSnapshot(cluster="c", taken_at=now, servers=(part,)), now=now, within=YEAR
    )
    told = {each.place: each.renewed_by for each in every}

    assert (told["acme.lic:3"], told["acme.lic:4"]) == ("acme.lic:7", None)


def test_of_a_server_that_is_down_nothing_is_told() -> None:
    assert found(server_down("rlm3")) == []


async def test_over_http(local: Daemon) -> None:
    path = "/api/v1/clusters/prod/expiring"
    document = (await local.get(path)).document
    assert (document["cluster"], document["within_days"]) == ("prod", 90.0)
    assert (await local.get(f"{path}?within=2w")).document["within_days"] == 14
    assert (await local.get(f"{path}?within=soon")).problem == (
        422,
        "invalid",
        "within: write it like 3d, 12h or 90m",
    )
    assert (await local.get(f"{path}?within=9999w")).problem[2] == "within: more than 3660 days"
    assert (await local.get(f"{path}?days=3")).problem[2] == "days: unknown; known are within"
    assert (await local.get(path.replace("prod", "nobody"))).problem[:2] == (404, "unknown_cluster")


async def test_servers_of_which_nothing_is_known_are_named(fresh: Daemon) -> None:
    document = (await fresh.get("/api/v1/clusters/prod/expiring")).document
    assert (document["licenses"], document["unknown"]) == ([], ["rlm1", "rlm2", "rlm3"])
