"""Which old backups go. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from rlm_exporter.backup.contents import made_at


def to_delete(
    names: Iterable[str], *, cluster: str, count: int | None, age: timedelta | None, now: datetime
) -> tuple[str, ...]:
    """The names that no rule keeps, oldest first; without rules none, and never the newest.

    Given both, what one of them keeps stays. What has not the name of a backup of this cluster is left alone,
    and so is what is dated later than now: then a clock was wrong, and nobody knows which is the newest.
    """
    if count is None and age is None:
        return ()
    dated = ((made_at(name, cluster=cluster), name) for name in names)
    newest_first = sorted(((at, name) for at, name in dated if at is not None and at <= now), reverse=True)
    going = [
        name
        for place, (at, name) in enumerate(newest_first)
        if place >= max(count or 0, 1) and (age is None or now - at > age)
    ]
    return tuple(reversed(going))
