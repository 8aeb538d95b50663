"""A client's environment as a JSON document, and as tables for people."""

from collections.abc import Iterator, Sequence
from typing import Any

from rlm_exporter.cli.sheet import Block, Cell, Column, Facts, Line, Sheet, Table, Tone
from rlm_exporter.cli.tones import SEVERITY_TONES
from rlm_exporter.rlm.client_env import ClientEnv, LicenseList
from rlm_exporter.rlm.client_findings import ClientFinding
from rlm_exporter.rlm.license_list import ListItem, ListKind


def document(env: ClientEnv, findings: Sequence[ClientFinding]) -> dict[str, Any]:
    """What is read, what is not (`foreign`), and what is worth knowing of it."""
    timeout = env.connect_timeout
    return {
        "lists": [_list(env, each) for each in env.lists],
        "foreign": [_list(env, each) for each in env.foreign],
        "connect_timeout": {
            "value": None if timeout.setting is None else timeout.setting.value,
            "seconds": timeout.seconds,
            "retries": timeout.retries,
        },
        "random_order": env.random_order is not None,
        "findings": [
            {
                "kind": finding.kind.value,
                "setting": None if finding.setting is None else finding.setting.name,
                "line": None if finding.setting is None else finding.setting.line,
                "severity": finding.severity.value,
                "detail": finding.detail,
            }
            for finding in findings
        ],
    }


def _list(env: ClientEnv, each: LicenseList) -> dict[str, Any]:
    return {
        "name": each.setting.name,
        "line": each.setting.line,
        "isv": each.isv,
        "items": [
            {
                "kind": item.kind.value,
                "text": item.text,
                "host": None if item.endpoint is None else item.endpoint.host,
                "port": None if item.endpoint is None else item.endpoint.port,
                "seconds_if_those_before_are_dead": seconds,
            }
            for item, seconds in _waits(env, each)
        ],
    }


def _waits(env: ClientEnv, each: LicenseList) -> Iterator[tuple[ListItem, int | None]]:
    """Each item, and what a client waits in vain before it; None where the order is not fixed."""
    servers = 0
    for item in each.path.items:
        yield item, None if env.random_order else env.seconds_before(servers)
        servers += item.kind is ListKind.SERVER


def sheet(env: ClientEnv, findings: Sequence[ClientFinding]) -> Sheet:
    """Each list in its order, the timeout, the findings."""
    blocks: list[Block] = []
    for each in (*env.lists, *env.foreign):
        blocks += [
            Line(cells=(Cell(each.setting.name, Tone.STRONG), _readers(env, each))),
            *_items(env, each),
        ]
        blocks.append(Line(cells=(Cell(""),)))
    blocks.append(Facts(pairs=tuple(_facts(env))))
    if findings:
        blocks += [Line(cells=(Cell(""),)), _findings(findings)]
    return tuple(blocks)


def _readers(env: ClientEnv, each: LicenseList) -> Cell:
    if each in env.foreign:
        return Cell("not read by RLM", Tone.WARNING)
    if each.isv is not None:
        return Cell(f"programs of {each.isv}", Tone.QUIET)
    others = [other.isv for other in env.lists if other.isv is not None]
    return Cell(f"all programs but those of {', '.join(others)}" if others else "all programs", Tone.QUIET)


def _items(env: ClientEnv, each: LicenseList) -> Iterator[Table]:
    rows = tuple(
        (
            Cell(str(number)),
            Cell(item.kind.value, Tone.BAD if item.kind is ListKind.UNREADABLE else Tone.PLAIN),
            Cell(item.text),
            Cell("?" if seconds is None else f"{seconds} s"),
        )
        for number, (item, seconds) in enumerate(_waits(env, each), 1)
    )
    if rows:
        yield Table(
            columns=(
                Column(title="", right=True),
                Column(title="KIND"),
                Column(title="WHERE", long=True),
                Column(title="WAIT BEFORE", right=True),
            ),
            rows=rows,
            wraps=True,
        )


def _facts(env: ClientEnv) -> Iterator[tuple[str, Cell]]:
    timeout = env.connect_timeout
    where = "default" if timeout.setting is None else f"RLM_CONNECT_TIMEOUT={timeout.setting.value}"
    yield "dead server", Cell(f"{timeout.seconds} s each, {_again(env)} ({where})")
    order = "as in the list" if env.random_order is None else "from a random place of the list on"
    yield "order", Cell(order)


def _again(env: ClientEnv) -> str:
    return "at every checkout" if env.connect_timeout.retries else "once in a program's life"


def _findings(findings: Sequence[ClientFinding]) -> Table:
    return Table(
        columns=(
            Column(title="LINE", right=True),
            Column(title="SEVERITY"),
            Column(title="SETTING"),
            Column(title="FINDING", long=True),
        ),
        rows=tuple(
            (
                Cell("" if finding.setting is None else str(finding.setting.line or "")),
                Cell(finding.severity.value, SEVERITY_TONES[finding.severity]),
                Cell("" if finding.setting is None else finding.setting.name),
                Cell(finding.detail),
            )
            for finding in findings
        ),
        wraps=True,
    )
