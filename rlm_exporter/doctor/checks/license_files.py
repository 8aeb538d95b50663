"""License files on this machine: ends of lines, permissions, HOST lines, copies, and whether they agree."""

from collections.abc import Iterator, Sequence

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.looking import SeenFile
from rlm_exporter.doctor.site import Site, license_paths
from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.model import Server
from rlm_exporter.rlm.license_compare import compare
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_findings import find_faults
from rlm_exporter.rlm.license_values import FindingKind, LicenseFile, Severity

ABOUT = About(
    name="license-files", looks_at="line ends, permissions, HOST lines and copies of license files, and drift"
)
_OTHERS_WRITE = 0o002
_SAID_ELSEWHERE = frozenset({FindingKind.EXPIRED, FindingKind.HOSTID_ANY, FindingKind.EXPIRING})

Read = tuple[tuple[SeenFile, LicenseFile], ...]


async def examine(site: Site) -> Outcome:
    """Of every server whose files lie on this machine."""
    found: list[Finding] = []
    read: dict[str, Read] = {}
    for server in site.cluster.servers:
        if not license_paths(server):
            continue
        files = site.files_of(server)
        found += [finding for file in files for finding in _unreadable(server, file)]
        read[server.name] = tuple(_parsed(files))
        found += _judge(site, server, read[server.name])
    if not read:
        return Skipped(why="no server's license files lie on this machine (licenseFiles, licenseSync)")
    return (*found, *_drift(read))


def _unreadable(server: Server, file: SeenFile) -> Iterator[Finding]:
    if file.error is not None:
        yield error(
            server.name,
            f"{file.path} cannot be read: {file.error}",
            why="rlm may not be able to read it either, and then serves nothing of it after its next start",
            remedy="mend its permissions, or the link",
        )
    if file.mode is not None and file.mode & _OTHERS_WRITE:
        yield error(
            server.name,
            f"{file.path} can be written by everybody (mode {file.mode:o})",
            why="anybody on that machine can take the licenses away",
            remedy=f"chmod o-w {file.path}",
        )


def _parsed(files: Sequence[SeenFile]) -> Iterator[tuple[SeenFile, LicenseFile]]:
    for file in files:
        if file.content is not None:
            try:
                yield file, parse_license_file(file.content)
            except FormatError:
                continue


def _judge(site: Site, server: Server, read: Read) -> Iterator[Finding]:
    balancer = site.cluster.load_balancer
    # Of a pair each has an address of its own beside the shared one, and clients may have any of them.
    own = () if balancer is None else (each.address for each in balancer.haproxy if each.address is not None)
    balancers = () if balancer is None else (balancer.host, *own)
    day = site.now.astimezone(server.zone).date()
    for file, content in read:
        for fault in find_faults(content, as_of=day, balancers=balancers):
            place = f"{file.path}:{fault.line}"
            if fault.kind is FindingKind.CRLF:
                yield warning(
                    server.name,
                    f"{place}: lines end as on Windows",
                    why="files of two servers differ although they say the same, and scripts trip",
                    remedy="take the master as the vendor sent it to every server: rlm-ha sync licenses",
                )
            elif fault.kind is FindingKind.HOST_NOT_BALANCER:
                yield error(
                    server.name,
                    f"{place}: {fault.detail}",
                    why="clients go around the balancer, and stay there after a failover",
                    remedy="let the HOST line name the balancer: rlm-ha sync licenses",
                )
            elif fault.severity is Severity.ERROR and fault.kind not in _SAID_ELSEWHERE:
                yield error(
                    server.name,
                    f"{place}: {fault.detail}",
                    why="rlm refuses it at its next reread",
                    remedy="mend the line, or ask the vendor; rlm-ha inspect license shows all of them",
                )
    yield from _copies(server, read)


def _copies(server: Server, read: Read) -> Iterator[Finding]:
    """RLM loads every file that it finds, and adds the seats of copies up."""
    first: dict[str, str] = {}
    told: set[str] = set()
    for file, content in read:
        signatures = {each.signature for each in content.licenses if each.signature}
        doubles = sorted({first[signature] for signature in signatures if signature in first})
        if doubles and file.path not in told:
            told.add(file.path)
            yield error(
                server.name,
                f"{file.path} holds licenses of {doubles[0]} once more",
                why="rlm loads both and adds the seats up: more are given out than were bought",
                remedy="move the copy away, or give it a name that does not end in .lic",
            )
        first.update(dict.fromkeys(signatures, file.path))


def _drift(read: dict[str, Read]) -> Iterator[Finding]:
    whole = [(name, _joined([content for _, content in files])) for name, files in read.items() if files]
    if len(whole) < 2:
        return
    for difference in compare(whole):
        yield warning(
            difference.subject,
            f"the servers' license files differ: {difference.detail}",
            why="after a failover other seats or products are there than before",
            remedy="bring all servers the same master: rlm-ha sync licenses",
        )


def _joined(files: Sequence[LicenseFile]) -> LicenseFile:
    return LicenseFile(
        isvs=tuple(each for file in files for each in file.isvs),
        licenses=tuple(each for file in files for each in file.licenses),
        upgrades=tuple(each for file in files for each in file.upgrades),
        customers=tuple(each for file in files for each in file.customers),
    )
