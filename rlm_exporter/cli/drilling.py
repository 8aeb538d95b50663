"""Puts a drill together: probes, the programs that they run, and the daemon that moves clients."""

import asyncio
import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from rlm_exporter.cli.answers import OperationView
from rlm_exporter.cli.client import Client
from rlm_exporter.cli.drill_standing import standing_of
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.move import ask_for_move, follow, verdict
from rlm_exporter.cli.patience import Patience
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.step_lines import StepLines
from rlm_exporter.cli.stopping import stopping
from rlm_exporter.cli.whole_cluster import as_told
from rlm_exporter.drill.checks import Tools, run_checks
from rlm_exporter.drill.live import there_and_back
from rlm_exporter.drill.ports import Moved, Standing
from rlm_exporter.drill.result import Drill, Finding, Kind
from rlm_exporter.drill.trip import Trip, refusal
from rlm_exporter.errors import ApiError, ConfigurationError
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.addresses import SystemResolver
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.rlmutil import RlmutilProbe, find_rlmutil
from rlm_exporter.probe.rlmutil_program import MISSING, RlmutilProgram
from rlm_exporter.probe.web import HttpProbe


class DaemonsMover:
    """Moves clients by asking the daemon, as an operator does."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def look(self) -> Standing:
        """Who is active, and who could be. Raises ApiError."""
        return standing_of(self._client.cluster(self._name).value, now=datetime.now(UTC))

    def fences(self) -> bool:
        """Whether the daemon stops the server that clients leave. Raises ApiError."""
        return as_told(self._client, self._name).failover.fence is not None

    def move(self, target: str, *, source: str, reason: str, planned: bool) -> Moved:
        """Have the clients moved, and wait for the end. Raises ApiError."""
        wish = {"to": target, "from": source, "reason": reason, "requested_by": login_name(os.environ)}
        patience, lines = Patience(), StepLines(sys.stderr)
        try:
            answer = ask_for_move(
                self._client,
                self._name,
                wish,
                key=uuid.uuid4().hex,
                patience=patience,
                tell=tell,
                verb="switchover" if planned else "failover",
            )
        except ApiError as error:
            if error.exit_code != ExitCode.REFUSED:
                raise
            return Moved(done=False, detail=str(error), refused=True)
        operation = answer.value.operation
        if operation is None:
            return Moved(done=True, detail=f"{target} was active already")
        started = self._client.operation(self._name, operation.id)
        ended = follow(
            self._client, self._name, started, patience=patience, show=quietly(lines.show), tell=tell
        )
        code, sentence = verdict(ended.value)
        return Moved(done=code == ExitCode.DONE, detail=sentence)


class Session:
    """The checks and the move of one drill, with their programs."""

    def __init__(
        self,
        cluster: Cluster,
        mover: DaemonsMover | None,
        *,
        rlmutil: Path | None,
        checkout: tuple[str, ...],
    ) -> None:
        """`mover` None = there is no daemon to ask, and nothing can be moved."""

        self._cluster = cluster
        self._mover = mover
        self._checkout = checkout
        self._rlmutil = find_rlmutil(rlmutil, os.environ, shutil.which)
        if self._rlmutil is None:
            raise ConfigurationError(MISSING)

    def check(self) -> Drill:
        """All that changes nothing."""

        return Drill(cluster=self._cluster.name, findings=asyncio.run(self._check()))

    async def _check(self) -> tuple[Finding, ...]:

        clock, tls = SystemClock(), self._cluster.health_check.web_tls
        with (
            RlmutilProbe(rlmutil=self._rlmutil, clock=clock) as license_probe,
            RlmutilProgram(self._rlmutil) as program,
        ):
            tools = Tools(
                license=license_probe,
                web=HttpProbe(tls=tls, clock=clock, resolver=SystemResolver()),
                rlmutil=program,
                checkout=self._checkout,
            )
            return await run_checks(self._cluster, tools, active=self._active())

    def _active(self) -> str | None:
        if self._cluster.load_balancer is not None or self._mover is None:
            return None
        try:
            return self._mover.look().active
        except ApiError:
            return None

    def refusal(self, drill: Drill, trip: Trip) -> str | None:
        """Why clients are not moved now. Raises ApiError where the daemon is away."""
        mover = self._mover
        if mover is None:
            return "there is no daemon to ask"
        return refusal(mover.look(), drill.findings, trip, fences=mover.fences(), now=SystemClock().now())

    def fail_over(self, drill: Drill, trip: Trip) -> Drill:
        """The move and the return, unless that is refused."""
        mover = self._mover
        if mover is None:
            return replace(drill, refused="there is no daemon to ask")
        try:
            standing, fences = mover.look(), mover.fences()
        except ApiError as error:
            return replace(drill, refused=f"the daemon cannot be asked: {error}")
        why = refusal(standing, drill.findings, trip, fences=fences, now=SystemClock().now())
        if why is not None:
            return replace(drill, refused=why)
        try:
            moved, stopped = asyncio.run(self._move(mover, standing, trip))
        except asyncio.CancelledError:
            return replace(drill, stopped=f"at once: {_left(mover, drill.cluster, standing)}")
        why = f"by a signal: {_afterwards(moved)}" if stopped else None
        return replace(drill, findings=(*drill.findings, *moved), stopped=why)

    async def _move(
        self, mover: DaemonsMover, standing: Standing, trip: Trip
    ) -> tuple[tuple[Finding, ...], bool]:
        """What was found, and whether somebody stopped it."""
        clock = SystemClock()
        with RlmutilProbe(rlmutil=self._rlmutil, clock=clock) as probe, stopping(tell) as stop:
            found = await there_and_back(
                self._cluster,
                mover=mover,
                probe=probe,
                standing=standing,
                trip=trip,
                now=clock.now,
                stop=stop,
                tell=tell,
            )
            return found, stop.is_set()


def _afterwards(moved: tuple[Finding, ...]) -> str:
    """Where clients are after a move that was stopped, by what was found of it."""
    *_, last = moved
    if last.kind is Kind.FAILOVER:
        return "clients are where they were"
    return "clients were brought back early" if last.passed else "clients may not be home, see the return"


def _left(mover: DaemonsMover, cluster: str, standing: Standing) -> str:
    """Where clients are, in a sentence."""
    by_hand = f"to return them: rlm-ha licenses switchover {cluster} --to {standing.active}"
    try:
        now = mover.look()
    except ApiError:
        return f"the daemon does not say where clients are; {by_hand}"
    if now.moving is not None:
        return f"{now.moving}; then, {by_hand}"
    if now.active == standing.active:
        return f"clients are on {now.active}, as before"
    return f"clients are on {now.active or 'a server that nobody knows'}; {by_hand}"


def from_file(path: Path, name: str) -> Cluster:
    """The one of that name. Raises ConfigurationError."""
    named = {cluster.name: cluster for cluster in load_manifests([path]).clusters}
    if name not in named:
        raise ConfigurationError(f"{path}: has no cluster {name}; there is {', '.join(named) or 'none'}")
    return named[name]


def tell(text: str) -> None:
    """A line for people, if there still is a terminal."""
    with contextlib.suppress(OSError):
        click.echo(printable(text), err=True)


def quietly(show: Callable[[OperationView], None]) -> Callable[[OperationView], None]:
    """The same, where the terminal may be lost meanwhile."""

    def shown(operation: OperationView) -> None:
        with contextlib.suppress(OSError):
            show(operation)

    return shown
