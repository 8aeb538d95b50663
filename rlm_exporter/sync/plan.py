"""What would be done to one server's license files, and what speaks against it (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256

from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.model import Cluster, Server, Takeover
from rlm_exporter.rlm.license_compare import Difference, compare
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_findings import find_faults
from rlm_exporter.rlm.license_for_server import HostName, is_locked, license_for_server
from rlm_exporter.rlm.license_values import Finding, FindingKind, LicenseFile, Severity
from rlm_exporter.sync.masters import Masters
from rlm_exporter.sync.names import Present


class Action(StrEnum):
    """What happens to a file."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    REFUSE = "refuse"
    """Something speaks against it; nothing is written to this server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """One license file of one server."""

    name: str
    action: Action
    before: bytes | None
    """None where the server has no such file."""
    after: bytes
    parsed: LicenseFile | None
    """What the new file says; None where it cannot be read."""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    """What it grants beyond the old one, or no longer."""

    @property
    def changes(self) -> bool:
        """Whether something has to be written."""
        return self.action in {Action.CREATE, Action.CHANGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """All files of one server."""

    server: Server
    files: tuple[FilePlan, ...]
    foreign: tuple[str, ...]
    """Files that RLM loads there beside them; they stay, and their seats count."""
    others: tuple[LicenseFile, ...]
    """What those say, as far as it can be read."""
    unread: tuple[str, ...] = ()
    """Those of them that nobody can read."""
    may_wait: bool = False
    """Whether no pools at all are a good answer, as of a standby of RLM's own failover."""

    @property
    def refused(self) -> bool:
        """Whether something speaks against it."""
        return any(file.action is Action.REFUSE for file in self.files)

    @property
    def changes(self) -> tuple[FilePlan, ...]:
        """What has to be written."""
        return tuple(file for file in self.files if file.changes)

    @property
    def in_step(self) -> bool:
        """Whether the server has what the masters say."""
        return not self.refused and not self.changes


def plan_server(
    cluster: Cluster,
    server: Server,
    *,
    masters: Masters,
    present: Present,
    hostids: str | None,
    on: date,
) -> ServerPlan:
    """The plan for what stands there now; `hostids` is what rlmhostid printed, None = nobody asked."""
    wanted = masters.of(server.name)
    files = tuple(
        _plan_file(
            cluster,
            server,
            name=name,
            master=master,
            before=present.get(name),
            shared=masters.is_shared(server.name, name),
            hostids=hostids,
            on=on,
        )
        for name, master in wanted.items()
    )
    foreign = tuple(sorted(present.keys() - wanted.keys()))
    contents = tuple(data for name in foreign if (data := present[name]) is not None)
    others = tuple(parsed for data in contents if (parsed := _parsed(data)) is not None)
    return ServerPlan(
        server=server,
        files=files,
        foreign=foreign,
        others=others,
        unread=tuple(name for name in foreign if present[name] is None),
        may_wait=cluster.takeover is Takeover.NATIVE,
    )


def digest(data: bytes) -> str:
    """What two equal files have in common, at a length for people."""
    return sha256(data).hexdigest()[:12]


def _plan_file(
    cluster: Cluster,
    server: Server,
    *,
    name: str,
    master: bytes,
    before: bytes | None,
    shared: bool,
    hostids: str | None,
    on: date,
) -> FilePlan:
    try:
        after = _file_for(cluster, server, master)
        parsed = parse_license_file(after)
    except FormatError as error:
        return FilePlan(
            name=name, action=Action.REFUSE, before=before, after=master, parsed=None, errors=(str(error),)
        )
    balancers = () if cluster.load_balancer is None else (cluster.load_balancer.host,)
    findings = find_faults(parsed, as_of=on, balancers=balancers)
    errors = (
        *(f"line {each.line}: {each.detail}" for each in findings if _forbids(each)),
        *_misplaced(cluster, server, parsed, shared=shared),
        *misfit_hostids(parsed, hostids),
    )
    return FilePlan(
        name=name,
        action=_action(before, after, errors),
        before=before,
        after=after,
        parsed=parsed,
        errors=errors,
        warnings=tuple(_warnings(findings, before, parsed)),
        differences=() if before is None else _differences(before, parsed),
    )


def _file_for(cluster: Cluster, server: Server, master: bytes) -> bytes:
    """With RLM's own failover the standby has the primary's file as it is, with the primary's HOST line."""
    if cluster.takeover is Takeover.NATIVE:
        return master
    balancer = cluster.load_balancer
    host = server.host if balancer is None else balancer.host
    return license_for_server(master, HostName(host=host, port=server.port, own=(server.host, server.name)))


def _action(before: bytes | None, after: bytes, errors: tuple[str, ...]) -> Action:
    if errors:
        return Action.REFUSE
    if before is None:
        return Action.CREATE
    return Action.UNCHANGED if before == after else Action.CHANGE


def _forbids(finding: Finding) -> bool:
    """An expired license among good ones harms nobody, and RLM leaves it out."""
    return finding.severity is Severity.ERROR and finding.kind is not FindingKind.EXPIRED


def _warnings(findings: tuple[Finding, ...], before: bytes | None, parsed: LicenseFile) -> Iterator[str]:
    for each in findings:
        if (
            each.severity is not Severity.NOTE
            and not _forbids(each)
            and each.kind is not FindingKind.HOSTID_ANY
        ):
            yield f"line {each.line}: {each.detail}"
    old = None if before is None else _parsed(before)
    if old is not None and (_ports(old) != _ports(parsed)):
        yield "ports or ISV servers change: rlm takes that up at a restart, a reread is not enough"


def _ports(file: LicenseFile) -> tuple[object, ...]:
    isvs = {isv.name.casefold(): isv.port for isv in file.isvs}
    return tuple(host.port for host in file.hosts), isvs


def _misplaced(cluster: Cluster, server: Server, file: LicenseFile, *, shared: bool) -> Iterator[str]:
    planned = {isv.casefold(): port for isv, port in server.isv_ports}
    for isv in file.isvs:
        port = planned.get(isv.name.casefold())
        if port is not None and isv.port != port:
            has = "no port" if isv.port is None else f"port {isv.port}"
            yield (
                f"line {isv.line}: ISV {isv.name} has {has}, and isvPorts of {server.name} says {port}: "
                f"write port={port} there, or the balancer carries nobody to it"
            )
    if shared and len(cluster.servers) > 1 and is_locked(file) and cluster.takeover is not Takeover.NATIVE:
        yield (
            f"the hostid {file.hosts[0].hostid} is one machine's, and this master is for every server: put "
            f"the file that the vendor issued for {server.name} into the folder {server.name} beside it"
        )


def misfit_hostids(file: LicenseFile, printed: str | None) -> Iterator[str]:
    """Only ids that stand for themselves: of `ip=` and its like rlmhostid prints another form."""
    if printed is None:
        return
    known = {word.casefold().strip(",;\"'") for word in printed.split()}
    for host in file.hosts:
        hostid = (host.hostid or "").casefold()
        plain = len(hostid) >= 8 and all(letter in "0123456789abcdef" for letter in hostid)
        if plain and hostid not in known:
            yield (
                f"line {host.line}: the hostid {host.hostid} is none of this machine's: rlm would serve "
                "nothing from this file after its next start; ask the vendor to issue it anew"
            )


def _differences(before: bytes, parsed: LicenseFile) -> tuple[str, ...]:
    old = _parsed(before)
    if old is None:
        return ("the file that stands there cannot be read as a license file",)
    return tuple(_in_words(each) for each in compare((("the server", old), ("the master", parsed))))


def _in_words(difference: Difference) -> str:
    return f"{difference.subject}: {difference.detail}"


def _parsed(data: bytes) -> LicenseFile | None:
    try:
        return parse_license_file(data)
    except FormatError:
        return None
