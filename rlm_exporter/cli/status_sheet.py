"""A whole cluster on one screen of 80 by 24. Pure: ages are those of the daemon's picture, not of now."""

from collections.abc import Iterable

from rlm_exporter.cli.answers import (
    BalancerAnswer,
    ClusterStatus,
    DecisionView,
    FailoverView,
    OperationView,
    PinView,
    ServerView,
)
from rlm_exporter.cli.phrases import UNKNOWN, age_in_words, between, moment_in_words, seconds_in_words
from rlm_exporter.cli.sheet import Cell, Column, Facts, Line, Sheet, Table, Tone
from rlm_exporter.failover.reasons import RULES

_WEB = Column(title="WEB")
_COLUMNS = (
    Column(title=""),
    Column(title="SERVER"),
    Column(title="ROLE"),
    Column(title="LICENSE", long=True),
    Column(title="ISVS", right=True),
    _WEB,
    Column(title="LATENCY", right=True),
    Column(title="AGE", right=True),
    Column(title="SEATS", right=True),
)

_STATE_TONES = {"up": Tone.GOOD, "down": Tone.BAD, "unknown": Tone.WARNING}

_RULE_WORDS = {rule.reason.value: f"{rule.when} -> {rule.then}" for rule in RULES}

Pair = tuple[str, Cell]

_MOST_FACTS = 18
"""Lines that three servers leave of 24, with one between."""


def status_sheet(status: ClusterStatus, *, show_ha: bool, include_web: bool = True) -> Sheet:
    """The servers, what is wrong with them, who is active; with `show_ha` all that decides about a move."""
    facts = (
        *(pair for server in status.servers for pair in _complaints(server, include_web=include_web)),
        *_labelled("SPLIT BRAIN", _splits(status)),
        *_labelled("Not ready", _not_ready(status.not_ready_because)),
        *_labelled("Held twice", _double_holders(status)),
        *_labelled("External", _external(status)),
        ("Active", _active(status)),
        *(_ha_facts(status) if show_ha else ()),
    )
    servers = Table(columns=_COLUMNS, rows=tuple(_row(server) for server in status.servers))
    if not include_web:
        servers = _without_web(servers)
    # Whoever has so much to say needs the room.
    gap = () if len(facts) > _MOST_FACTS else (Line(cells=()),)
    return (_title(status), servers, *gap, Facts(pairs=facts))


def _without_web(table: Table) -> Table:
    kept = [index for index, column in enumerate(table.columns) if column is not _WEB]
    return Table(
        columns=tuple(table.columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in table.rows),
    )


def _title(status: ClusterStatus) -> Line:
    return Line(
        cells=(
            Cell(status.name, Tone.STRONG),
            Cell("healthy", Tone.GOOD) if status.healthy else Cell("unhealthy", Tone.BAD),
            Cell("ready", Tone.GOOD) if status.ready else Cell("not ready", Tone.WARNING),
            Cell(f"{moment_in_words(status.taken_at)} UTC", Tone.QUIET),
        )
    )


def _row(server: ServerView) -> tuple[Cell, ...]:
    seats = server.seats
    return (
        Cell("*" if server.active else "", Tone.STRONG),
        Cell(server.name, Tone.STRONG if server.active else Tone.PLAIN),
        Cell(server.role),
        _license_cell(server),
        _isvs_cell(server),
        _web_cell(server),
        # How long a failed attempt took is no latency.
        Cell(seconds_in_words(server.license.response_seconds) if server.license.state == "up" else UNKNOWN),
        Cell(age_in_words(server.license.age_seconds) if server.license.checked_at else "never"),
        Cell(UNKNOWN if seats is None else f"{seats.in_use}/{seats.issued}"),
    )


def _license_cell(server: ServerView) -> Cell:
    seen = server.license
    if seen.state == "up" and seen.degraded:
        return Cell("up, degraded", Tone.WARNING)
    times = f" x{seen.consecutive_failures}" if seen.consecutive_failures else ""
    reason = f": {seen.reason}{times}" if seen.reason else ""
    return Cell(f"{seen.state}{reason}", _STATE_TONES.get(seen.state, Tone.PLAIN))


def _isvs_cell(server: ServerView) -> Cell:
    if not server.isvs:
        return Cell(UNKNOWN)
    running = sum(isv.running for isv in server.isvs)
    return Cell(f"{running}/{len(server.isvs)}", Tone.PLAIN if running == len(server.isvs) else Tone.BAD)


def _web_cell(server: ServerView) -> Cell:
    web = server.web
    status = f" {web.http_status}" if web.state == "down" and web.http_status is not None else ""
    return Cell(f"{web.state}{status}", _STATE_TONES.get(web.state, Tone.QUIET))


def _complaints(server: ServerView, *, include_web: bool) -> tuple[Pair, ...]:
    """All that is wrong with one server, in one line; nothing when nothing is."""
    stopped = [isv.name for isv in server.isvs if not isv.running]
    web = server.web
    parts = (
        server.license.degraded if server.license.state == "up" else server.license.detail,
        f"not running: {', '.join(stopped)}" if stopped else None,
        f"web: {web.detail}" if include_web and web.state == "down" and web.detail else None,
        server.license_files.detail if server.license_files else None,
    )
    text = "; ".join(part for part in parts if part)
    return ((server.name, Cell(text, Tone.WARNING)),) if text else ()


def _not_ready(reasons: tuple[str, ...]) -> tuple[Cell, ...]:
    rest = "; ".join(reasons[1:])
    return tuple(Cell(text, Tone.WARNING) for text in (*reasons[:1], rest) if text)


def _splits(status: ClusterStatus) -> tuple[Cell, ...]:
    return tuple(Cell(split.detail, Tone.BAD) for split in status.failover.split_brain or ())


def _double_holders(status: ClusterStatus) -> tuple[Cell, ...]:
    """Hosts that hold a seat in two pools of a product; the rest is in the JSON, and stays counted here."""
    held = [holder for server in status.servers for holder in server.double_holders or ()]
    if not held:
        return ()
    first = held[0]
    others = f", and {len(held) - 1} more" if len(held) > 1 else ""
    versions = " and ".join(f"v{version}" for version in first.versions)
    return (Cell(f"{first.host} has {first.product} {versions}{others}", Tone.WARNING),)


def _external(status: ClusterStatus) -> tuple[Cell, ...]:
    """What the monitor that spoke last said; the rest is in the JSON, and stays counted here."""
    told = [(server.name, report) for server in status.servers for report in server.external or ()]
    if not told:
        return ()
    newest = min((report for _, report in told), key=lambda report: report.age_seconds)
    words = ", ".join(
        f"{name}{'' if report.component == 'server' else f' ({report.component})'} {report.state}"
        for name, report in told
        if report.reporter == newest.reporter
    )
    others = len({report.reporter for _, report in told}) - 1
    more = f", and {others} more" if others else ""
    text = f"{newest.reporter}, {age_in_words(max(newest.age_seconds, 0.0))} ago: {words}{more}"
    return (Cell(text, Tone.QUIET if newest.state == "unknown" else Tone.PLAIN),)


def _active(status: ClusterStatus) -> Cell:
    if status.active is None:
        return Cell("nobody, as far as the daemon knows", Tone.BAD)
    where = f" ({status.active_host})" if status.active_host not in {None, status.active} else ""
    since = ""
    if status.active_since is not None:
        since = (
            f" since {moment_in_words(status.active_since)} ({between(status.active_since, status.taken_at)})"
        )
    epoch = "" if status.epoch is None else f", epoch {status.epoch}"
    # The host is the part that can be long, and stands in the JSON: the rest must not be cut for it.
    text = f"{status.active}{where}{since}{epoch}"
    return Cell(text if len(text) <= 68 else f"{status.active}{since}{epoch}")


def _ha_facts(status: ClusterStatus) -> tuple[Pair, ...]:
    failover = status.failover
    return (
        ("Failover", Cell(_policy(failover))),
        *_failover_license(failover),
        ("Threshold", Cell(_threshold(status))),
        ("Cooldown", Cell(_cooldown(failover))),
        *_labelled("Pinned", (Cell("; ".join(map(_pin, failover.pins))),) if failover.pins else ()),
        *_balancers(status),
        *_acts(failover),
        *_decision(failover.decision),
        *_alerts(failover),
        *_open_operation(failover.operation),
        *_last_operation(failover),
    )


def _labelled(label: str, cells: Iterable[Cell]) -> tuple[Pair, ...]:
    """The label stands before the first one only."""
    return tuple((label if index == 0 else "", cell) for index, cell in enumerate(cells))


def _policy(failover: FailoverView) -> str:
    by = ", ".join(sorted(failover.triggers))
    if failover.paused_until is not None:
        return f"PAUSED until {moment_in_words(failover.paused_until)}; moves by hand go on"
    native = "" if failover.takeover == "controlled" else f"takeover {failover.takeover}, "
    how = f"automatic ({by})" if failover.automatic else "by hand only"
    return f"{native}{how}, detection {failover.detection}, failback {failover.failback}"


def _failover_license(failover: FailoverView) -> tuple[Pair, ...]:
    """What RLM may do by itself; left out while a move is under way, when the screen has more to tell."""
    granted, native = failover.license, failover.takeover == "native"
    if granted is None or failover.operation is not None or not (granted.kind or native):
        return ()
    if granted.kind is None:
        return (("RLM's own", Cell(granted.does_not_cover, Tone.WARNING)),)
    of = granted.primary or "a primary that is not named"
    text = f"{granted.kind} on {granted.server} for {of}; {granted.does_not_cover}"
    # Without `takeover: native` nobody here reckons with it.
    return (("RLM's own", Cell(text, Tone.PLAIN if native else Tone.WARNING)),)


def _threshold(status: ClusterStatus) -> str:
    active = next((server for server in status.servers if server.active), None)
    limit = status.failover.threshold
    if active is None:
        return f"{limit} failed checks in a row confirm that the active one is down"
    return f"{active.name} failed {active.license.consecutive_failures} of {limit} checks in a row"


def _cooldown(failover: FailoverView) -> str:
    whole = seconds_in_words(failover.cooldown_seconds)
    unseen = f"; {failover.unacknowledged} moves not acknowledged" if failover.unacknowledged else ""
    return f"{_cooldown_left(failover, whole)}{unseen}"


def _cooldown_left(failover: FailoverView, whole: str) -> str:
    if failover.cooldown_remaining_seconds <= 0:
        return f"over ({whole} after an automatic move)"
    return f"{seconds_in_words(failover.cooldown_remaining_seconds)} left of {whole}"


def _pin(pin: PinView) -> str:
    until = "" if pin.until is None else f" until {moment_in_words(pin.until)[11:]}"
    return f"{pin.server} ({pin.kind}) since {moment_in_words(pin.since)[11:]}{until}"


def _balancers(status: ClusterStatus) -> tuple[Pair, ...]:
    if not status.balancers:
        return (("Balancer", Cell("none: clients follow their own settings", Tone.QUIET)),)
    return _labelled("Balancer", (_balancer(balancer, status) for balancer in status.balancers))


def _balancer(balancer: BalancerAnswer, status: ClusterStatus) -> Cell:
    if not balancer.reachable:
        return Cell(f"{balancer.name} cannot be read: {balancer.error or 'no reason given'}", Tone.BAD)
    lines = ", ".join(
        f"{server.name} {line.status}{'' if line.sessions is None else f' ({line.sessions})'}"
        for server in status.servers
        for line in server.balancers
        if line.balancer == balancer.name
    )
    wrong = f"; does not know {', '.join(balancer.unknown_servers)}" if balancer.unknown_servers else ""
    wrong += f"; {balancer.web_differs}" if balancer.web_differs else ""
    to = balancer.active or "nobody yet"
    epoch = "no epoch" if balancer.epoch is None else f"epoch {balancer.epoch}"
    differs = balancer.active != status.active or bool(wrong)
    return Cell(f"{balancer.name} -> {to}, {epoch}{wrong}: {lines}", Tone.WARNING if differs else Tone.PLAIN)


def _acts(failover: FailoverView) -> tuple[Pair, ...]:
    """Which daemon acts, of several, where it is the one that answers; else the decision tells of the other.

    Left out while a move is under way, when the screen has more to tell.
    """
    lease = failover.lease
    if lease is None or not lease.ours or failover.operation is not None:
        return ()
    return (("Acts", Cell(f"{lease.holder}, the daemon that answers")),)


def _decision(decision: DecisionView | None) -> tuple[Pair, ...]:
    if decision is None:
        return (("Decision", Cell("none yet", Tone.QUIET)),)
    number = "" if decision.number is None else f"{decision.number} "
    words = _RULE_WORDS.get(decision.rule)
    rule = f"rule {number}{decision.rule}" + ("" if words is None else f": {words}")
    at = moment_in_words(decision.at)[11:]
    return (("Decision", Cell(rule)), ("", Cell(f"at {at}: {decision.detail or 'nothing to add'}")))


def _alerts(failover: FailoverView) -> tuple[Pair, ...]:
    if not failover.alerts_firing:
        return ()
    alerts = ", ".join(
        f"{alert.alertname}{'' if alert.server is None else f' {alert.server}'} "
        f"since {moment_in_words(alert.starts_at)[11:]}"
        for alert in failover.alerts_firing
    )
    return (("Alerts", Cell(f"{len(failover.alerts_firing)} firing: {alerts}", Tone.WARNING)),)


def _open_operation(operation: OperationView | None) -> tuple[Pair, ...]:
    if operation is None:
        return ()
    last = operation.steps[-1] if operation.steps else None
    doing = (
        "" if last is None else f", {last.step} on {last.target} since {moment_in_words(last.intent_at)[11:]}"
    )
    return (("Operation", Cell(f"{_move(operation)}: open{doing}", Tone.WARNING)),)


def _last_operation(failover: FailoverView) -> tuple[Pair, ...]:
    operation = failover.last_operation
    # The newest one may be the open one, which has been told of already.
    if operation is None or operation.is_open:
        return ()
    ended = moment_in_words(operation.committed_at or operation.ended_at)
    tone = Tone.PLAIN if operation.state == "committed" else Tone.BAD
    return (
        ("Last", Cell(f"{_move(operation)}: {result_in_words(operation)} at {ended}", tone)),
        ("", Cell(f"by {operation.requested_by}, {operation.rule}: {operation.reason or 'no reason given'}")),
    )


def _move(operation: OperationView) -> str:
    return f"{operation.id} {operation.kind} {move_in_words(operation)}"


def move_in_words(operation: OperationView) -> str:
    """`rlm1 -> rlm2`, or `rlm1` alone where nobody was active before."""
    return operation.target if operation.source is None else f"{operation.source} -> {operation.target}"


def result_in_words(operation: OperationView) -> str:
    """How it ended; the outcome only where it says more than the state does."""
    plain = {None, "", "done", operation.state}
    return operation.state if operation.outcome in plain else f"{operation.state} ({operation.outcome})"
