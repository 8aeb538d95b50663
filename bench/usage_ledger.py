"""A year of sessions, denials and seats as a large site has them: made up, and always the same.

They are like real ones where speed depends on it. Few products have most of the sessions, nights and weekends
are quiet, most sessions are short and some last for days, and one server of three has most of them. Rows come
in the order of time, as a daemon writes them.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

END = datetime(2026, 11, 18, 11, tzinfo=UTC)
"""The present of the ledger, on a busy morning: what has not ended by now is out."""
HOURS = 365 * 24
BEGIN = END - timedelta(hours=HOURS)
MONTH = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
"""The month that reports are about."""
CLUSTER, ISV, VERSION = "prod", "siemens", "2026.1"
SERVERS = ("rlm1", "rlm2", "rlm3")
_KINDS = (
    "solver",
    "mesher",
    "viewer",
    "thermal",
    "acoustics",
    "optimizer",
    "cadport",
    "motion",
    "report",
    "hpc",
)
FEATURES = tuple(f"{kind}_{grade}" for grade in ("base", "plus", "pro", "max", "edu") for kind in _KINDS)
USERS = tuple(f"user{number:03}" for number in range(1, 801))
HOSTS = tuple(f"ws{number:03}.example.com" for number in range(1, 501))
SESSION_COLUMNS = (
    *("server_name", "feature_name", "user_name", "hostname", "checkout_time", "checkin_time"),
    *("session_duration", "created_at", "cluster", "isv", "version", "count", "handle", "source"),
    *("session_key", "end_reason", "checkout_is_ambiguous", "checkin_is_ambiguous", "end_is_exact", "month"),
)
DENIAL_COLUMNS = (
    *("cluster", "server_name", "isv", "feature_name", "version", "user_name", "hostname", "count"),
    *("reason", "code", "is_final", "denied_at", "is_ambiguous"),
)
SEATS_COLUMNS = ("cluster", "isv", "feature_name", "since", "seats", "reserved", "server_name")

_MEDIAN_S, _SPREAD = 600.0, 1.3
"""Of how long a session lasts, and of its logarithm: half of them end within ten minutes, the mean is 23, and
one of ten thousand lasts for more than a day."""
_MEAN_S = _MEDIAN_S * math.exp(_SPREAD**2 / 2)
_BY_HOUR = (1, 1, 1, 1, 1, 2, 4, 10, 18, 20, 20, 17, 14, 18, 20, 19, 16, 12, 7, 4, 3, 2, 2, 1)
_WEEKEND = 0.15
_SHARES = tuple(1 / (number + 3) for number in range(len(FEATURES)))
_DRAWN = tuple(accumulate(_SHARES))

Row = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So many sessions of the whole year, beside those of other parts."""

    number: int
    sessions: int

    def rows(self) -> Iterator[Row]:
        """By `SESSION_COLUMNS`."""
        dice = random.Random(self.number)
        serial = 0
        for at, until in _by_hour(self.sessions):
            for second in sorted(dice.random() * 3600 for _ in range(until - serial)):
                serial += 1
                yield self._session(dice, serial, at + timedelta(seconds=second))

    def _session(self, dice: random.Random, serial: int, out: datetime) -> Row:
        lasted = dice.lognormvariate(math.log(_MEDIAN_S), _SPREAD)
        back = out + timedelta(seconds=lasted)
        is_out = back >= END
        feature = dice.choices(FEATURES, cum_weights=_DRAWN)[0]
        server = SERVERS[0] if dice.random() < 0.8 else SERVERS[1 + serial % 2]
        handle = f"{self.number:x}{serial:07x}"
        return (
            server,
            feature,
            USERS[int(len(USERS) * dice.random() ** 2)],
            HOSTS[int(len(HOSTS) * dice.random() ** 2)],
            _naive(out),
            None if is_out else _naive(back),
            None if is_out else round(lasted, 6),
            _naive(out),
            CLUSTER,
            ISV,
            VERSION,
            1 if dice.random() < 0.8 else 1 + serial % 4,
            handle,
            "polling",
            f"{CLUSTER}/{server}/{ISV}/{out:%Y-%m-%dT%H:%M}/{handle}/{feature}",
            None if is_out else "returned",
            0,
            0,
            0,
            f"{out:%Y-%m-01}",
        )


def denials(number: int) -> Iterator[Row]:
    """Requests that were refused, by `DENIAL_COLUMNS`; two of three went on to another server."""
    dice = random.Random(number)
    step = (END - BEGIN) / number
    for serial in range(number):
        yield (
            CLUSTER,
            SERVERS[0],
            ISV,
            dice.choices(FEATURES, cum_weights=_DRAWN)[0],
            VERSION,
            dice.choice(USERS),
            dice.choice(HOSTS),
            1,
            "all_seats_in_use",
            -22,
            int(serial % 3 == 0),
            _naive(BEGIN + serial * step),
            0,
        )


def seats(sessions: int) -> Iterator[Row]:
    """By `SEATS_COLUMNS`: of each product a few fewer than busy hours would have taken, and once a change."""
    at_once = sessions * _MEAN_S / (END - BEGIN).total_seconds()
    busy = at_once * 1.7 * max(_BY_HOUR) * 24 / sum(_BY_HOUR)
    for feature, share in zip(FEATURES, _SHARES, strict=True):
        for since, factor in ((BEGIN, 0.9), (MONTH[0] + timedelta(days=10), 1.1)):
            count = max(2, round(busy * factor * share / _DRAWN[-1]))
            yield CLUSTER, ISV, feature, _naive(since), count, 0, SERVERS[0]


def _by_hour(sessions: int) -> Iterator[tuple[datetime, int]]:
    """Each hour of the year, and how many sessions had begun by its end."""
    hours = [BEGIN + timedelta(hours=number) for number in range(HOURS)]
    loads = [_BY_HOUR[hour.hour] * (_WEEKEND if hour.weekday() >= 5 else 1) for hour in hours]
    total = sum(loads)
    return (
        (hour, round(sessions * so_far / total))
        for hour, so_far in zip(hours, accumulate(loads), strict=True)
    )


def _naive(moment: datetime) -> str:
    """As both databases read it, and as SQLite keeps it."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"
