"""The text of `rlmutil rlmstat`, to the last tab and blank, in the words of one version."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.rlm.status import IsvServer
from rlm_exporter.simulator.plan import expiry_text
from rlm_exporter.simulator.pool import PoolLine
from rlm_exporter.simulator.seats import UsageLine
from rlm_exporter.simulator.style import Wording
from rlm_exporter.simulator.tally import Statistics, StatRow

SEPARATOR = "\t------------------------"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a block's server is: host as it calls itself, and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host} (port {self.port})"


def rlm_status(place: Place, statistics: Statistics, *, now: datetime, wording: Wording) -> list[str]:
    """The block of rlm itself."""
    return [
        f"\trlm status on {place}, up {_uptime(now - statistics.started)}",
        f"\trlm software version v{wording.version} (build:{wording.build})",
        f"\trlm comm version: {wording.comm}",
        *_statistics(statistics, now=now),
    ]


def isv_table(isvs: Sequence[IsvServer], *, wording: Wording) -> list[str]:
    """The table of ISV servers."""
    return [
        "\t--------- ISV servers ----------",
        f"\t   Name           {wording.table_port} Running Restarts",
        *(
            f"\t{isv.name:<16}{isv.port or 0:>6}{'Yes' if isv.running else 'No':>6}{isv.restarts or 0:>7}"
            for isv in isvs
        ),
    ]


def isv_status(
    isv: str, place: Place, statistics: Statistics, *, now: datetime, wording: Wording, report_log: str
) -> list[str]:
    """The block of one ISV server."""
    return [
        SEPARATOR,
        f"\t{isv} ISV server status on {place}, up {_uptime(now - statistics.started)}",
        f"\t{isv} software version v{wording.version} (build: {wording.build})",
        f"\t{isv} comm version: {wording.comm}",
        f"\t{isv} {wording.debug_log} filename: <stdout>",
        f"\t{isv} Report log filename: {report_log}",
        *_statistics(statistics, now=now),
    ]


def pool_status(isv: str, place: Place, pools: Iterable[PoolLine], *, wording: Wording) -> list[str]:
    """The pools of one ISV server; the heading alone where it has none."""
    lines = [SEPARATOR, f"\t{isv} license pool status on {place}"]
    for line in pools:
        lines += _pool(line, wording)
    return lines


def usage_status(
    isv: str, place: Place, usage: Sequence[UsageLine], *, wording: Wording, with_isv_data: bool = False
) -> list[str]:
    """Who holds what; no section at all where nothing is checked out."""
    if not usage:
        return []
    rows = (_usage(line, wording, with_isv_data=with_isv_data) for line in usage)
    return [SEPARATOR, f"\t{isv} license usage status on {place}", *rows]


def _pool(line: PoolLine, wording: Wording) -> list[str]:
    pool = line.pool
    number = f", pool: {pool.pool}" if wording.numbered else ""
    head = f"\t{pool.product} v{pool.version}{number}"
    if pool.token:
        return [head, "\t\tToken-based license"]
    expires = "" if pool.expires is None else f", exp: {expiry_text(pool.expires)}"
    if pool.uncounted and pool.reservations is None:
        numbers = f"\t\tUNCOUNTED, inuse: {pool.inuse}{expires}"
    else:
        count = "unlimited" if pool.uncounted else pool.count
        numbers = f"\t\tcount: {count}, # reservations: {pool.reservations}, inuse: {pool.inuse}{expires}"
    totals = f"min_remove: {line.min_remove}, total checkouts: {pool.total_checkouts}"
    return [head, numbers, f"\t\tobsolete: {line.obsolete}, {totals}"]


def _usage(line: UsageLine, wording: Wording, *, with_isv_data: bool) -> str:
    checkout = line.checkout
    # RLM itself turns white space into `_`; a line feed would begin a line of its own.
    who = f"{'_'.join(checkout.user.split())}@{checkout.host}"
    seats = f"{checkout.count}/{checkout.reserved} at {checkout.at}"
    what = f"\t{checkout.product} v{checkout.version}"
    if wording.requested_in_usage:
        return f"{what}: {who}(v{line.requested}) ({checkout.handle}) {seats}"
    data = f" [I: {' '.join(line.isv_def.split())}]" if with_isv_data else ""
    return f"{what}: {who} {seats}  (handle: {checkout.handle}) {data}"


def _statistics(statistics: Statistics, *, now: datetime) -> list[str]:
    spans = [
        _uptime(now - since)
        for since in (statistics.recent_since, statistics.today_since, statistics.started)
    ]
    return [
        f"\tStartup time: {_ctime(statistics.started)}",
        f"\tTodays Statistics (HH:MM:SS), init time: {_ctime(statistics.today_since)}",
        f"\tRecent Statistics (HH:MM:SS), init time: {_ctime(statistics.recent_since)}",
        "\t             Recent Stats   Todays Stats   Total Stats",
        f"\t              {'       '.join(spans)}",
        *(
            _row(
                row,
                recent=now - statistics.recent_since,
                today=now - statistics.today_since,
                total=now - statistics.started,
            )
            for row in statistics.rows
        ),
    ]


def _row(row: StatRow, *, recent: timedelta, today: timedelta, total: timedelta) -> str:
    columns = [
        f"{count} ({_rate(count, span)}/sec)"
        for count, span in ((row.recent, recent), (row.today, today), (row.total, total))
    ]
    return f"\t{row.label + ':':<13}{'   '.join(columns)}"


def _rate(count: int, span: timedelta) -> int:
    return int(count / max(span.total_seconds(), 1))


def _uptime(span: timedelta) -> str:
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{span.days}d " if span.days else ""
    return f"{days}{hours:02}:{minutes:02}:{seconds:02}"


def _ctime(moment: datetime) -> str:
    return f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}"
