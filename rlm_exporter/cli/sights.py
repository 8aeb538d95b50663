"""What can be seen of a cluster at one moment, and what is different from the moment before. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.cli.answers import (
    BalancerAnswer,
    ClusterStatus,
    FailoverView,
    LicenseView,
    OperationView,
    ServerView,
    WebView,
)
from rlm_exporter.cli.phrases import moment_in_words
from rlm_exporter.cli.sheet import Tone
from rlm_exporter.cli.status_sheet import move_in_words, result_in_words

UNKNOWN = "unknown"


class Subject(StrEnum):
    """What a sight is of."""

    CLUSTER = "cluster"
    SERVER = "server"
    BALANCER = "balancer"
    OPERATION = "operation"


class Facet(StrEnum):
    """Which side of it."""

    ACTIVE = "active"
    READY = "ready"
    AUTOMATIC = "automatic"
    SPLIT = "split"
    ALERTS = "alerts"
    ACTS = "acts"
    LICENSE = "license"
    ISVS = "isvs"
    WEB = "web"
    PINS = "pins"
    VIEW = "view"
    RESULT = "result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Which side of what: the same from one moment to the next."""

    subject: Subject
    name: str
    facet: Facet


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How one side looks. Another state is a change; another detail alone is none."""

    state: str
    detail: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One side that looks otherwise now."""

    key: Key
    before: str | None
    """None for what was not there before."""
    after: str
    detail: str
    tone: Tone


Sights = Mapping[Key, Sight]


def sights(status: ClusterStatus, *, include_web: bool) -> Sights:
    """All that is watched, in the order in which it is told."""
    found = dict(_cluster(status))
    for server in status.servers:
        found.update(_server(server, include_web=include_web))
    for balancer in status.balancers:
        found[_key(Subject.BALANCER, balancer.name, Facet.VIEW)] = _balancer(balancer)
    for operation in (status.failover.last_operation, status.failover.operation):
        if operation is not None:
            found[_key(Subject.OPERATION, str(operation.id), Facet.RESULT)] = _operation(operation)
    return found


def changes(before: Sights, after: Sights) -> tuple[Change, ...]:
    """What is new or looks otherwise.

    What is gone is none: it left with a server that is no longer in the manifest, or is an older operation.
    """
    return tuple(
        Change(
            key=key,
            before=before[key].state if key in before else None,
            after=now.state,
            detail=now.detail,
            tone=now.tone,
        )
        for key, now in after.items()
        if key not in before or before[key].state != now.state
    )


def remembered(before: Sights, after: Sights) -> Sights:
    """What the next moment is compared with.

    An operation stays known while the daemon tells of none, as when its journal cannot be read for a while.
    """
    if any(key.subject is Subject.OPERATION for key in after):
        return after
    return {**{key: sight for key, sight in before.items() if key.subject is Subject.OPERATION}, **after}


def _key(subject: Subject, name: str, facet: Facet) -> Key:
    return Key(subject=subject, name=name, facet=facet)


def _cluster(status: ClusterStatus) -> Iterator[tuple[Key, Sight]]:
    failover = status.failover
    found = {
        Facet.ACTIVE: _active(status),
        Facet.READY: _ready(status),
        Facet.AUTOMATIC: _automatic(failover),
        Facet.SPLIT: _split(failover),
        Facet.ALERTS: _alerts(failover),
        Facet.ACTS: _acts(failover),
    }
    for facet, sight in found.items():
        if sight is not None:
            yield _key(Subject.CLUSTER, status.name, facet), sight


def _active(status: ClusterStatus) -> Sight:
    if status.active is None:
        return Sight(state="nobody", detail="as far as the daemon knows", tone=Tone.BAD)
    epoch = "" if status.epoch is None else f"epoch {status.epoch}"
    return Sight(state=status.active, detail=epoch, tone=Tone.STRONG)


def _ready(status: ClusterStatus) -> Sight:
    if status.ready:
        return Sight(state="yes", tone=Tone.GOOD)
    return Sight(state="no", detail="; ".join(status.not_ready_because), tone=Tone.WARNING)


def _automatic(failover: FailoverView) -> Sight:
    if failover.paused_until is not None:
        return Sight(state=f"paused until {moment_in_words(failover.paused_until)}", tone=Tone.WARNING)
    return Sight(state="yes") if failover.automatic else Sight(state="by hand only")


def _split(failover: FailoverView) -> Sight | None:
    if failover.split_brain is None:
        return None
    if not failover.split_brain:
        return Sight(state="none", tone=Tone.GOOD)
    return Sight(
        state=", ".join(split.server for split in failover.split_brain),
        detail="; ".join(split.detail for split in failover.split_brain),
        tone=Tone.BAD,
    )


def _alerts(failover: FailoverView) -> Sight:
    names = sorted(
        f"{alert.alertname}{'' if alert.server is None else f' {alert.server}'}"
        for alert in failover.alerts_firing
    )
    return Sight(state=", ".join(names), tone=Tone.WARNING) if names else Sight(state="none", tone=Tone.GOOD)


def _acts(failover: FailoverView) -> Sight | None:
    lease = failover.lease
    if lease is None:
        return None
    return Sight(state=lease.holder or "nobody", detail=lease.trouble or "")


def _server(server: ServerView, *, include_web: bool) -> Iterator[tuple[Key, Sight]]:
    yield _key(Subject.SERVER, server.name, Facet.LICENSE), _license(server.license)
    yield _key(Subject.SERVER, server.name, Facet.ISVS), _isvs(server)
    if include_web:
        yield _key(Subject.SERVER, server.name, Facet.WEB), _web(server.web)
    pins = Sight(state=", ".join(server.pinned) or "none")
    yield _key(Subject.SERVER, server.name, Facet.PINS), pins


def _license(seen: LicenseView) -> Sight:
    if seen.state == "up":
        if seen.degraded:
            return Sight(state="up, degraded", detail=seen.degraded, tone=Tone.WARNING)
        return Sight(state="up", tone=Tone.GOOD)
    state = f"{seen.state} ({seen.reason})" if seen.reason else seen.state
    return Sight(state=state, detail=seen.detail or "", tone=_tone(seen.state))


def _isvs(server: ServerView) -> Sight:
    if not server.isvs:
        return Sight(state=UNKNOWN, tone=Tone.QUIET)
    stopped = [isv.name for isv in server.isvs if not isv.running]
    if stopped:
        return Sight(state=f"{', '.join(stopped)} not running", tone=Tone.BAD)
    return Sight(state="running", tone=Tone.GOOD)


def _web(web: WebView) -> Sight:
    status = f" ({web.http_status})" if web.state == "down" and web.http_status is not None else ""
    return Sight(state=f"{web.state}{status}", detail=web.detail or "", tone=_tone(web.state))


def _tone(state: str) -> Tone:
    return {"up": Tone.GOOD, "down": Tone.BAD, UNKNOWN: Tone.WARNING}.get(state, Tone.QUIET)


def _balancer(balancer: BalancerAnswer) -> Sight:
    if not balancer.reachable:
        return Sight(state="cannot be read", detail=balancer.error or "", tone=Tone.BAD)
    if balancer.unknown_servers:
        wrong = f"does not know {', '.join(balancer.unknown_servers)}"
        return Sight(state=f"{_leads(balancer)}, {wrong}", tone=Tone.WARNING)
    return Sight(state=_leads(balancer))


def _leads(balancer: BalancerAnswer) -> str:
    return f"leads to {balancer.active or 'nobody yet'}"


def _operation(operation: OperationView) -> Sight:
    reason = f": {operation.reason}" if operation.reason else ""
    tones = {"committed": Tone.GOOD, "open": Tone.WARNING}
    return Sight(
        state=result_in_words(operation),
        detail=f"{operation.kind} {move_in_words(operation)} by {operation.requested_by}{reason}",
        tone=tones.get(operation.state, Tone.BAD),
    )
