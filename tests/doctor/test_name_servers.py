"""What name servers know of the servers' names: a real one, one that is dead, one that refuses."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.doctor.checks import names
from rlm_exporter.doctor.finding import Finding, Outcome, Skipped
from rlm_exporter.doctor.name_servers import Known, know, of_this_machine, read_answer
from rlm_exporter.doctor.site import Site
from rlm_exporter.manifest.model import Cluster, Resolvers
from tests.doctor.sites import resolver, site, with_balancer
from tests.examples.bind import NameServer
from tests.ports import free_port


@pytest.fixture(scope="module")
def dns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with NameServer(tmp_path_factory.mktemp("dns")) as server:
        yield f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("rlm.example.com", Known.YES),
        ("RLM.example.com.", Known.YES),
        ("rlm9.example.com", Known.NO),
        ("example.com", Known.NO),
        ("rlm.example.org", Known.UNKNOWN),
        ("a" * 64 + ".example.com", Known.NO),
    ],
)
async def test_a_name_server_is_asked_for_exactly_that_name(dns: str, name: str, known: Known) -> None:
    """It has no address for its zone itself, and refuses what is another's."""
    assert await know([dns], name) is known


async def test_one_that_has_an_address_is_enough_and_one_that_is_dead_says_nothing(dns: str) -> None:
    dead = f"127.0.0.1:{free_port()}"

    assert await know([dead, dns], "rlm.example.com") is Known.YES
    assert await know([dead, dns], "rlm9.example.com") is Known.NO
    assert await know([dead], "rlm.example.com") is Known.UNKNOWN
    assert await know([], "rlm.example.com") is Known.UNKNOWN


@pytest.mark.parametrize("data", [b"", b"\0" * 11, b"\0\7" + b"\0" * 10, b"\0\x08\x80" + b"\0" * 9])
def test_what_answers_no_question_of_ours_is_no_answer(data: bytes) -> None:
    """Cut, a question, or an answer to another one."""
    assert read_answer(data, 7) is None


def test_the_machines_own_name_servers_are_those_of_resolv_conf(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# a comment\nsearch example.com\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver\n"
    )

    assert of_this_machine(path) == ("192.0.2.53:53", "[2001:db8::53]:53")


def told(outcome: Outcome) -> list[Finding]:
    assert not isinstance(outcome, Skipped)
    return list(outcome)


def asking(dns: str, *hosts: str) -> Site:
    """A cluster whose servers are called so, and whose HAProxy asks there."""
    cluster: Cluster = with_balancer(resolvers=Resolvers(addresses=(dns,)))
    servers = tuple(replace(server, host=host) for server, host in zip(cluster.servers, hosts, strict=False))
    return site(
        cluster=replace(cluster, servers=servers),
        addresses=resolver(rlm=("192.0.2.1",), rlm9=("192.0.2.9",)),
    )


async def test_a_name_that_only_etc_hosts_knows_is_found_while_all_is_well(dns: str) -> None:
    found = told(await names.examine(asking(dns, "rlm.example.com", "rlm9.example.com")))

    assert [(each.subject, each.weight.value) for each in found] == [("rlm9.example.com", "error")]
    assert found[0].what == f"is not known to the name servers that HAProxy asks ({dns})"


async def test_name_servers_that_do_not_answer_are_told_once() -> None:
    dead = f"127.0.0.1:{free_port()}"
    found = told(await names.examine(asking(dead, "rlm.example.com", "rlm9.example.com")))

    assert [each.what for each in found if each.subject == "loadBalancer.resolvers"] == [
        f"no name server answers here ({dead})"
    ]
