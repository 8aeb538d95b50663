"""One fault after the other is planted into a healthy site: each is found, by its check."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rlm_exporter.doctor.checks import license_files
from rlm_exporter.doctor.examine import CHECKS, examine_site
from rlm_exporter.doctor.finding import Examined, Skipped, Weight
from rlm_exporter.doctor.looking import Seen
from rlm_exporter.doctor.site import Site
from rlm_exporter.manifest.model import Feature, HaproxyEndpoint, Server, Takeover
from rlm_exporter.probe.result import Failure, FailureReason
from tests.doctor.sites import CLUSTER, LICENSE, answer, folder, resolver, site, status, with_balancer

ERROR, WARNING = Weight.ERROR, Weight.WARNING

pytestmark = [pytest.mark.row(48), pytest.mark.row(26), pytest.mark.row(27), pytest.mark.row(24)]


async def examined(given: Site) -> dict[str, Examined]:
    return {each.about.name: each for each in await examine_site(given)}


async def test_a_healthy_site_has_no_findings_and_says_what_was_not_looked_at() -> None:
    found = await examined(site())

    assert {name: each.findings for name, each in found.items() if each.findings} == {}
    skipped = {name for name, each in found.items() if isinstance(each.outcome, Skipped)}
    assert skipped == {"haproxy", "haproxy-file", "prometheus", "alertmanager", "journal"}
    assert list(found) == [check.about.name for check in CHECKS]


async def test_a_host_line_may_name_any_balancer_of_a_pair() -> None:
    pair = tuple(
        HaproxyEndpoint(name=name, url=f"unix:/run/{name}.sock", address=f"{name}.example.com")
        for name in ("lb1", "lb2")
    )
    content = LICENSE.replace(b"rlm-lb.example.com", b"lb2.example.com")
    given = site(cluster=with_balancer(haproxy=pair), files=folder(FOLDER, content))
    assert await license_files.examine(given) == ()


def twin() -> Server:
    return replace(CLUSTER.servers[1], host=CLUSTER.servers[0].host)


def without_port(server: Server) -> Server:
    return replace(server, isv_ports=())


FOLDER = "/srv/rlm1"


def licensed(old: bytes, new: bytes) -> Site:
    return site(files=folder(FOLDER, LICENSE.replace(old, new)))


def seen(*, mode: int = 0o644, system: str = "ext4", target: str | None = None) -> Site:
    return site(files=folder(FOLDER, LICENSE, mode=mode, system=system, target=target))


def placed(*, free: int = 10**11, system: str = "ext4") -> Site:
    return site(files=replace(folder(FOLDER, LICENSE), free=free, system=system))


RLM1, LB = "rlm1.example.com", "rlm-lb.example.com"
FAULTS = [
    ("names", ERROR, "has no address", site(addresses=resolver(rlm1=()))),
    ("names", ERROR, "is the same as rlm1", site(addresses=resolver(rlm2=("192.0.2.1",)))),
    ("names", WARNING, "is 127.0.1.1 on this machine", site(addresses=resolver(rlm1=("127.0.1.1",)))),
    ("ports", ERROR, "the rlm port 5053 takes no", site(closed=((RLM1, 5053),))),
    ("ports", ERROR, "the ISV server acme port 5055 takes no", site(closed=((RLM1, 5055),))),
    ("ports", WARNING, "the web interface port 5054 takes no", site(closed=((RLM1, 5054),))),
    ("ports", ERROR, "the balancer's license port 5053", site(closed=((LB, 5053),))),
    ("ports", ERROR, "the balancer's acme port 5055", site(closed=((LB, 5055),))),
    (
        "ports",
        ERROR,
        "its ISV servers have no fixed port",
        site(cluster=replace(CLUSTER, servers=tuple(without_port(each) for each in CLUSTER.servers))),
    ),
    ("servers", ERROR, "rlmstat gets no answer", site(second=answer(None))),
    ("servers", ERROR, "the ISV server acme does not run", site(first=status(running=False, pools=()))),
    ("servers", ERROR, "it has no solver of acme", site(first=status(pools=()))),
    ("servers", WARNING, "again 2 times", site(first=status(restarts=2))),
    ("balancer-path", ERROR, "clients get no license", site(through=status(running=False, pools=()))),
    ("versions", WARNING, "rlm1 15.2, rlm2 16.1", site(first=status(version="v15.2"))),
    ("versions", ERROR, "CVE-2021-44152", site(first=status(version="v14.2"))),
    ("versions", WARNING, "RLM 12.2 serves its web", site(first=status(version="v12.2"))),
    ("web-password", WARNING, "RLM 15.1 has run for 3 minutes", site(first=status(version="v15.1", up=200))),
    ("clocks", WARNING, "61 s ahead of this", site(first=status(ahead=timedelta(seconds=61)))),
    ("clocks", WARNING, "3600 s behind this", site(first=status(ahead=timedelta(hours=-1)))),
    ("license-files", WARNING, "lines end as on Windows", licensed(b"\n", b"\r\n")),
    ("license-files", ERROR, "written by everybody (mode 666)", seen(mode=0o666)),
    ("license-files", ERROR, "past the balancer", licensed(b"rlm-lb", b"rlm1")),
    ("license-files", ERROR, "no ISV line names acme", licensed(b"ISV acme port=5055\n", b"")),
    ("license-files", ERROR, "once more", site(files=folder(FOLDER, LICENSE, LICENSE))),
    ("license-files", WARNING, "count is 30 in rlm1; 20 in rlm2", licensed(b" 20 ", b" 30 ")),
    (
        "shared-folders",
        WARNING,
        "no answer within 4 s",
        site(files=Seen(path=FOLDER, hangs=True, error="no answer within 4 s")),
    ),
    ("shared-folders", ERROR, "Permission denied", site(files=Seen(path=FOLDER, error="Permission denied"))),
    (
        "shared-folders",
        WARNING,
        "is a link to /nfs/rlm/0.lic on nfs4",
        seen(system="nfs4", target="/nfs/rlm/0.lic"),
    ),
    ("shared-folders", WARNING, "is on nfs", placed(system="nfs")),
    ("disk", ERROR, "50 MiB are free", placed(free=50 * 1024**2)),
    ("disk", WARNING, "500 MiB are free", placed(free=500 * 1024**2)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "weight", "words", "given"),
    [pytest.param(*fault, id=f"{fault[0]}: {fault[2]}") for fault in FAULTS],
)
async def test_a_planted_fault_is_found(check: str, weight: Weight, words: str, given: Site) -> None:
    found = (await examined(given))[check].findings

    hits = [each for each in found if words in each.what]
    assert [each.weight for each in hits] == [weight], [each.what for each in found]
    assert all(each.subject and each.why and each.remedy for each in found)


def test_there_are_at_least_twenty_five_faults() -> None:
    assert len(FAULTS) >= 25


async def test_a_web_interface_that_cannot_be_reached_has_no_holes() -> None:
    given = site(
        first=status(version="v14.2"), second=answer(status(version="v14.2")), closed=((RLM1, 5054),)
    )

    assert [each.subject for each in (await examined(given))["versions"].findings] == ["rlm2"]


async def test_a_standby_of_rlms_own_failover_may_have_no_pools() -> None:
    given = site(cluster=replace(CLUSTER, takeover=Takeover.NATIVE), first=status(pools=()))

    assert (await examined(given))["servers"].findings == ()


async def test_a_clock_without_a_time_zone_is_judged_up_to_quarters_of_an_hour() -> None:
    servers = tuple(replace(each, timezone=None) for each in CLUSTER.servers)
    given = site(cluster=replace(CLUSTER, servers=servers), first=status(ahead=timedelta(seconds=-45)))

    assert [each.what for each in (await examined(given))["clocks"].findings] == [
        "its clock is 45 s behind this machine's"
    ]


async def test_what_our_own_side_lacks_is_no_fault_of_the_servers() -> None:
    missing = Failure(reason=FailureReason.TOOL_MISSING, detail="no rlmutil found")
    nobody = replace(answer(None), failure=missing)
    given = site()
    given = replace(given, answers=dict.fromkeys(given.answers, nobody))

    found = await examined(given)

    for name in ("servers", "versions", "web-password", "clocks"):
        assert isinstance(found[name].outcome, Skipped), name


async def test_a_feature_that_nobody_serves_is_missed_on_every_server() -> None:
    cluster = replace(CLUSTER, features=(*CLUSTER.features, Feature(name="mesher", isv="acme")))

    found = (await examined(site(cluster=cluster)))["servers"].findings

    assert [(each.subject, each.what) for each in found] == [
        ("rlm1", "it has no mesher of acme"),
        ("rlm2", "it has no mesher of acme"),
    ]
