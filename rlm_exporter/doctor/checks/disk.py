"""Room on the disks that license files, report logs and the journal are on."""

import asyncio
from pathlib import Path

from rlm_exporter.doctor.checks.journal import sqlite_path
from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.looking import Seen, look
from rlm_exporter.doctor.site import LOOK, Site

ABOUT = About(name="disk", looks_at="free space for license files, report logs and the journal")
LITTLE, HARDLY_ANY = 1024**3, 100 * 1024**2
"""Bytes; a large disk may have more than a little and still be nearly full."""


async def examine(site: Site) -> Outcome:
    """The folders on this machine."""
    seen = dict(site.folders)
    more = [path for path in _more(site) if path not in seen]
    looks = await asyncio.gather(*(look(path, limit=LOOK) for path in more))
    seen |= dict(zip(more, looks, strict=True))
    told = [each for each in seen.values() if each.free is not None]
    if not told:
        return Skipped(why="no folder of the cluster is on this machine")
    return tuple(finding for each in told if (finding := _judge(each)) is not None)


def _more(site: Site) -> list[str]:
    logs = [str(Path(log.path).parent) for server in site.cluster.servers for log in server.report_logs]
    store = site.asked.store
    if store is not None and store.startswith("sqlite"):
        logs.append(str(Path(sqlite_path(store)).parent))
    return list(dict.fromkeys(logs))


def _judge(seen: Seen) -> Finding | None:
    free, size = seen.free or 0, seen.size or 1
    if free >= LITTLE:
        return None
    say = error if free < HARDLY_ANY else warning
    return say(
        seen.path,
        f"{free // 1024**2} MiB are free of {size // 1024**2} MiB",
        why="on a full disk logs and license files are cut, and the journal refuses every move",
        remedy="make room: rotate logs (ROTATE), prune the usage log (rlm-ha db prune)",
    )
