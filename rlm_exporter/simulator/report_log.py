"""The report log of one ISV server: a file that grows line by line, and may be changed for another."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rlm_exporter.simulator import report_lines
from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.plan import ReportLogPlan
from rlm_exporter.simulator.report_lines import Move
from rlm_exporter.simulator.seats import Seat, Seats
from rlm_exporter.simulator.style import Wording
from rlm_exporter.simulator.wish import Wish


class ReportLog:
    """Writes what happens to `seats`. A server that is killed leaves the file as it is: without an end."""

    def __init__(
        self, plan: ReportLogPlan, *, server: str, seats: Seats, wording: Wording, clock: LocalClock
    ) -> None:
        self._plan = plan
        self._server = server
        self._seats = seats
        self._wording = wording
        self._clock = clock

    @property
    def name(self) -> str:
        """As rlmstat shows it: a path that is appended to begins with `+`."""
        return f"{'+' if self._plan.append else ''}{self._plan.path}"

    def start(self) -> None:
        """Begin the file, and a run in it; what was there goes, unless the plan is to append."""
        if not self._plan.append:
            self._plan.path.unlink(missing_ok=True)
        self._begin(switched_from=None)

    def switch(self, path: Path) -> None:
        """Go on in another file, each of the two naming the other, as `rlmswitchr` does."""
        before = self._plan.path
        self._write([f"SWITCH to {path}", report_lines.end(self._clock.now())])
        self._plan = replace(self._plan, path=path)
        self._begin(switched_from=str(before))

    def out(self, seat: Seat) -> None:
        """A checkout."""
        self._write([report_lines.out(self._move(seat), self._plan.format)])

    def back(self, seat: Seat, *, why: int) -> None:
        """A checkin."""
        move = replace(self._move(seat), at=self._clock.now())
        self._write([report_lines.back(move, self._plan.format, why=why)])

    def deny(self, wish: Wish, *, why: int) -> None:
        """A denial."""
        self._write([report_lines.deny(wish, self._plan.format, why=why, at=self._clock.now())])

    def reread(self, user: str, host: str) -> None:
        """The license file is read again."""
        self._write([report_lines.reread(user, host, self._clock.now()), *self._licenses()])

    def stamp(self) -> None:
        """Tell what day it is."""
        self._write([report_lines.timestamp(self._clock.now())])

    def shutdown(self, user: str, host: str) -> None:
        """The server ends as it should."""
        self._write([*self._in_use(), *report_lines.shutdown(user, host, self._clock.now())])

    def _begin(self, *, switched_from: str | None) -> None:
        now = self._clock.now()
        self._write(
            [
                *report_lines.head(
                    self._seats.isv, self._plan.format, self._wording, switched_from=switched_from
                ),
                *report_lines.start(self._server, self._wording, now),
                *self._licenses(),
                report_lines.timestamp(now),
                *self._in_use(),
            ]
        )

    def _licenses(self) -> list[str]:
        return report_lines.licenses(f"{self._seats.isv}.lic", enumerate(self._seats.products, 1))

    def _in_use(self) -> Iterable[str]:
        return [report_lines.in_use(self._move(seat)) for seat in self._seats.held()]

    def _move(self, seat: Seat) -> Move:
        return Move(
            wish=seat.wish,
            product=seat.product,
            version=seat.version,
            pool=self._seats.number_of(seat),
            count=seat.count,
            in_use=seat.pool.inuse,
            reserved_in_use=seat.pool.inuse_reserved,
            handle=seat.handle,
            share_handle=seat.share_handle,
            at=seat.at,
        )

    def _write(self, lines: Iterable[str]) -> None:
        """Append in one piece."""
        with self._plan.path.open("ab", buffering=0) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
