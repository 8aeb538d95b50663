"""Rules 9 to 15: whether a move is needed, wanted and confirmed. Pure."""

from datetime import timedelta

from rlm_exporter.failover.candidates import candidates
from rlm_exporter.failover.external import vouching
from rlm_exporter.failover.reasons import Decision, Hold, Reason
from rlm_exporter.failover.signs import in_seconds, independent_sign, is_confirmed_down, what_failed
from rlm_exporter.failover.situation import Situation
from rlm_exporter.manifest.model import PoolsMissing, Takeover

NATIVE_TAKEOVER = timedelta(seconds=240)
"""RLM's own takeover takes two to four minutes; only then has it failed."""


def active_healthy(situation: Situation) -> Decision | None:
    """The active server answers."""
    part = situation.active
    if not part.health.is_up or part.health.degraded is not None or part.web_failures > 0:
        return None
    return Hold(reason=Reason.ACTIVE_HEALTHY, detail=f"{part.server} answers")


def paused(situation: Situation) -> Decision | None:
    """An operator has paused the cluster."""
    until = situation.record.paused_until
    if until is None or situation.now >= until:
        return None
    return Hold(
        reason=Reason.PAUSED,
        detail=f"{what_failed(situation)}; paused by an operator until {until:%Y-%m-%d %H:%M:%S} UTC",
    )


def nobody_asked(situation: Situation) -> Decision | None:
    """Only alerts may ask, and none fires."""
    if situation.trigger is not None:
        return None
    return Hold(
        reason=Reason.NOBODY_ASKED,
        detail=f"{what_failed(situation)}; only alerts may ask for a move, and none fires",
    )


def not_automatic(situation: Situation) -> Decision | None:
    """The manifest wants a person to decide."""
    if situation.cluster.failover.automatic:
        return None
    return Hold(reason=Reason.NOT_AUTOMATIC, detail=f"{what_failed(situation)}; `automatic` is false")


def web_only(situation: Situation) -> Decision | None:
    """Only the web interface is down."""
    part = situation.active
    if not part.health.is_up or part.health.degraded is not None or part.web_failures == 0:
        return None
    return Hold(reason=Reason.WEB_ONLY, detail=f"only the web interface of {part.server} is down")


def pools_missing(situation: Situation) -> Decision | None:
    """The server answers without wanted pools."""
    part = situation.active
    if not part.health.is_up or part.health.degraded is None:
        return None
    if situation.cluster.failover.pools_missing is PoolsMissing.MOVE:
        return None
    return Hold(reason=Reason.POOLS_MISSING, detail=part.health.degraded.detail)


def native_waiting(situation: Situation) -> Decision | None:
    """RLM may still take over by itself."""
    since = situation.active.health.failing_since
    if situation.cluster.takeover is not Takeover.NATIVE or since is None:
        return None
    left = NATIVE_TAKEOVER - situation.lasted(since)
    if left <= timedelta():
        return None
    return Hold(
        reason=Reason.NATIVE_WAITING,
        detail=f"{what_failed(situation)}; RLM may take over by itself for {in_seconds(left)} more",
        check_now=True,
    )


def below_threshold(situation: Situation) -> Decision | None:
    """It is not confirmed yet that the active server is down."""
    if independent_sign(situation) is not None:
        return None
    if is_confirmed_down(situation):
        return _were_we_blind(situation)
    health, threshold = situation.active.health, situation.cluster.failover.threshold
    return Hold(
        reason=Reason.BELOW_THRESHOLD,
        detail=f"{what_failed(situation)}; {health.failures} of {threshold} checks failed, and no "
        "balancer confirms it",
        check_now=True,
    )


def _were_we_blind(situation: Situation) -> Hold | None:
    """Failed checks from a time at which nobody answered us may tell of our own network alone.

    One that began while a candidate was good is needed; without a candidate there is nobody to move to.
    """
    began = situation.active.health.last_failed_start
    usable = candidates(situation)
    good = [situation.snapshot.server(name).health.good_since or situation.now for name in usable]
    if began is None or not good or min(good) <= began:
        return None
    return Hold(
        reason=Reason.BELOW_THRESHOLD,
        detail=f"{what_failed(situation)}; but {usable[0]} did not answer either until "
        f"{min(good):%H:%M:%S}: it may have been our own network",
        check_now=True,
    )


def monitor_disagrees(situation: Situation) -> Decision | None:
    """Clients are served although our checks fail."""
    traffic = situation.evidence.while_failing
    if traffic is None or traffic.bytes_out == 0:
        return None
    if situation.active.status is not None:
        # rlm itself answered us, and goes on sending clients to an ISV server that is not there: bytes, but
        # no service.
        return None
    return Hold(
        reason=Reason.MONITOR_DISAGREES,
        detail=f"{what_failed(situation)}; but the balancer saw it send {traffic.bytes_out} bytes "
        f"to clients after {traffic.since:%H:%M:%S}",
        check_now=True,
    )


def report_disagrees(situation: Situation) -> Decision | None:
    """Another monitor finds it healthy."""
    part, now = situation.active, situation.now
    if part.status is not None or part.health.failing_since is None:
        # rlm itself answered us and told what is wrong: more than a monitor that asks less can know.
        return None
    if independent_sign(situation) is not None:
        # What clients meet at the balancer counts for more than what somebody else meets.
        return None
    report = vouching(situation.reports, server=part.server, since=part.health.failing_since, now=now)
    if report is None:
        return None
    return Hold(
        reason=Reason.REPORT_DISAGREES,
        detail=f"{what_failed(situation)}; but {report.reporter} reported it as healthy at "
        f"{report.at:%H:%M:%S}, which counts for {in_seconds(report.at + report.ttl - now)} more",
        check_now=True,
    )
