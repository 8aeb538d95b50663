"""Makes one server's license file of a master: the HOST line changes, and every other byte stays.

RLM uses one HOST line a file. Its name and port are the administrator's to change; the hostid is signed, so
it is taken from the master and never made up.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.address import same_host
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_values import HostLine, LicenseFile, LicenseKind

_HOST_LINE = re.compile(rb"[ \t]*(?:HOST|SERVER)(?=[ \t])", re.IGNORECASE)
_ENDING = re.compile(rb"[ \t]*(?:\r\n|\r|\n)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostName:
    """What a server's HOST line says, but for its hostid."""

    host: str
    """Where clients find the ISV servers: the balancer, where there is one."""
    port: int
    """Where rlm itself listens."""
    own: tuple[str, ...]
    """Names under which a master may speak of this server."""


def license_for_server(master: bytes, name: HostName) -> bytes:
    """The file for one server. Raises FormatError where the master does not tell it."""
    parsed = parse_license_file(master)
    if not parsed.hosts:
        if _is_served(parsed):
            raise FormatError("has no HOST line, and counted licenses need one; its hostid is signed")
        return master
    host = _line_of(parsed.hosts, name.own)
    if not host.hostid:
        raise FormatError(f"line {host.line}: the HOST line has no hostid; write it as the vendor sent it")
    lines = master.splitlines(keepends=True)
    numbers = [each.line - 1 for each in parsed.hosts]
    for number, each in zip(numbers, parsed.hosts, strict=True):
        _check_is_whole(lines[number], each)
    first = numbers[0]
    ending = _ENDING.search(lines[first])
    text = f"HOST {name.host} {host.hostid} {name.port}".encode()
    lines[first] = text + (ending.group().lstrip(b" \t") if ending else b"\n")
    dropped = set(numbers[1:])
    return b"".join(line for number, line in enumerate(lines) if number not in dropped)


def is_locked(file: LicenseFile) -> bool:
    """Whether one machine alone can use this file: it has one HOST line, with a hostid other than ANY."""
    hostids = {(host.hostid or "").upper() for host in file.hosts}
    return len(file.hosts) == 1 and hostids != {"ANY"}


def _line_of(hosts: Sequence[HostLine], own: Collection[str]) -> HostLine:
    names = {same_host(each) for each in own}
    for host in hosts:
        if host.host is not None and same_host(host.host) in names:
            return host
    if len({(host.hostid or "").casefold() for host in hosts}) == 1:
        return hosts[0]
    listed = ", ".join(host.host or "?" for host in hosts)
    raise FormatError(
        f"its HOST lines ({listed}) have hostids of their own, and none names {' or '.join(own)}: name this "
        "server in one of them"
    )


def _check_is_whole(line: bytes, host: HostLine) -> None:
    """A HOST statement that does not stand in one line alone cannot be exchanged without touching others."""
    alone = parse_license_file(line)
    found = alone.hosts[0] if len(alone.hosts) == 1 and not alone.isvs else None
    if (
        found is None
        or not _HOST_LINE.match(line)
        or (found.host, found.hostid, found.port) != (host.host, host.hostid, host.port)
    ):
        raise FormatError(
            f"line {host.line}: this HOST line cannot be exchanged; write HOST, name, hostid and port, and "
            "nothing else, on one line"
        )


def _is_served(file: LicenseFile) -> bool:
    return any(each.kind in {LicenseKind.COUNTED, LicenseKind.TOKEN} for each in file.licenses)
