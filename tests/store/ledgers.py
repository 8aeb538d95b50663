"""Sessions of three months, of which some are to go and some to stay."""

from datetime import UTC, datetime, timedelta

from rlm_exporter.store.usage_records import Closed, EndReason, Opened, UsageChange, UsageSession

LIMIT = datetime(2026, 3, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 10, 8, tzinfo=UTC) for month in (1, 2, 3))


def session(name: str, out: datetime) -> UsageSession:
    return UsageSession(
        key=f"prod/rlm1/siemens/{out:%Y-%m-%dT%H:%M}/{name}/starccm",
        cluster="prod",
        server="rlm1",
        isv="siemens",
        feature="starccm",
        version="2026.1",
        user=name,
        host="ws1",
        count=1,
        handle=name,
        out=out,
    )


def held(name: str, out: datetime, back: datetime | None) -> list[UsageChange]:
    """A session that was, or that is still out."""
    opened = session(name, out)
    over = [] if back is None else [Closed(key=opened.key, at=back, reason=EndReason.RETURNED, out=out)]
    return [Opened(session=opened), *over]


LEDGER = [
    *held("short-in-january", JANUARY, JANUARY + HOUR),
    *held("another-in-january", JANUARY + HOUR, JANUARY + 2 * HOUR),
    *held("short-in-february", FEBRUARY, FEBRUARY + HOUR),
    *held("open-since-february", FEBRUARY, None),
    *held("short-in-march", MARCH, MARCH + HOUR),
    *held("until-the-limit", LIMIT - HOUR, LIMIT),
    *held("after-the-limit", LIMIT + HOUR, LIMIT + 2 * HOUR),
]
STAY = {"open-since-february", "until-the-limit", "after-the-limit"}
GO = 4
