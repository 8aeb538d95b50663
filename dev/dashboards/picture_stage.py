"""Four minutes in the life of a cluster, on the demonstration's stage, for the pictures of the dashboards.

Servers, HAProxy, the daemon, Prometheus and clients are real programs. What Prometheus has seen is kept, so
that the pictures can be drawn again without a new story.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from dev.steps import run, say
from rlm_exporter.demo.layout import CLUSTER, ISV, SERVERS, Choices
from rlm_exporter.demo.processes import Interrupts
from rlm_exporter.demo.programs import find_programs, free_layout
from rlm_exporter.demo.stage import Stage, on_stage
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.launch import python_command
from rlm_exporter.simulator.mode import Mode

NETWORK = "127.0.71"
VERSION = "2023.1000"
STARTING = ("rlm_license_in_use", "rlm_server_active", "rlm_failover_events")
"""What the panels with days of their own ask for; the days before the story are written in its labels."""


def play(folder: Path) -> None:
    """Have it happen, and keep in `folder` what Prometheus saw, with its moments in `story.json`."""
    os.environ["TZ"] = "UTC"  # a report log is in its machine's time, and the manifest says that it is UTC
    with tempfile.TemporaryDirectory(prefix="rlm-pictures-") as name, Interrupts() as interrupts:
        stage = Stage(
            folder=Path(name),
            layout=free_layout(NETWORK, balancers=2),
            choices=Choices(detection="fast", interval="3s", timeout="2s", cooldown="45s"),
            programs=find_programs(),
            interrupts=interrupts,
        )
        with on_stage(stage, interrupts):
            _set(stage)
            story = _happen(stage)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(stage.folder / "prometheus", folder / "data")
        (folder / "story.json").write_text(json.dumps(story), encoding="utf-8")


def _set(stage: Stage) -> None:
    stage.write_files()
    for server in SERVERS:
        stage.start_server(server, isv="-", scenario=_scenario(stage, server))
    _tell_of_report_logs(stage)
    stage.start_haproxy()
    stage.start_haproxy("lb2")
    stage.start_daemon()
    stage.start_alertmanager()
    stage.start_prometheus()
    stage.wait(lambda: bool((stage.cluster() or {}).get("ready")), "a cluster that is ready", within=60)
    stage.start_clients(rate=20, holders=30)
    for product, options in {
        "NXCAE": ("--holders", "8", "--rate", "2", "--hold", "1"),
        "MESHER": ("--holders", "5", "--rate", "1", "--hold", "0.5"),
    }.items():
        _start_fleet(stage, product, options)


def _scenario(stage: Stage, server: str) -> Path:
    """Products in every shape: nearly full, refused, reserved; soon and late at their end."""
    pools = [
        {"product": "STARCCM", "count": 40, "expires": _in_days(200)},
        {"product": "NXCAE", "count": 10, "expires": _in_days(5)},
        {
            "product": "MESHER",
            "count": 12,
            "expires": _in_days(21),
            "reserve": [{"count": 4, "user": "alice"}],
        },
    ]
    isv = {
        "name": ISV,
        "port": stage.layout.isv_port,
        "pools": [{"version": VERSION, **pool} for pool in pools],
        "report_log": {"path": str(stage.folder / f"{server}.rl"), "append": True},
    }
    path = stage.folder / f"{server}.json"
    path.write_text(json.dumps({"name": server, "style": "15.2-pool", "isvs": [isv]}), encoding="utf-8")
    return path


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%d-%b-%Y").lower()


def _tell_of_report_logs(stage: Stage) -> None:
    path = stage.folder / "cluster.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for role, server in zip(("primary", "secondary", "backup"), SERVERS, strict=True):
        logs = [{"isv": ISV, "path": str(stage.folder / f"{server}.rl")}]
        document["spec"]["highAvailability"][role]["reportLogs"] = logs
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def _start_fleet(stage: Stage, product: str, options: tuple[str, ...]) -> None:
    layout = stage.layout
    command = python_command(
        "clients",
        *("--server", f"{layout.license_port}@{layout.balancer_host}", "--isv", ISV),
        *("--product", product, "--version", VERSION, *options),
        *("--record", str(stage.folder / f"{product}.jsonl")),
    )
    stage.processes.start(product, command)


def _happen(stage: Stage) -> dict[str, object]:
    """The story: a hang, somebody else's hand, a planned move, and a second hang a moment before the end."""
    began = time.time()
    _let_go_on(stage, 20)
    labels = _starting_series(stage)
    _let_go_on(stage, 20)
    _hang(stage, "rlm1")
    _let_go_on(stage, 25)
    _rlm_ha(stage, "ack")
    say("HAProxy is reloaded")
    os.kill(stage.processes.pid("haproxy"), signal.SIGUSR2)  # the master alone, as systemctl does
    _let_go_on(stage, 15)
    stage.kill("rlm3")
    _let_go_on(stage, 15)
    stage.start_server("rlm3", isv="-", scenario=stage.folder / "rlm3.json")
    _let_go_on(stage, 25)
    _rlm_ha(stage, "switchover", "--to", "rlm1")
    _let_go_on(stage, 50)
    set_mode(stage.folder / "rlm3.control", Mode.WEB_DEAD)
    _hang(stage, "rlm1")
    _let_go_on(stage, 25)
    return {"began": began, "ended": time.time(), "series": labels}


def _hang(stage: Stage, server: str) -> None:
    """It accepts and says nothing, until somebody else is active for some seconds."""
    say(f"{server} hangs")
    stage.stop_server(server)
    stage.wait(lambda: (stage.cluster() or {}).get("active") not in {None, server}, "a failover", within=60)
    _let_go_on(stage, 10)
    stage.continue_server(server)


def _rlm_ha(stage: Stage, verb: str, *words: str) -> None:
    command = [sys.executable, "-m", "rlm_exporter.cli", "licenses", verb, CLUSTER, *words]
    run([*command, "--url", stage.layout.daemon_url])


def _let_go_on(stage: Stage, seconds: float) -> None:
    until = time.monotonic() + seconds
    stage.wait(lambda: time.monotonic() >= until, "the story", within=seconds + 10)


def _starting_series(stage: Stage) -> list[dict[str, object]]:
    """Labels and values of the series that get days before the story."""
    query = f'{{__name__=~"{"|".join(STARTING)}"}}'
    answer = stage.get(f"{stage.layout.prometheus_url}/api/v1/query?query={query}")
    found: list[dict[str, object]] = answer["data"]["result"]
    return found
