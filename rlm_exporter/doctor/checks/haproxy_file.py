"""A HAProxy's configuration file against the manifest: what is missing of the form that can be steered."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.looking import look
from rlm_exporter.doctor.site import LOOK, NO_BALANCER, Site
from rlm_exporter.haproxy.config import isv_backend
from rlm_exporter.manifest.model import Cluster, HaproxyEndpoint
from rlm_exporter.probe import child
from rlm_exporter.rlm.address import bracketed

ABOUT = About(name="haproxy-file", looks_at="peers, hold, addresses and validity of haproxy.cfg (--haproxy)")
OLDEST = (2, 6)
LIMIT = timedelta(seconds=15)
_SECTION = re.compile(r"(?:global|defaults|peers|frontend|backend|listen|resolvers|userlist|cache)\b")
_RENDER = "render it again (rlm-ha render haproxy), and reload HAProxy"

Sections = dict[str, list[str]]


async def examine(site: Site) -> Outcome:
    """The file that was named, and what HAProxy itself says of it."""
    path = site.asked.haproxy
    if path is None:
        return Skipped(why="say which file by --haproxy")
    balancer = site.cluster.load_balancer
    if balancer is None:
        return Skipped(why=NO_BALANCER)
    if not balancer.haproxy:
        return Skipped(why="the manifest names no haproxy")
    seen = await look(str(path), limit=LOOK)
    if seen.unreadable is not None:
        why, remedy = "nothing is known of this balancer", "correct --haproxy, or the file's rights"
        return (error(str(path), f"cannot be read: {seen.unreadable}", why=why, remedy=remedy),)
    judged = judge(site.cluster, _whose(balancer.haproxy, seen.text), seen.text, subject=str(path))
    return (*judged, *await _ask_haproxy(path))


def _whose(endpoints: tuple[HaproxyEndpoint, ...], text: str) -> HaproxyEndpoint:
    """The first whose backend is there: several balancers may call theirs by different names."""
    sections = _sections(text)
    return next((each for each in endpoints if f"backend {each.backend}" in sections), endpoints[0])


def judge(cluster: Cluster, endpoint: HaproxyEndpoint, text: str, *, subject: str) -> tuple[Finding, ...]:
    """What is wrong with the text; backends are called as this endpoint calls them."""
    sections = _sections(text)
    license_backend = sections.get(f"backend {endpoint.backend}")
    if license_backend is None:
        what = f"there is no backend {endpoint.backend}"
        return (error(subject, what, why="the daemon cannot steer it", remedy=_RENDER),)
    return (
        *_form(subject, sections, license_backend),
        *_servers(cluster, endpoint, sections, subject),
        *_names(cluster, sections, subject),
        *_open_doors(subject, sections),
    )


def _form(subject: str, sections: Sections, license_backend: list[str]) -> Iterator[Finding]:
    lines = [line for body in sections.values() for line in body]
    table = next((line for line in license_backend if line.startswith("stick-table ")), "")
    peers = re.search(r"\bpeers (\S+)", table)
    if not table or not any(line.startswith("stick on ") for line in license_backend):
        yield error(
            subject,
            "the license backend has no stick table",
            why="a server that comes back takes new clients at once, beside the one that serves",
            remedy=_RENDER,
        )
    elif peers is None or f"peers {peers[1]}" not in sections:
        yield error(
            subject,
            "its stick table has no peers",
            why="a reload forgets who is active",
            remedy=_RENDER,
        )
    held = any(line.startswith("set-var proc.start") for line in lines)
    if not held or not any("var(proc.epoch)" in line and "content accept" in line for line in lines):
        yield error(
            subject,
            "fresh workers do not hold connections until they are steered",
            why="after a restart clients go to the preferred server, whoever is active",
            remedy=_RENDER,
        )
    if not any(line.startswith("option redispatch") for line in lines):
        yield error(
            subject,
            "option redispatch is missing",
            why="a pending retry to a server that returns moves everybody back to it",
            remedy=_RENDER,
        )


def _servers(
    cluster: Cluster, endpoint: HaproxyEndpoint, sections: Sections, subject: str
) -> Iterator[Finding]:
    wanted = [(endpoint.backend, server, server.port) for server in cluster.servers]
    wanted += [
        (isv_backend(endpoint, isv), server, port)
        for server in cluster.servers
        for isv, port in server.isv_ports
    ]
    for backend, server, port in wanted:
        address = f"{bracketed(server.host)}:{port}"
        lines = (line.split() for line in sections.get(f"backend {backend}", []))
        given = next(
            (words[2] for words in lines if words[:2] == ["server", server.name] and len(words) > 2), None
        )
        if given is None:
            what = f"backend {backend} has no server {server.name}"
            yield error(subject, what, why="clients cannot be sent there", remedy=_RENDER)
        elif given != address:
            what = f"backend {backend} has {server.name} at {given}, and the manifest at {address}"
            why = "checks ask one machine, and clients are sent to another"
            yield error(subject, what, why=why, remedy=_RENDER)


def _names(cluster: Cluster, sections: Sections, subject: str) -> Iterator[Finding]:
    balancer = cluster.load_balancer
    if balancer is None or balancer.resolvers is None:
        return
    lines = [line.split() for body in sections.values() for line in body if " resolvers " in line]
    used = {words[words.index("resolvers") + 1] for words in lines if words[-1] != "resolvers"}
    if not any(f"resolvers {name}" in sections for name in used):
        yield error(
            subject,
            "its servers use no resolvers, and the manifest asks for them",
            why="it looks names up when it starts and never again: a server with a new address is lost to it",
            remedy=_RENDER,
        )


def _open_doors(subject: str, sections: Sections) -> Iterator[Finding]:
    for line in (line for body in sections.values() for line in body):
        if line.startswith("stats admin if TRUE"):
            yield error(
                subject,
                "stats admin if TRUE lets everybody steer it",
                why="whoever reaches the page can move or stop all clients",
                remedy=_RENDER,
            )
        if line.startswith("tcp-check send"):
            yield error(
                subject,
                f"a check sends bytes to a license port: {line}",
                why="rlm logs an error for each, and gives no answer that fits: all servers count as down",
                remedy="check by a bare connect (check, without option tcp-check)",
            )


def _sections(text: str) -> Sections:
    """Lines by section, blanks evened and comments gone; a section's name is its first two words."""
    found: Sections = {}
    current: list[str] = []
    for raw in text.splitlines():
        line = " ".join(raw.partition("#")[0].split())
        if not line:
            continue
        if _SECTION.match(line) and not raw[:1].isspace():
            current = found.setdefault(" ".join(line.split()[:2]), [])
        else:
            current.append(line)
    return found


async def _ask_haproxy(path: Path) -> tuple[Finding, ...]:
    """Nothing where there is no haproxy on this machine."""
    program = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    if program is None:
        return ()
    found: list[Finding] = []
    version = await _said([program, "-v"])
    number = re.search(r"version (\d+)\.(\d+)", version[1])
    if number is not None and (int(number[1]), int(number[2])) < OLDEST:
        found.append(
            error(
                program,
                f"this is HAProxy {number[1]}.{number[2]}",
                why="the form that can be steered was tried from 2.6 on",
                remedy="take HAProxy 2.6 or newer",
            )
        )
    status, said = await _said(_trying(program, path))
    told = [line for line in said.splitlines() if "[ALERT]" in line or "[WARNING]" in line]
    if status != 0 or told:
        say = error if status != 0 else warning
        found.append(
            say(
                str(path),
                f"HAProxy says: {' / '.join(told[:3]) or said.strip()[:200]}",
                why="it does not start or reload with it" if status != 0 else "something in it has no effect",
                remedy=f"haproxy -c -f {path} shows all of it",
            )
        )
    return tuple(found)


def _trying(program: str, path: Path) -> list[str]:
    """It is started in another folder than ours."""
    return [program, "-c", "-f", str(path.absolute())]


async def _said(command: list[str]) -> tuple[int | None, str]:
    ended = await child.run(command, cwd=Path("/"), environment={}, timeout=LIMIT, limit=64 * 1024)
    return ended.status, (ended.output + ended.errors).decode("utf-8", "replace")
