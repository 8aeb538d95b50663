"""Puts a drill together: probes, the programs that they run, and the daemon that moves clients."""

import asyncio
import os
import shutil
import uuid
from datetime import timedelta
from pathlib import Path

import click

from rlm_exporter.cli.client import Client
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.move import ask_for_move, follow, verdict
from rlm_exporter.cli.patience import Patience
from rlm_exporter.cli.printable import printable
from rlm_exporter.drill.checks import Tools, run_checks
from rlm_exporter.drill.live import refusal, there_and_back
from rlm_exporter.drill.ports import Moved, Standing
from rlm_exporter.drill.result import Drill, Finding
from rlm_exporter.drill.window import Window
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
        status = self._client.cluster(self._name).value
        return Standing(
            active=status.active,
            ready=status.ready,
            because=status.not_ready_because,
            standbys=tuple(
                server.name
                for server in status.servers
                if not server.active and server.license.state == "up" and not server.license.degraded
                if "maintenance" not in server.pinned
            ),
        )

    def move(self, target: str) -> Moved:
        """Have the clients moved, and wait for the end. Raises ApiError."""
        wish = {"to": target, "reason": "drill", "requested_by": login_name(os.environ)}
        patience = Patience()
        answer = ask_for_move(
            self._client,
            self._name,
            wish,
            key=uuid.uuid4().hex,
            patience=patience,
            tell=_tell,
            verb="switchover",
        )
        operation = answer.value.operation
        if operation is None:
            return Moved(done=True, detail=f"{target} was active already")
        started = self._client.operation(self._name, operation.id)
        ended = follow(
            self._client,
            self._name,
            started,
            patience=patience,
            show=lambda _: None,
            tell=_tell,
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

    def fail_over(self, drill: Drill, *, to: str | None, stay: timedelta, window: Window | None) -> Drill:
        """The move and the return, unless that is refused. Raises ApiError where the daemon is away."""

        mover = self._mover
        if mover is None:
            return Drill(cluster=drill.cluster, findings=drill.findings, refused="there is no daemon to ask")
        standing = mover.look()
        why = refusal(standing, drill.findings, window=window, now=SystemClock().now(), to=to)
        if why is not None:
            return Drill(cluster=drill.cluster, findings=drill.findings, refused=why)
        try:
            moved = asyncio.run(self._move(mover, standing, to=to, stay=stay, window=window))
        except KeyboardInterrupt:
            back = f"rlm-ha licenses switchover {drill.cluster} --to {standing.active}"
            _tell(f"Interrupted. Where clients were moved already: {back}")
            raise
        return Drill(cluster=drill.cluster, findings=(*drill.findings, *moved))

    async def _move(
        self,
        mover: DaemonsMover,
        standing: Standing,
        *,
        to: str | None,
        stay: timedelta,
        window: Window | None,
    ) -> tuple[Finding, ...]:
        clock = SystemClock()
        with RlmutilProbe(rlmutil=self._rlmutil, clock=clock) as probe:
            return await there_and_back(
                self._cluster,
                mover=mover,
                probe=probe,
                standing=standing,
                to=to,
                stay=stay,
                window=window,
                now=clock.now,
            )


def from_file(path: Path, name: str) -> Cluster:

    named = {cluster.name: cluster for cluster in load_manifests([path]).clusters}
    if name not in named:
        raise ConfigurationError(f"{path}: has no cluster {name}; there is {', '.join(named) or 'none'}")
    return named[name]


def _tell(text: str) -> None:
    click.echo(printable(text), err=True)
