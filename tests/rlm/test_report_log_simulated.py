"""What a simulated ISV server writes is read as what it did, in every format and every version."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rlm_exporter.rlm.report_log import ReportLog
from rlm_exporter.rlm.report_log_values import Begun, Ended, LogFormat, RunEnd
from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.plan import ProductPlan, ReportFormat, ReportLogPlan
from rlm_exporter.simulator.report_log import ReportLog as Writer
from rlm_exporter.simulator.seats import Seat, Seats
from rlm_exporter.simulator.style import Style
from rlm_exporter.simulator.wish import Wish
from tests.rlm.report_logs import ends, read

NEW_YEAR = datetime(2026, 12, 31, 23, 59, 59)  # noqa: DTZ001 - the server's local time


class Server:
    """An ISV server with one shared product and one that is not."""

    def __init__(
        self,
        path: Path,
        *,
        style: Style = Style.V15,
        append: bool = False,
        format_: ReportFormat = ReportFormat.STD,
    ) -> None:
        plans = (
            ProductPlan(product="solver", version="3.0", count=2),
            ProductPlan(product="mesher", version="2.1", count=5, share="u"),
        )
        self.clock = LocalClock.starting_at(NEW_YEAR)
        self.seats = Seats(isv="acme", products=plans)
        plan = ReportLogPlan(path=path, append=append, format=format_)
        self.log = Writer(plan, server="rlm1", seats=self.seats, wording=style.wording, clock=self.clock)
        self.log.start()

    def ask(self, product: str, user: str, *, last: bool = True) -> Seat | None:
        wish = Wish(
            product=product, version="2.0", count=1, user=user, host="ws 1", pid=7, isv_def="a job",
            last_attempt=last,
        )  # fmt: skip
        found = self.seats.check_out(wish, at=self.clock.now())
        if isinstance(found, Seat):
            self.log.out(found)
            return found
        self.log.deny(wish, why=found.code)
        return None

    def give_back(self, seat: Seat | None, why: int = 1) -> None:
        assert seat is not None
        self.seats.check_in(seat.handle)
        self.log.back(seat, why=why)


def day(server: Server, second: Path) -> None:
    """Four users, a switch to another file, and an end."""
    first = server.ask("solver", "alice")
    server.ask("solver", "bob")
    server.ask("solver", "carol", last=False)
    server.ask("solver", "carol")
    server.ask("mesher", "dave")
    shared = server.ask("mesher", "dave")
    server.log.switch(second)
    server.give_back(first, why=4)
    server.give_back(shared)
    server.log.reread("admin", "rlm1")
    server.log.stamp()
    server.log.shutdown("admin", "rlm1")


def told(log: ReportLog) -> list[tuple[object, ...]]:
    return [
        (each.product, each.user, each.host, each.isv_def, each.seats, each.ended) for each in log.sessions
    ]


@pytest.mark.parametrize("format_", ReportFormat)
@pytest.mark.parametrize("style", Style)
def test_a_day_is_read_as_it_was(tmp_path: Path, format_: ReportFormat, style: Style) -> None:
    first, second = tmp_path / "a.rl", tmp_path / "b c.rl"
    day(Server(first, style=style, format_=format_), second)
    found = read(first, second)

    assert found.warnings == ()
    assert found.header.format == LogFormat(format_.value)
    assert (found.header.isv, found.header.log_version) == ("acme", style.wording.version)
    [run] = found.runs
    assert (run.server, run.ended_by) == ("rlm1", RunEnd.SHUTDOWN)
    assert (run.timezone_minutes_west is None) == (style.wording.version in {"9.1", "12.2"})
    assert told(found) == [
        ("solver", "alice", "ws_1", "a_job", 1, Ended.IN),
        ("solver", "bob", "ws_1", "a_job", 1, Ended.SHUTDOWN),
        ("mesher", "dave", "ws_1", "a_job", 1, Ended.SHUTDOWN),
        ("mesher", "dave", "ws_1", "a_job", 1, Ended.IN),
    ]
    assert all(each.begun is Begun.OUT for each in found.sessions)
    assert [each.reason for each in found.sessions] == [4, None, None, 1]
    assert [(each.user, each.why, each.is_final) for each in found.denials] == [
        ("carol", -22, False),
        ("carol", -22, True),
    ]
    assert found.peak_seats == {"mesher": 1, "solver": 2}
    assert all(
        each.out is not None and abs(each.out - NEW_YEAR) < timedelta(minutes=2) for each in found.sessions
    )


def test_a_server_that_is_killed_leaves_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.rl"
    Server(path, append=True).ask("solver", "alice")
    again = Server(path, append=True)
    again.give_back(again.ask("solver", "bob"))
    found = read(path)

    assert [run.ended_by for run in found.runs] == [RunEnd.CRASH, RunEnd.CUT]
    assert ends(found.sessions) == [(0, "1", "crash"), (1, "1", "in")]


def test_the_second_file_alone_tells_what_was_out(tmp_path: Path) -> None:
    day(Server(tmp_path / "a.rl"), tmp_path / "b.rl")
    found = read(tmp_path / "b.rl")

    assert [each.begun for each in found.sessions] == [Begun.IN_USE] * 4
    assert found.peak_seats == {"mesher": 1, "solver": 2}
    assert found.runs[0].start is None
