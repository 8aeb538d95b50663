"""Which servers clients are told of: what may be set, and what comes of it while somebody is active."""

from dataclasses import replace

import pytest

from rlm_exporter.manifest.model import ClientOrder, HaproxyEndpoint, LoadBalancerSpec, Takeover, Tuning
from rlm_exporter.render.client_servers import Misfit, MisfitKind, endpoints_for, misfit, read_servers
from rlm_exporter.rlm.address import format_endpoint
from rlm_exporter.store.records import ClientConfig
from tests.render.test_client_settings import CLUSTER

ONE, TWO, THREE = "5053@rlm1.example.com", "5063@[2001:db8::2]", "5053@rlm3.example.com"
LB = "5053@lb.example.com"
BEHIND = replace(
    CLUSTER,
    load_balancer=LoadBalancerSpec(
        host="lb.example.com",
        haproxy=(HaproxyEndpoint(name="lb1", url="unix:/run/lb1", address="lb1.example.com"),),
    ),
)


def told(active: str, *servers: str, follows: bool = True, cluster: object = CLUSTER) -> list[str]:
    config = ClientConfig(servers=servers, follows=follows)
    assert isinstance(cluster, type(CLUSTER))
    return [format_endpoint(each) for each in endpoints_for(cluster, active, config)]


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", ()),
        ("prod", ()),
        (f"{ONE}:{THREE}", (ONE, THREE)),
        (f"{ONE}:{TWO}:{THREE}", (ONE, TWO, THREE)),
        (f"{THREE};{TWO}", (THREE, TWO)),
        ("rlm3 rlm1", (THREE, ONE)),
        ("rlm1, rlm2,rlm3", (ONE, TWO, THREE)),
        ("rlm1.example.com:5053", (ONE,)),
        ("[2001:db8::2]:5063 rlm1.example.com", (TWO, ONE)),
        (f"{ONE}:{ONE}:rlm1", (ONE,)),
        ("5053@RLM1.example.com.", ("5053@RLM1.example.com.",)),
        ("5053@lb.elsewhere.example", ("5053@lb.elsewhere.example",)),
    ],
)
@pytest.mark.row(25)
def test_a_list_is_read_as_the_guide_prints_it_and_by_names(text: str, servers: tuple[str, ...]) -> None:
    assert read_servers(text, CLUSTER) == servers


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rlm9", "'rlm9'"),
        (f"{ONE}:5053@rlm9.example.com", "'5053@rlm9.example.com'"),
        ("5054@rlm1.example.com", "'5054@rlm1.example.com'"),
        (f"{LB}:5053@lb2.example.com", f"'{LB}'"),
        (f"{ONE}:/opt/rlm/a.lic", "'/opt/rlm/a.lic'"),
        ("5053@", "'5053@'"),
        ("5053@$HOST", "'5053@$HOST'"),
    ],
)
def test_a_server_that_is_not_of_the_cluster_is_refused_with_those_that_are(text: str, named: str) -> None:
    refused = read_servers(text, CLUSTER)
    assert isinstance(refused, Misfit)
    assert refused.kind is MisfitKind.UNKNOWN_SERVER
    assert refused.detail == f"{named} is not of prod; there are {ONE}, {TWO}, {THREE}"


def test_behind_a_balancer_its_addresses_alone_are_told() -> None:
    assert read_servers(LB, BEHIND) == (LB,)
    assert read_servers(f"5053@lb1.example.com:{LB}", BEHIND) == ("5053@lb1.example.com", LB)
    past = read_servers(f"{LB}:{ONE}", BEHIND)
    assert isinstance(past, Misfit)
    assert past.kind is MisfitKind.PAST_BALANCER
    assert f"{LB} or 5053@lb1.example.com" in past.detail
    stranger = read_servers("5053@elsewhere.example", BEHIND)
    assert isinstance(stranger, Misfit)
    assert stranger.kind is MisfitKind.UNKNOWN_SERVER
    assert misfit((ONE, LB), replace(BEHIND, takeover=Takeover.NATIVE)) is None, "RLM itself sees to it there"


@pytest.mark.row(25)
def test_the_active_server_comes_first_and_the_others_keep_their_order() -> None:
    assert told("rlm1", ONE, TWO, THREE) == [ONE, TWO, THREE]
    assert told("rlm3", ONE, TWO, THREE) == [THREE, ONE, TWO]
    assert told("rlm2", THREE, TWO, ONE) == [TWO, THREE, ONE]


def test_the_active_server_comes_first_also_where_nobody_listed_it() -> None:
    assert told("rlm3", ONE, TWO) == [THREE, ONE, TWO]


def test_without_failover_clients_are_told_the_same_whoever_is_active() -> None:
    assert told("rlm3", ONE, TWO, follows=False) == [ONE, TWO]
    assert told("rlm3", follows=False) == [ONE]


def test_a_balancer_is_told_whoever_is_active() -> None:
    assert told("rlm3", LB) == [LB], "one that the manifest does not know"
    assert told("rlm3", "5053@lb1.example.com", cluster=BEHIND) == ["5053@lb1.example.com"]


def test_what_does_not_fit_a_newer_manifest_counts_for_nothing() -> None:
    """Servers were listed, and then a balancer came; or one was renamed."""
    assert told("rlm2", ONE, TWO, cluster=BEHIND) == [LB]
    assert told("rlm2", ONE, "5053@gone.example.com") == [TWO]


AT_SITES = replace(
    CLUSTER,
    servers=tuple(
        replace(server, site=site)
        for server, site in zip(CLUSTER.servers, ("berlin", "lyon", "berlin"), strict=True)
    ),
    takeover=Takeover.NATIVE,
    tuning=Tuning(clients=ClientOrder.SITE),
)
TWO_BALANCERS = replace(
    AT_SITES,
    load_balancer=LoadBalancerSpec(
        host="lb.example.com",
        haproxy=(
            HaproxyEndpoint(name="lb1", url="unix:/run/lb1", address="lb1.example.com", site="berlin"),
            HaproxyEndpoint(name="lb2", url="unix:/run/lb2", address="lb2.example.com", site="lyon"),
        ),
    ),
)


@pytest.mark.row(38)
@pytest.mark.parametrize(
    ("active", "site", "order"),
    [
        ("rlm1", "berlin", [ONE, THREE, TWO]),
        ("rlm1", "lyon", [ONE, TWO, THREE]),
        ("rlm3", "lyon", [THREE, TWO, ONE]),
        ("rlm2", "berlin", [TWO, ONE, THREE]),
        ("rlm1", None, [ONE, TWO, THREE]),
    ],
)
def test_two_sites_get_different_orders_behind_the_one_that_serves(
    active: str, site: str | None, order: list[str]
) -> None:
    assert [format_endpoint(each) for each in endpoints_for(AT_SITES, active, site=site)] == order


@pytest.mark.row(38)
def test_clients_of_a_site_ask_its_balancer_first_and_the_others_after_it() -> None:
    def hosts(site: str | None) -> list[str]:
        return [each.host for each in endpoints_for(TWO_BALANCERS, "rlm1", site=site)]

    assert hosts("berlin") == ["lb1.example.com", "lb2.example.com"]
    assert hosts("lyon") == ["lb2.example.com", "lb1.example.com"]
    assert hosts(None) == ["lb.example.com"]


def test_without_that_order_a_site_changes_nothing() -> None:
    plain = replace(TWO_BALANCERS, tuning=Tuning())
    assert [each.host for each in endpoints_for(plain, "rlm1", site="lyon")] == ["lb.example.com"]
