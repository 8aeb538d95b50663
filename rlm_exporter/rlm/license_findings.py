"""Judges a license file: what RLM will refuse, what breaks a contract or trips an administrator.

Judging needs the day: a license is good through its expiry, to the end of that day where the server stands.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain

from rlm_exporter.rlm.address import same_host
from rlm_exporter.rlm.license_failover import FAILOVER_PRODUCTS, primary_host
from rlm_exporter.rlm.license_values import (
    Finding,
    FindingKind,
    HostLine,
    License,
    LicenseFile,
    LicenseKind,
    Severity,
)

_SERVED = frozenset({LicenseKind.COUNTED, LicenseKind.TOKEN})
"""Licenses that need a server. A file's licenses of other kinds are checked on the client's machine."""
_UNKNOWN_WORDS = frozenset({FindingKind.UNKNOWN_KEYWORD, FindingKind.SIGN_INSTEAD_OF_SIG})
_LOCAL = frozenset({"localhost", "localhost.localdomain", "127.0.0.1", "::1"})


def find_faults(
    file: LicenseFile,
    *,
    as_of: date,
    warn_days: int = 30,
    strict: bool = False,
    balancers: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """All findings, by line. `as_of` is the day at the server, `balancers` are hosts that clients connect to.

    `strict` makes errors of the warnings about words that RLM does not know.
    """
    found = chain(
        file.faults,
        _hosts(file.hosts),
        _not_balancers(file.hosts, balancers),
        _missing_isvs(file),
        _repeated(file.licenses),
        _dates(_dated(file), as_of=as_of, warn_days=warn_days),
        _failover(file),
        _unserved(file),
    )
    return tuple(sorted((_stricter(each) if strict else each for each in found), key=_place))


def _place(finding: Finding) -> tuple[int, str]:
    return finding.line, finding.kind


def _stricter(finding: Finding) -> Finding:
    if finding.kind in _UNKNOWN_WORDS and finding.severity is Severity.WARNING:
        return replace(finding, severity=Severity.ERROR)
    return finding


def _finding(kind: FindingKind, line: int, severity: Severity, detail: str) -> Finding:
    return Finding(kind=kind, line=line, severity=severity, detail=detail)


def _hosts(hosts: Sequence[HostLine]) -> Iterator[Finding]:
    if len(hosts) > 1:
        names = ", ".join(host.host or "?" for host in hosts[:5])
        yield _finding(
            FindingKind.MULTIPLE_HOST,
            hosts[1].line,
            Severity.WARNING,
            f"{len(hosts)} HOST lines ({names}); RLM uses one per file: give each server a file of its own",
        )
    for host in hosts:
        if host.hostid is not None and host.hostid.upper() == "ANY":
            yield _finding(
                FindingKind.HOSTID_ANY,
                host.line,
                Severity.WARNING,
                "hostid ANY fits every machine: each server that runs a copy of this file serves the full "
                "count, so let only one of them serve",
            )


def _not_balancers(hosts: Sequence[HostLine], balancers: Sequence[str]) -> Iterator[Finding]:
    known = {same_host(balancer) for balancer in balancers}
    for host in hosts:
        if known and host.host is not None and same_host(host.host) not in known:
            yield _finding(
                FindingKind.HOST_NOT_BALANCER,
                host.line,
                Severity.WARNING,
                f"HOST names {host.host}, and clients connect to {' or '.join(balancers)}: RLM may send them "
                "on to the ISV server under the name on this line, past the balancer",
            )


def _missing_isvs(file: LicenseFile) -> Iterator[Finding]:
    known = {isv.name.lower() for isv in file.isvs}
    for license_ in file.licenses:
        name = license_.isv.lower()
        if license_.kind in _SERVED and name not in known:
            known.add(name)
            yield _finding(
                FindingKind.MISSING_ISV,
                license_.line,
                Severity.ERROR,
                f"no ISV line names {license_.isv}, so no server serves its licenses",
            )


def _repeated(licenses: Iterable[License]) -> Iterator[Finding]:
    first: dict[tuple[str, ...], License] = {}
    for license_ in licenses:
        if license_.kind not in _SERVED:
            continue
        hostid = (license_.value("hostid") or "").lower()
        names = (license_.isv.lower(), license_.product.lower(), license_.version.lower(), hostid)
        before = first.setdefault(names, license_)
        if before is license_:
            continue
        severity, text = _repetition(license_, before)
        yield _finding(FindingKind.DUPLICATE_PRODUCT, license_.line, severity, text)


def _repetition(license_: License, before: License) -> tuple[Severity, str]:
    again = f"{license_.product} v{license_.version} stands on line {before.line}"
    if license_.signature is not None and license_.signature == before.signature:
        return Severity.WARNING, f"{again} already, with this signature"
    return Severity.NOTE, (
        f"{again} too; RLM may merge both into one pool, and rlmstat then shows the earlier expiry for all"
    )


def _dated(file: LicenseFile) -> Iterator[License]:
    yield from file.licenses
    for upgrade in file.upgrades:
        yield upgrade.license


def _dates(licenses: Iterable[License], *, as_of: date, warn_days: int) -> Iterator[Finding]:
    for license_ in licenses:
        title = f"{license_.product} v{license_.version}"
        if license_.start is not None and license_.start > as_of:
            text = f"{title} starts on {license_.start.isoformat()}; until then checkouts fail (-37)"
            yield _finding(FindingKind.NOT_YET_VALID, license_.line, Severity.WARNING, text)
        if not isinstance(license_.expires, date):
            continue
        days = (license_.expires - as_of).days
        if days < 0:
            text = f"{title} was good through {license_.expires.isoformat()}, {_days(-days)} ago"
            yield _finding(FindingKind.EXPIRED, license_.line, Severity.ERROR, text)
        elif days <= warn_days:
            left = "ends with this day" if days == 0 else f"is good for {_days(days)} more, through"
            text = f"{title} {left} {license_.expires.isoformat()}"
            yield _finding(FindingKind.EXPIRING, license_.line, Severity.WARNING, text)


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _failover(file: LicenseFile) -> Iterator[Finding]:
    own = {same_host(host.host) for host in file.hosts if host.host is not None}
    for license_ in file.licenses:
        if license_.product.lower() not in FAILOVER_PRODUCTS:
            continue
        if license_.kind is not LicenseKind.COUNTED:
            yield _finding(
                FindingKind.FAILOVER_UNCOUNTED,
                license_.line,
                Severity.ERROR,
                f"{license_.product} is not counted, so RLM ignores it; ask the vendor for a counted one",
            )
        primary = primary_host(license_)
        if primary is not None and (primary in _LOCAL or primary in own):
            whose = "this machine" if primary in _LOCAL else "this file's own HOST"
            line = next(each.line for each in license_.keywords if each.name == "_primary_server")
            yield _finding(
                FindingKind.PRIMARY_SERVER_LOCALHOST,
                line,
                Severity.WARNING,
                f"_primary_server names {whose}, as vendors issue it, and watches nobody: name the primary",
            )


def _unserved(file: LicenseFile) -> Iterator[Finding]:
    line = file.licenses[0].line if file.licenses else 1
    served = any(license_.kind in _SERVED or license_.kind is None for license_ in file.licenses)
    whole = any(host.host and host.hostid for host in file.hosts)
    if served and whole:
        return
    if served:
        text = "counted licenses need a HOST line with a name and a hostid, and here is none"
        severity = Severity.ERROR
    elif file.licenses:
        text = "uncounted and single licenses are checked on the client's machine and need no server"
        severity = Severity.WARNING
    elif file.customers:
        text = "this file only tells clients of RLM Cloud where to ask"
        severity = Severity.WARNING
    else:
        text, severity = "there is no license in this file", Severity.ERROR
    yield _finding(FindingKind.NOTHING_TO_SERVE, line, severity, text)
