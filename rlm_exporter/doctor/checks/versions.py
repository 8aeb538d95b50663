"""RLM's versions: are they the same, and is the web interface of one with known holes reachable?"""

import re
from collections.abc import Iterator
from datetime import timedelta

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.site import Site
from rlm_exporter.manifest.model import Server

ABOUT = About(name="versions", looks_at="versions of RLM, and known holes of old web interfaces")
LIMIT = timedelta(seconds=5)
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
HOLES = ("CVE-2021-44152", "CVE-2022-28363", "CVE-2022-28365")
"""Of 14.2: anybody sets anybody's password, a script comes by a link, and all is told without a login."""

Version = tuple[int, int]


async def examine(site: Site) -> Outcome:
    """Of the servers that tell theirs."""
    found = {server: version for server in site.cluster.servers if (version := version_of(site, server))}
    if not found:
        return Skipped(why="no server has told its version")
    findings = list(_mixed(found))
    for server, version in found.items():
        if version < (15, 1):
            result = await site.means.tcp.probe(server.host, server.web_port, timeout=LIMIT)
            findings += [_hole(server, version)] if result.ok else []
    return tuple(findings)


def version_of(site: Site, server: Server) -> Version | None:
    """What this server says that it is."""
    status = site.answers[server.name].payload
    text = status.server.version if status is not None and status.server is not None else None
    match = _VERSION.match(text or "")
    return None if match is None else (int(match[1]), int(match[2]))


def _mixed(found: dict[Server, Version]) -> Iterator[Finding]:
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{server.name} {shown(version)}" for server, version in found.items())
        yield warning(
            "RLM",
            f"the servers have different versions: {listed}",
            why="after a failover programs and administrators meet another RLM than before",
            remedy="bring all to the newest one that your vendors support",
        )


def _hole(server: Server, version: Version) -> Finding:
    where = f"port {server.web_port}"
    if version == (14, 2):
        return error(
            server.name,
            f"RLM 14.2 serves its web interface on {where}, with the holes {', '.join(HOLES)}",
            why="whoever reaches the port can set an administrator's password and stop the server",
            remedy="update RLM; until then start it with -nows, or keep the port from everybody",
        )
    return warning(
        server.name,
        f"RLM {shown(version)} serves its web interface on {where}, by default without a login",
        why="interfaces of before 15.1 let whoever reaches the port stop the server or take licenses away",
        remedy="update RLM, or start it with -nows, or keep the port from everybody",
    )


def shown(version: Version) -> str:
    """As RLM writes it."""
    return f"{version[0]}.{version[1]}"
