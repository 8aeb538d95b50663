"""Which old backups go."""

from datetime import UTC, datetime, timedelta

import pytest

from rlm_exporter.backup.contents import backup_name
from rlm_exporter.backup.keep import to_delete

NOW = datetime(2026, 3, 4, tzinfo=UTC)
NAMES = [backup_name("site", NOW - timedelta(days=days)) + ".tar.gz" for days in range(5)]


@pytest.mark.row(43)
@pytest.mark.parametrize(
    ("count", "age", "left"),
    [
        (None, None, 5),
        (2, None, 2),
        (9, None, 5),
        (None, timedelta(days=2), 3),
        (4, timedelta(days=2), 4),
        (2, timedelta(days=2), 3),
        (None, timedelta(0), 1),
    ],
)
def test_what_one_rule_keeps_stays(count: int | None, age: timedelta | None, left: int) -> None:
    going = to_delete(NAMES, cluster="site", count=count, age=age, now=NOW)
    assert set(NAMES) - set(going) == set(NAMES[:left])


def test_what_is_not_a_backup_of_this_cluster_is_left_alone() -> None:
    others = ["notes.txt", backup_name("site2", NOW), "rlm-ha-backup_site_20269999T999999Z", ".part-x"]
    assert to_delete([*others, *NAMES], cluster="site", count=1, age=None, now=NOW) == tuple(NAMES[:0:-1])


@pytest.mark.parametrize("years", [-50, 50])
def test_a_clock_that_is_or_was_wrong_is_not_the_end_of_the_newest(years: int) -> None:
    """The one that is made now stays, whatever the others say; those of the future are left to people."""
    now = NOW + timedelta(days=365 * years)
    made = backup_name("site", now)
    going = to_delete([*NAMES, made], cluster="site", count=2, age=None, now=now)
    assert made not in going
    if years < 0:
        assert going == ()
    future = [backup_name("site", NOW + timedelta(days=days)) for days in (1, 2, 3)]
    assert set(to_delete([*NAMES, *future], cluster="site", count=2, age=None, now=NOW)) == set(NAMES[2:])
