"""The only place where real parts are put together: from manifests and settings to a running daemon."""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
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

from aiohttp import web

from rlm_exporter.alerts.sender import AlertSender
from rlm_exporter.alerts.sinks import Sinks
from rlm_exporter.alerts.webhook import Result
from rlm_exporter.assembly import Assembly, acts_for
from rlm_exporter.configuration import NOTHING
from rlm_exporter.deploying import Deploying
from rlm_exporter.errors import ConfigurationError, JournalError, RlmExporterError
from rlm_exporter.failover.leadership import LeaseKeeper
from rlm_exporter.failover.ports import Seam
from rlm_exporter.failover.reasons import Reason
from rlm_exporter.failover.steps import StepName
from rlm_exporter.haproxy.plan import Repair
from rlm_exporter.manifest.deployment import Change
from rlm_exporter.manifest.model import (
    AlertSettings,
    Privacy,
    UsagePolicy,
)
from rlm_exporter.metrics.facts import Reading
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.observers import (
    ControllerObserver,
)
from rlm_exporter.metrics.page import MetricsPage
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.file_watch import FILES_EVERY
from rlm_exporter.probe.ports import Clock
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.rlmutil_program import RlmutilProgram
from rlm_exporter.roster import Roster
from rlm_exporter.server.api import BEGINNING, unacknowledged
from rlm_exporter.server.app import build_runner
from rlm_exporter.server.auth import Token
from rlm_exporter.server.facts import cluster_facts
from rlm_exporter.server.pauses import keep_pauses_short
from rlm_exporter.server.services import Services
from rlm_exporter.store.database import is_shared
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.leases import Claimant
from rlm_exporter.store.prune import prune_at
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.retention import Retention

log = logging.getLogger(__name__)

T = TypeVar("T")

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

    paths: tuple[Path, ...]
    """Files with manifests and settings, and directories of such; a cluster may also be in the store."""
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
    reload: asyncio.Event | None = None,
    seam: Seam = nothing,
    clock: Clock | None = None,
) -> None:
    """Run until `stop` is set; `listening` is told the address once it answers; `reload` has manifests read.

    Raises ManifestError for what is wrong in them, ConfigurationError when the address is taken, JournalError
    when the store cannot be opened.
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
        # On a connection of its own: a long batch must not come before a step of a failover.
        usage = await stack.enter_async_context(await Journal.open(url=settings.store))
        reports = await stack.enter_async_context(await Journal.open(url=settings.store, limit=REPORT_LIMIT))
        assembly = Assembly(
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
        roster = Roster(NOTHING, builder=assembly, keeper=keeper, instruments=instruments, clock=clock)
        deploying = Deploying(roster, paths=settings.paths, journal=journal, clock=clock)
        await deploying.begin()
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
            controllers=roster.controllers,
            releasers=roster.releasers,
            client_desks=roster.client_desks,
            drifts=roster.drifts,
            journal=journal,
            reports=reports,
            page=page,
            instruments=instruments,
            clock=clock,
            report_logs=assembly.intake(),
            alerts=sender,
            tokens=settings.tokens,
            deploying=deploying,
        )
        port = await stack.enter_async_context(_serving(services, settings))
        listening(settings.host, port)
        async with asyncio.TaskGroup() as group:
            runs = [
                page.run(),
                _telling(services, roster, journal),
                sender.run(),
                roster.run(),
                keep_pauses_short(clock),
            ]
            if reload is not None:
                runs.append(_for_good(partial(_reloading, deploying, reload), instruments))
            if keeper is not None:
                runs += [keeper.run(), _for_good(deploying.run, instruments)]
            if settings.usage.keep is not None:
                runs.append(_retention(settings.usage.keep, settings.store, roster, instruments, clock).run())
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
            clock=clock,
            elapsed=lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        )
        try:
            yield keeper
        finally:
            await keeper.release()


def _retention(
    keep: timedelta, store: str, roster: Roster, instruments: Instruments, clock: Clock
) -> Retention:
    """What deletes old usage, of all clusters."""
    return Retention(
        keep=keep,
        prune=partial(prune_at, store),
        acts=lambda: any(acts_for(each) for each in roster.controllers.values()),
        stumbled=partial(ControllerObserver(instruments).stumbled, ""),
        clock=clock,
    )


def _instruments() -> Instruments:
    return Instruments(
        rules=[reason.value for reason in Reason],
        steps=[step.value for step in StepName],
        webhook_results=[result.value for result in Result],
        reapply_reasons=[repair.value for repair in Repair],
    )


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


@contextlib.asynccontextmanager
async def _serving(services: Services, settings: Settings) -> AsyncIterator[int]:
    runner = build_runner(services, shutdown_timeout=SHUTDOWN_LIMIT)
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


async def _for_good(run: Callable[[], Coroutine[None, None, None]], instruments: Instruments) -> None:
    """Have it run, also after a defect of ours: no failover must end because nothing can be deployed."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("deploying stumbled and goes on")
            instruments.defect("deploying")
        await asyncio.sleep(1)


async def _reloading(deploying: Deploying, asked: asyncio.Event) -> None:
    while True:
        await asked.wait()
        asked.clear()
        try:
            told = await deploying.reload()
        except RlmExporterError as error:
            log.error("the configuration was not reloaded, and all stays as it was: %s", error)
        else:
            changed = [each for each in told if each.change is not Change.UNCHANGED]
            log.info("the configuration was reloaded: %d clusters, %d changed", len(told), len(changed))


async def _telling(services: Services, roster: Roster, journal: Journal) -> None:
    """Keep the page of metrics told of what is so."""
    while True:
        try:
            await _tell(services, roster, journal)
        except Exception as error:  # noqa: BLE001 - logged there; no failover must end by it
            services.page.not_told(error)
        await asyncio.sleep(FACTS_PACE)


async def _tell(services: Services, roster: Roster, journal: Journal) -> None:
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
        for name, controller in tuple(services.controllers.items())
    ]
    services.page.update(
        tuple(each for each in facts if each.cluster.name in services.controllers),
        watchdog_seen_at=services.watchdog_seen_at,
        reading=Reading(at=roster.loaded_at, is_current=roster.is_current),
    )


async def _last_move(journal: Journal, cluster: str) -> datetime | None:
    return next(iter(await journal.automatic_moves(cluster, since=BEGINNING, limit=1)), None)


async def _if_readable(reading: Awaitable[T | None]) -> T | None:
    try:
        return await reading
    except JournalError:
        # Unknown is absent; that the journal is away has a metric and a decision of its own.
        return None
