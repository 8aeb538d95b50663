"""`rlm-ha inspect report-log`."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from rlm_exporter.cli import build_program
from tests.rlm.report_logs import DATA, HEAD, START, back, log, out, text

DAY = str(DATA / "std-a-day.log")


def inspect(*arguments: object, stdin: bytes | None = None) -> Result:
    words = ["inspect", "report-log", *map(str, arguments)]
    return CliRunner().invoke(build_program(), words, input=stdin)


def document(*arguments: object, stdin: bytes | None = None) -> Any:
    result = inspect("--json", *arguments, stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def without_files(value: Any) -> Any:
    return value | {"warnings": [{**each, "file": None} for each in value["warnings"]]}


@pytest.mark.parametrize("truth", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_a_log_is_one_document(truth: Path) -> None:
    parts = sorted(DATA.glob(f"{truth.stem}-[0-9].log")) or [truth.with_suffix(".log")]
    assert without_files(document(*parts)) == without_files(json.loads(truth.read_text()))


def test_the_documented_keys_are_all_there_and_no_others() -> None:
    found = document(DAY)

    assert list(found) == ["header", "runs", "sessions", "denials", "peak_seats", "warnings"]
    assert list(found["header"]) == ["format", "log_version", "isv", "rlm_version", "authenticated"]
    assert list(found["runs"][0]) == ["server", "start", "end", "ended_by", "timezone_minutes_west"]
    assert " ".join(found["sessions"][0]) == (
        "run product version pool user host isv_def project count handle share_handle started_by out ended_by"
        " in in_reason seconds seen_since not_after"
    )
    assert " ".join(found["denials"][0]) == (
        "run product version user host isv_def count why last_attempt counted at"
    )


def test_an_empty_log_is_an_empty_document() -> None:
    found = document("-", stdin=b"")

    assert found == {
        "header": dict.fromkeys(["format", "log_version", "isv", "rlm_version", "authenticated"]),
        "runs": [], "sessions": [], "denials": [], "peak_seats": {}, "warnings": [],
    }  # fmt: skip
    assert inspect("-", stdin=b"").exit_code == 0


def test_stdin_is_a_file_among_others(tmp_path: Path) -> None:
    (tmp_path / "a.rl").write_bytes(log(START, out("1", "08:10:00"), "SWITCH to b.rl", "oops"))
    found = document(tmp_path / "a.rl", "-", stdin=log(START, back("1", "09:10:00"), "oops"))

    assert [each["seconds"] for each in found["sessions"]] == [3600]
    assert [(each["file"], each["line"]) for each in found["warnings"]] == [
        (str(tmp_path / "a.rl"), 10),
        ("<stdin>", 9),
    ]


def test_yaml_and_json_are_the_same_document() -> None:
    result = inspect("-o", "yaml", DAY)
    assert yaml.safe_load(result.stdout) == document(DAY)


def test_the_table_fits_80_columns() -> None:
    for path in DATA.glob("*.log"):
        result = inspect(path)
        assert (result.exit_code, result.stderr) == (0, "")
        assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_table_shows_sums_sessions_and_denials() -> None:
    assert (
        inspect(DAY).stdout
        == """\
ISV         acme, RLM 15.2 BL3
format      std, version 15.2, authenticated

RUN  SERVER  FROM                 TO                   END
  0  rlm1    2026-03-02 08:00:05  2026-03-02 18:00:00  shutdown

PRODUCT  SESSIONS  HOURS  UNMEASURED  OPEN  PEAK  DENIED  PASSED ON
mesher          1    2.6           0     0     1       0          0
solver          2   11.0           0     0     3       1          1
viewer          0    0.0           0     0     -       1          0

REFUSED  PRODUCT  WHY                   THEN
      1  solver   all in use (-22)      next server
      1  solver   all in use (-22)      denied
      1  viewer   no such product (-1)  denied

RUN  PRODUCT  SEATS  WHO             OUT               LASTED  END
  0  solver       2  alice@ws1       2026-03-02 08:10  90 min  given back
  0  mesher       1  bob@ws2.exampl  2026-03-02 08:11     3 h  removed by
                     e.com                                     rlmremove
  0  solver       1  @ws3            2026-03-02 08:31     9 h  shutdown

REFUSED AT        PRODUCT  SEATS  WHO        WHY                   THEN
2026-03-02 08:32  solver       9  carol@ws4  all in use (-22)      next server
2026-03-02 08:33  solver       9  carol@ws4  all in use (-22)      denied
2026-03-02 08:34  viewer       1  @          no such product (-1)  denied
"""
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("crash", ["crash, by", "2026-03-02 09:00", "program ended", "open"]),
        ("in-use-at-both-ends", ["by 2026-03-01 17:30", "given back"]),
        ("small-over-midnight", ["timed out"]),
        ("switch-1", ["switch"]),
        ("no-dates", ["-"]),
        ("damaged", ["WARNING", "damaged or cut record"]),
    ],
)
def test_the_table_tells_what_is_not_known(name: str, words: list[str]) -> None:
    shown = inspect(DATA / f"{name}.log").stdout
    assert [word for word in words if word not in shown] == []


def test_a_code_that_nobody_knows_is_shown_as_it_is() -> None:
    lines = (START, out("1", "08:10:00"), back("1", "08:20:00", 77), 'DENY a 1 u h "" 1 -999 1 03/02 08:32')
    shown = inspect("-", stdin=log(*lines)).stdout
    assert "reason 77" in shown
    assert "-999" in shown


def test_long_names_fold_and_nothing_is_lost() -> None:
    product, host = "a_product_with_a_rather_long_name", "workstation-17.engineering.example.com"
    lines = (START, out("1", "08:10:00", product=product, who=f"somebody {host}"), back("1", "08:20:00"))
    shown = inspect("-", stdin=log(*lines)).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


def test_of_many_sessions_the_table_shows_the_latest() -> None:
    lines = [line for n in range(150) for line in (out(f"{n:x}", "08:10:00"), back(f"{n:x}", "08:20:00"))]
    denials = ['DENY solver 2.5 alice ws1 "" 1 -22 1 03/02 08:32'] * 120
    data = log(START, *lines, *denials, *["oops"] * 30)

    shown = inspect("-", stdin=data).stdout
    assert "and 50 earlier sessions; --json has all" in shown
    assert "and 20 earlier denials; --json has all" in shown
    assert "and 10 later warnings; --json has all" in shown
    assert len(document("-", stdin=data)["sessions"]) == 150


def test_of_many_runs_the_table_shows_the_latest() -> None:
    shown = inspect("-", stdin=log(*[START] * 30)).stdout
    assert "and 10 earlier runs" in shown
    assert "\n 29  rlm1" in shown


def test_a_summary_has_no_sessions() -> None:
    shown = inspect("--summary", DAY).stdout
    assert "MOST" not in shown
    assert "alice" not in shown

    found = document("--summary", DAY)
    assert list(found) == ["header", "runs", "products", "denials", "warnings"]
    assert found["products"][1] == {
        "product": "solver", "sessions": 2, "seconds": 39553, "unmeasured": 0, "open": 0, "peak_seats": 3,
        "denied": 1, "passed_on": 1,
    }  # fmt: skip
    assert found["denials"][0] == {"product": "solver", "why": -22, "counted": False, "number": 1}
    assert document("--summary", DATA / "damaged.log")["warnings"]["number"] == 18


def test_checkins_of_a_small_log_without_a_checkout_have_no_product() -> None:
    data = text("RLM Report Log Format 1, version 15.2", START, "IN 1 2 1f 09:00")

    assert document("-", stdin=data)["sessions"][0]["product"] is None
    assert document("--summary", "-", stdin=data)["products"][0]["product"] is None
    assert "\n-  " in inspect("-", stdin=data).stdout


def test_a_file_that_does_not_exist_is_a_mistake_of_usage(tmp_path: Path) -> None:
    result = inspect(tmp_path / "none.rl")
    assert (result.exit_code, result.stdout) == (2, "")
    assert inspect().exit_code == 2


@pytest.mark.parametrize("options", [(), ("--json",), ("-o", "yaml"), ("--summary",)])
def test_a_file_that_cannot_be_read_is_a_sentence_and_nothing_is_printed(options: tuple[str, ...]) -> None:
    result = inspect(*options, DAY, "/proc/self/mem")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: Could not open file '/proc/self/mem'")


def test_letters_of_a_file_cannot_steer_the_terminal() -> None:
    lines = (START, out("1", "08:10:00", who="\x1b[2Jalice ws1"), "\x1b]0;oops")
    for options in ((), ("--json",)):
        assert "\x1b" not in inspect(*options, "-", stdin=log(*lines)).stdout


def test_a_log_beside_nothing_of_ours_is_all_warnings() -> None:
    found = document("-", stdin=b"\x7fELF\x00\x01\n<html>\n" + "\n".join(HEAD[:1]).encode())
    assert (found["runs"], found["sessions"], len(found["warnings"])) == ([], [], 2)
