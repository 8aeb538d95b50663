"""Where a run of the server begins and ends, and with it what was out."""

from datetime import datetime

import pytest

from rlm_exporter.rlm.report_log_values import Begun, Ended, RunEnd
from tests.rlm.report_logs import DATA, HEAD, START, back, ends, in_use, log, out, read, text

END = "END 03/02/2026 12:00"
SHUTDOWN = "SHUTDOWN admin rlm1 03/02 12:00:00"
SECOND = "START rlm1 03/02/2026 13:00:00"
FIRST = (START, out("1", "08:10:00"))


def local(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def test_shutdown_ends_every_session_at_its_time() -> None:
    found = read(log(*FIRST, out("2", "08:11:00"), back("2", "08:12:00"), SHUTDOWN, END))

    [run] = found.runs
    assert (run.ended_by, run.start, run.end) == (
        RunEnd.SHUTDOWN, local("2026-03-02 08:00:00"), local("2026-03-02 12:00:00"),
    )  # fmt: skip
    first, second = found.sessions
    assert (first.ended, first.back, first.reason, first.not_after) == (Ended.SHUTDOWN, run.end, None, None)
    assert first.lasted is not None
    assert first.lasted.total_seconds() == 3 * 3600 + 50 * 60
    assert (second.ended, second.reason) == (Ended.IN, 1)


def test_a_start_that_nothing_announced_follows_a_crash() -> None:
    found = read(log(*FIRST, SECOND, out("1", "13:05:00"), back("1", "13:06:00")))

    crashed, last = found.runs
    assert (crashed.number, crashed.ended_by, crashed.end) == (0, RunEnd.CRASH, None)
    assert (last.number, last.ended_by, last.start) == (1, RunEnd.CUT, local("2026-03-02 13:00:00"))
    assert ends(found.sessions) == [(0, "1", "crash"), (1, "1", "in")]
    lost = found.sessions[0]
    assert (lost.back, lost.lasted, lost.reason) == (None, None, None)
    assert lost.not_after == local("2026-03-02 13:00:00")


@pytest.mark.parametrize("parted", [False, True], ids=["one file", "two files"])
def test_a_checkin_never_closes_another_runs_session(parted: bool) -> None:
    before, after = text(*HEAD, *FIRST), text(*HEAD, SECOND, back("1", "13:06:00"))
    found = read(before, after) if parted else read(before + after)

    assert ends(found.sessions) == [(0, "1", "crash"), (1, "1", "in")]
    assert found.sessions[1].begun is Begun.UNKNOWN
    assert (found.sessions[1].out, found.sessions[1].lasted) == (None, None)


def test_handles_begin_anew_after_a_shutdown() -> None:
    found = read(log(*FIRST, SHUTDOWN, END, SECOND, out("1", "13:05:00"), back("1", "13:06:00")))

    assert [run.ended_by for run in found.runs] == [RunEnd.SHUTDOWN, RunEnd.CUT]
    assert ends(found.sessions) == [(0, "1", "shutdown"), (1, "1", "in")]


SWITCHES = {
    "both name each other": (("SWITCH to b.rl", END, "AUTH: 1 ff"), ("SWITCH from a.rl",)),
    "before 14.0": (("SWITCH to b.rl", END), ()),
    "without END": (("SWITCH to b.rl",), ("SWITCH from a.rl",)),
    "the end of the first is lost": ((), ("SWITCH from a.rl",)),
    "END alone": ((END,), ("SWITCH from a.rl",)),
    "with a list of what is out": (
        (in_use("1", "12:00:00"), "SWITCH to b.rl", END), ("SWITCH from a.rl",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SWITCHES)
@pytest.mark.parametrize("listed", [False, True], ids=["", "listed at the start"])
@pytest.mark.parametrize("parted", [False, True], ids=["one file", "two files"])
def test_a_switch_goes_on_with_the_same_run(case: str, listed: bool, parted: bool) -> None:
    leaves, comes = SWITCHES[case]
    zone = "TIMEZONE -60 0 0 # CET"
    first = log(START, zone, out("1", "08:10:00"), out("2", "08:11:00"), *leaves)
    listing = (in_use("1", "12:00:00"), in_use("2", "12:00:00")) if listed else ()
    lines = (SECOND, "TIMEZONE -120 0 0 # CEST", *listing, back("1", "13:10:00"), out("3", "13:11:00"))
    second = text("", *comes, *HEAD, *lines, "SHUTDOWN admin rlm1 03/02 14:00:00")
    found = read(first, second) if parted else read(first + second)

    [run] = found.runs
    assert (run.start, run.ended_by) == (local("2026-03-02 08:00:00"), RunEnd.SHUTDOWN)
    assert run.timezone_minutes_west == -60
    assert ends(found.sessions) == [(0, "1", "in"), (0, "2", "shutdown"), (0, "3", "shutdown")]
    assert all(each.begun is Begun.OUT for each in found.sessions)
    assert found.peak_seats == {"solver": 2}
    assert found.warnings == ()


def test_what_is_out_when_a_log_is_switched_goes_on_elsewhere() -> None:
    found = read(DATA / "switch-1.log")

    [run] = found.runs
    assert (run.ended_by, run.end) == (RunEnd.SWITCH, local("2026-03-02 12:00"))
    assert ends(found.sessions) == [(0, "1", "switch"), (0, "2", "switch")]
    assert all(each.back is None and each.not_after is None for each in found.sessions)


def test_a_log_that_others_came_before_does_not_know_its_servers_start() -> None:
    found = read(DATA / "switch-2.log")

    [run] = found.runs
    assert (run.server, run.start, run.ended_by) == ("rlm1", None, RunEnd.SHUTDOWN)
    assert [each.begun for each in found.sessions] == [Begun.IN_USE, Begun.IN_USE]


@pytest.mark.parametrize(
    "again",
    [in_use("1", "12:00:00"), back("1", "13:10:00")],
    ids=["it lists what was out", "something comes back"],
)
def test_after_an_end_alone_a_known_handle_tells_that_the_run_goes_on(again: str) -> None:
    found = read(log(*FIRST, END), log(SECOND, "03/02/2026 13:00", again, "TIMEZONE 0 0 0 # UTC"))

    assert [(run.number, run.ended_by) for run in found.runs] == [(0, RunEnd.CUT)]
    assert len(found.sessions) == 1
    assert found.sessions[0].begun is Begun.OUT


@pytest.mark.parametrize(
    "line",
    [
        out("1", "13:10:00"), in_use("9", "13:10:00"), in_use("1", "13:10:00", product="mesher"),
        back("9", "13:10:00"), 'DENY solver 3.0 carol ws4 "" 9 -22 0 03/02 13:10',
    ],
    ids=["OUT", "INUSE", "INUSE of another product", "IN", "DENY"],
)  # fmt: skip
def test_after_an_end_alone_anything_else_begins_another_run(line: str) -> None:
    found = read(log(*FIRST, END), log(SECOND, "TIMEZONE 300 1 0 # EST", line))

    first, second = found.runs
    assert (first.ended_by, first.end) == (RunEnd.SHUTDOWN, local("2026-03-02 12:00"))
    assert (second.start, second.timezone_minutes_west) == (local("2026-03-02 13:00"), 300)
    assert ends(found.sessions)[0] == (0, "1", "shutdown")
    assert {each.run for each in found.sessions[1:]} | {each.run for each in found.denials} == {1}


@pytest.mark.parametrize(
    ("lines", "runs"),
    [
        ((*FIRST,), ["cut"]),
        ((*FIRST, END), ["switch"]),
        ((*FIRST, "SWITCH to b.rl"), ["switch"]),
        ((*FIRST, SHUTDOWN), ["shutdown"]),
        ((*FIRST, SHUTDOWN, END, SHUTDOWN, END), ["shutdown"]),
        ((*FIRST, END, SECOND), ["shutdown", "cut"]),
        ((*FIRST, END, SECOND, SECOND), ["shutdown", "crash", "cut"]),
        ((*FIRST, END, SECOND, END), ["shutdown", "switch"]),
        ((*FIRST, END, SECOND, "SWITCH to b.rl"), ["shutdown", "switch"]),
        ((*FIRST, END, SECOND, "SHUTDOWN a b 03/02 14:00:00"), ["shutdown", "shutdown"]),
        ((*FIRST, END, out("2", "12:10:00")), ["cut"]),
        ((*FIRST, SHUTDOWN, SECOND), ["shutdown", "cut"]),
        ((*FIRST, SHUTDOWN, "SWITCH to b.rl", SECOND), ["shutdown", "cut"]),
        ((*FIRST, SHUTDOWN, out("1", "13:00:00")), ["shutdown", "cut"]),
        ((START, START), ["crash", "cut"]),
        ((SHUTDOWN,), ["shutdown"]),
        (("SWITCH to b.rl",), []),
        ((END,), []),
        ((), []),
    ],
)
def test_ends_of_runs(lines: tuple[str, ...], runs: list[str]) -> None:
    found = read(log(*lines))

    assert [run.ended_by.value for run in found.runs] == runs
    assert [run.number for run in found.runs] == list(range(len(runs)))


def test_a_denial_belongs_to_the_run_that_refused() -> None:
    deny = 'DENY solver 3.0 carol ws4 "" 9 -22 0 03/02'
    found = read(
        log(f"{deny} 07:00", START, f"{deny} 09:00", SHUTDOWN, f"{deny} 12:00", SECOND, f"{deny} 14:00")
    )

    assert [each.run for each in found.denials] == [0, 1, 1, 2]
    assert found.runs[0].start is None


def test_a_server_that_moved_is_told_by_each_run() -> None:
    found = read(log(START, SHUTDOWN, "START rlm2 03/02/2026 13:00:00"))

    assert [run.server for run in found.runs] == ["rlm1", "rlm2"]
