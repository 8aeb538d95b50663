"""HAProxy as it runs, and its file, against the manifest."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.doctor.checks import haproxy, haproxy_file
from rlm_exporter.doctor.finding import Finding, Outcome, Skipped
from rlm_exporter.doctor.site import Asked, Site
from rlm_exporter.haproxy.config import render_config
from rlm_exporter.haproxy.stats_page import Action
from rlm_exporter.manifest.model import Cluster, HaproxyEndpoint, Resolvers
from tests.doctor.sites import resolver, site
from tests.haproxy.lab import Lab, lab, make_cluster

pytestmark = pytest.mark.row(48)

ENDPOINT = HaproxyEndpoint(name="lb1", url="unix:/run/haproxy/rlm.sock")
CLUSTER = make_cluster(endpoint=ENDPOINT)
RENDERED = render_config(CLUSTER, ENDPOINT)


def at(cluster: Cluster, *, haproxy: Path | None = None) -> Site:
    return replace(site(), cluster=cluster, asked=Asked(haproxy=haproxy))


def told(outcome: Outcome) -> list[Finding]:
    assert not isinstance(outcome, Skipped)
    return list(outcome)


async def steer(running: Lab) -> None:
    await running.client().command(Action.MAINT, ("rlm2", "rlm3"), epoch=1)


async def test_a_balancer_that_is_steered_is_as_it_should_be(tmp_path: Path) -> None:
    async with lab(tmp_path) as running:
        await steer(running)

        assert told(await haproxy.examine(at(running.cluster))) == []


async def test_one_that_nobody_has_steered_is_warned_of(tmp_path: Path) -> None:
    async with lab(tmp_path, with_servers=False) as running:
        (found,) = told(await haproxy.examine(at(running.cluster)))

        assert (found.subject, found.weight) == ("lb1", "warning")
        assert found.what == "nobody has steered it since its last start"


async def test_a_server_that_it_does_not_know_is_an_error(tmp_path: Path) -> None:
    def rename(text: str) -> str:
        return text.replace("server rlm3 ", "server other ").replace("/rlm3 ", "/other ")

    async with lab(tmp_path, change=rename, with_servers=False) as running:
        found = told(await haproxy.examine(at(running.cluster)))

        assert "it does not know rlm3 in every backend" in [each.what for each in found]


async def test_one_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    endpoint = replace(ENDPOINT, url=f"unix:{tmp_path / 'nobody.sock'}")

    (found,) = told(await haproxy.examine(at(make_cluster(endpoint=endpoint))))

    assert (found.subject, found.weight) == ("lb1", "error")
    assert "cannot be reached" in found.what


def named(running: Lab, *addresses: str, resolvers: Resolvers | None = None) -> Site:
    """The lab's cluster, in whose manifest rlm1 is a name, which stands for these addresses here."""
    cluster, name = running.cluster, "rlm1.example.com"
    assert cluster.load_balancer is not None
    return replace(
        site(addresses=resolver(rlm1=addresses)),
        cluster=replace(
            cluster,
            servers=(replace(cluster.servers[0], host=name), *cluster.servers[1:]),
            load_balancer=replace(cluster.load_balancer, resolvers=resolvers),
        ),
    )


@pytest.mark.parametrize(
    "addresses", [("127.0.61.1",), ("192.0.2.1", "127.0.61.1"), ("::1", "127.0.61.1"), ()]
)
async def test_any_address_of_a_name_is_right_and_an_unknown_name_is_another_checks_business(
    tmp_path: Path, addresses: tuple[str, ...]
) -> None:
    async with lab(tmp_path) as running:
        await steer(running)
        assert told(await haproxy.examine(named(running, *addresses))) == []


@pytest.mark.parametrize(
    ("resolvers", "remedy"),
    [(None, "reload it: it looks names up when it starts"), (Resolvers(), "see whether")],
)
async def test_a_balancer_that_sends_clients_elsewhere_than_to_the_name_is_warned_of(
    tmp_path: Path, resolvers: Resolvers | None, remedy: str
) -> None:
    async with lab(tmp_path) as running:
        await steer(running)
        (found,) = told(await haproxy.examine(named(running, "192.0.2.7", "192.0.2.8", resolvers=resolvers)))
        assert (found.subject, found.weight) == ("lb1", "warning")
        assert found.what == (
            "it sends clients of rlm1 to 127.0.61.1, and rlm1.example.com is 192.0.2.7 and 192.0.2.8 here"
        )
        assert found.remedy.startswith(remedy)


async def test_a_balancer_with_another_address_than_the_manifest_is_warned_of(tmp_path: Path) -> None:
    def change(text: str) -> str:
        return text.replace("127.0.61.2:", "127.0.61.9:")

    async with lab(tmp_path, change=change) as running:
        await steer(running)
        (found,) = told(await haproxy.examine(at(running.cluster)))
        assert found.what == "it sends clients of rlm2 to 127.0.61.9 and not to 127.0.61.2"
        assert found.remedy.startswith("render its configuration again")


async def test_a_balancer_whose_page_tells_no_addresses_is_not_judged_by_them(tmp_path: Path) -> None:
    """As of one that was rendered before the page told them."""
    async with lab(tmp_path, change=lambda text: text.replace("    stats show-legends\n", "")) as running:
        await steer(running)
        assert told(await haproxy.examine(named(running, "192.0.2.7"))) == []


def test_a_file_without_the_resolvers_that_the_manifest_asks_for_is_found() -> None:
    hosts = ("rlm1.example.com", "127.0.61.2", "127.0.61.3")
    cluster = make_cluster(endpoint=ENDPOINT, hosts=hosts, resolvers=Resolvers(addresses=("192.0.2.53:53",)))
    text = render_config(cluster, ENDPOINT)
    for change, found in (
        (str, []),
        (lambda text: text.replace(" resolvers rlm-ha ", " "), ["use no resolvers"]),
        (lambda text: text.replace("\nresolvers rlm-ha\n", "\nresolvers other\n"), ["use no resolvers"]),
    ):
        whats = haproxy_file.judge(cluster, ENDPOINT, change(text), subject="haproxy.cfg")
        assert [words in each.what for each, words in zip(whats, found, strict=True)] == [True] * len(found)


def judged(text: str) -> list[str]:
    return [each.what for each in haproxy_file.judge(CLUSTER, ENDPOINT, text, subject="haproxy.cfg")]


def without(line: str) -> Callable[[str], str]:
    return lambda text: "\n".join(each for each in text.splitlines() if not each.strip().startswith(line))


def test_the_rendered_file_is_as_it_should_be() -> None:
    assert judged(RENDERED) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace(" peers rlm\n", "\n"), "its stick table has no peers"),
        (lambda text: text.replace("peers rlm\n", "peers other\n", 1), "its stick table has no peers"),
        (without("stick-table"), "the license backend has no stick table"),
        (without("tcp-request content accept"), "do not hold connections"),
        (without("set-var proc.start"), "do not hold connections"),
        (without("option redispatch"), "option redispatch is missing"),
        (without("server rlm2 "), "backend rlm_license_servers has no server rlm2"),
        (lambda text: text.replace("127.0.61.2:5053", "10.9.9.9:5053"), "has rlm2 at 10.9.9.9:5053"),
        (lambda text: text.replace("127.0.61.3:49152", "127.0.61.3:1"), "has rlm3 at 127.0.61.3:1"),
        (lambda text: text + "\nlisten stats\n    stats admin if TRUE\n", "lets everybody steer it"),
        (lambda text: text + '\nbackend x\n    tcp-check send "STATUS"\n', "sends bytes to a license port"),
        (lambda _: "", "there is no backend rlm_license_servers"),
    ],
)  # fmt: skip
def test_what_is_missing_in_a_file_is_found(change: Callable[[str], str], words: str) -> None:
    assert any(words in what for what in judged(change(RENDERED)))


def as_typed(path: Path) -> Path:
    """From where one stands."""
    return Path(os.path.relpath(path))


async def test_haproxy_itself_is_asked_about_the_file(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text(RENDERED)
    assert told(await haproxy_file.examine(at(CLUSTER, haproxy=path))) == []
    assert told(await haproxy_file.examine(at(CLUSTER, haproxy=as_typed(path)))) == []

    path.write_text(RENDERED + "\nfrontend broken\n    bind nothing at all\n")
    found = told(await haproxy_file.examine(at(CLUSTER, haproxy=path)))

    assert any(each.what.startswith("HAProxy says: ") and each.weight == "error" for each in found)
    missing = told(await haproxy_file.examine(at(CLUSTER, haproxy=tmp_path / "nowhere")))
    assert [each.what for each in missing] == ["cannot be read: No such file or directory"]
