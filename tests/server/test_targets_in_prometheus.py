"""A real Prometheus finds clusters by `/api/v1/sd`, divides them, and scrapes each by `/probe`."""

import asyncio
import re
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.rules.programs import ROOT, run
from tests.server.daemon import Daemon, cluster, daemon, tell, until
from tests.server.prometheus import Labels, Prometheus, prometheus
from tests.server.test_auth import TOKENS

EXAMPLE = ROOT / "rules" / "prometheus-many.example.yml"
DOCUMENT = ROOT / "docs" / "many-clusters.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
EVERY, PARTS, SHARED = range(3)
"""The blocks, in the order of the document."""

CLUSTERS = ("prod", "lab", "east", "west", "north", "south")


def test_the_example_is_valid_with_its_rules() -> None:
    checked = run("promtool", "check", "config", EXAMPLE)
    assert checked.returncode == 0, checked.stderr
    assert "8 rule files found" in checked.stdout


@pytest.mark.parametrize("block", BLOCKS, ids=("every", "parts", "shared"))
def test_what_the_document_shows_is_valid(tmp_path: Path, block: str) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text(block, encoding="utf-8")
    checked = run("promtool", "check", "config", path)
    assert checked.returncode == 0, checked.stderr


def test_the_document_shows_what_the_example_has() -> None:
    [shown], [whole, _] = jobs(BLOCKS[EVERY]), jobs(EXAMPLE.read_text(encoding="utf-8"))
    assert shown == whole


def jobs(text: str, *daemons: Daemon) -> list[dict[str, Any]]:
    """The scrape configurations of a text, at the addresses of these daemons and with a token for them."""
    for number, made in enumerate(daemons, start=1):
        text = text.replace(f"ha{number}.example.com:10053", urlsplit(made.url).netloc)
    found: list[dict[str, Any]] = yaml.safe_load(text)["scrape_configs"]
    for each in found if daemons else ():
        each["authorization"] = {"credentials": "v"}
        for place in each.get("http_sd_configs", ()):
            place["authorization"] = {"type": "Bearer", "credentials": "v"}
        each |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    return found


def made_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def told(stack: AsyncExitStack, folder: Path, *names: str, **more: Any) -> Daemon:
    """A daemon of these clusters, whose page is kept up to date."""
    clusters = tuple(cluster(name) for name in names)
    made = await stack.enter_async_context(daemon(made_folder(folder), clusters=clusters, **more))
    await tell(made)
    return made


async def scraped(made: Prometheus, *, number: int) -> dict[str, Labels]:
    """So many targets by the URL that is scraped, once each of them has been scraped well.

    A target is told to be up a moment before what was scraped of it can be asked for.
    """

    async def all_up() -> bool:
        targets = await made.targets()
        if len(targets) != number or any(each["health"] != "up" for each in targets):
            return False
        return len(await made.series("up == 1")) == number

    try:
        await until(all_up, within=40, what=f"{number} good targets")
    except AssertionError as error:
        seen = [(each["scrapeUrl"], each["health"], each["lastError"]) for each in await made.targets()]
        raise AssertionError(f"{error}: {seen}") from error
    return {each["scrapeUrl"]: each["labels"] for each in await made.targets()}


def pairs(series: Iterable[tuple[Labels, float]]) -> list[tuple[str | None, str | None]]:
    """Whose they are, and through which daemon they came."""
    return sorted((labels.get("cluster"), labels["instance"]) for labels, _ in series)


async def test_each_cluster_is_scraped_of_the_daemon_that_lists_it(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await told(stack, tmp_path / "first", "prod", "lab")
        second = await told(stack, tmp_path / "second", "east", tokens=TOKENS)
        one, two = urlsplit(first.url).netloc, urlsplit(second.url).netloc
        expected = [("east", two), ("lab", one), ("prod", one)]
        whole, own = jobs(EXAMPLE.read_text(encoding="utf-8"), first, second)
        made = await stack.enter_async_context(
            prometheus(tmp_path / "prometheus", {"scrape_configs": [whole, own]})
        )
        assert set(await scraped(made, number=5)) == {
            *(f"http://{address}/probe?target={name}" for name, address in expected),
            *(f"http://{address}/metrics" for address in (one, two)),
        }

        assert pairs(await made.series('up{job="rlm-ha"} == 1')) == expected
        assert pairs(await made.series("probe_success == 1")) == expected
        assert pairs(await made.series("rlm_server_up == 1")) == sorted(expected * 3)
        assert await made.series('{exported_cluster=~".+"}') == []
        assert pairs(await made.series("rlm_exporter_build_info")) == sorted([(None, one), (None, two)])
        assert await made.series('{job="rlm-ha-exporters",cluster!=""}') == []


async def test_servers_can_be_targets_of_their_own(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        local = await told(stack, tmp_path / "daemon", "prod")
        [job] = jobs(BLOCKS[EVERY], local)
        job["http_sd_configs"] = [{"url": f"{local.url}/api/v1/sd?by=server"}]
        made = await stack.enter_async_context(prometheus(tmp_path / "prometheus", {"scrape_configs": [job]}))
        await scraped(made, number=3)

        for query in ("up", "probe_success", "rlm_server_up"):
            found = await made.series(query)
            assert sorted((each["cluster"], each["server"]) for each, _ in found) == [
                ("prod", "rlm1"),
                ("prod", "rlm2"),
                ("prod", "rlm3"),
            ]


async def test_two_prometheis_share_the_clusters_out_without_loss_or_double(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await told(stack, tmp_path / "first", *CLUSTERS[:4])
        second = await told(stack, tmp_path / "second", *CLUSTERS[4:])
        [one], [other] = jobs(BLOCKS[PARTS], first, second), jobs(BLOCKS[PARTS], first, second)
        other["relabel_configs"][-1]["regex"] = "1"
        both = await asyncio.gather(
            *(
                stack.enter_async_context(prometheus(tmp_path / f"{part}", {"scrape_configs": [job]}))
                for part, job in (("one", one), ("other", other))
            )
        )

        async def divided() -> bool:
            return sum([len(await each.targets()) for each in both]) == len(CLUSTERS)

        await until(divided, within=40, what="every cluster in one of the two")
        shares = [{each["labels"]["cluster"] for each in await made.targets()} for made in both]
        assert shares[0] | shares[1] == set(CLUSTERS)
        assert all(shares)


async def test_of_daemons_that_all_know_all_clusters_each_is_asked_for_its_share(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await told(stack, tmp_path / "first", *CLUSTERS)
        second = await told(stack, tmp_path / "second", *CLUSTERS)
        [job] = jobs(BLOCKS[SHARED], first, second)
        made = await stack.enter_async_context(prometheus(tmp_path / "prometheus", {"scrape_configs": [job]}))
        found = await scraped(made, number=len(CLUSTERS))

        assert {labels["cluster"] for labels in found.values()} == set(CLUSTERS)
        assert {urlsplit(url).netloc for url in found} == {
            urlsplit(each.url).netloc for each in (first, second)
        }
