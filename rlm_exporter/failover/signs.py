"""What speaks for and against the active server, in words and as signs that rules share. Pure."""

from datetime import timedelta

from rlm_exporter.failover.situation import Situation
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.schedule import SPACING, plan_for


def stale_after(cluster: Cluster, *, active: bool = True) -> timedelta:
    """The age at which a server's last check decides nothing: as long as two checks take."""
    plan = plan_for(cluster, active=active)
    return 2 * max(plan.interval, plan.attempts * (plan.timeout + SPACING))


def is_confirmed_down(situation: Situation) -> bool:
    """Whether our checks by their number, or a balancer, confirm it."""
    threshold = situation.cluster.failover.threshold
    return situation.active.health.failures >= threshold or independent_sign(situation) is not None


def independent_sign(situation: Situation) -> str | None:
    """What the balancers say that confirms one failed check, in words; None when they do not."""
    if situation.active.health.failures == 0:
        return None
    lines = [view.license_line(situation.record.active) for view in situation.steered_views]
    known = [line for line in lines if line is not None]
    if known and all(line.status.startswith("DOWN") for line in known):
        return "the balancer finds it down too"
    traffic = situation.evidence.since_check
    if traffic is not None and traffic.arrived > 0 and traffic.bytes_out == 0:
        return f"{traffic.arrived} connections reached it since the check began and it sent not a byte"
    return None


def what_failed(situation: Situation) -> str:
    """What is wrong with the active server, in words."""
    part = situation.active
    if part.health.failure is not None:
        return f"{part.server} is down: {part.health.failure.detail}"
    if part.health.degraded is not None:
        return f"{part.server} is degraded: {part.health.degraded.detail}"
    if part.web_failures > 0:
        return f"the web interface of {part.server} is down"
    return f"{part.server} answers"


def in_seconds(span: timedelta) -> str:
    """A span in words."""
    return f"{span.total_seconds():.0f} s"
