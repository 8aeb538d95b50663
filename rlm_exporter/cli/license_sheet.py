"""License files as a JSON document, and as tables for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rlm_exporter.cli.sheet import Block, Cell, Column, Facts, Line, Sheet, Table, Tone
from rlm_exporter.cli.tones import SEVERITY_TONES
from rlm_exporter.rlm.license_compare import Difference
from rlm_exporter.rlm.license_failover import FailoverGrant, failover_grants
from rlm_exporter.rlm.license_values import Finding, License, LicenseFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One file, under the name it was given by, and what was found in it."""

    name: str
    file: LicenseFile
    findings: tuple[Finding, ...]


def document(examined: Sequence[Examined], differences: Sequence[Difference] | None) -> Any:
    """One file's document alone; several as `files` with their names, and `differences` where wanted."""
    if len(examined) == 1 and differences is None:
        return _file(examined[0])
    found: dict[str, Any] = {"files": [{"file": each.name, **_file(each)} for each in examined]}
    if differences is not None:
        found["differences"] = [_difference(each) for each in differences]
    return found


def _file(each: Examined) -> dict[str, Any]:
    return {
        "hosts": [
            {"line": host.line, "host": host.host, "hostid": host.hostid, "port": host.port}
            for host in each.file.hosts
        ],
        "isvs": [{"line": isv.line, "name": isv.name, "port": isv.port} for isv in each.file.isvs],
        "licenses": [
            {
                "line": license_.line,
                "isv": license_.isv,
                "product": license_.product,
                "version": license_.version,
                "expires": _expires(license_),
                "count": license_.count,
                "kind": license_.kind and license_.kind.value,
            }
            for license_ in each.file.licenses
        ],
        "findings": [
            {
                "kind": finding.kind.value,
                "line": finding.line,
                "severity": finding.severity.value,
                "detail": finding.detail,
            }
            for finding in each.findings
        ],
    }


def _expires(license_: License) -> str | None:
    expires = license_.expires
    return expires.isoformat() if isinstance(expires, date) else expires and expires.value


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "kind": difference.kind.value,
        "subject": difference.subject,
        "field": difference.field,
        "values": [{"file": name, "value": value} for name, value in difference.values],
        "detail": difference.detail,
    }


def sheet(examined: Sequence[Examined], differences: Sequence[Difference] | None) -> Sheet:
    """Every file, then where they differ."""
    blocks: list[Block] = []
    for each in examined:
        blocks += [*([_blank()] if blocks else []), *_one(each)]
    if differences is not None:
        blocks += [_blank(), *_compared(differences)]
    return tuple(blocks)


def _blank() -> Line:
    return Line(cells=(Cell(""),))


def _one(each: Examined) -> Iterator[Block]:
    yield Line(cells=(Cell(each.name, Tone.STRONG),))
    yield Facts(pairs=tuple(_facts(each.file)))
    if each.file.licenses:
        yield _blank()
        yield _licenses(each.file.licenses)
    yield _blank()
    if each.findings:
        yield _findings(each.findings)
    else:
        yield Line(cells=(Cell("nothing wrong was found", Tone.GOOD),))


def _facts(file: LicenseFile) -> Iterator[tuple[str, Cell]]:
    for host in file.hosts:
        port = "default port" if host.port is None else f"port {host.port}"
        yield "HOST", Cell(f"{host.host or '?'}  {host.hostid or 'no hostid'}  {port}")
    for isv in file.isvs:
        yield "ISV", Cell(f"{isv.name}  {'no port' if isv.port is None else f'port {isv.port}'}")
    for upgrade in file.upgrades:
        to = upgrade.license
        yield "UPGRADE", Cell(f"{to.product} v{upgrade.from_version} to v{to.version}")
    grants = failover_grants(file)
    for grant in grants:
        yield "failover", Cell(_granted(grant))
    if not grants and file.licenses:
        yield "failover", Cell("no license for RLM's own", Tone.QUIET)


def _granted(grant: FailoverGrant) -> str:
    return f"{grant.kind} for {grant.primary or 'a primary that is not named'}"


def _licenses(licenses: Sequence[License]) -> Table:
    columns = (
        Column(title="LINE", right=True),
        Column(title="ISV"),
        Column(title="PRODUCT", long=True),
        Column(title="VERSION"),
        Column(title="EXPIRES"),
        Column(title="COUNT", right=True),
    )
    return Table(
        columns=columns,
        rows=tuple(
            (
                Cell(str(license_.line)),
                Cell(license_.isv),
                Cell(license_.product),
                Cell(license_.version),
                Cell(_expires(license_) or "?"),
                Cell(str(license_.count) if license_.count is not None else license_.kind or "?"),
            )
            for license_ in licenses
        ),
    )


def _findings(findings: Sequence[Finding]) -> Table:
    return Table(
        columns=(
            Column(title="LINE", right=True),
            Column(title="SEVERITY"),
            Column(title="FINDING"),
            Column(title="", long=True),
        ),
        rows=tuple(
            (
                Cell(str(finding.line)),
                Cell(finding.severity, SEVERITY_TONES[finding.severity]),
                Cell(finding.kind),
                Cell(finding.detail),
            )
            for finding in findings
        ),
        wraps=True,
    )


def _compared(differences: Sequence[Difference]) -> Iterator[Block]:
    if not differences:
        yield Line(cells=(Cell("the files grant the same", Tone.GOOD),))
        return
    yield Table(
        columns=(Column(title="DIFFERENCE"), Column(title="", long=True)),
        rows=tuple((Cell(each.subject), Cell(each.detail)) for each in differences),
        wraps=True,
    )
