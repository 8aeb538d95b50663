"""When the columns of the statistics begin anew."""

from datetime import UTC, datetime, timedelta

from rlm_exporter.simulator.tally import StatRow, Tally

START = datetime(2025, 3, 7, 23, 50, tzinfo=UTC)


def test_recent_ends_after_half_an_hour_and_today_at_midnight() -> None:
    tally = Tally(("Messages",), now=START)
    tally.add("Messages", now=START)
    after_midnight = START + timedelta(minutes=15)
    assert tally.statistics(now=after_midnight).rows == (
        StatRow(label="Messages", recent=1, today=0, total=1),
    )
    tally.add("Messages", now=after_midnight)
    later = tally.statistics(now=START + timedelta(minutes=40))
    assert later.rows == (StatRow(label="Messages", recent=0, today=1, total=2),)
    assert later.today_since == datetime(2025, 3, 8, tzinfo=UTC)
    assert later.started == START
