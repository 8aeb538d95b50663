"""The only place where real parts are put together: from manifests and settings to a running daemon."""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import random
import secrets
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from aiohttp import web

from rlm_exporter.alerts.sender import AlertSender
from rlm_exporter.alerts.sinks import Sinks
from rlm_exporter.alerts.webhook import Result
from rlm_exporter.errors import ConfigurationError, JournalError
from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.hooks import Hooks
from rlm_exporter.failover.leadership import Alone, LeaseKeeper
from rlm_exporter.failover.ports import DirectProbe, Outside, Seam, ThroughProbe
from rlm_exporter.failover.reasons import Reason
from rlm_exporter.failover.releaser import Releaser
from rlm_exporter.failover.rlmdown import Rlmdown
from rlm_exporter.failover.steps import StepName
from rlm_exporter.haproxy.balancer import Balancer
from rlm_exporter.haproxy.client import StatsPageClient
from rlm_exporter.haproxy.config import balancer_names
from rlm_exporter.haproxy.plan import Repair
from rlm_exporter.haproxy.reach import reach
from rlm_exporter.manifest.model import (
    AlertSettings,
    Cluster,
    HaproxyEndpoint,
    LoadBalancerSpec,
    Privacy,
    UsagePolicy,
)
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.observers import (
    ControllerObserver,
    DenialObserver,
    ProberObserver,
    SteeringObserver,
)
from rlm_exporter.metrics.page import MetricsPage
from rlm_exporter.probe.addresses import SystemResolver
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.file_watch import FILES_EVERY
from rlm_exporter.probe.license_files import LicenseFileReader
from rlm_exporter.probe.ports import Clock
from rlm_exporter.probe.prober import Prober
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.rlmutil_program import RlmutilProgram
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.probe.tcp import ConnectProbe
from rlm_exporter.probe.through import AtServer, ThroughBalancer
from rlm_exporter.probe.web import HttpProbe
from rlm_exporter.render.publisher import Publisher
from rlm_exporter.server.api import BEGINNING, unacknowledged
from rlm_exporter.server.app import build_app
from rlm_exporter.server.auth import Token
from rlm_exporter.server.facts import cluster_facts
from rlm_exporter.server.services import Services
from rlm_exporter.store.database import is_shared
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.leases import Claimant
from rlm_exporter.store.prune import prune_at
from rlm_exporter.usage.denial_follower import DenialFollower
from rlm_exporter.usage.denial_watch import DenialWatch
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.recorder import Serving, UsageRecorder
from rlm_exporter.usage.report_log_intake import ReportLogIntake
from rlm_exporter.usage.report_log_recorder import ReportLogRecorder
from rlm_exporter.usage.retention import Retention
from rlm_exporter.usage.spool import Spool

log = logging.getLogger(__name__)

T = TypeVar("T")

PARALLEL_PROBES = 32
"""License probes at once over all clusters: each is a process."""

SHUTDOWN_LIMIT = 2.0
"""Seconds that requests under way may take at the end."""

REPORT_LIMIT = timedelta(seconds=30)
"""For one report; who asks for it waits no longer."""

RENEWAL_LIMIT = timedelta(seconds=2)
"""For one transaction about leases; the next try must come before they are good for nothing."""

FACTS_PACE = 1.0
"""Seconds between two lookings-over of what the page of metrics is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the daemon needs to know, already checked."""

    clusters: tuple[Cluster, ...]
    host: str
    port: int
    store: str
    """`sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`."""
    rlmutil: Path | None
    """None = there is none; license probes say so, the others go on."""
    compatibility_names: bool = True
    tokens: tuple[Token, ...] = ()
    license_files_every: timedelta = FILES_EVERY
    """How often license files are read."""
    name: str = ""
    """What this daemon is called among several on one database; empty = host and port."""
    advertise: str | None = None
    """The URL at which operators find it."""
    usage: UsagePolicy = field(default_factory=UsagePolicy)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    state: Path | None = None
    """The directory for what is kept beside the journal, such as usage while that is away; None = where its
    file is. With a journal that several daemons share each needs its own."""


async def nothing(moment: str, step: str) -> None:
    """The product's seam: no test, nobody to kill."""


async def run_daemon(
    settings: Settings,
    *,
    stop: asyncio.Event,
    listening: Callable[[str, int], None] = lambda host, port: None,
    seam: Seam = nothing,
    clock: Clock | None = None,
) -> None:
    """Run until `stop` is set; `listening` is told the address once it answers.

    Raises ConfigurationError when the address is taken, JournalError when the store cannot be opened.
    """
    clock = clock or SystemClock()
    instruments = _instruments()
    async with contextlib.AsyncExitStack() as stack:
        shared = is_shared(settings.store)
        state = _state_of(settings)
        if shared:
            stack.enter_context(_alone_on(state / "daemon", f"in {state}"))
        else:
            file = settings.store.removeprefix("sqlite:///")
            stack.enter_context(_alone_on(Path(file), f"on {settings.store}"))
        journal = await stack.enter_async_context(await Journal.open(url=settings.store))
        keeper = await stack.enter_async_context(_leases(settings, clock, state)) if shared else None
        await _fits(settings.clusters, journal)
        # On a connection of its own: a long batch must not come before a step of a failover.
        usage = await stack.enter_async_context(await Journal.open(url=settings.store))
        reports = await stack.enter_async_context(await Journal.open(url=settings.store, limit=REPORT_LIMIT))
        assembly = _Assembly(
            clock=clock,
            instruments=instruments,
            journal=journal,
            license_probe=stack.enter_context(RlmutilProbe(rlmutil=settings.rlmutil, clock=clock)),
            rlmutil=stack.enter_context(RlmutilProgram(settings.rlmutil)),
            seam=seam,
            license_files_every=settings.license_files_every,
            keeper=keeper,
            usage=usage if settings.usage.record else None,
            spool=state,
            veil=_veil_of(settings, state),
            names=settings.usage.privacy is Privacy.NONE,
        )
        stack.push_async_callback(assembly.close)
        for cluster in settings.clusters:
            assembly.add(cluster)
        page = MetricsPage(instruments=instruments, compatibility_names=settings.compatibility_names)
        # On a connection of its own: no step of a failover must wait for an alert, nor that for a report.
        outbox = await stack.enter_async_context(await Journal.open(url=settings.store))
        sender = AlertSender(
            settings=settings.alerts,
            outbox=outbox,
            sinks=stack.enter_context(Sinks(repeat=settings.alerts.repeat_interval)),
            clock=clock,
        )
        services = Services(
            controllers=assembly.controllers,
            releasers=assembly.releasers,
            journal=journal,
            reports=reports,
            page=page,
            instruments=instruments,
            clock=clock,
            report_logs=assembly.intake(),
            alerts=sender,
            tokens=settings.tokens,
        )
        port = await stack.enter_async_context(_serving(services, settings))
        listening(settings.host, port)
        async with asyncio.TaskGroup() as group:
            runs = [page.run(), _telling(services, journal), sender.run(), *assembly.runs()]
            if keeper is not None:
                runs.append(keeper.run())
            if settings.usage.keep is not None:
                runs.append(assembly.retention(settings.usage.keep, settings.store).run())
            tasks = [group.create_task(run) for run in runs]
            await stop.wait()
            for task in tasks:
                task.cancel()


@contextlib.contextmanager
def _alone_on(what: Path, told: str) -> Iterator[None]:
    """Hold a file or directory for this process: two daemons on one would steer against each other.

    The lock is on a file beside it, because closing a database's own would drop SQLite's locks.
    """
    path = what.with_name(f"{what.name}.lock")
    try:
        handle = path.open("w")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(
                f"another rlm-ha works {told}: stop it, or choose another --state-dir"
            ) from error
        yield


@contextlib.asynccontextmanager
async def _leases(settings: Settings, clock: Clock, state: Path) -> AsyncIterator[LeaseKeeper]:
    """Who of several daemons acts, on a connection of its own: nothing slow may come before a renewal."""
    claimant = Claimant(
        name=settings.name or f"{socket.gethostname()}:{settings.port}",
        url=settings.advertise,
        instance=_instance_of(state),
    )
    async with await Journal.open(url=settings.store, limit=RENEWAL_LIMIT) as journal:
        keeper = LeaseKeeper(
            store=journal,
            claimant=claimant,
            clusters=[cluster.name for cluster in settings.clusters],
            clock=clock,
            elapsed=lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        )
        try:
            yield keeper
        finally:
            await keeper.release()


async def _fits(clusters: tuple[Cluster, ...], journal: Journal) -> None:
    """Refuse manifests that lack the server to which clients are sent, or one that an operation is about."""
    for cluster in clusters:
        names = {server.name for server in cluster.servers}
        record = await journal.cluster(cluster.name)
        operation = await journal.open_operation(cluster.name)
        needed = {record.active} if record is not None else set()
        if operation is not None:
            needed |= {name for name in (operation.source, operation.target) if name is not None}
        gone = ", ".join(sorted(needed - names))
        if gone:
            raise ConfigurationError(
                f"{cluster.source}: cluster {cluster.name} has no server {gone}, but the journal says that "
                "clients are sent there or that an operation is about it; move to another server first"
            )


def _instruments() -> Instruments:
    return Instruments(
        rules=[reason.value for reason in Reason],
        steps=[step.value for step in StepName],
        webhook_results=[result.value for result in Result],
        reapply_reasons=[repair.value for repair in Repair],
    )


class _Assembly:
    """Puts the parts of each cluster together from those that all clusters share."""

    def __init__(
        self,
        *,
        clock: Clock,
        instruments: Instruments,
        journal: Journal,
        license_probe: RlmutilProbe,
        rlmutil: RlmutilProgram,
        seam: Seam,
        license_files_every: timedelta,
        keeper: LeaseKeeper | None,
        usage: Journal | None,
        spool: Path,
        veil: Veil,
        names: bool,
    ) -> None:
        self.controllers: dict[str, ClusterController] = {}
        self.releasers: dict[str, Releaser] = {}
        self._probers: list[Prober] = []
        self._denial_watches: list[DenialWatch] = []
        self._clients: list[StatsPageClient] = []
        self._clock = clock
        self._instruments = instruments
        self._journal = journal
        self._license_probe = license_probe
        self._seam = seam
        self._license_files_every = license_files_every
        self._keeper = keeper
        self._usage = usage
        self._spool = spool
        self._veil = veil
        self._names = names
        self._rlmutil = rlmutil
        self._reading = asyncio.Semaphore(1)
        """One report log at a time."""
        self._recorders: list[UsageRecorder | ReportLogRecorder] = []
        self._resolver = SystemResolver()
        self._connect = ConnectProbe(clock=clock, resolver=self._resolver)
        self._slots = asyncio.Semaphore(PARALLEL_PROBES)
        self._hooks = Hooks(
            clock=clock, stop_server=Rlmdown(rlmutil=rlmutil, tcp_probe=self._connect, clock=clock)
        )

    def add(self, cluster: Cluster) -> None:
        """One more cluster; nothing runs yet."""
        self._instruments.watch(cluster)
        prober = self._prober(cluster)
        self._probers.append(prober)
        self._denial_watches += self._watches_of_denials(cluster, prober)
        journal = self._journal_of(cluster)
        self.releasers[cluster.name] = Releaser(
            cluster=cluster.name,
            journal=journal,
            rlmutil=self._rlmutil,
            license_probe=self._license_probe,
            clock=self._clock,
            names=self._names,
        )
        self.controllers[cluster.name] = ClusterController(
            Outside(
                cluster=cluster,
                prober=prober,
                balancers=self._balancers(cluster, prober),
                journal=journal,
                direct=_direct(prober),
                through=self._through(cluster),
                hooks=self._hooks,
                publish=Publisher(cluster).publish,
                clock=self._clock,
                observer=ControllerObserver(self._instruments),
                seam=self._seam,
                leadership=Alone() if self._keeper is None else self._keeper.of(cluster.name),
            )
        )

        if self._usage is not None:
            self._recorders.append(
                UsageRecorder(
                    cluster=cluster,
                    prober=prober,
                    store=self._usage,
                    serving=partial(_serving_of, self.controllers[cluster.name]),
                    spool=Spool(self._spool / f"usage-{quote(cluster.name, safe='')}.spool"),
                    veil=self._veil,
                    stumbled=partial(ControllerObserver(self._instruments).stumbled, cluster.name),
                    clock=self._clock,
                )
            )

            self._recorders += self._report_logs(cluster, self._usage)

    def _report_logs(self, cluster: Cluster, store: Journal) -> list[ReportLogRecorder]:
        return [
            ReportLogRecorder(
                cluster=cluster.name,
                server=server,
                log=report_log,
                store=store,
                acts=partial(_acts, self.controllers[cluster.name]),
                veil=self._veil,
                stumbled=partial(ControllerObserver(self._instruments).stumbled, cluster.name),
                turn=self._reading,
                clock=self._clock,
            )
            for server in cluster.servers
            for report_log in server.report_logs
        ]

    def intake(self) -> ReportLogIntake | None:
        """Where report logs are shipped to."""
        if self._usage is None:
            return None
        return ReportLogIntake(
            store=self._usage,
            veil=self._veil,
            clock=self._clock,
            observer=DenialObserver(self._instruments),
        )

    def retention(self, keep: timedelta, store: str) -> Retention:
        """What deletes old usage, of all clusters."""
        return Retention(
            keep=keep,
            prune=partial(prune_at, store),
            acts=lambda: any(_acts(each) for each in self.controllers.values()),
            stumbled=partial(
                ControllerObserver(self._instruments).stumbled, next(iter(self.controllers), "")
            ),
            clock=self._clock,
        )

    def runs(self) -> list[Coroutine[None, None, None]]:
        """Everything that has to run, for a task each."""
        probers = [each.run() for each in self._probers]
        controllers = [each.run() for each in self.controllers.values()]
        watches = [each.run() for each in self._denial_watches]
        return [*probers, *controllers, *watches, *(each.run() for each in self._recorders)]

    async def close(self) -> None:
        """Close the connections to the balancers."""
        for client in self._clients:
            await client.close()

    def _journal_of(self, cluster: Cluster) -> Journal:
        """The journal as the cluster's writer has it: among several daemons only while it holds the lease."""
        if self._keeper is None:
            return self._journal
        return self._journal.guarded(self._keeper.guard(cluster.name))

    def _prober(self, cluster: Cluster) -> Prober:
        return Prober(
            cluster=cluster,
            license_probe=self._license_probe,
            tcp_probe=self._connect,
            web_probe=HttpProbe(tls=cluster.health_check.web_tls, clock=self._clock, resolver=self._resolver),
            clock=self._clock,
            observer=ProberObserver(self._instruments),
            jitter=random.random,
            slots=self._slots,
            license_readers={
                server.name: LicenseFileReader(source=server.license_files, clock=self._clock)
                for server in cluster.servers
                if server.license_files is not None
            },
            files_every=self._license_files_every,
        )

    def _watches_of_denials(self, cluster: Cluster, prober: Prober) -> list[DenialWatch]:
        return [
            DenialWatch(
                cluster=cluster,
                server=server.name,
                log=report_log,
                follower=DenialFollower(Path(report_log.path)),
                part=partial(_part, prober, server.name),
                clock=self._clock,
                observer=DenialObserver(self._instruments),
            )
            for server in cluster.servers
            for report_log in server.report_logs
        ]

    def _through(self, cluster: Cluster) -> ThroughProbe:
        balancer = cluster.load_balancer
        if balancer is None or not balancer.haproxy:
            return AtServer(cluster=cluster, license_probe=self._license_probe)
        return ThroughBalancer(cluster=cluster, license_probe=self._license_probe, port=balancer.port)

    def _balancers(self, cluster: Cluster, prober: Prober) -> tuple[Balancer, ...]:
        load_balancer = cluster.load_balancer
        if load_balancer is None:
            return ()
        return tuple(
            self._balancer(cluster, load_balancer, endpoint, prober) for endpoint in load_balancer.haproxy
        )

    def _balancer(
        self, cluster: Cluster, load_balancer: LoadBalancerSpec, endpoint: HaproxyEndpoint, prober: Prober
    ) -> Balancer:
        names = balancer_names(cluster, endpoint)
        client = StatsPageClient(endpoint=endpoint, names=names, clock=self._clock)
        self._clients.append(client)
        return Balancer(
            page=client,
            servers=names.servers,
            host=client_address(load_balancer, endpoint),
            ports=(load_balancer.port, *(port for _, port in cluster.isv_ports)),
            reach=reach,
            direct=_direct(prober),
            clock=self._clock,
            observer=SteeringObserver(self._instruments, cluster=cluster.name),
            hard_stop_after=endpoint.hard_stop_after,
        )


def client_address(load_balancer: LoadBalancerSpec, endpoint: HaproxyEndpoint) -> str:
    """The address on which one balancer takes clients.

    The manifest has one address for all; with several balancers that is a floating one, so each is
    reached at its own, or where its stats page is, if that is over the network.
    """
    if endpoint.address is not None:
        return endpoint.address
    if len(load_balancer.haproxy) < 2 or endpoint.url.startswith("unix:"):
        return load_balancer.host
    return urlsplit(endpoint.url).hostname or load_balancer.host


def _serving_of(controller: ClusterController) -> Serving:
    """Who serves, and whether this daemon is to tell of it."""
    standing = controller.standing
    lease, record = standing.lease, standing.record
    acts = True if lease is None or lease.ours else None if lease.trouble else False
    return Serving(
        active=record.active if record else None, since=record.active_since if record else None, acts=acts
    )


def _acts(controller: ClusterController) -> bool:
    return _serving_of(controller).acts is True


def _state_of(settings: Settings) -> Path:
    if settings.state is not None:
        return settings.state
    if is_shared(settings.store):
        raise ConfigurationError("beside a shared journal each daemon needs a state directory of its own")
    return Path(settings.store.removeprefix("sqlite:///")).parent


def _veil_of(settings: Settings, state: Path) -> Veil:
    """What becomes of names; a secret is made where none is named."""
    policy = settings.usage
    if policy.privacy is not Privacy.HASH:
        return Veil(policy.privacy)
    if policy.key_file is None and is_shared(settings.store):
        raise ConfigurationError(
            "usage.privacy: daemons that share a database need one secret for pseudonyms; "
            "make a file of it (head -c 32 /dev/urandom | base64) and name it in usage.keyFile"
        )
    path = Path(policy.key_file) if policy.key_file is not None else state / "usage.key"
    try:
        if policy.key_file is None and not path.exists():
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(f"{secrets.token_hex(32)}\n", encoding="ascii")
        return Veil(policy.privacy, key=path.read_bytes().strip())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"usage.keyFile: {path}: {error}") from error


def _instance_of(state: Path) -> str:
    """What this installation is called in leases, in each of its lives.

    The machine is part of it: a directory that was copied to another one must not make one of two.
    """
    path = state / "instance"
    machine = Path("/etc/machine-id")
    try:
        if not path.exists() or not path.stat().st_size:
            path.write_text(f"{uuid.uuid4().hex}\n", encoding="utf-8")
        made = path.read_text(encoding="utf-8").strip()
        known = machine.read_text(encoding="utf-8").strip() if machine.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read or written: {error}") from error
    return hashlib.sha256(f"{made} {known} {socket.gethostname()}".encode()).hexdigest()[:32]


def _part(prober: Prober, server: str) -> ServerSnapshot:
    return prober.snapshot.server(server)


def _direct(prober: Prober) -> DirectProbe:
    async def direct(server: str) -> str | None:
        failure = await prober.direct(server)
        return None if failure is None else failure.detail

    return direct


@contextlib.asynccontextmanager
async def _serving(services: Services, settings: Settings) -> AsyncIterator[int]:
    runner = web.AppRunner(build_app(services), access_log=None, shutdown_timeout=SHUTDOWN_LIMIT)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigurationError(
                f"{settings.host}:{settings.port} cannot be listened on: {error.strerror or error}; "
                "choose another address with --listen"
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _telling(services: Services, journal: Journal) -> None:
    """Keep the page of metrics told of what is so."""
    while True:
        facts = [
            cluster_facts(
                cluster=controller.cluster,
                snapshot=controller.prober.snapshot,
                readings=tuple(balancer.reading for balancer in controller.balancers),
                standing=controller.standing,
                failovers=await _if_readable(journal.committed_since(name, since=BEGINNING)),
                unacknowledged=await _if_readable(unacknowledged(journal, controller)),
                last_move=await _if_readable(_last_move(journal, name)),
                now=services.clock.now(),
            )
            for name, controller in services.controllers.items()
        ]
        services.page.update(tuple(facts), watchdog_seen_at=services.watchdog_seen_at)
        await asyncio.sleep(FACTS_PACE)


async def _last_move(journal: Journal, cluster: str) -> datetime | None:
    return next(iter(await journal.automatic_moves(cluster, since=BEGINNING, limit=1)), None)


async def _if_readable(reading: Awaitable[T | None]) -> T | None:
    try:
        return await reading
    except JournalError:
        # Unknown is absent; that the journal is away has a metric and a decision of its own.
        return None
