"""The records of a report log in its three formats, as text (pure).

The layout is the vendor's documented one; what no reader needs (options, meters) is left at its default.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rlm_exporter.simulator.plan import Counting, ProductPlan, ReportFormat
from rlm_exporter.simulator.style import Wording
from rlm_exporter.simulator.wish import Wish

_NUMBERS = {ReportFormat.STD: 0, ReportFormat.SMALL: 1, ReportFormat.DETAILED: 2}
_SHARES = {"u": 1, "h": 2, "i": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Seats that go out, come in, or are out at the start of a log."""

    wish: Wish
    product: str
    version: str
    pool: int
    count: int
    in_use: int
    """Of the pool, after it."""
    reserved_in_use: int
    handle: str
    share_handle: str
    at: datetime


def head(isv: str, format_: ReportFormat, wording: Wording, *, switched_from: str | None) -> list[str]:
    """What every file begins with."""
    return [
        "",
        *([] if switched_from is None else [f"SWITCH from {switched_from}"]),
        f"RLM Report Log Format {_NUMBERS[format_]}, version {wording.version}",
        f"ISV: {isv}, RLM version {wording.version} BL{wording.build}",
        "",
        "This report log is written by a simulated server",
        "in the format of the RLM license server.",
        "",
    ]


def start(server: str, wording: Wording, at: datetime) -> list[str]:
    """The server starts; from 12.3 on it tells its time zone."""
    lines = [f"START {server} {at:%m/%d/%Y %H:%M:%S}"]
    if tuple(int(part) for part in wording.version.split(".")) >= (12, 3):
        offset = at.utcoffset()
        west = 0 if offset is None else -int(offset.total_seconds()) // 60
        summer = int(bool(at.dst()))
        lines.append(f"TIMEZONE {west} {summer} 0 # {at:%Z}")
    return lines


def licenses(path: str, products: Iterable[tuple[int, ProductPlan]]) -> list[str]:
    """The license file and its pools."""
    return [f"LICENSE FILE {path}", *(_product(number, plan) for number, plan in products)]


def _product(number: int, plan: ProductPlan) -> str:
    count = plan.count if plan.counting is Counting.COUNTED else 0
    reserved = sum(one.count for one in plan.reservations)
    share = sum(_SHARES[letter] for letter in plan.share)
    texts = " ".join(['""'] * 6)
    return (
        f"PRODUCT {plan.product} {plan.version} {number} {count} {reserved} {count} {texts}"
        f" {share} 0 0 0 0 0 0 0 0"
    )


def out(move: Move, format_: ReportFormat) -> str:
    """A checkout."""
    wish = move.wish
    if format_ is ReportFormat.SMALL:
        return (
            f"OUT {move.product} {wish.version} {_who(wish)} {move.count} {move.handle} {move.share_handle}"
            f" {move.at:%H:%M}"
        )
    line = (
        f"OUT {move.product} {wish.version} {move.pool} {_who(wish)} {move.count} {move.in_use}"
        f" {move.reserved_in_use} {move.handle} {move.share_handle} {wish.pid:x}"
        f' "" "{wish.product}" "{wish.version}" {_when(move.at, format_)}'
    )
    return f'{line} "simulated" "simulated" 0 0' if format_ is ReportFormat.DETAILED else line


def back(move: Move, format_: ReportFormat, *, why: int) -> str:
    """A checkin, with RLM's code of why."""
    if format_ is ReportFormat.SMALL:
        return f"IN {why} {move.count} {move.handle} {move.at:%H:%M}"
    return (
        f"IN {why} {move.product} {move.wish.version} {_who(move.wish)} {move.count} {move.in_use}"
        f" {move.reserved_in_use} {move.handle} {_when(move.at, format_)}"
    )


def deny(wish: Wish, format_: ReportFormat, *, why: int, at: datetime) -> str:
    """A denial; `last_attempt` is 0 where the client tries another server."""
    moment = f"{at:%m/%d %H:%M:%S}" if format_ is ReportFormat.DETAILED else f"{at:%m/%d %H:%M}"
    return (
        f"DENY {wish.product} {wish.version} {_who(wish)} {wish.count} {why} {int(wish.last_attempt)}"
        f" {wish.pid:x} {moment}"
    )


def in_use(move: Move) -> str:
    """A seat that is out while a log begins or ends."""
    return (
        f"INUSE {move.product} {move.version} {move.pool} {_who(move.wish)} {move.count} {move.handle}"
        f" {move.share_handle} {move.wish.pid:x} {move.at:%m/%d %H:%M:%S}"
    )


def shutdown(user: str, host: str, at: datetime) -> list[str]:
    """The server ends as it should; one that is killed writes nothing."""
    return [f"SHUTDOWN {_word(user)} {_word(host)} {at:%m/%d %H:%M:%S}", end(at)]


def end(at: datetime) -> str:
    """The file ends."""
    return f"END {at:%m/%d/%Y %H:%M}"


def reread(user: str, host: str, at: datetime) -> str:
    """The license file is read again."""
    return f"REREAD {_word(user)} {_word(host)} {at:%m/%d %H:%M:%S}"


def timestamp(at: datetime) -> str:
    """A bare moment, which gives the year."""
    return f"{at:%m/%d/%Y %H:%M}"


def _who(wish: Wish) -> str:
    return f'{_word(wish.user)} {_word(wish.host)} "{_word(wish.isv_def) if wish.isv_def else ""}"'


def _word(text: str) -> str:
    """One word: RLM turns white space in names into `_`, and an empty one is a pair of quotes."""
    return "_".join(text.replace('"', "'").split()) or '""'


def _when(at: datetime, format_: ReportFormat) -> str:
    fraction = f".{at.microsecond // 100:04}" if format_ is ReportFormat.DETAILED else ""
    return f"{at:%m/%d %H:%M:%S}{fraction}"
