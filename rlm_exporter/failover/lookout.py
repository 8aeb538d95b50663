"""Gathers what the rules look at: the newest snapshot, the balancers' readings, and the traffic they saw."""

from datetime import datetime, timedelta

from rlm_exporter.failover.ports import LoadBalancer
from rlm_exporter.failover.situation import Evidence
from rlm_exporter.haproxy.traffic import COUNT_LAG
from rlm_exporter.haproxy.view import BalancerView, Traffic
from rlm_exporter.probe.snapshot import ClusterSnapshot

SILENCE = COUNT_LAG + timedelta(seconds=1)
"""Connections that arrive for this long without a byte in return are worth a check at once."""


def evidence(
    *, active: str, snapshot: ClusterSnapshot, balancers: tuple[LoadBalancer, ...], now: datetime
) -> Evidence:
    """What the balancers saw the active server do around its failed checks."""
    health = snapshot.server(active).health
    if health.last_failed_start is None or health.last_failed_end is None or health.failing_since is None:
        return Evidence()
    since = max(health.failing_since + COUNT_LAG, health.last_failed_start)
    return Evidence(
        during_check=_traffic(active, balancers, health.last_failed_start, health.last_failed_end),
        while_failing=_traffic(active, balancers, since, now),
    )


def is_silent(*, active: str, balancers: tuple[LoadBalancer, ...], now: datetime) -> bool:
    """Whether connections reach the active server and it says nothing."""
    traffic = _traffic(active, balancers, now - SILENCE, now)
    return traffic is not None and traffic.arrived > 0 and traffic.bytes_out == 0


def looks_wrong(view: BalancerView, active: str) -> bool:
    """Whether a balancer's view is a reason to check the active server at once."""
    line = view.license_line(active)
    down = line is not None and line.status.startswith("DOWN")
    return down or (view.active is not None and view.active != active)


def _traffic(
    server: str, balancers: tuple[LoadBalancer, ...], since: datetime, until: datetime
) -> Traffic | None:
    seen = [balancer.traffic(server, since, until) for balancer in balancers]
    told = [traffic for traffic in seen if traffic is not None]
    # A balancer whose readings do not tell may have seen what the others did not.
    if not told or len(told) < len(seen):
        return None
    return Traffic(
        arrived=sum(traffic.arrived for traffic in told),
        bytes_out=sum(traffic.bytes_out for traffic in told),
        since=min(traffic.since for traffic in told),
        until=max(traffic.until for traffic in told),
    )
