"""Values and stand-ins for the tests of this room."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rlm_exporter.manifest.model import (
    Cluster,
    Detection,
    FailoverPolicy,
    Feature,
    HealthCheckPolicy,
    Server,
)
from rlm_exporter.probe.health import Check, IsvConnect
from rlm_exporter.probe.ports import Clock
from rlm_exporter.probe.result import (
    Failure,
    FailureReason,
    LicenseResult,
    ProbeKind,
    ProbeResult,
    TcpResult,
    WebAnswer,
    WebResult,
)
from rlm_exporter.rlm.status import IsvServer, Permanent, Pool, RlmServer, RlmStatus

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ISV_PORT = 49152


def cluster(
    *,
    servers: int = 2,
    detection: Detection = Detection.NORMAL,
    features: tuple[Feature, ...] = (Feature(name="STARCCM", isv="siemens"),),
    isv_ports: tuple[tuple[str, int], ...] = (("siemens", ISV_PORT),),
    health_check: HealthCheckPolicy | None = None,
    threshold: int = 2,
) -> Cluster:
    return Cluster(
        name="prod",
        source="prod.yaml",
        servers=tuple(
            Server(name=f"rlm{number}", role="backup", host=f"10.0.0.{number}", isv_ports=isv_ports)
            for number in range(1, servers + 1)
        ),
        health_check=health_check or HealthCheckPolicy(check_web=False),
        failover=FailoverPolicy(detection=detection, threshold=threshold),
        features=features,
    )


def pool(product: str = "STARCCM", **changes: object) -> Pool:
    values: dict[str, object] = {
        "isv": "siemens",
        "product": product,
        "version": "2023.1000",
        "pool": None,
        "count": 20,
        "reservations": 0,
        "inuse": 5,
        "expires": Permanent.PERMANENT,
        "uncounted": False,
        "token": False,
        "total_checkouts": 7,
    } | changes
    return Pool(**values)  # type: ignore[arg-type]  # a builder: the tests name the fields


def isv(name: str = "siemens", *, port: int | None = ISV_PORT, running: bool = True) -> IsvServer:
    return IsvServer(name=name, port=port, running=running, restarts=0)


def status(*, isvs: tuple[IsvServer, ...] | None = None, pools: tuple[Pool, ...] | None = None) -> RlmStatus:
    return RlmStatus(
        reachable=True,
        error_kind=None,
        server=RlmServer(host="rlm1", port=5053, version="12.2", uptime_seconds=9),
        isvs=(isv(),) if isvs is None else isvs,
        counters=(),
        pools=(pool(),) if pools is None else pools,
        checkouts=(),
        warnings=(),
    )


def answered(payload: RlmStatus | None = None, *, at: datetime = NOW) -> LicenseResult:
    return ProbeResult(
        kind=ProbeKind.LICENSE,
        started_at=at,
        duration=timedelta(milliseconds=20),
        payload=payload or status(),
    )


def license_failed(reason: FailureReason, detail: str = "rlmutil could not connect to rlm") -> LicenseResult:
    return ProbeResult(
        kind=ProbeKind.LICENSE,
        started_at=NOW,
        duration=timedelta(milliseconds=20),
        failure=Failure(reason=reason, detail=detail),
    )


def connected(reason: FailureReason | None = None, detail: str = "nothing listens there") -> TcpResult:
    return ProbeResult(
        kind=ProbeKind.TCP,
        started_at=NOW,
        duration=timedelta(milliseconds=1),
        failure=None if reason is None else Failure(reason=reason, detail=detail),
    )


def web(code: int = 200, reason: FailureReason | None = None) -> WebResult:
    return ProbeResult(
        kind=ProbeKind.WEB,
        started_at=NOW,
        duration=timedelta(milliseconds=3),
        payload=WebAnswer(status=code, tls=True) if reason is None else None,
        failure=None if reason is None else Failure(reason=reason, detail="web trouble"),
    )


def check(**changes: object) -> Check:
    """A check in which everything is good, with these things changed."""
    values: dict[str, object] = {
        "started_at": NOW,
        "ended_at": NOW + timedelta(seconds=1),
        "attempts": 1,
        "license": answered(),
        "tcp": connected(),
        "isv_connects": (IsvConnect(isv="siemens", port=ISV_PORT, result=connected()),),
        "web": None,
    } | changes
    return Check(**values)  # type: ignore[arg-type]  # a builder: the tests name the fields


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question that a scripted probe was asked."""

    at: float
    host: str
    port: int
    timeout: timedelta


@dataclass(kw_only=True)
class Script:
    """Good answers at once, but for what is told by host or by `host:port`. Notes what it was asked."""

    clock: Clock
    failures: dict[str, Failure | Exception] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    cancelled: int = 0

    def times(self, host: str, port: int | None = None) -> list[float]:
        return [ask.at for ask in self.asked if ask.host == host and port in {None, ask.port}]

    async def say(self, host: str, port: int, timeout: timedelta) -> Failure | None:
        self.asked.append(Asked(at=self.clock.monotonic(), host=host, port=port, timeout=timeout))
        limit = timeout.total_seconds()
        delay = self.delays.get(f"{host}:{port}", self.delays.get(host, 0.0))
        try:
            await self.clock.sleep(min(delay, limit))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if delay > limit:
            return Failure(reason=FailureReason.TIMEOUT, detail=f"no answer within {limit:g} s")
        said = self.failures.get(f"{host}:{port}", self.failures.get(host))
        if isinstance(said, Exception):
            raise said
        return said


@dataclass(kw_only=True)
class ScriptedLicense(Script):
    statuses: dict[str, RlmStatus] = field(default_factory=dict)

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> LicenseResult:
        began, started_at = self.clock.monotonic(), self.clock.now()
        failure = await self.say(host, port, timeout)
        return ProbeResult(
            kind=ProbeKind.LICENSE,
            started_at=started_at,
            duration=timedelta(seconds=self.clock.monotonic() - began),
            payload=None if failure else self.statuses.get(host, status()),
            failure=failure,
        )


@dataclass(kw_only=True)
class ScriptedTcp(Script):
    async def probe(self, host: str, port: int, *, timeout: timedelta) -> TcpResult:
        failure = await self.say(host, port, timeout)
        return connected(failure.reason, failure.detail) if failure else connected()


@dataclass(kw_only=True)
class ScriptedWeb(Script):
    async def probe(self, host: str, port: int, *, timeout: timedelta) -> WebResult:
        failure = await self.say(host, port, timeout)
        return web(reason=failure.reason if failure else None)


@dataclass
class Notes:
    """An observer that keeps what it is told."""

    observations: list[tuple[str, ProbeKind, bool]] = field(default_factory=list)
    defects: list[tuple[str, Exception]] = field(default_factory=list)

    def observed(self, cluster: str, server: str, kind: ProbeKind, result: ProbeResult[object]) -> None:
        self.observations.append((server, kind, result.ok))

    def stumbled(self, cluster: str, server: str, error: Exception) -> None:
        self.defects.append((server, error))


REFUSED = Failure(reason=FailureReason.REFUSED, detail="nothing listens there")
NO_ANSWER = Failure(reason=FailureReason.NO_ANSWER, detail="rlmutil could not connect to rlm")
