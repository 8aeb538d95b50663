"""Runs the shipped hooks as the daemon does."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

from rlm_exporter.failover.calls import CallEvent
from rlm_exporter.manifest.model import Server

HOOKS = Path(__file__).parents[2] / "examples" / "hooks"

EVENT = CallEvent(
    event="failover",
    phase="after",
    cluster="rlm-ha",
    operation=12,
    epoch=7,
    source=Server(name="rlm1", role="primary", host="rlm1.example.com"),
    target=Server(name="rlm2", role="secondary", host="192.0.2.2"),
    rule="failed_over",
    reason="rlm1 is down",
    requested_by="controller",
)


def to(host: str) -> CallEvent:
    """The event of a move to that host."""
    return replace(EVENT, target=replace(EVENT.target, host=host))


def away_from(host: str) -> CallEvent:
    """The event of a fence of that host."""
    return replace(EVENT, phase="fence", source=Server(name="rlm1", role="primary", host=host))


def run_hook(
    name: str, *arguments: str, event: CallEvent | str = EVENT, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The hook with an event on its standard input; `path` is its PATH."""
    given = event if isinstance(event, str) else json.dumps(event.document())
    return subprocess.run(
        [str(HOOKS / name), *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=None if path is None else {"PATH": path},
    )
