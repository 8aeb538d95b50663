"""`rlm-ha inspect rlmstat` as its users run it."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import ROOT, CommandLine, Ended

DATA = ROOT / "tests" / "data" / "rlmstat"


async def run(rlm_ha: CommandLine, *arguments: str) -> Ended:
    return await rlm_ha.run("inspect", "rlmstat", *arguments)


async def document(rlm_ha: CommandLine, name: str) -> Any:
    return (await run(rlm_ha, "--json", str(DATA / name))).document


@pytest.mark.row(7)
async def test_one_answer_is_one_document_in_its_documented_shape(
    rlm_ha: CommandLine, tmp_path: Path
) -> None:
    answer = tmp_path / "answer.txt"
    answer.write_text(
        "rlmutil v12.2\n\n"
        "\trlm status on ls1 (port 5053), up 1d 00:00:05\n"
        "\trlm software version v12.2 (build:2)\n"
        "\t--------- ISV servers ----------\n"
        "\t   Name           Port Running Restarts\n"
        "\tacme             49152   Yes      2\n"
        "\t------------------------\n"
        "\tacme license pool status on ls1 (port 49152)\n"
        "\tsolver v3.0, pool: 1\n"
        "\t\tcount: 38, # reservations: 2, inuse: 7, exp: 31-jan-2027\n"
        "\t\tobsolete: 0, min_remove: 120, total checkouts: 12\n"
        "\t------------------------\n"
        "\tacme license usage status on ls1 (port 49152)\n"
        "\tsolver v3.0: al@home@ws1.dom 4/1 at 11/01 09:01  (handle: 15c) \n"
    )

    ended = await run(rlm_ha, "--json", str(answer))

    assert (ended.code, ended.err) == (0, "")
    assert ended.document == {
        "reachable": True,
        "error_kind": None,
        "server": {"host": "ls1", "port": 5053, "version": "12.2", "uptime_seconds": 86_405},
        "isvs": [{"name": "acme", "port": 49152, "running": True, "restarts": 2}],
        "pools": [
            {
                "isv": "acme",
                "product": "solver",
                "version": "3.0",
                "pool": 1,
                "count": 38,
                "reservations": 2,
                "inuse": 7,
                "issued": 40,
                "expires": "2027-01-31",
                "uncounted": False,
                "token": False,
                "total_checkouts": 12,
            }
        ],
        "checkouts": [
            {
                "isv": "acme",
                "product": "solver",
                "version": "3.0",
                "user": "al@home",
                "host": "ws1.dom",
                "count": 4,
                "reserved": 1,
                "handle": "15c",
                "at": "11/01 09:01",
            }
        ],
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("12.2-connect-error.txt", "connect"),
        ("connection-refused.txt", "connect"),
        ("html-in-place-of-an-answer.txt", "garbage"),
        ("shell-error.txt", "garbage"),
        ("empty.txt", "empty"),
        ("15.2-cut-in-usage.txt", "truncated"),
    ],
)
async def test_what_is_no_whole_answer_is_named_and_ends_with_1(
    rlm_ha: CommandLine, name: str, kind: str
) -> None:
    ended = await run(rlm_ha, "--json", str(DATA / name))

    assert ended.code == 1
    assert ended.document["error_kind"] == kind
    assert ended.document["reachable"] is (kind == "truncated")


async def test_without_headings_it_is_no_error_and_a_pool_has_no_isv(rlm_ha: CommandLine) -> None:
    found = await document(rlm_ha, "12.2-no-headings.txt")

    assert found["error_kind"] is None
    assert found["server"] is None
    assert found["pools"]
    assert {pool["isv"] for pool in found["pools"]} == {None}


async def test_isvs_of_headings_have_no_restarts(rlm_ha: CommandLine) -> None:
    found = await document(rlm_ha, "12.2-isv-part-only.txt")

    assert found["server"] is None
    assert found["isvs"]
    assert {isv["restarts"] for isv in found["isvs"]} == {None}


async def test_numbers_that_are_not_told_are_null(rlm_ha: CommandLine) -> None:
    pools = (await document(rlm_ha, "16.1-tokens.txt"))["pools"]

    tokens = [pool for pool in pools if pool["token"]]
    assert tokens
    assert all(
        pool[key] is None
        for pool in tokens
        for key in ("count", "reservations", "inuse", "issued", "expires")
    )


async def test_several_files_keep_their_names(rlm_ha: CommandLine) -> None:
    paths = [str(DATA / name) for name in ("15.2-two-isvs.txt", "empty.txt")]

    ended = await run(rlm_ha, "--json", *paths)

    assert ended.code == 1
    assert [each["file"] for each in ended.document["files"]] == paths
    assert [each["error_kind"] for each in ended.document["files"]] == [None, "empty"]


async def test_the_tables_fit_into_80_columns_and_show_seats(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, str(DATA / "15.2-two-isvs.txt"))

    assert ended.code == 0
    lines = ended.out.splitlines()
    assert max(map(len, lines)) <= 80
    for heading in ("RESTARTS", "ISSUED", "HANDLE"):
        assert any(heading in line for line in lines)


async def test_a_line_that_is_not_understood_is_shown_with_its_number(rlm_ha: CommandLine) -> None:
    ended = await run(rlm_ha, str(DATA / "12.2-unreadable-lines.txt"))
    warnings = (await document(rlm_ha, "12.2-unreadable-lines.txt"))["warnings"]

    assert warnings
    for warning in warnings:
        assert any(line.split()[:1] == [str(warning["line"])] for line in ended.out.splitlines())


async def test_a_missing_file_and_a_folder_are_mistakes_of_usage(rlm_ha: CommandLine, tmp_path: Path) -> None:
    missing = await run(rlm_ha, str(tmp_path / "missing.txt"))
    folder = await run(rlm_ha, str(tmp_path))

    assert (missing.code, folder.code) == (2, 2)
    assert "missing.txt" in missing.err
    assert "is a folder" in folder.err
