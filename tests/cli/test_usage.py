"""`rlm-ha licenses usage|who|whatif` against fixed answers, and on the real daemon."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import CommandLine, Ended
from tests.cli.daemon import FixedDaemon, fixed, problem
from tests.cli.site import Site

USAGE = "/api/v1/clusters/site/usage"
SPAN = {"cluster": "site", "since": "2026-03-01T00:00:00Z", "until": "2026-03-31T00:00:00Z"}
LINE: dict[str, Any] = {
    "isv": "siemens",
    "feature": "STARCCM",
    "who": None,
    "sessions": 12,
    "checkouts": 11,
    "peak": 40,
    "average": 12.345,
    "seat_hours": 8888.8,
    "seats": 40,
    "ceiling_hours": 3.25,
    "unused": 0,
    "reserved": 0,
    "denied": 7,
    "passed_on": 1,
    "denial_rate": 0.389,
    "idle_reserved": 0,
}
SESSION = {
    "server": "rlm1",
    "feature": "STARCCM",
    "user": "alice",
    "host": "ws1",
    "seats": 1,
    "out": "2026-03-02T08:00:00Z",
    "ended": None,
    "hours": 75.5,
}


def usage(*lines: dict[str, Any], by: str = "feature", **changes: Any) -> dict[str, Any]:
    return {**SPAN, "by": by, "lines": list(lines), "omitted": 0, "undated": 0} | changes


async def run(rlm_ha: CommandLine, daemon: FixedDaemon, *words: str) -> Ended:
    return await rlm_ha.run("licenses", *words, RLM_HA_URL=daemon.url)


async def test_usage_is_a_table_of_features(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    idle = LINE | {"feature": "NXCAE", "peak": 0, "seats": None, "ceiling_hours": None, "unused": None}
    daemon.on("GET", USAGE, fixed(usage(LINE, idle | {"denied": 0}, undated=2)))
    ended = await run(rlm_ha, daemon, "usage", "site", "--last", "week", "--feature", "x")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[:4] == [
        "From 2026-03-01 00:00 to 2026-03-31 00:00 UTC",
        "FEATURE  SEATS  PEAK  AVERAGE  HOURS   FULL  FREE  DENIED",
        "STARCCM     40    40     12.3   8889  3.2 h     0       7",
        "NXCAE        -     0     12.3   8889      -     -       0",
    ]
    assert lines[4] == "HOURS: seat-hours. FULL: time with all seats taken. FREE: seats beyond the peak."
    assert lines[-1] == "2 sessions are left out: nothing tells when they began."
    assert max(map(len, ended.out.splitlines())) <= 80
    assert dict(daemon.requests[0].query) == {"last": "week", "feature": "x", "by": "feature"}


async def test_usage_by_user_names_them(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    nameless = LINE | {"who": None}
    daemon.on("GET", USAGE, fixed(usage(LINE | {"who": "alice"}, nameless, by="user", omitted=3)))
    ended = await run(rlm_ha, daemon, "usage", "site", "--by", "user")
    lines = ended.out.splitlines()
    assert lines[1].split() == ["FEATURE", "USER", "PEAK", "AVERAGE", "HOURS", "DENIED"]
    assert lines[2].split() == ["STARCCM", "alice", "40", "12.3", "8889", "7"]
    assert lines[3].split()[1] == "-"
    assert lines[-1] == "3 more lines are not shown."


async def test_groups_come_out_of_a_file(rlm_ha: CommandLine, daemon: FixedDaemon, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("User, Group\n\nAlice,design\nbob , crash tests\nalice,design\n", encoding="utf-8")
    daemon.on("POST", USAGE, fixed(usage(LINE | {"who": "design"}, by="group")))
    ended = await run(rlm_ha, daemon, "usage", "site", "--by", "group", "--groups", str(groups))
    assert ended.code == 0, ended.err
    assert daemon.bodies == [{"groups": {"alice": "design", "bob": "crash tests"}}]
    assert dict(daemon.requests[0].query) == {"by": "group"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("user,group\nalice\n", ":2: expected user,group"),
        ("alice,design\nAlice,crash\n", ":2: Alice is in two groups"),
        ("alice,\n", ":1: expected user,group"),
    ],
)
async def test_a_line_that_is_wrong_is_named(
    rlm_ha: CommandLine, daemon: FixedDaemon, tmp_path: Path, text: str, told: str
) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text(text, encoding="utf-8")
    ended = await run(rlm_ha, daemon, "usage", "site", "--by", "group", "--groups", str(groups))
    assert ended.code == 2
    assert told in ended.err
    assert daemon.requests == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--by", "group"), "--by group and --groups FILE belong together"),
        (("--last", "day", "--since", "2026-03-01T00:00Z"), "give either --last, or --since and --until"),
        (("--until", "2026-03-01T00:00Z"), "--until needs --since"),
    ],
)
async def test_words_that_do_not_fit_are_refused(
    rlm_ha: CommandLine, daemon: FixedDaemon, words: tuple[str, ...], told: str
) -> None:
    ended = await run(rlm_ha, daemon, "usage", "site", *words)
    assert ended.code == 2
    assert told in ended.err


async def test_usage_for_a_spreadsheet(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", USAGE, fixed(usage(LINE | {"seats": None})))
    ended = await run(rlm_ha, daemon, "usage", "site", "--csv")
    header, line = ended.out.splitlines()
    assert header.startswith("isv,feature,who,sessions,checkouts,peak,average,seat_hours,seats,")
    assert line == "siemens,STARCCM,,12,11,40,12.345,8888.8,,3.25,0,0,7,1,0.389,0"


async def test_json_is_the_daemons_document(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", USAGE, fixed(usage(LINE)))
    ended = await run(rlm_ha, daemon, "usage", "site", "--json")
    assert ended.document == usage(LINE)


async def test_who_held_seats_of_the_last_day(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", f"{USAGE}/sessions", fixed({**SPAN, "sessions": [SESSION], "omitted": 1}))
    ended = await run(rlm_ha, daemon, "who", "site", "--longer", "3d")
    lines = ended.out.splitlines()
    assert lines[1].split() == [
        "FEATURE",
        "USER",
        "HOST",
        "SERVER",
        "SEATS",
        "SINCE",
        "(UTC)",
        "UNTIL",
        "HOURS",
    ]
    assert lines[2].split() == ["STARCCM", "alice", "ws1", "rlm1", "1", "2026-03-02", "08:00", "held", "75.5"]
    assert lines[3] == "1 more sessions are not shown."
    assert dict(daemon.requests[0].query) == {"last": "day", "longer": "3d"}


async def test_that_nobody_was_refused_is_said_only_where_a_log_could_tell(
    rlm_ha: CommandLine, daemon: FixedDaemon
) -> None:
    note = "DENIED -: without a report log (reportLogs) nobody knows who was refused."
    unknown, none = LINE | {"denied": None, "passed_on": None, "denial_rate": None}, LINE | {"denied": 0}
    daemon.on("GET", USAGE, fixed(usage(unknown)))
    out = (await run(rlm_ha, daemon, "usage", "site")).out
    assert (out.splitlines()[2].split()[-1], note in out) == ("-", True)
    daemon.on("GET", USAGE, fixed(usage(none)))
    out = (await run(rlm_ha, daemon, "usage", "site")).out
    assert (out.splitlines()[2].split()[-1], note in out) == ("0", False)


async def test_who_has_given_a_seat_back_is_told_from_who_holds_one(
    rlm_ha: CommandLine, daemon: FixedDaemon
) -> None:
    over = {**SESSION, "ended": "2026-03-02T09:30:00Z", "hours": 1.5}
    daemon.on("GET", f"{USAGE}/sessions", fixed({**SPAN, "sessions": [SESSION, over], "omitted": 0}))
    lines = (await run(rlm_ha, daemon, "who", "site")).out.splitlines()
    assert [line.split()[7:9] for line in lines[2:]] == [["held", "75.5"], ["03-02", "09:30"]]


async def test_what_other_numbers_of_seats_would_do(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    outcome = {
        "seats": 30, "granted": 10, "refused": 2, "newly_granted": 0, "newly_refused": 1, "peak": 30,
        "denial_rate": 0.1667,
    }  # fmt: skip
    answer = {**SPAN, "feature": "STARCCM", "seats_now": 40, "outcomes": [outcome]}
    daemon.on("GET", f"{USAGE}/what-if", fixed(answer))
    ended = await run(rlm_ha, daemon, "whatif", "site", "--feature", "STARCCM", "--seats", "30,40")
    lines = ended.out.splitlines()
    assert lines[1] == "STARCCM, now 40 seats"
    assert lines[3].split() == ["30", "10", "2", "0", "1", "30", "16.7", "%"]
    assert dict(daemon.requests[0].query) == {"feature": "STARCCM", "seats": "30,40"}


async def test_an_error_of_the_daemon_is_told(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", f"{USAGE}/what-if", problem(404, "unknown_feature", "nobody asked for 'x'"))
    ended = await run(rlm_ha, daemon, "whatif", "site", "--feature", "x", "--seats", "1")
    assert (ended.code, ended.err) == (3, "Error: nobody asked for 'x'\n")


async def test_on_the_real_daemon(tmp_path: Path, rlm_ha: CommandLine) -> None:
    site = Site(tmp_path, rlm_ha)
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            async with asyncio.timeout(20):
                # Its seats are known although nobody used them; a report ends with the last whole second.
                while "STARCCM" not in (ended := await site.run("licenses", "usage", "site")).out:
                    assert (ended.code, ended.err) == (0, "")
            assert (await site.run("licenses", "who", "site")).out.endswith("Nobody held anything.\n")
            assert "No report log tells" in (await site.run("licenses", "denials", "site")).out
            ending = await site.run("licenses", "expiring", "site", "--within", "52w", "--json")
            assert (ending.code, ending.document["unknown"]) == (0, [])
            pictures = tmp_path / "pictures"
            report = await site.run(
                "licenses", "report", "site", "--last", "day", "--pictures", str(pictures)
            )
            assert (report.code, report.err) == (0, "")
            # Of two features, which have their seats.
            assert "6 in " in report.out
            assert len(list(pictures.iterdir())) == 6
