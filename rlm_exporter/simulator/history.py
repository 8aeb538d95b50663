"""Questions to what the clients recorded: who served whom, when, and whether that was right."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rlm_exporter.simulator.event import Event, EventKind, from_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A server that answered a new connection, on `port` "main" or "isv"."""

    server: str
    port: str
    started: float
    answered: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who was to serve new connections, from `since` to `until`."""

    server: str
    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A committed move to `active`, which may serve from `begun` on: steering comes before the commit."""

    active: str
    time: float
    begun: float | None = None

    @property
    def lawful_from(self) -> float:
        """When the target may begin to serve."""
        return self.time if self.begun is None else self.begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A span in which nobody got a seat."""

    since: float
    until: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.until - self.since


def read_events(text: str) -> tuple[Event, ...]:
    """All whole lines of a record, in the order of `t`; a last line cut short by a kill is left out."""
    whole = text[: text.rfind("\n") + 1]
    return tuple(sorted((from_line(line) for line in whole.splitlines()), key=lambda event: event.t))


def sessions(events: Iterable[Event]) -> tuple[Event, ...]:
    """The granted seats, in the order in which they were granted."""
    granted = (event for event in events if event.kind is EventKind.SESSION)
    return tuple(sorted(granted, key=lambda event: event.ended))


def sessions_on(events: Iterable[Event], server: str, *, after: float) -> tuple[Event, ...]:
    """Sessions begun after a moment in which `server` answered on either port."""
    return tuple(
        event
        for event in sessions(events)
        if event.started > after and server in (event.main, event.isv_server)
    )


def first_session_on(events: Iterable[Event], server: str, *, after: float) -> Event | None:
    """The first seat that `server` alone gave to somebody who came after a moment."""
    whole = (event for event in sessions_on(events, server, after=after) if event.main == event.isv_server)
    return next(whole, None)


def split_sessions(events: Iterable[Event]) -> tuple[Event, ...]:
    """Sessions sent by one server's main port to another server's ISV port, but for those in a move's way.

    A move falls between the two connections of whoever asks in that millisecond: the last whole session
    before was the one server's, the first after is the other's. Only the server moved to has given him a
    seat, so that is no breach; that nobody goes back is for `returns_without_commit` to see.
    """
    served = sessions(events)
    return tuple(
        event for event in served if event.main != event.isv_server and not _met_a_move(event, served)
    )


def _met_a_move(split: Event, served: Sequence[Event]) -> bool:
    whole = [each for each in served if each.main == each.isv_server and each.endpoint == split.endpoint]
    before = max((each for each in whole if each.ended < split.started), key=_ended, default=None)
    after = min((each for each in whole if each.started > split.ended), key=_started, default=None)
    if before is None or after is None:
        return False
    return (before.main, after.main) == (split.main, split.isv_server)


def _ended(event: Event) -> float:
    return event.ended


def _started(event: Event) -> float:
    return event.started


def answers(events: Iterable[Event]) -> tuple[Answer, ...]:
    """Every first answer of a server to a new connection, of attempts that failed later too, by time."""
    found: list[Answer] = []
    for event in events:
        if event.kind is EventKind.LOST:
            continue  # the seat's own session has told of these answers
        for server, port, started, answered in (
            (event.main, "main", event.main_started, event.main_answered),
            (event.isv_server, "isv", event.isv_started, event.isv_answered),
        ):
            if server is not None and started is not None and answered is not None:
                found.append(Answer(server=server, port=port, started=started, answered=answered))
    return tuple(sorted(found, key=lambda answer: answer.answered))


def answers_from(events: Iterable[Event], server: str, *, after: float) -> tuple[Answer, ...]:
    """What `server` answered to connections begun after a moment, be it on the main port alone."""
    return tuple(answer for answer in answers(events) if answer.server == server and answer.started > after)


def wrong_answers(events: Iterable[Event], wanted: Sequence[Wanted]) -> tuple[Answer, ...]:
    """Answers of a server that was wanted at no moment between the connection's start and its answer."""
    return tuple(answer for answer in answers(events) if not _was_wanted(answer, wanted))


def _was_wanted(answer: Answer, wanted: Sequence[Wanted]) -> bool:
    return any(
        one.server == answer.server and one.since <= answer.answered and answer.started <= one.until
        for one in wanted
    )


def longest_gap(events: Iterable[Event], *, since: float, until: float) -> Gap:
    """The longest span without a new unsplit session between two moments: the time without service."""
    good = (event.ended for event in sessions(events) if event.main == event.isv_server)
    moments = [since, *(moment for moment in good if since < moment < until), until]
    spans = (Gap(since=before, until=after) for before, after in pairwise(moments))
    return max(spans, key=lambda gap: gap.seconds)


def returns_without_commit(events: Iterable[Event], commits: Sequence[Commit]) -> tuple[str, ...]:
    """Every breach of: once B answered a newcomer after A did, A answers none until a later commit names A.

    "After" is strict: a connection comes after an answer if it *began* later than that was given. What ran at
    the same time proves nothing. A commit that names A counts as A having served at that moment.
    """
    every = answers(events)
    breaches: list[str] = []
    for server in sorted({answer.server for answer in every}):
        others = [answer for answer in every if answer.server != server]
        mine = [answer for answer in every if answer.server == server]
        named = [commit for commit in commits if commit.active == server]
        breaches += _breaches(mine, others, named)
    return tuple(breaches)


def _breaches(mine: list[Answer], others: list[Answer], named: list[Commit]) -> Iterable[str]:
    """`mine` and `others` in the order of their answers."""
    answered = [other.answered for other in others]
    latest_start = list(accumulate(others, _later_begun))
    for answer in mine:
        before = bisect_left(answered, answer.started)
        if before == 0:
            continue
        lawful = [commit.time for commit in named if commit.lawful_from <= answer.answered]
        served = max(lawful, default=mine[0].answered)
        between = latest_start[before - 1]
        if between.started > served:
            yield (
                f"{answer.server} answered on its {answer.port} port at {answer.answered:.3f} "
                f"(connection begun {answer.started:.3f}) after {between.server} had served "
                f"at {between.answered:.3f}, and no commit since then names {answer.server}"
            )


def _later_begun(one: Answer, other: Answer) -> Answer:
    return one if one.started >= other.started else other
