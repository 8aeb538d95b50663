"""`rlm-ha licenses report`: the parts in one answer, and pictures that are drawn for real."""

import struct
from pathlib import Path

import pytest

from tests.cli.command import CommandLine, Ended, end_of
from tests.cli.daemon import FixedDaemon, fixed, problem
from tests.cli.reports import (
    PATH,
    Document,
    denial,
    denials,
    double_host,
    double_use,
    ending,
    expiring,
    line,
    profile,
    session,
    usage,
)
from tests.cli.reports import SPAN as TIME


def sessions(*every: Document) -> Document:
    return {**TIME, "sessions": list(every), "omitted": 0}


@pytest.fixture
def full(daemon: FixedDaemon) -> FixedDaemon:
    """A daemon that has something to say of everything."""
    users = usage(line(who="alice", seat_hours=200.0), line(who="bob", seat_hours=50.0), by="user")
    daemon.on("GET", f"{PATH}/usage", fixed(usage(line(idle_reserved=2))), fixed(users))
    daemon.on("POST", f"{PATH}/usage", fixed(usage(line(who="design"), by="group")))
    daemon.on("GET", f"{PATH}/usage/denials", fixed(denials(denial())))
    daemon.on("GET", f"{PATH}/usage/sessions", fixed(sessions(session())))
    daemon.on("GET", f"{PATH}/usage/double-use", fixed(double_use(double_host())))
    daemon.on("GET", f"{PATH}/expiring", fixed(expiring(ending())))
    daemon.on("GET", f"{PATH}/usage/profile", fixed(profile()))
    return daemon


async def run(rlm_ha: CommandLine, daemon: FixedDaemon, *words: str) -> Ended:
    return await rlm_ha.run("licenses", "report", "site", *words, RLM_HA_URL=daemon.url)


async def test_all_parts_stand_under_each_other(
    rlm_ha: CommandLine, full: FixedDaemon, tmp_path: Path
) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("alice,design\n", encoding="utf-8")
    ended = await run(rlm_ha, full, "--groups", str(groups), "--longer", "2d")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    headings = ["Idle reservations", "Users", "Groups", "Refused", "Long sessions"]
    headings += ["Hosts that held a product twice", "Expiring licenses"]
    assert [each for each in lines if each in headings] == headings
    assert "STARCCM: at least 2 of 10 reserved seats were never used" in lines
    assert any(each.split() == ["alice", "STARCCM", "40", "200", "80.0", "%", "11", "7"] for each in lines)
    assert any(each.split()[:3] == ["ws7", "STARCCM", "2025.1"] for each in lines)
    assert max(map(len, lines)) <= 80


async def test_all_parts_are_about_one_time(rlm_ha: CommandLine, full: FixedDaemon) -> None:
    await run(rlm_ha, full, "--last", "day", "--feature", "STARCCM")
    first, *others = full.requests
    assert dict(first.query) == {"last": "day", "feature": "STARCCM", "by": "feature"}
    of_time = [dict(each.query) for each in others if not each.path.endswith("/expiring")]
    assert {(each["since"], each["until"]) for each in of_time} == {(TIME["since"], TIME["until"])}


async def test_where_nothing_happened_each_part_says_so(rlm_ha: CommandLine, full: FixedDaemon) -> None:
    full.on("GET", f"{PATH}/usage", fixed(usage()))
    full.on("GET", f"{PATH}/usage/denials", fixed(denials()))
    full.on("GET", f"{PATH}/usage/sessions", fixed(sessions()))
    full.on("GET", f"{PATH}/usage/double-use", fixed(double_use()))
    full.on("GET", f"{PATH}/expiring", fixed(expiring()))
    ended = await run(rlm_ha, full)
    assert ended.code == 0
    assert ended.out.count("None.") == 3
    assert "Nobody used anything." in ended.out


async def test_what_is_left_out_is_counted(rlm_ha: CommandLine, full: FixedDaemon) -> None:
    many = [line(who=f"user{number}", seat_hours=float(number)) for number in range(20)]
    full.on("GET", f"{PATH}/usage", fixed(usage(line())), fixed(usage(*many, by="user", omitted=1)))
    full.on("GET", f"{PATH}/usage/sessions", fixed(sessions(*[session()] * 17)))
    hosts = [double_host(host=f"ws{number}") for number in range(18)]
    full.on("GET", f"{PATH}/usage/double-use", fixed(double_use(*hosts, complete=False)))
    ended = await run(rlm_ha, full)
    assert "6 more lines: rlm-ha licenses usage site --by user" in ended.out
    assert "2 more: rlm-ha licenses who site --longer TIME" in ended.out
    assert "3 more hosts are not shown." in ended.out
    assert "There were too many sessions to look at all" in ended.out


async def test_json_has_the_daemons_documents(rlm_ha: CommandLine, full: FixedDaemon) -> None:
    document = (await run(rlm_ha, full, "-j")).document
    assert document["features"] == usage(line(idle_reserved=2))
    assert (document["groups"], document["pictures"]) == (None, [])
    assert document["double_use"] == double_use(double_host())


async def test_a_log_that_begins_within_the_time_is_said(rlm_ha: CommandLine, full: FixedDaemon) -> None:
    full.on("GET", f"{PATH}/usage", fixed(usage(line(), known_since="2026-03-02T08:00:00Z")))
    told = "The log begins on 2026-03-02 08:00: in averages, nothing was used before."
    assert told in (await run(rlm_ha, full)).out


async def test_pictures_are_drawn_of_each_feature(
    rlm_ha: CommandLine, full: FixedDaemon, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "pictures"
    features = usage(line(), line(feature="star ccm/2", isv="a"), line(feature="STARCCM", isv="acme"))
    full.on("GET", f"{PATH}/usage", fixed(features), fixed(usage(by="user")))
    strange = profile(feature="$x_{^", hours=profile()["hours"][:2], timezone="Nowhere/Here")
    full.on("GET", f"{PATH}/usage/profile", fixed(profile()), fixed(strange))
    ended = await run(rlm_ha, full, "--pictures", str(folder), "--timezone", "UTC")
    assert (ended.code, ended.err) == (0, "")
    kinds = ("by-hour", "over-time", "share-of-time")
    stems = ("STARCCM", "acme-STARCCM", "star_ccm_2")
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{stem}-{kind}.png" for stem in sorted(stems) for kind in kinds
    ]
    for path in folder.iterdir():
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", data[16:24]) == (1200, 504)
    assert "9 in " in ended.out
    asked = [dict(each.query) for each in full.requests if each.path.endswith("/profile")]
    assert asked[0] == {
        "since": TIME["since"],
        "until": TIME["until"],
        "feature": "STARCCM",
        "timezone": "UTC",
        "isv": "siemens",
    }


async def test_the_same_numbers_are_the_same_svg(
    rlm_ha: CommandLine, full: FixedDaemon, tmp_path: Path
) -> None:
    contents = []
    for name in ("one", "two"):
        full.on("GET", f"{PATH}/usage", fixed(usage(line())), fixed(usage(by="user")))
        folder = tmp_path / name
        ended = await run(rlm_ha, full, "--pictures", str(folder), "--picture-format", "svg", "-j")
        assert [Path(each).suffix for each in ended.document["pictures"]] == [".svg"] * 3
        contents.append([path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())])
    assert contents[0] == contents[1]
    assert all("STARCCM" in text or "<path" in text for text in contents[0])


async def test_a_folder_that_cannot_be_made_is_said_at_once(
    rlm_ha: CommandLine, full: FixedDaemon, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    ended = await run(rlm_ha, full, "--pictures", str(tmp_path / "file" / "pictures"))
    assert ended.code == 1
    assert "Not a directory" in ended.err
    assert full.requests == []


async def test_a_zone_that_is_none_is_said(rlm_ha: CommandLine, full: FixedDaemon, tmp_path: Path) -> None:
    told = "timezone: 'Mars' is not known; write it like Europe/Berlin"
    full.on("GET", f"{PATH}/usage/profile", problem(422, "invalid", told))
    ended = await run(rlm_ha, full, "--pictures", str(tmp_path / "p"), "--timezone", "Mars")
    assert (ended.code, ended.err) == (2, f"Error: {told}\n")


async def test_without_the_extra_it_says_what_to_install(
    rlm_ha: CommandLine, full: FixedDaemon, tmp_path: Path
) -> None:
    # A folder before all others on the path, whose matplotlib is none.
    (tmp_path / "hidden" / "matplotlib").mkdir(parents=True)
    (tmp_path / "hidden" / "matplotlib" / "__init__.py").write_text("raise ImportError('not here')\n")
    root = Path(__file__).parents[2]
    process = await rlm_ha.start(
        *("licenses", "report", "site", "--pictures", str(tmp_path / "p")),
        RLM_HA_URL=full.url,
        PYTHONPATH=f"{tmp_path / 'hidden'}:{root}",
    )
    ended = await end_of(process)
    assert ended.code == 1
    assert (
        "pictures need matplotlib: pip install '.[pictures]' in the clone, or matplotlib beside it"
        in ended.err
    )
    assert "Traceback" not in ended.err
    assert full.requests == []
