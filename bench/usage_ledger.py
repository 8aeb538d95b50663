"""A year of sessions, denials and seats as a large site has them, made up and always the same.

What is made is like the real thing where speed depends on it: few products have most of the sessions, nights
and weekends are quiet, most sessions are short and some last for days, and one server of three has most of
them. Rows have the order of time, as a daemon writes them.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

END = datetime(2026, 11, 15, tzinfo=UTC)
"""The present of the ledger: what has not ended by now is open."""
BEGIN = datetime(2025, 11, 15, tzinfo=UTC)
MONTH = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
"""The month that reports are about."""
CLUSTER, ISV, VERSION = "prod", "siemens", "2025.1"
SERVERS = ("rlm1", "rlm2", "rlm3")
FEATURES = tuple(f"product_{number:02}" for number in range(1, 51))
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

_MEDIAN_S = 600.0
_SPREAD = 1.3
"""Of the logarithm of how long a session lasts: a median of 10 minutes is a mean of 23, and one in 10,000
lasts for a day."""
_LONGEST_S = 40 * 86400
_MEAN_S = _MEDIAN_S * math.exp(_SPREAD**2 / 2)
_BY_HOUR = (1, 1, 1, 1, 1, 2, 4, 10, 18, 20, 20, 17, 14, 18, 20, 19, 16, 12, 7, 4, 3, 2, 2, 1)
_WEIGHTS = tuple(1 / (number + 3) for number in range(len(FEATURES)))
"""How often each product is taken, beside the others."""

Row = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So many sessions of the whole year, to be put to those that are there already."""

    number: int
    sessions: int

    def rows(self) -> Iterator[Row]:
        """Sessions in the order of their beginnings, by `SESSION_COLUMNS`."""
        dice = random.Random(self.number)
        at = BEGIN
        step = (END - BEGIN) / self.sessions
        busiest = max(_BY_HOUR)
        normal = sum(_BY_HOUR) / 24 / busiest * (5 + 0.15 * 2) / 7
        serial = 0
        while serial < self.sessions:
            # One hour after the other has as many as it is busy; the last ones have what is left.
            quiet = 0.15 if at.weekday() >= 5 else 1.0
            share = _BY_HOUR[at.hour] / busiest * quiet / normal
            hour_has = min(self.sessions - serial, round(timedelta(hours=1) / step * share))
            for second in sorted(dice.random() * 3600 for _ in range(hour_has)):
                serial += 1
                yield self._session(dice, serial, at + timedelta(seconds=second))
            at += timedelta(hours=1)
            if at >= END:
                at = BEGIN

    def _session(self, dice: random.Random, serial: int, out: datetime) -> Row:
        lasted = min(dice.lognormvariate(math.log(_MEDIAN_S), _SPREAD), _LONGEST_S)
        back = out + timedelta(seconds=lasted)
        is_open = back >= END
        feature = dice.choices(FEATURES, cum_weights=_CUMULATED)[0]
        server = SERVERS[0] if dice.random() < 0.8 else SERVERS[1 + serial % 2]
        handle = f"{self.number:x}{serial:07x}"
        return (
            server,
            feature,
            USERS[int(len(USERS) * dice.random() ** 2)],
            HOSTS[int(len(HOSTS) * dice.random() ** 2)],
            _naive(out),
            None if is_open else _naive(back),
            None if is_open else round(lasted, 6),
            _naive(out),
            CLUSTER,
            ISV,
            VERSION,
            1 if dice.random() < 0.8 else 1 + serial % 4,
            handle,
            "polling",
            f"{CLUSTER}/{server}/{ISV}/{out:%Y-%m-%dT%H:%M}/{handle}/{feature}",
            None if is_open else "returned",
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
            dice.choices(FEATURES, cum_weights=_CUMULATED)[0],
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
    """How many seats there were, by `SEATS_COLUMNS`: a few fewer than busy hours would have taken."""
    at_once = sessions * _MEAN_S / (END - BEGIN).total_seconds()
    for feature, weight in zip(FEATURES, _WEIGHTS, strict=True):
        busy = at_once * 1.3 * weight / sum(_WEIGHTS) * 24 * max(_BY_HOUR) / sum(_BY_HOUR)
        for since, factor in ((BEGIN, 0.9), (MONTH[0] + timedelta(days=10), 1.1)):
            yield CLUSTER, ISV, feature, _naive(since), max(2, round(busy * factor)), 0, SERVERS[0]


def _naive(moment: datetime) -> str:
    """As both databases read and as SQLite keeps it."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


_CUMULATED = tuple(sum(_WEIGHTS[: number + 1]) for number in range(len(_WEIGHTS)))
