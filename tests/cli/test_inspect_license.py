"""`rlm-ha inspect license` as its users run it."""

import asyncio
import os
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.cli.command import COMMAND, ROOT, CommandLine, Ended, end_of, environment

DATA = ROOT / "tests" / "data" / "license"
EXAMPLES = ROOT / "examples"
PLAIN, CLAIMS = str(DATA / "plain.lic"), str(DATA / "page-claims.lic")
TEXT = Path(PLAIN).read_text()
DAY = "--as-of=2027-06-15"
_PRINTED = re.compile(r"^HOST .*?^ +SIGN=\w+\s*^LICENSE .*?^ +SIGN=\w+$", re.DOTALL | re.MULTILINE)


def printed() -> str:
    """The license file that the manual prints; ours where there is no RLM_HA_PAGE."""
    page = os.environ.get("RLM_HA_PAGE")
    if page is None:
        return (DATA / "page-claims.lic").read_text()
    found = _PRINTED.search(Path(page).read_text())
    assert found is not None
    return found[0]


async def run(rlm_ha: CommandLine, *arguments: str) -> Ended:
    return await rlm_ha.run("inspect", "license", *arguments)


@pytest.mark.row(13)
async def test_one_file_is_one_document_in_its_documented_shape(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, "--json", DAY, PLAIN)

    assert (ended.code, ended.err) == (0, "")
    assert ended.document == {
        "hosts": [{"line": 2, "host": "rlm1.example.com", "hostid": "0123456789ab", "port": 5053}],
        "isvs": [{"line": 3, "name": "siemens", "port": 5055}],
        "licenses": [
            {
                "line": 5,
                "isv": "siemens",
                "product": "STARCCM",
                "version": "2027.1",
                "expires": "2027-12-31",
                "count": 20,
                "kind": "counted",
            },
            {
                "line": 6,
                "isv": "siemens",
                "product": "NXCAE",
                "version": "2027.1",
                "expires": "permanent",
                "count": 10,
                "kind": "counted",
            },
            {
                "line": 7,
                "isv": "siemens",
                "product": "VIEWER",
                "version": "3.0",
                "expires": "permanent",
                "count": None,
                "kind": "uncounted",
            },
        ],
        "findings": [],
    }


@pytest.mark.row(13)
async def test_a_finding_has_its_kind_line_severity_and_words(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, "--json", DAY, CLAIMS)

    assert ended.code == 0
    assert ended.document["findings"][0] == {
        "kind": "hostid-any",
        "line": 2,
        "severity": "warning",
        "detail": "hostid ANY fits every machine: each server that runs a copy of this file serves the full "
        "count, so let only one of them serve",
    }


@pytest.mark.row(13)
async def test_strict_ends_with_1_for_words_that_rlm_does_not_know(rlm_ha: CommandLine) -> None:
    assert (await run(rlm_ha, "--strict", DAY, CLAIMS)).code == 1


@pytest.mark.row(13)
async def test_the_file_that_the_manual_prints(rlm_ha: CommandLine) -> None:
    """With RLM_HA_PAGE, the manual's own page; otherwise a file of ours with the same claims."""
    (rlm_ha.home / "siemens.lic").write_text(printed())

    ended = await run(rlm_ha, "--json", DAY, "siemens.lic")

    assert {each["kind"] for each in ended.document["findings"]} == {
        "multiple-host",
        "hostid-any",
        "isv-without-port",
        "unknown-keyword",
        "sign-instead-of-sig",
        "unknown-platform",
        "backslash",
    }
    said = " ".join(each["detail"] for each in ended.document["findings"])
    assert "'REDUNDANT'" in said
    assert "'BORROW'" in said
    assert [each["count"] for each in ended.document["licenses"]] == [20, 10]


async def test_an_error_ends_with_1(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, str(DATA / "isv-on-host-line.lic"))
    assert ended.code == 1
    assert "isv-on-host-line" in ended.out


async def test_the_day_decides(rlm_ha: CommandLine) -> None:
    for day, warn, expected in (
        ("2027-12-31", "0", ["expiring"]),
        ("2027-12-30", "0", []),
        ("2027-12-01", "30", ["expiring"]),
        ("2028-01-01", "30", ["expired"]),
    ):
        ended = await run(rlm_ha, "-j", "--as-of", day, "--warn-days", warn, PLAIN)
        assert [each["kind"] for each in ended.document["findings"]] == expected
        assert ended.code == (1 if expected == ["expired"] else 0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--as-of", "15-jun-2027", PLAIN], "2027-01-31"),
        (["--timezone", "Nowhere/At-All", PLAIN], "no time zone"),
        (["--timezone", "../etc", PLAIN], "no time zone"),
        (["--warn-days", "-1", PLAIN], "--warn-days"),
        (["--compare", PLAIN], "two files"),
        (["not-there.lic"], "not-there.lic"),
        ([], "FILE"),
    ],
)
async def test_a_mistake_of_usage_ends_with_2(
    arguments: list[str], complaint: str, rlm_ha: CommandLine
) -> None:
    ended = await run(rlm_ha, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert complaint in ended.err


async def test_today_is_the_day_at_the_server(rlm_ha: CommandLine) -> None:
    day = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()  # in Niue it is yesterday, at any hour
    (rlm_ha.home / "a.lic").write_text(
        f"{TEXT}LICENSE siemens A 1.0 permanent 1 start={day:%d-%b-%Y} sig=AB\n"
    )
    for zone, expected in (("Pacific/Kiritimati", []), ("Pacific/Niue", ["not-yet-valid"])):
        ended = await run(rlm_ha, "-j", "--warn-days", "0", "--timezone", zone, "a.lic")
        kinds = [each["kind"] for each in ended.document["findings"]]
        assert [kind for kind in kinds if kind == "not-yet-valid"] == expected


async def test_people_get_a_table_of_80_columns(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, DAY, *(str(file) for file in sorted(DATA.glob("*.lic"))))

    assert ended.code == 1
    assert max(len(line) for line in ended.out.splitlines()) <= 80
    assert "rlm_failover_server for rlm1.example.com" in ended.out
    assert "nothing wrong was found" in ended.out
    assert "Traceback" not in ended.err


async def test_several_files_are_a_list_with_their_names(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, "-j", DAY, PLAIN, CLAIMS)
    assert [each["file"] for each in ended.document["files"]] == [PLAIN, CLAIMS]
    assert set(ended.document) == {"files"}


async def test_a_folder_stands_for_its_license_files(rlm_ha: CommandLine) -> None:
    folder = rlm_ha.home / "licenses"
    folder.mkdir()
    empty = await run(rlm_ha, "licenses")
    assert (empty.code, "no *.lic" in empty.err) == (1, True)
    for name in ("b.lic", "a.lic", "c.txt"):
        (folder / name).write_text(TEXT)

    ended = await run(rlm_ha, "-j", DAY, "licenses")
    assert [each["file"] for each in ended.document["files"]] == ["licenses/a.lic", "licenses/b.lic"]


async def test_a_dash_is_stdin(rlm_ha: CommandLine) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("inspect", "license", "-j", DAY, "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(rlm_ha.home, {}),
    )
    assert process.stdin is not None
    process.stdin.write(TEXT.encode())
    process.stdin.close()
    ended = await end_of(process)
    assert ended.code == 0
    assert len(ended.document["licenses"]) == 3


async def test_what_is_no_text_is_a_sentence(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "rlm").write_bytes(b"\x7fELF\0\0")
    ended = await run(rlm_ha, "rlm")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Error: rlm: this is no license file: it holds binary data\n"


async def test_a_file_that_cannot_be_read_is_a_sentence(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, "/proc/self/mem")
    assert (ended.code, ended.out) == (1, "")
    assert "/proc/self/mem" in ended.err
    assert "Traceback" not in ended.err


async def test_letters_of_a_file_cannot_steer_the_terminal(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "a.lic").write_text(
        "HOST \x1b[2Ja ANY\nISV \x1b]0;b port=5055\nLICENSE \x1b[31mc d 1 x 5\n"
    )
    ended = await run(rlm_ha, "a.lic")
    assert "\x1b" not in ended.out


@pytest.mark.row(13)
async def test_compare_says_where_files_differ(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "a.lic").write_text(TEXT)
    (rlm_ha.home / "b.lic").write_text(TEXT.replace("rlm1.example.com", "rlm2.example.com"))
    (rlm_ha.home / "c.lic").write_text(TEXT.replace(" 20 ", " 25 "))

    same = await run(rlm_ha, "-j", DAY, "--compare", "a.lic", "b.lic")
    assert (same.code, same.document["differences"]) == (0, [])

    ended = await run(rlm_ha, "-j", DAY, "--compare", "a.lic", "b.lic", "c.lic")
    assert ended.code == 1
    assert ended.document["differences"] == [
        {
            "kind": "license",
            "subject": "siemens STARCCM v2027.1",
            "field": "count",
            "values": [
                {"file": "a.lic", "value": "20"},
                {"file": "b.lic", "value": "20"},
                {"file": "c.lic", "value": "25"},
            ],
            "detail": "count is 20 in a.lic and b.lic; 25 in c.lic",
        }
    ]

    table = await run(rlm_ha, DAY, "--compare", "a.lic", "b.lic", "c.lic")
    assert "count is 20 in a.lic and b.lic; 25 in c.lic" in table.out
    assert "the files grant the same" in (await run(rlm_ha, DAY, "--compare", "a.lic", "b.lic")).out


@pytest.mark.row(13)
async def test_a_manifest_tells_which_host_the_file_has_to_name(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, "-j", DAY, "--manifest", str(EXAMPLES / "rlm-ha-cluster-haproxy.yaml"), PLAIN)
    [finding] = ended.document["findings"]
    assert (finding["kind"], finding["line"], finding["severity"]) == ("host-not-balancer", 2, "warning")

    without = await run(rlm_ha, "-j", DAY, "--manifest", str(EXAMPLES / "rlm-ha-cluster.yaml"), PLAIN)
    assert (without.code, without.document["findings"]) == (0, [])
    assert "no cluster has a load balancer" in without.err


async def test_yaml_is_the_same_document(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, "-o", "yaml", DAY, CLAIMS)
    assert "- kind: hostid-any\n  line: 2\n  severity: warning\n" in ended.out
