"""How many series a cluster has: a number that grows with servers and pools, and with nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.alerts.webhook import Result
from rlm_exporter.failover.reasons import Reason
from rlm_exporter.failover.steps import StepName
from rlm_exporter.haproxy.plan import Repair
from rlm_exporter.manifest.model import Server
from rlm_exporter.metrics.facts import ClusterFacts
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.negotiation import Encoding, Negotiated
from rlm_exporter.metrics.page import MetricsPage
from rlm_exporter.metrics.text import Format
from tests.metrics.situations import facts, server_up, web_result

DOCUMENT = Path(__file__).parents[2] / "docs" / "many-clusters.md"
PLAIN = Negotiated(format=Format.TEXT, encoding=Encoding.IDENTITY)


def sized(servers: int, pools: int) -> ClusterFacts:
    """A cluster of so many servers, all well, with one ISV and so many pools each; its balancers unread."""
    base = facts()
    status = next(part.status for part in base.snapshot.servers if part.status and part.status.pools)
    pool, isv = status.pools[0], status.isvs[0]
    answer = replace(
        status,
        isvs=(isv,),
        pools=tuple(replace(pool, product=f"p{number}", isv=isv.name) for number in range(pools)),
    )
    names = [f"rlm{number}" for number in range(1, servers + 1)]
    parts = tuple(replace(server_up("rlm1", answer, web=web_result()), server=name) for name in names)
    cluster = replace(
        base.cluster,
        servers=tuple(Server(name=name, role="primary", host=f"{name}.example.com") for name in names),
        features=(),
    )
    return replace(base, cluster=cluster, snapshot=replace(base.snapshot, servers=parts), readings=())


async def series(servers: int, pools: int) -> int:
    instruments = Instruments(
        rules=[each.value for each in Reason],
        steps=[each.value for each in StepName],
        webhook_results=[each.value for each in Result],
        reapply_reasons=[each.value for each in Repair],
    )
    one = sized(servers, pools)
    instruments.watch(one.cluster)
    page = MetricsPage(instruments=instruments)
    page.update((one,))
    await page.refresh()
    return sum(not line.startswith(b"#") for line in (await page.body(PLAIN)).splitlines())


@pytest.mark.parametrize(("servers", "pools"), [(1, 1), (3, 2), (3, 100), (10, 100)])
async def test_the_series_are_as_many_as_the_documentation_says(servers: int, pools: int) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(r"series = (\d+) \+ (\d+) · servers \+ (\d+) · servers · pools", text)
    assert found is not None
    base, of_server, of_pool = map(int, found.groups())

    assert await series(servers, pools) == base + of_server * servers + of_pool * servers * pools
