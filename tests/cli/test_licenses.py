import asyncio
import signal
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from rlm_exporter.cli.licenses import login_name
from tests.cli.command import CommandLine, end_of
from tests.cli.daemon import FixedDaemon, fixed, hang_up, problem
from tests.cli.documents import CLUSTER, STEPS, open_operation, operation, status, step

BASE = f"/api/v1/clusters/{CLUSTER}"
MOVE = ("licenses", "failover", CLUSTER, "--to", "rlm2")


def started(daemon: FixedDaemon) -> None:
    daemon.on(
        "POST", f"{BASE}/failover", fixed({"result": "started", "operation": open_operation()}, status=202)
    )


@pytest.mark.row(10)
async def test_primary_prints_one_bare_host(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", BASE, fixed(status()))
    ended = await rlm_ha.run("licenses", "primary", CLUSTER, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out, ended.err) == (0, "rlm2.example.com\n", "")


@pytest.mark.row(10)
async def test_primary_without_an_active_one_is_a_sentence_and_1(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", BASE, fixed(status(active=None, active_host=None)))
    ended = await rlm_ha.run("licenses", "primary", CLUSTER, "--url", daemon.url)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"Nobody is known to be active in {CLUSTER}.\n"


async def test_primary_as_json_has_the_name_too(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", BASE, fixed(status()))
    ended = await rlm_ha.run("-j", "licenses", "primary", CLUSTER, "--url", daemon.url)
    assert ended.document == {"cluster": CLUSTER, "active": "rlm2", "active_host": "rlm2.example.com"}


@pytest.mark.row(11)
async def test_a_move_shows_its_steps_and_ends_with_who_is_active(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    started(daemon)
    daemon.on(
        "GET",
        f"{BASE}/operations/12",
        fixed(open_operation(STEPS[0])),
        fixed(open_operation(*STEPS[:2])),
        fixed(operation()),
    )
    ended = await rlm_ha.run(
        *MOVE, "--from", "rlm1", "--reason", "new disk", "--force", RLM_HA_URL=daemon.url
    )
    assert (ended.code, ended.out) == (0, "rlm2 is active (operation 12, epoch 7, 1.2 s)\n")
    assert [line.split()[0] for line in ended.err.splitlines()] == ["apply", "verify", "commit"]
    asked = daemon.bodies[0]
    assert asked.pop("requested_by") == login_name({})
    assert asked == {"to": "rlm2", "from": "rlm1", "reason": "new disk", "force": True, "dry_run": False}
    assert len(daemon.requests[0].headers["Idempotency-Key"]) == 32


async def test_a_move_as_json_is_the_operation_as_it_ended(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    started(daemon)
    daemon.on("GET", f"{BASE}/operations/12", fixed(operation()))
    ended = await rlm_ha.run(*MOVE, "--json", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.document) == (0, operation())


@pytest.mark.row(11)
async def test_a_dry_run_prints_the_plan_and_changes_nothing(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    plan = {
        "from": "rlm1",
        "to": "rlm2",
        "steps": ["apply on lb1", "verify through every balancer", "commit"],
        "warnings": ["the cooldown still runs"],
        "rules": [
            {"number": 4, "rule": "operation_open", "applies": False, "detail": ""},
            {"number": 9, "rule": "active_healthy", "applies": True, "detail": "rlm1 answers"},
            {"number": 10, "rule": "paused", "applies": True, "detail": "paused by an operator"},
        ],
    }
    daemon.on("POST", f"{BASE}/failover", fixed({"result": "plan", "plan": plan}))
    ended = await rlm_ha.run(*MOVE, "--dry-run", RLM_HA_URL=daemon.url)
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "rlm1 -> rlm2; nothing was changed",
        *plan["steps"],
        "",
        "active_healthy decides about automatic moves now",
        " #  RULE            APPLIES  WHAT IT SEES",
        " 4  operation_open  no",
        " 9  active_healthy  decides  rlm1 answers",
        "10  paused          yes      paused by an operator",
    ]
    assert ended.err == "Warning: the cooldown still runs\n"
    assert daemon.bodies[0]["dry_run"] is True
    assert len(daemon.requests) == 1


async def test_an_active_target_is_done_already(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("POST", f"{BASE}/failover", fixed({"result": "already_active", "server": "rlm2"}))
    ended = await rlm_ha.run(*MOVE, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out) == (0, "rlm2 is active already; nothing was changed\n")


async def test_a_partial_move_is_done_with_a_warning(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    started(daemon)
    steps = [step(1, "apply", outcome="partial", detail="lb2: connection refused"), *STEPS[1:]]
    daemon.on("GET", f"{BASE}/operations/12", fixed(operation(outcome="partial", steps=steps)))
    ended = await rlm_ha.run(*MOVE, RLM_HA_URL=daemon.url)
    assert ended.code == 0
    assert ended.out.startswith("rlm2 is active")
    assert ended.err.endswith("Warning: only partly, the rest follows by itself: lb2: connection refused\n")


async def test_a_failed_move_is_an_error_and_1(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    started(daemon)
    failed = operation(state="failed", outcome="rolled_back", to="rlm1")
    daemon.on("GET", f"{BASE}/operations/12", fixed(failed))
    ended = await rlm_ha.run(*MOVE, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("Error: operation 12 failed, clients are back on rlm1\n")


@pytest.mark.row(11)
@pytest.mark.parametrize(
    ("status_code", "kind", "code"),
    [
        (409, "target_unhealthy", 4),
        (412, "expectation_failed", 4),
        (422, "unknown_server", 3),
        (503, "not_ready", 5),
    ],
)
async def test_a_refused_move_is_not_asked_for_again(
    status_code: int, kind: str, code: int, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("POST", f"{BASE}/failover", problem(status_code, kind, "rlm2 has failed 4 checks"))
    ended = await rlm_ha.run(*MOVE, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out, ended.err) == (code, "", "Error: rlm2 has failed 4 checks\n")
    assert len(daemon.requests) == 1


@pytest.mark.row(11)
async def test_a_daemon_that_is_killed_before_it_answers_is_asked_again_with_the_same_key(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    answer = fixed({"result": "started", "operation": open_operation()}, status=202)
    daemon.on("POST", f"{BASE}/failover", hang_up, problem(503, "not_ready", "starting"), answer)
    daemon.on("GET", f"{BASE}/operations/12", hang_up, fixed(operation()))
    ended = await rlm_ha.run(*MOVE, RLM_HA_URL=daemon.url)
    assert ended.code == 0
    posts = [request for request in daemon.requests if request.method == "POST"]
    assert len({request.headers["Idempotency-Key"] for request in posts}) == 1
    assert len(posts) == 3


@pytest.mark.row(11)
async def test_a_restart_of_the_daemon_in_mid_move_is_survived(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    asked = asyncio.Event()

    async def still_open(_request: web.Request) -> web.StreamResponse:
        asked.set()
        return web.json_response(open_operation(STEPS[0]))

    started(daemon)
    daemon.on("GET", f"{BASE}/operations/12", still_open)
    process = await rlm_ha.start(*MOVE, RLM_HA_URL=daemon.url)
    assert process.stderr is not None
    async with asyncio.timeout(30):
        await asked.wait()
        await daemon.stop()
        # It has noticed when it says so.
        while b"Asking again" not in await process.stderr.readline():
            pass
    daemon.on("GET", f"{BASE}/operations/12", fixed(operation()))
    await daemon.start()
    ended = await end_of(process)
    assert (ended.code, ended.out) == (0, "rlm2 is active (operation 12, epoch 7, 1.2 s)\n")


async def test_ctrl_c_stops_the_asking_and_says_that_the_move_goes_on(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    asked = asyncio.Event()

    async def still_open(_request: web.Request) -> web.StreamResponse:
        asked.set()
        return web.json_response(open_operation(STEPS[0]))

    started(daemon)
    daemon.on("GET", f"{BASE}/operations/12", still_open)
    process = await rlm_ha.start(*MOVE, RLM_HA_URL=daemon.url)
    async with asyncio.timeout(30):
        await asked.wait()
    process.send_signal(signal.SIGINT)
    ended = await end_of(process)
    assert ended.code == 130
    assert f"The move goes on in the daemon: rlm-ha licenses events {CLUSTER}" in ended.err
    assert "Traceback" not in ended.err


async def test_without_a_daemon_a_move_fails_at_once(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    await daemon.stop()
    ended = await rlm_ha.run(*MOVE, RLM_HA_URL=daemon.url)
    assert ended.code == 5
    assert ended.err.startswith(f"Error: no answer from the daemon at {daemon.url}: connection refused.")


async def test_events_ask_for_the_time_that_is_wanted_and_print_it_as_it_came(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    journal = {"operations": [operation()], "decisions": []}
    daemon.on("GET", f"{BASE}/events", fixed(journal))
    ended = await rlm_ha.run("licenses", "events", CLUSTER, "--last", "12h", "--json", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.document) == (0, journal)
    since = datetime.fromisoformat(daemon.requests[0].query["since"])
    assert abs(datetime.now(UTC) - since - timedelta(hours=12)) < timedelta(minutes=2)


@pytest.mark.parametrize("last", ["30d", "2w", "90m", "1h30m", "99999w"])
async def test_events_take_days_and_the_manifests_durations(
    last: str, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", f"{BASE}/events", fixed({"operations": [], "decisions": []}))
    ended = await rlm_ha.run("licenses", "events", CLUSTER, "--last", last, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out) == (0, "Nothing happened in that time.\n")


async def test_a_span_that_is_none_is_wrong_usage(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("licenses", "events", CLUSTER, "--last", "30")
    assert ended.code == 2
    assert "'30': write it like 30d, 12h or 90m" in ended.err


def test_the_person_behind_sudo_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert login_name({"SUDO_USER": "alice"}) == "alice"
    assert login_name({}) == "root"
    monkeypatch.setattr("os.getuid", lambda: 3_999_999_999)
    assert login_name({"SUDO_USER": "alice"}) == "uid 3999999999"
