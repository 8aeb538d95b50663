"""A moment in which everything calls for a failover, so that a test can change one thing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rlm_exporter.failover.situation import Evidence, Situation
from rlm_exporter.failover.trigger import Trigger, TriggerKind
from rlm_exporter.haproxy.view import AdminState, BalancerReading, BalancerView, ServerLine, Traffic
from rlm_exporter.manifest.model import Cluster, FailoverPolicy, Feature, Server
from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.snapshot import ClusterSnapshot, Health, ServerSnapshot
from rlm_exporter.rlm.status import Permanent, Pool, RlmServer, RlmStatus
from rlm_exporter.store.records import ClusterRecord, Pin, PinKind

NOW = datetime(2026, 3, 2, 2, 14, tzinfo=UTC)
EPOCH = 7
NAMES = ("rlm1", "rlm2", "rlm3")
FEATURES = (Feature(name="STARCCM", isv="siemens"), Feature(name="NXCAE", isv="siemens"))
LICENSE_BACKEND, ISV_BACKEND = "rlm_license_servers", "rlm_isv_siemens"
DETECTOR = Trigger(kind=TriggerKind.DETECTOR)

CLUSTER = Cluster(
    name="rlm-ha",
    source="cluster.yaml",
    servers=tuple(
        Server(name=name, role=role, host=f"{name}.example.com", isv_ports=(("siemens", 5060),))
        for name, role in zip(NAMES, ("primary", "secondary", "backup"), strict=True)
    ),
    features=FEATURES,
)


def ago(seconds: float) -> datetime:
    """So many seconds before the moment."""
    return NOW - timedelta(seconds=seconds)


def cluster(**policy: Any) -> Cluster:
    """The cluster, with something changed in its failover policy."""
    return replace(CLUSTER, failover=FailoverPolicy(**policy))


def pool(product: str, isv: str | None = "siemens", *, count: int = 200) -> Pool:
    """One pool that nobody uses."""
    return Pool(
        isv=isv,
        product=product,
        version="2023.1000",
        pool=1,
        count=count,
        reservations=0,
        inuse=0,
        expires=Permanent.PERMANENT,
        uncounted=False,
        token=False,
        total_checkouts=0,
    )


def status(*pools: Pool) -> RlmStatus:
    """An answer with these pools."""
    return RlmStatus(
        reachable=True,
        error_kind=None,
        server=RlmServer(host="localhost", port=5053, version="15.1", uptime_seconds=60),
        isvs=(),
        counters=(),
        pools=pools,
        checkouts=(),
        warnings=(),
    )


ALL_POOLS = status(pool("STARCCM"), pool("NXCAE"))


def up(
    server: str,
    *,
    successes: int = 5,
    with_pools: int | None = None,
    answer: RlmStatus | None = ALL_POOLS,
    degraded: Failure | None = None,
    web_failures: int = 0,
    good_since: datetime | None = None,
    checked_at: datetime | None = None,
) -> ServerSnapshot:
    """A server that answers."""
    return ServerSnapshot(
        server=server,
        health=Health(
            successes=successes,
            with_pools=(0 if degraded else successes) if with_pools is None else with_pools,
            degraded=degraded,
            good_since=good_since or ago(600),
        ),
        status=answer,
        web_failures=web_failures,
        checked_at=checked_at or ago(2),
    )


def down(
    server: str,
    *,
    failures: int = 2,
    reason: FailureReason = FailureReason.TIMEOUT,
    answer: RlmStatus | None = None,
    failing_since: datetime | None = None,
    checked_at: datetime | None = None,
) -> ServerSnapshot:
    """A server whose last checks failed; `answer` where rlm itself answered."""
    return ServerSnapshot(
        server=server,
        health=Health(
            failures=failures,
            failure=Failure(reason=reason, detail=f"{reason} at {server}"),
            failing_since=failing_since or ago(20),
            last_failed_start=ago(6),
            last_failed_end=ago(2),
        ),
        status=answer,
        checked_at=checked_at or ago(2),
    )


def unknown(server: str, failure: Failure | None = None) -> ServerSnapshot:
    """A server of which nothing is known; `failure` is then one of ours."""
    return ServerSnapshot(
        server=server, health=Health(failure=failure), checked_at=None if failure is None else ago(2)
    )


def snapshot(*parts: ServerSnapshot, taken_at: datetime = NOW) -> ClusterSnapshot:
    """These servers at one moment."""
    return ClusterSnapshot(cluster=CLUSTER.name, taken_at=taken_at, servers=parts)


def line(server: str, backend: str = LICENSE_BACKEND, **changes: Any) -> ServerLine:
    """One server of one backend, healthy and ready."""
    usual: dict[str, Any] = {
        "backend": backend,
        "server": server,
        "server_id": NAMES.index(server) + 1 if server in NAMES else 9,
        "status": "UP",
        "admin": AdminState.READY,
        "is_up": True,
        "sessions": 0,
        "sessions_total": 0,
        "bytes_out": 0,
        "backup": server != "rlm1",
    }
    return ServerLine(**usual | changes)


def view(
    active: str | None = "rlm1",
    *,
    balancer: str = "lb1",
    epoch: int | None = EPOCH,
    downs: tuple[str, ...] = (),
    sessions: dict[str, int] | None = None,
    read_at: datetime | None = None,
) -> BalancerView:
    """A balancer's reading: whom it has active, and whom it finds down."""
    told = sessions or {}
    lines = tuple(
        line(
            name,
            backend,
            status="DOWN" if name in downs else "UP",
            is_up=name not in downs,
            sessions=told.get(name, 0) if backend == LICENSE_BACKEND else 0,
        )
        for backend in (LICENSE_BACKEND, ISV_BACKEND)
        for name in NAMES
    )
    return BalancerView(
        balancer=balancer, read_at=read_at or ago(0.5), epoch=epoch, pid=41, active=active, lines=lines
    )


def read(active: str | None = "rlm1", **changes: Any) -> BalancerReading:
    """A balancer that could be read."""
    seen = view(active, **changes)
    return BalancerReading(balancer=seen.balancer, at=seen.read_at, view=seen)


def unread(balancer: str = "lb1") -> BalancerReading:
    """A balancer that could not be read."""
    return BalancerReading(balancer=balancer, at=NOW, view=None, error=f"{balancer}: connection refused")


def traffic(*, arrived: int, bytes_out: int, since: float = 6, until: float = 2) -> Traffic:
    """What balancers saw between two moments, in seconds ago."""
    return Traffic(arrived=arrived, bytes_out=bytes_out, since=ago(since), until=ago(until))


SILENT = Evidence(since_check=traffic(arrived=3, bytes_out=0))


def pin(server: str, kind: PinKind = PinKind.FAILOVER) -> Pin:
    """A server that we hold."""
    until = NOW + timedelta(seconds=3) if kind is PinKind.SETTLE else None
    return Pin(server=server, kind=kind, since=ago(600), until=until)


def record(**changes: Any) -> ClusterRecord:
    """The committed truth: rlm1 serves, under the epoch of the balancers."""
    usual: dict[str, Any] = {
        "cluster": CLUSTER.name,
        "active": "rlm1",
        "active_since": ago(86400),
        "epoch": EPOCH,
        "highest_epoch": EPOCH,
    }
    return ClusterRecord(**usual | changes)


def situation(**changes: Any) -> Situation:
    """rlm1 has failed two checks, rlm2 and rlm3 are healthy, and nothing speaks against a move.

    Besides the fields of `Situation`: `active`, `rlm2` and `rlm3` are parts of the snapshot (`active` is
    rlm1's, whoever is recorded), `manifest` is changes of the cluster, `policy` of its failover policy;
    `pins`, `cooldown_until`, `paused_until` and `acknowledged_at` are the record's.
    """
    policy = changes.pop("policy", {})
    parts = (
        changes.pop("active", down("rlm1")),
        changes.pop("rlm2", up("rlm2")),
        changes.pop("rlm3", up("rlm3")),
    )
    pins = changes.pop("pins", ())
    kept = ("cooldown_until", "paused_until", "acknowledged_at")
    times = {name: changes.pop(name) for name in kept if name in changes}
    usual: dict[str, Any] = {
        "cluster": replace(cluster(**policy), **changes.pop("manifest", {})),
        "snapshot": snapshot(*parts),
        "record": record(pins=pins, **times),
        "now": NOW,
        "trigger": DETECTOR,
        "readings": (read(),),
    }
    return Situation(**usual | changes)
