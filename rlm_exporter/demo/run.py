"""Sets the stage, says where to look, and either plays a scenario or stays until Ctrl-C."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rlm_exporter.demo.layout import SERVERS, Choices, Layout
from rlm_exporter.demo.processes import Interrupts
from rlm_exporter.demo.programs import busy_ports, find_programs
from rlm_exporter.demo.scenarios import HOLDERS, SCENARIOS, Scenario
from rlm_exporter.demo.stage import Stage, on_stage
from rlm_exporter.demo.timeline import lines
from rlm_exporter.errors import ConfigurationError
from rlm_exporter.simulator.event import ClientKind, EventKind

Say = Callable[[str], None]

PREFIX = "rlm-ha-demo-"
LONGEST_TEMP = 60
"""Characters of the folder for temporary files: HAProxy takes socket paths of 97 at the most."""

LINE_PACE = 10.0
"""Seconds between two status lines where there is no terminal to write one line again and again."""


def run_demo(*, layout: Layout, scenario: str | None, keep: bool, say: Say) -> int:
    """The exit code: 0 when the scenario went well, or when the demonstration was ended by Ctrl-C.

    Raises ConfigurationError before anything starts, StageError when a part does not do its part.
    """
    programs = find_programs()
    busy = busy_ports(layout)
    if busy:
        listed = "".join(f"\n  {each}" for each in busy)
        raise ConfigurationError(
            f"these addresses cannot be used:{listed}\n"
            "take free ones with --free-ports, or choose others (--daemon-port and more, see --help)"
        )
    story = SCENARIOS[scenario] if scenario is not None else None
    with Interrupts() as interrupts, ExitStack() as stack:
        folder = _folder()
        if not keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stage = Stage(
            folder=folder,
            layout=layout,
            choices=story.choices if story else Choices(),
            programs=programs,
            interrupts=interrupts,
        )
        try:
            stack.enter_context(on_stage(stage, interrupts))
            _set(stage, say)
            return _play(stage, story, say) if story else _stay(stage, say)
        except KeyboardInterrupt:
            say("\nending everything")
            return 130 if story else 0


def _folder() -> Path:
    """A new temporary folder whose path leaves room for the name of a unix socket."""
    there = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=there if len(there) <= LONGEST_TEMP else "/tmp"))  # noqa: S108


def _set(stage: Stage, say: Say) -> None:
    say(f"files and logs are in {stage.folder} until the end")
    stage.write_files()
    for server in SERVERS:
        stage.start_server(server)
    stage.start_haproxy()
    stage.start_daemon()
    stage.start_alertmanager()
    stage.start_prometheus()
    stage.wait(lambda: bool((stage.cluster() or {}).get("ready")), "a cluster that is ready", within=30)
    stage.start_clients(holders=HOLDERS)
    stage.wait(lambda: _holding(stage) == HOLDERS, f"{HOLDERS} clients that hold a seat", within=20)
    _say_where(stage, say)


def _holding(stage: Stage) -> int:
    granted = (e for e in stage.events() if e.client is ClientKind.HOLDER and e.kind is EventKind.SESSION)
    return sum(1 for _ in granted)


def _say_where(stage: Stage, say: Say) -> None:
    layout = stage.layout
    say("")
    say(f"  status page   {layout.daemon_url}/")
    say(f"  metrics       {layout.daemon_url}/metrics")
    say(f"  Prometheus    {layout.prometheus_url}/")
    say(f"  Alertmanager  {layout.alertmanager_url}/api/v2/alerts")
    say(f"  licenses      {layout.license_port}@{layout.balancer_host} (HAProxy, steered by rlm-ha)")
    say("")


def _play(stage: Stage, story: Scenario, say: Say) -> int:
    say(f"{story.name}: {story.about}")
    report = story.play(stage, say)
    for line in lines(report):
        say(line)
    return 0 if report.went_well else 1


def _stay(stage: Stage, say: Say) -> int:
    pid = stage.processes.pid(SERVERS[0])
    say("in another terminal:")
    say(f"  kill -KILL -- -{pid}    kills {SERVERS[0]}: HAProxy moves, rlm-ha makes it last")
    say(f"  kill -STOP -- -{pid}    hangs {SERVERS[0]}: only rlm-ha notices; -CONT lets it go on")
    say("Ctrl-C ends everything")
    say("")
    live = sys.stdout.isatty()
    said = float("-inf")
    while True:
        line = _status_line(stage)
        if live:
            sys.stdout.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
            sys.stdout.flush()
        elif time.monotonic() - said >= LINE_PACE:
            said = time.monotonic()
            say(line)
        time.sleep(0.5)


def _status_line(stage: Stage) -> str:
    cluster = stage.cluster()
    if cluster is None:
        return "rlm-ha does not answer"
    servers = " ".join(f"{s['name']}:{s['license']['state']}" for s in cluster["servers"])
    recent = [event for event in stage.recent(2) if event.kind is EventKind.SESSION]
    by = sorted({str(e.main) for e in recent})
    decision = (cluster["failover"]["decision"] or {}).get("rule", "-")
    return (
        f"active {cluster['active'] or '?'} | {servers} | {len(recent) / 2:.0f} checkouts/s "
        f"from {', '.join(by) or 'nobody'} | {decision}"
    )
