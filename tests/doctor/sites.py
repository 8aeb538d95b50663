"""A site in which nothing is wrong, and what changes it by one thing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rlm_exporter.doctor.looking import Seen, SeenFile
from rlm_exporter.doctor.site import Asked, Means, Site
from rlm_exporter.manifest.model import (
    Cluster,
    Feature,
    HealthCheckPolicy,
    LicensePaths,
    LoadBalancerSpec,
    Server,
)
from rlm_exporter.probe.addresses import Address, SystemResolver, ask_system
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.result import Failure, FailureReason, LicenseResult, ProbeKind, ProbeResult, TcpResult
from rlm_exporter.rlm.status import IsvCounters, IsvServer, Pool, RlmServer, RlmStatus

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
LICENSE = b"""\
HOST rlm-lb.example.com ANY 5053
ISV acme port=5055
LICENSE acme solver 3.0 permanent 20 sig=1
"""
NAMES = ("rlm1", "rlm2")


class Ports:
    """Ports that take connections, but for some."""

    def __init__(self, *closed: tuple[str, int]) -> None:
        self._closed = closed

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> TcpResult:
        failure = Failure(reason=FailureReason.REFUSED, detail=f"nothing listens on {host}:{port}")
        return ProbeResult(
            kind=ProbeKind.TCP,
            started_at=NOW,
            duration=timedelta(),
            failure=failure if (host, port) in self._closed else None,
        )


class Rlm:
    """rlmstat's answers by host."""

    def __init__(self, answers: Mapping[str, LicenseResult]) -> None:
        self._answers = answers

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> LicenseResult:
        return self._answers[host]


def server(name: str) -> Server:
    return Server(
        name=name,
        role=name,
        host=f"{name}.example.com",
        isv_ports=(("acme", 5055),),
        license_files=LicensePaths(paths=(f"/srv/{name}",)),
        timezone="Europe/Berlin",
    )


CLUSTER = Cluster(
    name="site",
    source="site.yaml",
    servers=tuple(server(name) for name in NAMES),
    features=(Feature(name="solver", isv="acme"),),
    health_check=HealthCheckPolicy(web_tls=False),
    load_balancer=LoadBalancerSpec(host="rlm-lb.example.com"),
)

POOL = Pool(
    isv="acme", product="solver", version="3.0", pool=None, count=20, reservations=0, inuse=0, expires=None,
    uncounted=False, token=False, total_checkouts=0,
)  # fmt: skip


def status(
    *,
    version: str = "v16.1",
    up: int = 86400,
    ahead: timedelta = timedelta(),
    pools: tuple[Pool, ...] = (POOL,),
    running: bool = True,
    restarts: int = 0,
) -> RlmStatus:
    """One server's answer; its clock is in Berlin, an hour ahead of UTC in November."""
    local = NOW.replace(tzinfo=None) + timedelta(hours=1) + ahead
    return RlmStatus(
        reachable=True,
        error_kind=None,
        server=RlmServer(host="rlm", port=5053, version=version, uptime_seconds=up),
        isvs=(IsvServer(name="acme", port=5055, running=running, restarts=restarts),),
        counters=(IsvCounters(name="acme", uptime_seconds=up, checkouts=0, denials=0),) if running else (),
        pools=pools,
        checkouts=(),
        warnings=(),
        dated=(local - timedelta(seconds=up), local),
    )


def answer(payload: RlmStatus | None) -> LicenseResult:
    failure = Failure(reason=FailureReason.NO_ANSWER, detail="rlmutil could not connect to rlm")
    return ProbeResult(
        kind=ProbeKind.LICENSE,
        started_at=NOW,
        duration=timedelta(),
        payload=payload,
        failure=failure if payload is None else None,
    )


def folder(
    path: str, *contents: bytes, mode: int = 0o644, system: str = "ext4", target: str | None = None
) -> Seen:
    files = tuple(
        SeenFile(
            path=f"{path}/{number}.lic", content=content, mode=mode, target=target, system=system, error=None
        )
        for number, content in enumerate(contents)
    )
    return Seen(path=path, files=files, system="ext4", free=10**11, size=10**12)


def resolver(**hosts: tuple[str, ...]) -> SystemResolver:
    """Everything has an address of its own, but for what is said."""
    known: dict[str, tuple[str, ...]] = {
        f"{name}.example.com": (f"192.0.2.{number}",) for number, name in enumerate((*NAMES, "rlm-lb"), 1)
    }
    known |= {name.replace("_", "-") + ".example.com": addresses for name, addresses in hosts.items()}

    def look_up(host: str) -> tuple[Address, ...] | OSError:
        if not known.get(host):
            return OSError(-2, "Name or service not known")
        found = [ask_system(address) for address in known[host]]
        return tuple(address for each in found if not isinstance(each, OSError) for address in each)

    return SystemResolver(look_up=look_up)


def site(
    *,
    cluster: Cluster = CLUSTER,
    first: RlmStatus | None = None,
    second: LicenseResult | None = None,
    through: RlmStatus | None = None,
    closed: tuple[tuple[str, int], ...] = (),
    files: Seen | None = None,
    addresses: SystemResolver | None = None,
    asked: Asked | None = None,
) -> Site:
    """The healthy site, with one thing changed."""
    answers = {"rlm1": answer(first or status()), "rlm2": second or answer(status())}
    clock = SystemClock()
    means = Means(
        clock=clock,
        resolver=addresses or resolver(),
        tcp=Ports(*closed),
        license=Rlm({"rlm-lb.example.com": answer(through or status())}),
    )
    return Site(
        cluster=cluster,
        means=means,
        asked=asked or Asked(),
        answers=answers,
        keys={},
        folders={
            "/srv/rlm1": files or folder("/srv/rlm1", LICENSE),
            "/srv/rlm2": folder("/srv/rlm2", LICENSE),
        },
        now=NOW,
    )


def with_balancer(**changes: object) -> Cluster:
    """The cluster with another balancer."""
    assert CLUSTER.load_balancer is not None
    return replace(CLUSTER, load_balancer=replace(CLUSTER.load_balancer, **changes))  # type: ignore[arg-type]  # tests name its own fields
