"""When a server is checked, and how: the detection presets as plans (pure; seconds of a monotonic clock).

| detection | the active server | the others |
|---|---|---|
| fast | one attempt of 3.5 s every 5 s, a bare connect every second | as the manifest says |
| normal, slow | as the manifest says | as the manifest says |
"""

from dataclasses import dataclass
from datetime import timedelta

from rlm_exporter.manifest.model import Cluster, Detection
from rlm_exporter.probe.snapshot import Health

SPACING = timedelta(seconds=1)
"""Least time from the start of one attempt to the start of the next, also across checks.

A refused attempt returns at once; without this a restart of rlm would look like several failed checks.
"""
JITTER = 0.1
"""The part of the interval by which a check may come sooner or later."""

FAST_INTERVAL = timedelta(seconds=5)
FAST_TIMEOUT = timedelta(seconds=3.5)
"""Two failed attempts, begun up to 5 s after a hang, are to be over 10 s after it in most cases."""
FAST_PING = timedelta(seconds=1)
PING_TIMEOUT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one server is watched at the moment."""

    interval: timedelta
    """From the start of one check to the start of the next."""
    timeout: timedelta
    """The limit of one attempt."""
    attempts: int
    ping: timedelta | None = None
    """How often a bare connect looks between checks whether a check is due at once; None = never."""
    urgent: bool = False
    """Whether its license probes may go beyond the number that run at once."""


def plan_for(cluster: Cluster, *, active: bool) -> Plan:
    """The plan of a server by the manifest, with what `detection: fast` adds for the active one."""
    policy = cluster.health_check
    if active and cluster.failover.detection is Detection.FAST:
        return Plan(
            interval=min(FAST_INTERVAL, policy.interval),
            timeout=min(FAST_TIMEOUT, policy.timeout),
            attempts=1,
            ping=FAST_PING,
            urgent=True,
        )
    return Plan(
        interval=policy.interval, timeout=policy.timeout, attempts=max(1, policy.retries), urgent=active
    )


def next_check(
    plan: Plan, *, health: Health, threshold: int, check_began: float, attempt_began: float, jitter: float
) -> float:
    """When the next check starts; `jitter` is from 0 up to 1 and stays the same for one interval.

    Until `threshold` failed checks in a row the next follows a failed one at once: the doubt is short.
    """
    soonest = attempt_began + SPACING.total_seconds()
    if 0 < health.failures < threshold:
        return soonest
    interval = plan.interval.total_seconds()
    return max(soonest, check_began + interval * (1 + JITTER * (2 * jitter - 1)))


def ping_starts_check(health: Health, *, threshold: int) -> bool:
    """Whether a failed bare connect starts a check: not for a server that is confirmed down already."""
    return health.failures < threshold
