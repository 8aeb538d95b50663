"""The desk of an ISV server: gives and takes seats, and puts everything down in its books."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from pathlib import Path

from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.plan import Counting, IsvPlan, ProductPlan
from rlm_exporter.simulator.pool import PoolLine
from rlm_exporter.simulator.protocol import STATUS_TEXT
from rlm_exporter.simulator.records import DebugLog, Ledger
from rlm_exporter.simulator.report_log import ReportLog
from rlm_exporter.simulator.seats import Denial, Seat, Seats, UsageLine
from rlm_exporter.simulator.style import Wording
from rlm_exporter.simulator.tally import Statistics, Tally
from rlm_exporter.simulator.wish import Wish


class Why(IntEnum):
    """RLM's codes for a checkin, in its report log."""

    CHECKED_IN = 1
    CLIENT_EXITED = 2
    REMOVED = 3
    PRIMARY_BACK = 8
    """The failed server is back up: its standby takes all seats away."""


_WORDS = {
    Why.CLIENT_EXITED: "(client exit) ",
    Why.REMOVED: "(lmremove) ",
    Why.PRIMARY_BACK: "(failed server back up) ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Where the desk writes."""

    ledger: Ledger
    debug_log: DebugLog
    clock: LocalClock


class Desk:
    """The seats of one ISV server with their books; counters and handles begin with it."""

    def __init__(self, *, server: str, plan: IsvPlan, wording: Wording, books: Books) -> None:
        self._books = books
        self._seats = Seats(isv=plan.name, products=plan.products)
        self._tally = Tally(
            ("Messages", "Connections", "Checkouts", "Denials", "Removals"), now=books.clock.now()
        )
        self._log = (
            None
            if plan.report_log is None
            else ReportLog(
                plan.report_log, server=server, seats=self._seats, wording=wording, clock=books.clock
            )
        )

    @property
    def report_log_name(self) -> str:
        """As rlmstat shows it."""
        return "<stdout>" if self._log is None else self._log.name

    def open(self) -> None:
        """The server starts: expired licenses are left out, and equal ones remarked on."""
        self._seats.reread(self._seats.products, today=self._today())
        self._books.ledger.write("start")
        self._remark_on_duplicates()
        if self._log is not None:
            self._log.start()

    def close(self, user: str, host: str) -> None:
        """The server ends as it should."""
        self._books.debug_log.write(f"Shutdown request by {user}@{host}")
        if self._log is not None:
            self._log.shutdown(user, host)

    def count(self, label: str) -> None:
        """One more message, connection or the like."""
        self._tally.add(label, now=self._books.clock.now())

    def check_out(self, wish: Wish) -> Seat | Denial:
        """Give a seat, or say why not."""
        outcome = self._seats.check_out(wish, at=self._books.clock.now())
        what = f"{wish.product} v{wish.version}"
        if isinstance(outcome, Denial):
            self.count("Denials")
            self._books.ledger.write("denial", **_told(wish), why=outcome.code)
            self._books.debug_log.write(f"DENIED: ({wish.count}) {what} to {wish.user}@{wish.host}")
            self._books.debug_log.write(f"\t{STATUS_TEXT[outcome.code]}")
            if self._log is not None:
                self._log.deny(wish, why=outcome.code)
            return outcome
        self.count("Checkouts")
        self._books.ledger.write("checkout", **_told(wish), handle=outcome.handle)
        self._books.debug_log.write(f"OUT: {what} by {wish.user}@{wish.host}")
        if self._log is not None:
            self._log.out(outcome)
        return outcome

    def check_in(self, handle: str, *, why: Why) -> bool:
        """Take a seat back; False if the handle is not known."""
        seat = self._seats.check_in(handle)
        if seat is not None:
            self._put_down_return(seat, why)
        return seat is not None

    def remove(self, handle: str) -> Denial | None:
        """Take a seat from its client, as `rlmremove` asks; the reason where that cannot be."""
        outcome = self._seats.remove(handle, at=self._books.clock.now())
        if isinstance(outcome, Denial):
            return outcome
        self.count("Removals")
        self._put_down_return(outcome, Why.REMOVED)
        return None

    def reread(self, products: tuple[ProductPlan, ...] | None, *, user: str, host: str) -> None:
        """Build the pools anew, from other products if there are; expired licenses leave them."""
        self._books.debug_log.write(f"==== Reread request by {user}@{host} ====")
        self._seats.reread(self._seats.products if products is None else products, today=self._today())
        self._remark_on_duplicates()
        if self._log is not None:
            self._log.reread(user, host)

    def withdraw(self) -> None:
        """Take all pools away, and all seats with them."""
        self._seats.withdraw()
        for seat in self._seats.held():
            self.check_in(seat.handle, why=Why.PRIMARY_BACK)

    def restore(self) -> None:
        """Bring the pools back."""
        self._seats.restore()

    def stamp(self) -> None:
        """Put the date into the report log."""
        if self._log is not None:
            self._log.stamp()

    def switch_report_log(self, path: Path) -> bool:
        """Go on in another report log; False if there is none."""
        if self._log is not None:
            self._log.switch(path)
        return self._log is not None

    def statistics(self) -> Statistics:
        """The columns of rlmstat."""
        return self._tally.statistics(now=self._books.clock.now())

    def pools(self) -> tuple[PoolLine, ...]:
        """The pools as rlmstat shows them."""
        return self._seats.pools()

    def usage(self) -> tuple[UsageLine, ...]:
        """The handles as rlmstat shows them."""
        return self._seats.usage()

    def _today(self) -> date:
        return self._books.clock.now().date()

    def _put_down_return(self, seat: Seat, why: Why) -> None:
        wish = seat.wish
        self._books.ledger.write("checkin", **_told(wish), handle=seat.handle, why=why.value)
        what = f"{wish.product} v{wish.version} by {wish.user}@{wish.host}"
        self._books.debug_log.write(f"IN: {_WORDS.get(why, '')}{what}")
        if self._log is not None:
            self._log.back(seat, why=why)

    def _remark_on_duplicates(self) -> None:
        seen: set[tuple[str, str]] = set()
        for plan in self._seats.products:
            key = plan.product, plan.version
            if key in seen and plan.counting is not Counting.TOKEN:
                self._books.debug_log.write(f"WARNING: Duplicate {plan.product} license")
            seen.add(key)


def _told(wish: Wish) -> dict[str, object]:
    return {
        "product": wish.product,
        "version": wish.version,
        "count": wish.count,
        "user": wish.user,
        "host": wish.host,
        "pid": wish.pid,
    }
