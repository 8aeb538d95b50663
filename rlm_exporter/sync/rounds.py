"""All servers of a cluster: looked at together, then brought in step one after the other.

Standbys go first and the preferred server last; after the first that goes wrong nobody else is touched, so a
bad file meets one server, and not the one that clients use.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from rlm_exporter.errors import SyncError
from rlm_exporter.manifest.model import Cluster, LicenseSync, Server
from rlm_exporter.probe.result import Failure
from rlm_exporter.sync.called_folder import CalledFolder
from rlm_exporter.sync.hostids import read_hostids
from rlm_exporter.sync.local_folder import LocalFolder
from rlm_exporter.sync.masters import Masters
from rlm_exporter.sync.plan import ServerPlan, plan_server
from rlm_exporter.sync.ports import Transport
from rlm_exporter.sync.push import Outcome, Pushed, Pusher
from rlm_exporter.sync.sftp_folder import SftpFolder

MakeTransport = Callable[[Server, LicenseSync], Transport]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One server: the plan for it, or why there is none."""

    server: Server
    transport: Transport
    plan: ServerPlan | None
    trouble: str | None = None
    unserved: tuple[str, ...] | None = None
    """Where its files are right: what rlm serves otherwise, as when a sync was killed before its reread. None
    where nobody asked, or it could not be found out."""
    unasked: str | None = None
    """Why that could not be found out."""

    @property
    def is_to_do(self) -> bool:
        """Whether there are files to write, or rlm has to read those that are there."""
        return self.plan is not None and bool(self.plan.changes or self.unserved)


def make_transport(server: Server, sync: LicenseSync) -> Transport:
    """The way to a server's files that its manifest names."""
    if sync.command:
        return CalledFolder(sync.command, server=server.name, folder=sync.folder, limit=sync.timeout)
    if sync.sftp is not None:
        return SftpFolder(sync.sftp, sync.folder, limit=sync.timeout)
    return LocalFolder(Path(sync.folder), limit=sync.timeout)


async def look(
    cluster: Cluster,
    servers: Sequence[Server],
    *,
    masters: Masters,
    now: datetime,
    transport: MakeTransport = make_transport,
) -> tuple[Seen, ...]:
    """What would be done to each; all are asked at once."""
    return tuple(
        await asyncio.gather(
            *(_look(cluster, server, masters=masters, now=now, make=transport) for server in servers)
        )
    )


async def _look(
    cluster: Cluster, server: Server, *, masters: Masters, now: datetime, make: MakeTransport
) -> Seen:
    sync = server.license_sync
    assert sync is not None  # noqa: S101 - only such servers are asked about
    transport = make(server, sync)
    try:
        present = await transport.read()
        hostids = await read_hostids(cluster, server, sync)
    except SyncError as error:
        return Seen(server=server, transport=transport, plan=None, trouble=str(error))
    plan = plan_server(
        cluster,
        server,
        masters=masters,
        present=present,
        hostids=hostids,
        on=_today(server, now),
    )
    return Seen(server=server, transport=transport, plan=plan)


async def ask_whether_served(seen: Sequence[Seen], pusher: Pusher, *, now: datetime) -> tuple[Seen, ...]:
    """The same, and of those whose files are right, whether rlm serves what stands in them."""
    return tuple(await asyncio.gather(*(_ask(each, pusher, now=now) for each in seen)))


async def _ask(each: Seen, pusher: Pusher, *, now: datetime) -> Seen:
    if each.plan is None or not each.plan.in_step:
        return each
    found = await pusher.unserved(each.plan, on=_today(each.server, now))
    if isinstance(found, Failure):
        return replace(each, unasked=found.detail)
    return replace(each, unserved=found)


def _today(server: Server, now: datetime) -> date:
    return now.astimezone(server.zone).date()


async def bring_in_step(
    seen: Sequence[Seen], pusher: Pusher, *, reread: bool, now: datetime
) -> AsyncIterator[Pushed]:
    """Each server and what became of it, in the order in which that happens.

    After one that had to be taken back nobody else is touched. One that had its files and does not serve them
    stops nobody: nothing was written to it, and the others may need what is theirs all the more.
    """
    wrong = False
    for each in reversed(seen):
        name = each.server.name
        if each.plan is None:
            yield Pushed(server=name, outcome=Outcome.UNREACHABLE, detail=(each.trouble or "",))
        elif wrong and each.is_to_do:
            yield Pushed(server=name, outcome=Outcome.NOT_TRIED)
        else:
            pushed = await _bring(each, each.plan, pusher, reread=reread, on=_today(each.server, now))
            wrong = wrong or pushed.outcome in {Outcome.ROLLED_BACK, Outcome.BROKEN}
            yield pushed


async def _bring(each: Seen, plan: ServerPlan, pusher: Pusher, *, reread: bool, on: date) -> Pushed:
    if reread and each.unserved:
        return await pusher.reread(plan, on=on)
    return await pusher.push(plan, each.transport, reread=reread, on=on)
