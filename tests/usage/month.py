"""A month of a site, quickly: simulated ISV servers under a clock of ours, and a ledger of what really was.

The servers are the simulator's own desks: they give seats, refuse, print rlmstat's text and write report
logs. Who does what is drawn from a seed. The ledger is written where a seat is given and given back; neither
reader nor usage log has a part in it.
"""

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.snapshot import Health, ServerSnapshot
from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.status import IsvServer
from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.desk import Books, Desk, Why
from rlm_exporter.simulator.plan import IsvPlan, ProductPlan, ReportLogPlan
from rlm_exporter.simulator.records import DebugLog, Ledger
from rlm_exporter.simulator.seats import Denial
from rlm_exporter.simulator.style import Style
from rlm_exporter.simulator.text import Place, isv_status, isv_table, pool_status, rlm_status, usage_status
from rlm_exporter.simulator.wish import Wish

ZONE = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 10, 1, tzinfo=ZONE).astimezone(UTC)
END = datetime(2026, 11, 1, tzinfo=ZONE).astimezone(UTC)
ISV = "siemens"
SERVERS = ("rlm1", "rlm2", "rlm3")
PRODUCTS = tuple(
    ProductPlan(product=f"product{number:02}", version="2026.1", count=2 + number) for number in range(20)
)
USERS = 100
EVERY = timedelta(minutes=10)
"""Between two checks of a server."""
LATE_COMMIT = timedelta(minutes=15)
"""From a crash to the commit that follows HAProxy: a check comes in between."""


class VirtualClock(LocalClock):
    """Shows what it is told, in the servers' zone."""

    def __init__(self, moment: datetime) -> None:
        super().__init__()
        self.moment = moment

    def now(self) -> datetime:
        local = self.moment.astimezone(ZONE)
        # As a fixed offset: two times in one zone are subtracted by their faces.
        return local.replace(tzinfo=timezone(local.utcoffset() or timedelta()))


@dataclass(slots=True, kw_only=True)
class Stay:
    """One seat as it really was; times are moments in UTC, to the second."""

    server: str
    handle: str
    user: str
    host: str
    product: str
    count: int
    out: datetime
    back: datetime | None = None
    why: str = ""
    """`returned`, `cut` by a failover, `crash`; empty while it is out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One denial as it really was."""

    server: str
    user: str
    host: str
    product: str
    count: int
    at: datetime
    is_final: bool


class Truth(Ledger):
    """What an ISV server puts down, with the virtual time."""

    def __init__(self, server: str, clock: VirtualClock, month: "Month") -> None:
        super().__init__(None, server=server, isv=ISV)
        self._server = server
        self._clock = clock
        self._month = month

    def write(self, kind: str, **fields: object) -> None:
        now = self._clock.moment
        if kind == "checkout":
            stay = Stay(
                server=self._server,
                handle=str(fields["handle"]),
                user=str(fields["user"]),
                host=str(fields["host"]),
                product=str(fields["product"]),
                count=int(str(fields["count"])),
                out=now,
            )
            self._month.stays.append(stay)
            self._month.held[self._server, stay.handle] = stay
        elif kind == "checkin":
            stay = self._month.held.pop((self._server, str(fields["handle"])))
            stay.back, stay.why = now, self._month.why
        elif kind == "denial":
            self._month.denials.append(
                Refusal(
                    server=self._server,
                    user=str(fields["user"]),
                    host=str(fields["host"]),
                    product=str(fields["product"]),
                    count=int(str(fields["count"])),
                    at=now.replace(second=0),  # a report log of this format has no more of denials
                    is_final=self._month.is_final,
                )
            )


@dataclass
class IsvServerInstance:
    """A run of one server's ISV server."""

    name: str
    log: Path
    clock: VirtualClock
    month: "Month"
    desk: Desk = field(init=False)

    def start(self) -> None:
        """From nothing: handles are counted anew."""
        books = Books(
            ledger=Truth(self.name, self.clock, self.month),
            debug_log=DebugLog(self.log.with_suffix(".dlog"), speaker=ISV, clock=self.clock),
            clock=self.clock,
        )
        plan = IsvPlan(
            name=ISV, port=5060, products=PRODUCTS, report_log=ReportLogPlan(path=self.log, append=True)
        )
        self.desk = Desk(server=self.name, plan=plan, wording=Style.V15.wording, books=books)
        self.desk.open()

    def text(self) -> str:
        """What rlmstat prints."""
        now, place, wording = self.clock.now(), Place(host=self.name, port=5060), Style.V15.wording
        statistics = self.desk.statistics()
        isvs = (IsvServer(name=ISV, port=5060, running=True, restarts=0),)
        main = Place(host=self.name, port=5053)
        lines = [
            *rlm_status(main, statistics, now=now, wording=wording),
            *isv_table(isvs, wording=wording),
            *isv_status(ISV, place, statistics, now=now, wording=wording, report_log=str(self.log)),
            *pool_status(ISV, place, self.desk.pools(), wording=wording),
            *usage_status(ISV, place, self.desk.usage(), wording=wording),
        ]
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Clients are sent from one server to another; the other one goes on, or is killed and comes back."""

    at: datetime
    to: str
    crash: bool = False
    returns: timedelta = timedelta(hours=3)


MOVES = (
    Move(at=datetime(2026, 10, 8, 9, 31, 12, tzinfo=UTC), to="rlm2"),
    Move(at=datetime(2026, 10, 17, 13, 2, 45, tzinfo=UTC), to="rlm3", crash=True),
    Move(at=datetime(2026, 10, 28, 10, 17, 3, tzinfo=UTC), to="rlm1"),
)


class Month:
    """Everything that happens. `run` does it, and stops at each check with what is seen then."""

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self.clock = VirtualClock(BEGIN)
        self.stays: list[Stay] = []
        self.held: dict[tuple[str, str], Stay] = {}
        self.denials: list[Refusal] = []
        self.why = "returned"
        self.is_final = True
        self._clients_at = "rlm1"
        self.active = "rlm1"
        """By the controller."""
        self.active_since = BEGIN
        self.servers = {
            name: IsvServerInstance(name, folder / f"{name}.rl", self.clock, self) for name in SERVERS
        }
        self.down: dict[str, datetime] = {}
        """Killed servers, and since when."""
        self.failing_since: datetime | None = None
        self._order = itertools.count()
        self._events: list[tuple[datetime, int, str, tuple[str, ...]]] = []
        for server in self.servers.values():
            server.start()
        self._plan()

    def run(self) -> Iterator[datetime]:
        """The month; each value is a moment at which the servers are looked at."""
        while self._events:
            at, _, what, about = heapq.heappop(self._events)
            self.clock.moment = at
            match what:
                case "arrive":
                    self._arrive(*about)
                case "leave":
                    self._leave(*about)
                case "stamp":
                    self._stamp()
                case "move":
                    self._move(MOVES[int(about[0])])
                case "commit":
                    self.active, self.active_since = about[0], at
                case "return":
                    self._come_back(about[0])
                case "look":
                    yield at

    def parts(self, at: datetime) -> tuple[ServerSnapshot, ...]:
        """What the checks of this moment find."""
        return tuple(self._part(name, at) for name in SERVERS)

    def _part(self, name: str, at: datetime) -> ServerSnapshot:
        if name in self.down:
            failure = Failure(reason=FailureReason.REFUSED, detail="connection refused")
            since = self.down[name].replace(microsecond=0) + timedelta(seconds=2)
            return ServerSnapshot(
                server=name, health=Health(failures=3, failure=failure, failing_since=since), checked_at=at
            )
        status = parse_rlmstat(self.servers[name].text())
        return ServerSnapshot(server=name, health=Health(successes=3), status=status, checked_at=at)

    # ---- what is to happen

    def _plan(self) -> None:
        moment = BEGIN
        while moment < END:
            self._at(moment, "look")
            moment += EVERY
        self._at(END, "look")
        moment = BEGIN
        while moment < END:
            self._at(moment, "stamp")
            moment += timedelta(minutes=30)
        for number, move in enumerate(MOVES):
            self._at(move.at, "move", str(number))
        for number in range(USERS):
            self._plan_user(f"user{number:03}")

    def _plan_user(self, user: str) -> None:
        """Some sessions each working day, some at night; most for a while, some for a moment or for days."""
        day = BEGIN
        while day < END:
            busy = 3.0 if day.astimezone(ZONE).weekday() < 5 else 0.6
            for _ in range(self._drawn(busy)):
                hour = (
                    self._random.gauss(13, 3) if self._random.random() < 0.85 else self._random.uniform(0, 24)
                )
                at = day + timedelta(seconds=int(min(max(hour, 0), 23.99) * 3600))
                if at < END - timedelta(hours=1):
                    self._at(at, "arrive", user)
            day += timedelta(days=1)
        # In the hour that exists twice as well.
        night = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
        for _ in range(self._drawn(0.5)):
            self._at(night + timedelta(seconds=self._random.randrange(7200)), "arrive", user)

    def _drawn(self, mean: float) -> int:
        whole, rest = divmod(mean * self._random.uniform(0.3, 1.7), 1)
        return int(whole) + (self._random.random() < rest)

    def _at(self, moment: datetime, what: str, *about: str) -> None:
        heapq.heappush(self._events, (moment, next(self._order), what, about))

    # ---- what happens

    def _arrive(self, user: str) -> None:
        product = self._random.choice(PRODUCTS).product
        host = f"ws{self._random.randrange(60):02}"
        wish = Wish(
            product=product,
            version="2026.1",
            count=1 if self._random.random() < 0.9 else 2,
            user=user,
            host=host,
            pid=7,
            last_attempt=self._random.random() < 0.7,
        )
        self.is_final = wish.last_attempt
        server = self._clients_at
        outcome = self.servers[server].desk.check_out(wish)
        if isinstance(outcome, Denial):
            return
        lasts = int(self._random.lognormvariate(7.5, 1.6))  # half an hour in the median
        at = self.clock.moment + timedelta(seconds=1 + lasts)
        self._at(at, "leave", server, outcome.handle, str(len(self.stays) - 1))

    def _leave(self, server: str, handle: str, number: str) -> None:
        # A server that started anew has given the handle to somebody else.
        if self.held.get((server, handle)) is self.stays[int(number)]:
            self.servers[server].desk.check_in(handle, why=Why.CHECKED_IN)

    def _stamp(self) -> None:
        for name, server in self.servers.items():
            if name not in self.down:
                server.desk.stamp()

    def _move(self, move: Move) -> None:
        old = self._clients_at
        if move.crash:
            self.down[old] = self.clock.moment
            self._at(self.clock.moment + move.returns, "return", old)
            for stay in self._of(old):
                stay.back, stay.why = self.clock.moment, "crash"
                del self.held[old, stay.handle]
        else:
            self.why = "cut"
            for stay in self._of(old):
                self.servers[old].desk.check_in(stay.handle, why=Why.CLIENT_EXITED)
            self.why = "returned"
        self._clients_at = move.to
        # HAProxy is quicker than a controller that waits for a second check.
        self._at(self.clock.moment + (LATE_COMMIT if move.crash else timedelta(seconds=3)), "commit", move.to)

    def _of(self, server: str) -> list[Stay]:
        return [stay for (name, _), stay in list(self.held.items()) if name == server]

    def _come_back(self, server: str) -> None:
        del self.down[server]
        self.servers[server].start()
