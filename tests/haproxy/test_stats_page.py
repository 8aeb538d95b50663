import contextlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.errors import LoadBalancerError
from rlm_exporter.haproxy.stats_page import Action, admin_state, command_body, parse_view, refusal
from rlm_exporter.haproxy.view import AdminState, BalancerNames, BalancerView

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NAMES = BalancerNames(
    license_backend="rlm_license_servers",
    isv_backends={"siemens": "rlm_isv_siemens"},
    servers=("rlm1", "rlm2", "rlm3"),
)
HEADERS = {"X-Epoch": "7", "X-Active-Id": "2", "X-Pid": "4711"}

# The columns of HAProxy 2.6 up to the last one that is read, and one after it; real rows have 95.
COLUMNS = (
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,"
    "weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,"
)


def row(
    backend: str, server: str, status: str, *, sid: int = 1, bck: int = 0, counts: str = "4,9,,40,8,1234"
) -> str:
    scur, smax, slim, stot, received, sent = counts.split(",")
    return (
        f"{backend},{server},0,0,{scur},{smax},{slim},{stot},{received},{sent},,0,,0,0,0,0,{status},"
        f"1,{1 - bck},{bck},0,0,12,0,,1,3,{sid},,"
    )


def page(*statuses: str, isv: tuple[str, ...] = ("UP", "UP", "UP")) -> str:
    return "\n".join(
        (
            COLUMNS,
            row("rlm_license_frontend", "FRONTEND", "OPEN", sid=0),
            *(
                row("rlm_license_servers", f"rlm{n}", status, sid=n, bck=int(n > 1))
                for n, status in enumerate(statuses, start=1)
            ),
            row("rlm_license_servers", "BACKEND", "UP", sid=0),
            *(
                row("rlm_isv_siemens", f"rlm{n}", status, sid=n, bck=int(n > 1))
                for n, status in enumerate(isv, start=1)
            ),
            row("rlm_isv_siemens", "BACKEND", "UP", sid=0),
            row("web", "rlm1", "UP"),
            "",
        )
    )


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        (("MAINT (via rlm_license_servers/rlm1)", "no check"), None),
        (("UP", "UP"), "web has rlm1 UP, rlm_license_servers has it MAINT"),
        (("MAINT", "MAINT"), "web has rlm2 MAINT, rlm_license_servers has it UP"),
        (("MAINT (resolution)", "UP"), None),
        (("MAINT",), "web has no rlm2"),
        ((), "web has no rlm1"),
    ],
)
def test_a_web_backend_that_does_not_follow_is_told_and_counts_for_nothing(
    web: tuple[str, ...], expected: str | None
) -> None:
    text = page("MAINT", "UP").replace(row("web", "rlm1", "UP") + "\n", "") + "".join(
        row("web", f"rlm{n}", status, sid=n) + "\n" for n, status in enumerate(web, start=1)
    )
    names = replace(NAMES, web_backend="web", servers=("rlm1", "rlm2"))
    view = parse_view(text, HEADERS, balancer="lb1", names=names, read_at=AT)
    assert view.web_differs == expected
    assert view.unknown_servers == frozenset()
    assert {line.backend for line in view.lines} == {"rlm_license_servers", "rlm_isv_siemens"}


def read(text: str, headers: dict[str, str] | None = None) -> BalancerView:
    return parse_view(text, HEADERS if headers is None else headers, balancer="lb1", names=NAMES, read_at=AT)


def test_a_command_names_one_backend_one_action_and_every_server() -> None:
    assert command_body("rlm_license_servers", Action.MAINT, ("rlm1", "rlm3")) == (
        "b=rlm_license_servers&action=maint&s=rlm1&s=rlm3"
    )


def test_a_name_cannot_smuggle_a_second_action_into_a_command() -> None:
    assert command_body("b&action=ready", Action.MAINT, ("x&s=rlm2",)) == (
        "b=b%26action%3Dready&action=maint&s=x%26s%3Drlm2"
    )


@pytest.mark.parametrize(
    ("status", "location", "expected"),
    [
        (303, "/stats;st=DONE", None),
        (303, "/stats;st=NONE", "HAProxy answered NONE: nothing was changed; the request was not understood"),
        (303, "/stats;st=PART", "HAProxy answered PART: only some of the servers are known there"),
        (303, "/stats;st=ERRP", "HAProxy answered ERRP: no such backend, server or action"),
        (303, "/stats;st=EXCD", "HAProxy answered EXCD: the request was too large"),
        (303, "/stats;st=DENY", "HAProxy answered DENY: the stats page has no `stats admin` for us"),
        (303, "/stats;st=WHAT", "HAProxy answered WHAT: HAProxy does not say why"),
        *(
            (
                status,
                location,
                f"the answer is {status} without `st=`: is this HAProxy's stats page, with `stats admin`?",
            )
            for status, location in ((303, "/login"), (303, None), (200, None), (503, None))
        ),
        (400, None, "HAProxy refuses the epoch (400): it is missing or has more than 15 digits"),
        (403, None, "HAProxy refuses the command (403): it does not take us for its controller"),
        (401, None, "HAProxy refuses the command (401): it does not take us for its controller"),
    ],
)
def test_only_done_is_done(status: int, location: str | None, expected: str | None) -> None:
    assert refusal(status, location) == expected


@pytest.mark.parametrize(
    ("status", "admin", "is_up"),
    [
        ("UP", AdminState.READY, True),
        ("UP 1/3", AdminState.READY, True),
        ("no check", AdminState.READY, True),
        ("DOWN", AdminState.READY, False),
        ("DOWN 1/2", AdminState.READY, False),
        ("DOWN (agent)", AdminState.READY, False),
        ("NOLB", AdminState.READY, False),
        ("DRAIN", AdminState.DRAIN, False),
        ("DRAIN 2/3", AdminState.DRAIN, False),
        ("MAINT", AdminState.MAINT, False),
        ("MAINT (via rlm_license_servers/rlm1)", AdminState.MAINT, False),
        ("MAINT (resolution)", AdminState.UNRESOLVED, False),
    ],
)
def test_each_status_is_read_for_what_it_is(status: str, admin: AdminState, is_up: bool) -> None:
    line = read(page(status, "UP", "UP")).license_line("rlm1")
    assert line is not None
    assert (line.status, line.admin, line.is_up) == (status, admin, is_up)
    assert admin_state(status) is admin


def test_a_page_is_read_line_by_line_and_others_backends_are_left_out() -> None:
    view = read(page("UP", "MAINT", "DOWN", isv=("UP", "MAINT (via rlm_license_servers/rlm2)", "DOWN")))
    assert (view.balancer, view.read_at, view.epoch, view.pid, view.active) == ("lb1", AT, 7, 4711, "rlm2")
    assert [(line.backend, line.server, line.server_id, line.backup) for line in view.lines] == [
        (backend, f"rlm{n}", n, n > 1)
        for backend in ("rlm_license_servers", "rlm_isv_siemens")
        for n in (1, 2, 3)
    ]
    first = view.lines[0]
    assert (first.sessions, first.sessions_total, first.bytes_out) == (4, 40, 1234)
    assert view.pinned == {"rlm2"}
    assert [line.backend for line in view.of("rlm3")] == ["rlm_license_servers", "rlm_isv_siemens"]
    assert view.license_line("rlm9") is None


def test_what_a_hand_took_out_and_what_has_no_address_are_told_apart() -> None:
    view = read(page("MAINT", "DRAIN", "MAINT (resolution)"))
    assert view.pinned == {"rlm1"}
    assert view.withdrawn == {"rlm1", "rlm2"}
    assert view.unresolved == {"rlm3"}


@pytest.mark.parametrize(
    ("headers", "epoch", "active", "pid"),
    [
        ({}, None, None, None),
        ({"X-Epoch": "", "X-Active-Id": "0", "X-Pid": "12"}, None, None, 12),
        ({"X-Epoch": "999999999999999", "X-Active-Id": "3", "X-Pid": "1"}, 999999999999999, "rlm3", 1),
        ({"X-Epoch": "x", "X-Active-Id": "9", "X-Pid": "-1"}, None, None, None),
    ],
    ids=["none", "a fresh worker", "the longest epoch", "nonsense"],
)
def test_headers_that_say_nothing_leave_things_unknown(
    headers: dict[str, str], epoch: int | None, active: str | None, pid: int | None
) -> None:
    view = read(page("UP", "UP", "UP"), headers)
    assert (view.epoch, view.active, view.pid) == (epoch, active, pid)


def test_a_server_that_one_backend_lacks_is_unknown() -> None:
    assert read(page("UP", "UP", isv=("UP", "UP", "UP"))).unknown_servers == {"rlm3"}
    assert read(page("UP", "UP", "UP", isv=("UP",))).unknown_servers == {"rlm2", "rlm3"}
    assert read(page()).unknown_servers == {"rlm1", "rlm2", "rlm3"}


@pytest.mark.parametrize(
    "text", ["", "<html>", "pxname,svname", '{"a": 1}'], ids=["empty", "html", "no hash", "json"]
)
def test_what_is_not_statistics_is_refused(text: str) -> None:
    with pytest.raises(LoadBalancerError) as refused:
        read(text)
    assert str(refused.value) == (
        "the answer is not HAProxy's statistics: does the URL end in the stats URI?"
    )


def test_a_quote_that_never_ends_is_refused() -> None:
    with pytest.raises(LoadBalancerError, match="the statistics cannot be read: field larger"):
        read(page("UP", "UP", "UP") + '"' + "x" * 200_000)


@pytest.mark.parametrize(
    "text",
    [
        "# pxname,svname\na,b\n",
        page("UP", "UP", "UP")[:-100],
        page("UP", "UP", "UP").rstrip("\n"),
        COLUMNS + "\nrlm_license_servers,rlm1,0,0\n",
    ],
    ids=["columns are missing", "cut in a row", "cut at the last line's end", "a short row"],
)
def test_statistics_that_are_not_whole_are_refused(text: str) -> None:
    with pytest.raises(LoadBalancerError) as refused:
        read(text)
    assert str(refused.value) == "the statistics are not whole, or of a HAProxy that we do not know"


@given(cut=st.integers(min_value=0, max_value=len(page("UP", "MAINT", "DOWN"))), junk=st.text(max_size=20))
def test_no_text_raises_anything_but_the_rooms_own_error(cut: int, junk: str) -> None:
    text = page("UP", "MAINT", "DOWN")
    with contextlib.suppress(LoadBalancerError):
        read(text[:cut] + junk + text[cut:])
