"""What one check proves about a server, and the memory of the checks before it (pure).

Four levels, each worth nothing without the one before: rlm answered, the wanted ISV servers run and take
connections on the ports that clients are sent to, the wanted products have pools. The first two decide
whether the server is up; missing pools only degrade it (a waiting standby has none). The web interface
stands apart and counts only where the manifest says `webRequired: true`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from rlm_exporter.manifest.model import Cluster, FailoverPolicy, Feature, PoolsMissing, Server, Takeover
from rlm_exporter.probe.license_reading import LAST_TIMEZONE, LicenseReading, granted_where, starts_later
from rlm_exporter.probe.result import OUR_REASONS, Failure, FailureReason, LicenseResult, TcpResult, WebResult
from rlm_exporter.probe.snapshot import Health, ServerSnapshot
from rlm_exporter.rlm.status import IsvServer, Pool, RlmStatus

ISV_SEVERITY = {FailureReason.ISV_DOWN: 0, FailureReason.ISV_PORT_CHANGED: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class IsvConnect:
    """A bare connect to the port of one ISV server."""

    isv: str
    port: int
    result: TcpResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one check of one server saw; of several attempts, the one that decided."""

    started_at: datetime
    ended_at: datetime
    attempts: int
    license: LicenseResult
    tcp: TcpResult | None = None
    """A bare connect to the license port beside the deciding attempt."""
    isv_connects: tuple[IsvConnect, ...] = ()
    web: WebResult | None = None
    """None where it is not asked for, or did not end before the check had failed without it."""


def fold(part: ServerSnapshot, check: Check, *, cluster: Cluster) -> ServerSnapshot:
    """The server's part of the snapshot after this check; a new value in every field that it tells of."""
    server = cluster.server(part.server)
    failure = verdict(check, cluster=cluster, server=server)
    degraded = None if failure is not None else _missing_pools(check, cluster, server, part.license_files)
    if cluster.failover.pools_missing is PoolsMissing.MOVE:
        # The manifest says that a server without its pools is as good as down.
        failure, degraded = failure or degraded, None
    web = check.web if check.web is not None else part.web
    return replace(
        part,
        health=_remember(part.health, check, failure=failure, degraded=degraded),
        license=check.license,
        status=check.license.payload,
        tcp=check.tcp,
        web=web,
        web_failures=_web_failures(part.web_failures, check.web),
        checked_at=check.ended_at,
        check_started_at=check.started_at,
    )


def verdict(check: Check, *, cluster: Cluster, server: Server) -> Failure | None:
    """Why the server is not up by this check; None when it is."""
    if check.license.failure is not None:
        return _license_failure(check.license.failure, check.tcp)
    if check.license.payload is not None:
        isv_failure = _worst(_isv_failures(check.license.payload, check.isv_connects, cluster, server))
        if isv_failure is not None:
            return isv_failure
    if cluster.health_check.web_required and check.web is not None:
        return check.web.failure
    return None


def confirmed_by_threshold(health: Health, policy: FailoverPolicy) -> bool:
    """Whether our own checks alone confirm that the server is down."""
    return health.failures >= policy.threshold


def _license_failure(failure: Failure, tcp: TcpResult | None) -> Failure:
    """rlmutil says only that it got no answer; the bare connect beside it tells dead from silent."""
    if (
        failure.reason is FailureReason.NO_ANSWER
        and tcp is not None
        and tcp.failure is not None
        and not tcp.ours
    ):
        return tcp.failure
    return failure


def _isv_failures(
    status: RlmStatus, connects: tuple[IsvConnect, ...], cluster: Cluster, server: Server
) -> Iterable[Failure]:
    planned = {isv.casefold(): port for isv, port in server.isv_ports}
    listed = {row.name.casefold(): row for row in status.isvs}
    connected = {connect.isv.casefold(): connect for connect in connects}
    for isv in cluster.wanted_isvs:
        key = isv.casefold()
        failure = _isv_failure(isv, listed.get(key), planned.get(key), connected.get(key))
        if failure is not None:
            yield failure


def _isv_failure(
    isv: str, row: IsvServer | None, planned: int | None, connect: IsvConnect | None
) -> Failure | None:
    if row is None:
        return _isv_down(f"rlm answers, but lists no ISV server {isv}")
    if not row.running:
        return _isv_down(f"rlm answers, but says that ISV server {isv} does not run")
    if planned is not None and row.port is not None and row.port != planned:
        return Failure(
            reason=FailureReason.ISV_PORT_CHANGED,
            detail=f"ISV server {isv} runs on port {row.port}, the manifest plans {planned} (isvPorts);"
            f" write port={planned} on the ISV line of the license file, or change the plan",
        )
    if connect is None or connect.result.failure is None:
        return None
    if connect.result.ours:
        return connect.result.failure
    return _isv_down(f"rlm says that ISV server {isv} runs, but {connect.result.failure.detail}")


def _isv_down(detail: str) -> Failure:
    return Failure(reason=FailureReason.ISV_DOWN, detail=detail)


def _worst(failures: Iterable[Failure]) -> Failure | None:
    """One out of several, all told in its detail; what speaks against the server before trouble of ours."""
    ranked = sorted(failures, key=lambda failure: ISV_SEVERITY.get(failure.reason, len(ISV_SEVERITY)))
    if not ranked:
        return None
    return Failure(reason=ranked[0].reason, detail="; ".join(failure.detail for failure in ranked))


def _remember(before: Health, check: Check, *, failure: Failure | None, degraded: Failure | None) -> Health:
    if failure is None:
        return Health(
            successes=before.successes + 1,
            with_pools=before.with_pools + 1 if degraded is None else 0,
            degraded=degraded,
            good_since=before.good_since or check.ended_at,
        )
    if failure.reason in OUR_REASONS:
        return Health(failure=failure)
    return Health(
        failures=before.failures + 1,
        failure=failure,
        failing_since=before.failing_since or check.started_at,
        last_failed_start=check.started_at,
        last_failed_end=check.ended_at,
    )


def _missing_pools(
    check: Check, cluster: Cluster, server: Server, files: LicenseReading | None
) -> Failure | None:
    """What the server should have pools of and has not; a license that starts later gives no pool yet."""
    status, at = check.license.payload, check.ended_at
    if status is None:
        return None
    missing = missing_features(status, cluster, at=at)
    later = starts_later(files, missing, server=server, at=at)
    expected = _without(missing, later)
    if not expected:
        if missing or _usable_pools(status, at=at):
            return None
        return Failure(reason=FailureReason.POOLS_MISSING, detail="no usable pool of any product")
    names = (_named(each, granted_where(files, each, server=server, at=at)) for each in expected)
    detail = f"no usable pool of {', '.join(names)}"
    if later:
        starts = (f"{_named(feature)} from {start.isoformat()}" for feature, start in later.items())
        detail += f"; not expected yet: {', '.join(starts)}"
    return Failure(reason=FailureReason.POOLS_MISSING, detail=detail)


def _named(feature: Feature, more: str | None = None) -> str:
    return f"{feature.name} ({feature.isv}{'' if more is None else f'; {more}'})"


def missing_features(status: RlmStatus, cluster: Cluster, *, at: datetime) -> tuple[Feature, ...]:
    """The wanted features without a pool that can serve somebody."""
    usable = _usable_pools(status, at=at)
    return tuple(feature for feature in cluster.features if not any(_is_of(pool, feature) for pool in usable))


def expected_features(part: ServerSnapshot, *, cluster: Cluster) -> Mapping[Feature, bool] | None:
    """Whether each wanted feature can be had at the server.

    None where that cannot be said, or is not asked of it: under RLM's own takeover a standby has no pools.
    """
    status, at = part.status, part.checked_at
    if status is None or at is None:
        return None
    if cluster.takeover is Takeover.NATIVE and not status.pools:
        return None
    missing = missing_features(status, cluster, at=at)
    later = starts_later(part.license_files, missing, server=cluster.server(part.server), at=at)
    gone = _without(missing, later)
    return {feature: feature not in gone for feature in cluster.features}


def _without(missing: tuple[Feature, ...], later: Collection[Feature]) -> tuple[Feature, ...]:
    return tuple(feature for feature in missing if feature not in later)


def _usable_pools(status: RlmStatus, *, at: datetime) -> tuple[Pool, ...]:
    # A license lasts to the end of its day where the server stands.
    today = (at - LAST_TIMEZONE).date()
    return tuple(pool for pool in status.pools if _is_usable(pool, today))


def _is_usable(pool: Pool, today: date) -> bool:
    """rlm drops expired licenses at midnight; until then, or where it could not, they are worth nothing."""
    expired = isinstance(pool.expires, date) and pool.expires < today
    return not expired and pool.issued != 0


def _is_of(pool: Pool, feature: Feature) -> bool:
    """RLM's names are case-insensitive; a pool whose heading is missing has no ISV to compare."""
    isv_fits = pool.isv is None or pool.isv.casefold() == feature.isv.casefold()
    return isv_fits and pool.product.casefold() == feature.name.casefold()


def _web_failures(before: int, web: WebResult | None) -> int:
    if web is None:
        return before
    return 0 if web.ok else before + 1
