"""The text of `rlmutil rlmstat` 12.2, to the last tab and blank."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.rlm.status import Checkout, IsvServer, Pool
from rlm_exporter.simulator.plan import expiry_text
from rlm_exporter.simulator.tally import Statistics, StatRow

SEPARATOR = "\t------------------------"
MIN_REMOVE_SECONDS = 120
"""RLM's default for how long a checkout must last before rlmremove may take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a block's server is: host as it calls itself, and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host} (port {self.port})"


def rlm_status(place: Place, statistics: Statistics, *, now: datetime) -> list[str]:
    """The block of rlm itself."""
    return [
        f"\trlm status on {place}, up {_uptime(now - statistics.started)}",
        "\trlm software version v12.2 (build:2)",
        "\trlm comm version: v1.2",
        *_statistics(statistics, now=now),
    ]


def isv_table(isvs: tuple[IsvServer, ...]) -> list[str]:
    """The table of ISV servers."""
    return [
        "\t--------- ISV servers ----------",
        "\t   Name           Port Running Restarts",
        *(
            f"\t{isv.name:<16}{isv.port:>6}{'Yes' if isv.running else 'No':>6}{isv.restarts:>7}"
            for isv in isvs
        ),
    ]


def isv_status(isv: str, place: Place, statistics: Statistics, *, now: datetime) -> list[str]:
    """The block of one ISV server."""
    return [
        SEPARATOR,
        f"\t{isv} ISV server status on {place}, up {_uptime(now - statistics.started)}",
        f"\t{isv} software version v12.2 (build: 2)",
        f"\t{isv} comm version: v1.2",
        f"\t{isv} Debug log filename: <stdout>",
        f"\t{isv} Report log filename: <stdout>",
        *_statistics(statistics, now=now),
    ]


def pool_status(isv: str, place: Place, pools: tuple[Pool, ...]) -> list[str]:
    """The pools of one ISV server; the heading alone where it has none."""
    lines = [SEPARATOR, f"\t{isv} license pool status on {place}"]
    for pool in pools:
        lines += _pool(pool)
    return lines


def usage_status(isv: str, place: Place, checkouts: tuple[Checkout, ...]) -> list[str]:
    """Who holds what; no section at all where nothing is checked out."""
    if not checkouts:
        return []
    return [SEPARATOR, f"\t{isv} license usage status on {place}", *(_usage(one) for one in checkouts)]


def _pool(pool: Pool) -> list[str]:
    expires = "" if pool.expires is None else expiry_text(pool.expires)
    return [
        f"\t{pool.product} v{pool.version}",
        f"\t\tcount: {pool.count}, # reservations: {pool.reservations}, inuse: {pool.inuse}, exp: {expires}",
        f"\t\tobsolete: 0, min_remove: {MIN_REMOVE_SECONDS}, total checkouts: {pool.total_checkouts}",
    ]


def _usage(checkout: Checkout) -> str:
    who = f"{checkout.user}@{checkout.host}"
    seats = f"{checkout.count}/{checkout.reserved}"
    what = f"{checkout.product} v{checkout.version}"
    return f"\t{what}: {who} {seats} at {checkout.at}  (handle: {checkout.handle}) "


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
