from datetime import UTC, datetime, timedelta

from rlm_exporter.haproxy.traffic import KEPT, TrafficLog
from rlm_exporter.haproxy.view import AdminState, BalancerView, ServerLine, Traffic

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def line(backend: str, total: int, sent: int, server: str = "rlm1") -> ServerLine:
    return ServerLine(
        backend=backend,
        server=server,
        server_id=1,
        status="UP",
        admin=AdminState.READY,
        is_up=True,
        sessions=0,
        sessions_total=total,
        bytes_out=sent,
        backup=False,
    )


def seen(seconds: float, *, total: int, sent: int, pid: int | None = 7) -> BalancerView:
    """A reading in which the ISV backend has a tenth of the license backend's counts."""
    return BalancerView(
        balancer="lb1",
        read_at=at(seconds),
        epoch=1,
        pid=pid,
        active="rlm1",
        lines=(line("license", total, sent), line("isv", total // 10, sent // 10)),
    )


def log(*views: BalancerView) -> TrafficLog:
    made = TrafficLog()
    for view in views:
        made.add(view)
    return made


def test_connections_and_bytes_of_every_line_are_summed_between_the_readings_inside() -> None:
    traffic = log(
        seen(0, total=0, sent=0),
        seen(1, total=100, sent=1000),
        seen(2, total=150, sent=1000),
        seen(3, total=200, sent=2000),
        seen(4, total=900, sent=9000),
    )
    assert traffic.between("rlm1", at(0.5), at(3)) == Traffic(
        arrived=110, bytes_out=1100, since=at(1), until=at(3)
    )


def test_one_reading_tells_nothing() -> None:
    traffic = log(seen(1, total=100, sent=1000))
    assert traffic.between("rlm1", at(0), at(9)) is None
    assert TrafficLog().between("rlm1", at(0), at(9)) is None


def test_a_new_worker_in_between_tells_nothing() -> None:
    traffic = log(
        seen(1, total=100, sent=1000),
        seen(2, total=0, sent=0, pid=8),
        seen(3, total=200, sent=2000, pid=7),
    )
    assert traffic.between("rlm1", at(0), at(9)) is None


def test_counters_that_were_cleared_by_hand_tell_nothing() -> None:
    traffic = log(seen(1, total=100, sent=1000), seen(2, total=3, sent=2000))
    assert traffic.between("rlm1", at(0), at(9)) is None


def test_a_server_that_the_balancer_does_not_know_is_not_silent_but_unknown() -> None:
    traffic = log(seen(1, total=100, sent=1000), seen(2, total=200, sent=2000))
    assert traffic.between("rlm2", at(0), at(9)) is None


def test_readings_are_kept_for_a_while_and_no_longer() -> None:
    traffic = log(
        seen(0, total=0, sent=0),
        seen(1, total=10, sent=10),
        seen(KEPT.total_seconds() + 1, total=20, sent=20),
    )
    told = traffic.between("rlm1", at(-1), at(1000))
    assert told is not None
    assert told.since == at(1)


def test_a_clock_set_back_begins_a_new_log() -> None:
    traffic = log(
        seen(3600, total=100, sent=1000),
        seen(0, total=110, sent=1000),
        seen(1, total=120, sent=1000),
    )
    told = traffic.between("rlm1", at(-10), at(7200))
    assert told == Traffic(arrived=11, bytes_out=0, since=at(0), until=at(1))
