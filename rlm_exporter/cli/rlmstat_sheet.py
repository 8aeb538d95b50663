"""rlmutil's answers as a JSON document, and as tables for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rlm_exporter.cli.phrases import UNKNOWN
from rlm_exporter.cli.sheet import Block, Cell, Column, Facts, Line, Sheet, Table, Tone
from rlm_exporter.rlm.status import Checkout, ErrorKind, IsvServer, Pool, RlmStatus

_EMPTY = Line(cells=(Cell(""),))
_ERRORS = {
    ErrorKind.CONNECT: "rlmutil did not reach an RLM server",
    ErrorKind.GARBAGE: "this is not what rlmstat prints",
    ErrorKind.EMPTY: "there is nothing in it",
    ErrorKind.TRUNCATED: "the text is cut off; its last record is left out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, under the name of the file that holds it."""

    name: str
    status: RlmStatus


def document(answers: Sequence[Answer]) -> dict[str, Any]:
    """One answer's document alone; several as `files` with their names."""
    if len(answers) == 1:
        return _status(answers[0].status)
    return {"files": [{"file": answer.name, **_status(answer.status)} for answer in answers]}


def _status(status: RlmStatus) -> dict[str, Any]:
    server = status.server
    return {
        "reachable": status.reachable,
        "error_kind": status.error_kind and status.error_kind.value,
        "server": None
        if server is None
        else {
            "host": server.host,
            "port": server.port,
            "version": server.version,
            "uptime_seconds": server.uptime_seconds,
        },
        "isvs": [
            {"name": isv.name, "port": isv.port, "running": isv.running, "restarts": isv.restarts}
            for isv in status.isvs
        ],
        "pools": [_pool(pool) for pool in status.pools],
        "checkouts": [_checkout(checkout) for checkout in status.checkouts],
        "warnings": [{"line": warning.line, "text": warning.text} for warning in status.warnings],
    }


def _pool(pool: Pool) -> dict[str, Any]:
    return {
        "isv": pool.isv,
        "product": pool.product,
        "version": pool.version,
        "pool": pool.pool,
        "count": pool.count,
        "reservations": pool.reservations,
        "inuse": pool.inuse,
        "issued": pool.issued,
        "expires": _expires(pool),
        "uncounted": pool.uncounted,
        "token": pool.token,
        "total_checkouts": pool.total_checkouts,
    }


def _expires(pool: Pool) -> str | None:
    return pool.expires.isoformat() if isinstance(pool.expires, date) else pool.expires and pool.expires.value


def _checkout(checkout: Checkout) -> dict[str, Any]:
    return {
        "isv": checkout.isv,
        "product": checkout.product,
        "version": checkout.version,
        "user": checkout.user,
        "host": checkout.host,
        "count": checkout.count,
        "reserved": checkout.reserved,
        "handle": checkout.handle,
        "at": checkout.at,
    }


def sheet(answers: Sequence[Answer]) -> Sheet:
    """Per answer: the server, its ISV servers, pools, usage, and the lines that are not understood."""
    blocks: list[Block] = []
    for answer in answers:
        if len(answers) > 1:
            blocks.append(Line(cells=(Cell(answer.name, Tone.STRONG),)))
        blocks.append(Facts(pairs=tuple(_facts(answer.status))))
        for table in _tables(answer.status):
            blocks += [_EMPTY, table]
        if answer is not answers[-1]:
            blocks.append(_EMPTY)
    return tuple(blocks)


def _facts(status: RlmStatus) -> Iterator[tuple[str, Cell]]:
    if status.error_kind is not None:
        yield "error", Cell(f"{status.error_kind.value}: {_ERRORS[status.error_kind]}", Tone.BAD)
    server = status.server
    if server is not None:
        yield "server", Cell(f"{server.host}:{_known(server.port)}")
        yield "version", Cell(server.version or UNKNOWN)
        up = server.uptime_seconds
        yield "up", Cell(UNKNOWN if up is None else _uptime(up))
    elif status.reachable:
        yield "server", Cell("not told: the text has no block of rlm's own", Tone.QUIET)


def _tables(status: RlmStatus) -> Iterator[Table]:
    if status.isvs:
        yield _isvs(status)
    if status.pools:
        yield _pools(status.pools)
    if status.checkouts:
        yield _usage(status.checkouts)
    if status.warnings:
        yield Table(
            columns=(Column(title="LINE", right=True), Column(title="NOT UNDERSTOOD", long=True)),
            rows=tuple((Cell(str(each.line)), Cell(each.text, Tone.WARNING)) for each in status.warnings),
            wraps=True,
        )


def _isvs(status: RlmStatus) -> Table:
    checkouts = {each.name: each.checkouts for each in status.counters}
    denials = {each.name: each.denials for each in status.counters}

    def row(isv: IsvServer) -> tuple[Cell, ...]:
        return (
            Cell(isv.name),
            Cell(_known(isv.port)),
            Cell("yes", Tone.GOOD) if isv.running else Cell("no", Tone.BAD),
            Cell(_known(isv.restarts)),
            Cell(_known(checkouts.get(isv.name))),
            Cell(_known(denials.get(isv.name))),
        )

    return Table(
        columns=(
            Column(title="ISV", long=True),
            Column(title="PORT", right=True),
            Column(title="RUNNING"),
            Column(title="RESTARTS", right=True),
            Column(title="CHECKOUTS", right=True),
            Column(title="DENIALS", right=True),
        ),
        rows=tuple(row(isv) for isv in status.isvs),
        wraps=True,
    )


def _pools(pools: Sequence[Pool]) -> Table:
    return Table(
        columns=(
            Column(title="ISV"),
            Column(title="PRODUCT", long=True),
            Column(title="VERSION"),
            Column(title="POOL", right=True),
            Column(title="ISSUED", right=True),
            Column(title="RESERVED", right=True),
            Column(title="IN USE", right=True),
            Column(title="EXPIRES"),
        ),
        rows=tuple(
            (
                Cell(pool.isv or UNKNOWN),
                Cell(pool.product),
                Cell(pool.version),
                Cell("" if pool.pool is None else str(pool.pool)),
                Cell(_issued(pool)),
                Cell(_known(pool.reservations)),
                Cell(_known(pool.inuse)),
                Cell(_expires(pool) or UNKNOWN),
            )
            for pool in pools
        ),
        wraps=True,
    )


def _issued(pool: Pool) -> str:
    if pool.issued is not None:
        return str(pool.issued)
    return "token" if pool.token else "uncounted" if pool.uncounted else UNKNOWN


def _usage(checkouts: Sequence[Checkout]) -> Table:
    return Table(
        columns=(
            Column(title="PRODUCT", long=True),
            Column(title="VERSION"),
            Column(title="USER", long=True),
            Column(title="HOST", long=True),
            Column(title="SEATS", right=True),
            Column(title="RESERVED", right=True),
            Column(title="HANDLE"),
            Column(title="SINCE"),
        ),
        rows=tuple(
            (
                Cell(each.product),
                Cell(each.version),
                Cell(each.user),
                Cell(each.host),
                Cell(str(each.count)),
                Cell(str(each.reserved)),
                Cell(each.handle),
                Cell(each.at),
            )
            for each in checkouts
        ),
        wraps=True,
    )


def _known(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)


def _uptime(seconds: int) -> str:
    """As RLM prints it."""
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {clock}" if days else clock
