"""`rlm-ha licenses denials` and `expiring` against fixed answers."""

from tests.cli.command import CommandLine, Ended
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.reports import PATH, denial, denials, ending, expiring

DENIALS, EXPIRING = f"{PATH}/usage/denials", f"{PATH}/expiring"


async def run(rlm_ha: CommandLine, daemon: FixedDaemon, *words: str) -> Ended:
    return await rlm_ha.run("licenses", *words, RLM_HA_URL=daemon.url)


async def test_denials_are_a_table(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", DENIALS, fixed(denials(denial(), denial(reason="over_max", denied=0), omitted=2)))
    ended = await run(rlm_ha, daemon, "denials", "site", "--last", "day", "--feature", "starccm")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        "From 2026-03-02 00:00 to 2026-03-03 00:00 UTC",
        "FEATURE  REASON      DENIED  PASSED ON  LAST (UTC)",
        "STARCCM  all_in_use       7          1  2026-03-02 09:30",
        "STARCCM  over_max         0          1  2026-03-02 09:30",
        "PASSED ON: the client went on to the next server of its list.",
        "2 more lines are not shown.",
    ]
    assert dict(daemon.requests[0].query) == {"last": "day", "feature": "starccm", "by": "feature"}


async def test_denials_by_user(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    lines = (denial(who="dora"), denial(who=None))
    daemon.on("GET", DENIALS, fixed(denials(*lines, by="user")))
    ended = await run(rlm_ha, daemon, "denials", "site", "--by", "user")
    rows = [line.split() for line in ended.out.splitlines()[1:4]]
    assert [row[1] for row in rows] == ["USER", "dora", "-"]


async def test_nobody_refused_is_said(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", DENIALS, fixed(denials()))
    ended = await run(rlm_ha, daemon, "denials", "site")
    assert ended.out.splitlines()[1] == "No report log tells of anybody who was refused."


async def test_a_name_is_no_formula_in_a_spreadsheet(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", DENIALS, fixed(denials(denial(who="=HYPERLINK(1)"), denial(who="bob"), by="user")))
    ended = await run(rlm_ha, daemon, "denials", "site", "--by", "user", "--csv")
    header, first, second = ended.out.splitlines()
    assert header == "isv,feature,who,reason,denied,passed_on,last"
    assert first.startswith("siemens,STARCCM,'=HYPERLINK(1),all_in_use,7,1,")
    assert second.startswith("siemens,STARCCM,bob,")


async def test_denials_as_json_are_the_daemons_document(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", DENIALS, fixed(denials(denial())))
    assert (await run(rlm_ha, daemon, "denials", "site", "-j")).document == denials(denial())


async def test_copies_on_several_servers_are_one_line(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    dated = ending(
        product="NXCAE", version=None, count=None, expires="2026-03-01", days_left=-0.5, place="nx.lic:12"
    )
    licenses = (dated, ending(), ending(server="rlm2"), ending(server="rlm2", count=30))
    daemon.on("GET", EXPIRING, fixed(expiring(*licenses, unknown=["rlm3"])))
    ended = await run(rlm_ha, daemon, "expiring", "site", "--within", "8w")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        "EXPIRES     DAYS  PRODUCT  VERSION  ISV      SEATS  WHERE",
        "2026-03-01    -1  NXCAE    -        siemens      -  rlm1: nx.lic:12",
        "2026-03-20    17  STARCCM  2026.1   siemens     40  rlm1 rlm2",
        "2026-03-20    17  STARCCM  2026.1   siemens     30  rlm2",
        "Nothing is known now of rlm3: what ends there is not shown.",
    ]
    assert dict(daemon.requests[0].query) == {"within": "8w"}


async def test_what_renews_a_license_is_told_with_it(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", EXPIRING, fixed(expiring(ending(place="nx.lic:3", renewed_by="nx.lic:9"))))
    ended = await run(rlm_ha, daemon, "expiring", "site")
    assert ended.out.splitlines()[1].endswith("rlm1: nx.lic:3, then :9")


async def test_nothing_that_ends_is_said(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", EXPIRING, fixed(expiring()))
    assert (await run(rlm_ha, daemon, "expiring", "site")).out == "Nothing ends within 90 days.\n"


async def test_endings_for_a_spreadsheet(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", EXPIRING, fixed(expiring(ending())))
    ended = await run(rlm_ha, daemon, "expiring", "site", "--csv")
    header = "server,isv,product,version,count,expires,ends_at,days_left,place,renewed_by"
    assert ended.out.splitlines()[0] == header
    assert ended.out.splitlines()[1].startswith("rlm1,siemens,STARCCM,2026.1,40,2026-03-20,")
