"""One server's part of the page, as a function of its part of the snapshot. Unknown is absent."""

from collections.abc import Iterable, Mapping
from datetime import date, tzinfo

from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.metrics import families as f
from rlm_exporter.metrics.lines import Lines
from rlm_exporter.probe.health import expected_features
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.expiry import good_until
from rlm_exporter.rlm.status import Pool, RlmStatus


def server_lines(part: ServerSnapshot, cluster: Cluster) -> Mapping[str, str]:
    """All sample lines of one server, by family name."""
    server = cluster.server(part.server)
    lines = Lines(cluster.name, server.name)
    _health(lines, part)
    _probes(lines, part)
    if part.checked_at is not None:
        _isv_servers(lines, part.status, cluster)
    if part.status is not None:
        _info(lines, part.status, server)
        _counters(lines, part.status, cluster)
        _licenses(lines, part.status, cluster, server)
        _features(lines, part, cluster)
    return lines.chunks()


def _health(lines: Lines, part: ServerSnapshot) -> None:
    if part.checked_at is None:
        return
    lines.add(f.SERVER_UP, part.health.is_up)
    lines.add(f.SERVER_FAILURES, part.health.failures)


def _probes(lines: Lines, part: ServerSnapshot) -> None:
    if part.license is not None and not part.license.ours:
        lines.add(f.RESPONSE_TIME_SECONDS, part.license.duration.total_seconds())
    if part.web is not None:
        lines.add(f.WEB_UP, part.web.ok)
        if part.web.payload is not None and part.web.payload.certificate_ends is not None:
            lines.add(f.WEB_CERTIFICATE, part.web.payload.certificate_ends.timestamp())
    for result in (part.license, part.tcp, part.web):
        if result is not None and not result.ours:
            lines.add(f.PROBE_LAST_DURATION, result.duration.total_seconds(), result.kind)


def _info(lines: Lines, status: RlmStatus, server: Server) -> None:
    """The configured host: the printed one is spelled in several ways, even within one answer."""
    if status.server is not None and status.server.version is not None:
        lines.add(f.SERVER_INFO, 1, server.host, status.server.version)


def _isv_servers(lines: Lines, status: RlmStatus | None, cluster: Cluster) -> None:
    running = dict.fromkeys(cluster.wanted_isvs, False)
    for isv in status.isvs if status is not None else ():
        running[cluster.isv_name(isv.name)] = isv.running
    for name, runs in running.items():
        lines.add(f.ISV_UP, runs, name)


def _counters(lines: Lines, status: RlmStatus, cluster: Cluster) -> None:
    """Counters of RLM's own; they start again with their server, which Prometheus sees as a reset."""
    restarts = {cluster.isv_name(isv.name): isv.restarts for isv in status.isvs}
    counters = {cluster.isv_name(isv.name): isv for isv in status.counters}
    for name, count in restarts.items():
        lines.add(f.ISV_RESTARTS, count, name)
    for name, isv in counters.items():
        lines.add(f.ISV_CHECKOUTS, isv.checkouts, name)
        lines.add(f.ISV_DENIALS, isv.denials, name)


def _licenses(lines: Lines, status: RlmStatus, cluster: Cluster, server: Server) -> None:
    """Pools of one product are one series: two of equal name and version would be duplicates."""
    zone = server.zone
    isvs = {isv: cluster.isv_name(isv) for isv in {pool.isv or "" for pool in status.pools}}
    products: dict[tuple[str, str], list[Pool]] = {}
    for pool in status.pools:
        products.setdefault((isvs[pool.isv or ""], pool.product), []).append(pool)
    held = _reserved_in_use(status, products, cluster)
    for (isv, product), pools in sorted(products.items()):
        lines.add(f.LICENSE_IN_USE, _sum(pool.inuse for pool in pools), isv, product)
        lines.add(f.LICENSE_ISSUED, _sum(pool.issued for pool in pools), isv, product)
        lines.add(f.LICENSE_RESERVED, _sum(pool.reservations for pool in pools), isv, product)
        lines.add(f.LICENSE_RESERVED_IN_USE, held.get((isv, product)), isv, product)
        lines.add(f.LICENSE_EXPIRY, _earliest(pools, zone), isv, product, "")


def _features(lines: Lines, part: ServerSnapshot, cluster: Cluster) -> None:
    for feature, is_there in (expected_features(part, cluster=cluster) or {}).items():
        lines.add(f.FEATURE_MISSING, not is_there, cluster.isv_name(feature.isv), feature.name)


def _reserved_in_use(
    status: RlmStatus, products: Mapping[tuple[str, str], list[Pool]], cluster: Cluster
) -> dict[tuple[str, str], int]:
    """By ISV and product; only where there are reservations, and the lines tell of all seats in use."""
    names = {line.isv: cluster.isv_name(line.isv or "") for line in status.checkouts}
    seats = dict.fromkeys(products, 0)
    reserved = dict.fromkeys(products, 0)
    for line in status.checkouts:
        key = (names[line.isv], line.product)
        if key in seats:
            seats[key] += line.count + line.reserved
            reserved[key] += line.reserved
    return {
        key: reserved[key]
        for key, pools in products.items()
        if _sum(pool.reservations for pool in pools) and seats[key] >= (_sum(p.inuse for p in pools) or 0)
    }


def _sum(numbers: Iterable[int | None]) -> int | None:
    """The sum; unknown as soon as one of them is."""
    total = 0
    for each in numbers:
        if each is None:
            return None
        total += each
    return total


def _earliest(pools: Iterable[Pool], zone: tzinfo) -> float | None:
    """When the first dated license ends."""
    days = [pool.expires for pool in pools if isinstance(pool.expires, date)]
    if not days:
        return None
    return good_until(min(days), zone).timestamp()
