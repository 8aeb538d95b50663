from typing import Any

import pytest

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.output import draw
from rlm_exporter.cli.sheet import Facts, Table, Tone
from rlm_exporter.cli.status_sheet import status_sheet
from tests.cli.documents import (
    Document,
    crowded_status,
    external,
    failover,
    failover_license,
    license_files,
    license_view,
    open_operation,
    server,
    status,
    step,
)


def drawn(document: Document, capsys: pytest.CaptureFixture[str], *, show_ha: bool = True) -> list[str]:
    draw(status_sheet(decode(ClusterStatus, document), show_ha=show_ha))
    return capsys.readouterr().out.splitlines()


def facts(document: Document, *, show_ha: bool = True) -> dict[str, str]:
    sheet = status_sheet(decode(ClusterStatus, document), show_ha=show_ha)
    return {label: cell.text for block in sheet if isinstance(block, Facts) for label, cell in block.pairs}


def row(document: Document, name: str) -> dict[str, str]:
    for block in status_sheet(decode(ClusterStatus, document), show_ha=False):
        if isinstance(block, Table):
            titles = [column.title for column in block.columns]
            for cells in block.rows:
                if cells[1].text == name:
                    return dict(zip(titles, (cell.text for cell in cells), strict=True))
    raise AssertionError(name)


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.row(9)
@pytest.mark.parametrize("show_ha", [False, True])
@pytest.mark.parametrize("document", [status(), crowded_status()], ids=["calm", "crowded"])
def test_three_servers_fit_on_a_screen_of_80_by_24(
    document: Document, show_ha: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = drawn(document, capsys, show_ha=show_ha)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for name in ("rlm1", "rlm2", "rlm3"):
        assert any(name in line for line in lines[2:5])


@pytest.mark.row(9)
def test_the_screen_reads_like_this(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(status(), capsys) == [
        "rlm-ha-cluster  healthy  ready  2025-11-25 09:00:00 UTC",
        "   SERVER  ROLE       LICENSE           ISVS  WEB   LATENCY  AGE  SEATS",
        "   rlm1    primary    down: refused x4     -  down        -  3 s      -",
        "*  rlm2    secondary  up                 2/2  up      12 ms  3 s  17/40",
        "   rlm3    backup     up                 2/2  up      12 ms  3 s   0/40",
        "",
        "rlm1        rlm1.example.com:5053: connection refused; web: connection refused",
        "Active      rlm2 (rlm2.example.com) since 2025-11-25 08:12:04 (48 min), epoch 7",
        "Failover    automatic (alerts, detector), detection normal, failback manual",
        "Threshold   rlm2 failed 0 of 2 checks in a row",
        "Cooldown    4 min left of 5 min",
        "Pinned      rlm1 (failover) since 08:12:04",
        "Balancer    lb1 -> rlm2, epoch 7: rlm1 MAINT (0), rlm2 UP (17), rlm3 UP (0)",
        "            lb2 -> rlm2, epoch 7: rlm1 MAINT (0), rlm2 UP (17), rlm3 UP (0)",
        "Decision    rule 9 active_healthy: the active server answers -> hold: late, rep…",
        "            at 08:59:58: rlm2 answers",
        "Last        12 failover rlm1 -> rlm2: committed at 2025-11-25 08:12:04",
        "            by controller, failed_over: rlm1 failed 2 checks in a row: connecti…",
    ]


@pytest.mark.row(9)
def test_with_show_ha_a_threshold_a_cooldown_a_move_and_the_balancers_view_are_told() -> None:
    assert {"Failover", "Threshold", "Cooldown", "Pinned", "Balancer", "Decision", "Last"} <= set(
        facts(status())
    )
    assert set(facts(status(), show_ha=False)) == {"rlm1", "Active"}


def test_what_is_not_known_is_a_dash_and_not_a_zero() -> None:
    unknown = license_view(state="unknown", checked_at=None, age_seconds=None, response_seconds=None)
    seen = row(
        status(
            servers=[
                server(
                    "rlm1",
                    role="primary",
                    license=unknown,
                    isvs=[],
                    seats=None,
                    web={"state": "off", "http_status": None, "detail": None},
                )
            ]
        ),
        "rlm1",
    )
    assert (seen["LICENSE"], seen["ISVS"], seen["LATENCY"], seen["AGE"], seen["SEATS"], seen["WEB"]) == (
        "unknown",
        "-",
        "-",
        "never",
        "-",
        "off",
    )


def test_a_server_that_is_up_and_lacks_something_says_what() -> None:
    degraded = server("rlm1", role="primary", license=license_view(degraded="no pool of siemens STARCCM"))
    document = status(servers=[degraded])
    assert row(document, "rlm1")["LICENSE"] == "up, degraded"
    assert facts(document)["rlm1"] == "no pool of siemens STARCCM"


def test_an_isv_server_that_does_not_run_is_named() -> None:
    isvs = [{"name": "lstc", "port": 5056, "running": False, "restarts": 2}]
    document = status(servers=[server("rlm1", role="primary", isvs=isvs)])
    assert row(document, "rlm1")["ISVS"] == "0/1"
    assert facts(document)["rlm1"] == "not running: lstc"


def test_nobody_active_is_said() -> None:
    document = status(active=None, active_host=None, active_since=None, epoch=None, healthy=False)
    assert facts(document)["Active"] == "nobody, as far as the daemon knows"


def test_an_open_operation_is_told_once_with_the_step_that_runs() -> None:
    running = open_operation(step(1, "apply", done_at=None, outcome=None))
    told = facts(status(failover=failover(operation=running, last_operation=running)))
    assert told["Operation"] == "12 failover rlm1 -> rlm2: open, apply on rlm2 since 08:12:03"
    assert "Last" not in told


def test_a_cluster_without_a_balancer_says_what_that_means() -> None:
    assert facts(status(balancers=[]))["Balancer"] == "none: clients follow their own settings"


def test_a_cluster_that_moves_by_hand_only_says_so() -> None:
    told = facts(status(failover=failover(automatic=False, takeover="native", cooldown_remaining_seconds=0)))
    assert told["Failover"] == "takeover native, by hand only, detection normal, failback manual"
    assert told["Cooldown"] == "over (5 min after an automatic move)"


def test_a_rule_that_only_a_newer_daemon_knows_is_shown_by_its_word() -> None:
    decision = {"number": 99, "rule": "moon_is_full", "detail": "", "at": "2025-11-25T08:00:00Z"}
    assert facts(status(failover=failover(decision=decision)))["Decision"] == "rule 99 moon_is_full"


def test_an_answer_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lines = drawn(status(not_ready_because=["\x1b[2J\x07gone"], ready=False), capsys)
    assert not any("\x1b" in line or "\x07" in line for line in lines)
    assert any("?[2J?gone" in line for line in lines)


def test_a_host_with_seats_in_two_pools_of_a_product_is_named_and_others_are_counted() -> None:
    twice = [
        {"isv": "acme", "product": product, "host": "ws7", "versions": ["2.0", "3.0"], "users": ["alice"]}
        for product in ("solver", "mesher")
    ]
    held = server("rlm1", role="primary", active=True, double_holders=twice)
    assert facts(status(servers=[held]))["Held twice"] == "ws7 has solver v2.0 and v3.0, and 1 more"
    assert "Held twice" not in facts(status(servers=[server("rlm1", role="primary", double_holders=[])]))


@pytest.mark.row(32)
def test_what_another_monitor_reports_is_shown_with_its_age() -> None:
    servers = [
        server("rlm1", role="primary", external=[external(component="web", state="down", healthy=False)]),
        server("rlm2", role="secondary", external=[external("mon2", age_seconds=40.0), external()]),
        server("rlm3", role="backup"),
    ]
    shown = facts(status(servers=servers), show_ha=False)
    assert shown["External"] == "mon1, 12 s ago: rlm1 (web) down, rlm2 up, and 1 more"
    assert "External" not in facts(status())


def test_a_report_that_is_too_old_is_unknown() -> None:
    old = external(state="unknown", age_seconds=600.0)
    servers = [server("rlm1", role="primary", external=[old])]
    assert facts(status(servers=servers))["External"] == "mon1, 10 min ago: rlm1 unknown"


@pytest.mark.row(13)
def test_license_files_that_are_not_as_their_masters_are_told_with_the_server() -> None:
    servers = [
        server("rlm1", role="primary", license_files=license_files(detail=None)),
        server("rlm2", role="secondary", license_files=license_files(detail="acme.lic is missing")),
    ]
    shown = facts(status(servers=servers), show_ha=False)

    assert ("rlm1" in shown, shown["rlm2"]) == (False, "acme.lic is missing")


GRANTED = "rlm_failover_server on rlm2 for rlm1; does not act while the primary's rlm runs"


def test_which_failover_of_its_own_rlm_has_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    document = status(failover=failover(takeover="native", license=failover_license()))

    assert facts(document)["RLM's own"] == GRANTED
    assert len(drawn(document, capsys)) <= 24


def test_a_failover_that_nobody_reckons_with_is_a_warning_and_a_missing_one_too() -> None:
    none = failover_license(kind=None, server=None, isvs=[], primary=None, does_not_cover="no file grants it")

    def told(**changes: Any) -> list[tuple[str, Tone]]:
        sheet = status_sheet(decode(ClusterStatus, status(failover=failover(**changes))), show_ha=True)
        pairs = [pair for block in sheet if isinstance(block, Facts) for pair in block.pairs]
        return [(cell.text, cell.tone) for label, cell in pairs if label == "RLM's own"]

    assert told(takeover="native", license=failover_license()) == [(GRANTED, Tone.PLAIN)]
    assert told(takeover="controlled", license=failover_license()) == [(GRANTED, Tone.WARNING)]
    assert told(takeover="native", license=none) == [("no file grants it", Tone.WARNING)]
    assert told(takeover="controlled", license=none) == []
    assert told(takeover="native", license=None) == []
    assert told(takeover="native", license=failover_license(), operation=open_operation()) == []


def lease(**changes: Any) -> Document:
    return {
        "ours": True,
        "holder": "ha1",
        "url": "http://ha1.example.com:10053",
        "remaining_seconds": 12.5,
        "trouble": None,
        **changes,
    }


def test_who_of_several_daemons_acts_is_told_where_no_decision_tells_it() -> None:
    assert facts(status(failover=failover(lease=lease())))["Acts"] == "ha1, the daemon that answers"
    assert "Acts" not in facts(status(failover=failover(lease=lease(ours=False))))
    assert "Acts" not in facts(status())


def test_a_crowded_screen_has_room_for_who_acts(capsys: pytest.CaptureFixture[str]) -> None:
    document = crowded_status()
    document["failover"]["lease"] = lease()
    assert len(drawn(document, capsys)) <= 24
