"""The printed text, byte for byte against what RLM 12.2 prints."""

from datetime import UTC, date, datetime
from pathlib import Path

from rlm_exporter.rlm.status import Checkout, IsvServer, Permanent, Pool
from rlm_exporter.simulator.rlmutil import HEADING
from rlm_exporter.simulator.tally import Statistics, StatRow
from rlm_exporter.simulator.text import Place, isv_status, isv_table, pool_status, rlm_status, usage_status

DATA = Path(__file__).parent.parent / "data" / "rlmstat"
NOW = datetime(2025, 3, 8, 11, 24, 3, tzinfo=UTC)
RLM = Place(host="rlm1", port=5053)
ISV = Place(host="rlm1", port=49152)
HEAD = f"Setting license file path to 5053@rlm1.example.com\n{HEADING}"


def statistics(started: datetime, rows: dict[str, tuple[int, int, int]]) -> Statistics:
    return Statistics(
        started=started,
        today_since=datetime(2025, 3, 8, tzinfo=UTC),
        recent_since=datetime(2025, 3, 8, 11, 12, 3, tzinfo=UTC),
        rows=tuple(
            StatRow(label=label, recent=recent, today=today, total=total)
            for label, (recent, today, total) in rows.items()
        ),
    )


def rlm_part(*, running: bool, restarts: int) -> list[str]:
    table = (IsvServer(name="siemens", port=49152, running=running, restarts=restarts),)
    counted = statistics(
        datetime(2025, 3, 3, 8, 15, 2, tzinfo=UTC),
        {"Messages": (12, 340, 56789), "Connections": (9, 271, 45310)},
    )
    return rlm_status(RLM, counted, now=NOW) + isv_table(table)


def isv_part() -> list[str]:
    counted = statistics(
        datetime(2025, 3, 3, 8, 15, 5, tzinfo=UTC),
        {
            "Messages": (31, 902, 141202),
            "Connections": (9, 268, 45288),
            "Checkouts": (8, 211, 40117),
            "Denials": (0, 4, 95),
            "Removals": (0, 0, 2),
        },
    )
    return isv_status("siemens", ISV, counted, now=NOW)


def pool(product: str, count: int, inuse: int, expires: date | Permanent, checkouts: int) -> Pool:
    return Pool(
        isv="siemens", product=product, version="2023.1000", pool=None, count=count, reservations=0,
        inuse=inuse, expires=expires, uncounted=False, token=False, total_checkouts=checkouts,
    )  # fmt: skip


def checkout(product: str, who: str, count: int, at: str, handle: str) -> Checkout:
    user, host = who.split("@")
    return Checkout(
        isv="siemens", product=product, version="2023.1000", user=user, host=host, count=count, reserved=0,
        handle=handle, at=at,
    )  # fmt: skip


def printed(lines: list[str]) -> bytes:
    return (HEAD + "\n".join(lines) + "\n").encode()


def test_two_pools_in_use() -> None:
    pools = (
        pool("STARCCM", 20, 5, date(2026, 1, 31), 30004),
        pool("NXCAE", 10, 1, Permanent.PERMANENT, 10113),
    )
    checkouts = (
        checkout("STARCCM", "alice@ws1.example.com", 4, "03/08 09:01", "15c"),
        checkout("STARCCM", "bob@ws2.example.com", 1, "03/08 10:47", "161"),
        checkout("NXCAE", "carol@ws1.example.com", 1, "03/07 16:30", "e4"),
    )
    lines = rlm_part(running=True, restarts=0) + isv_part()
    lines += pool_status("siemens", ISV, pools) + usage_status("siemens", ISV, checkouts)
    assert printed(lines) == (DATA / "12.2-two-pools-in-use.txt").read_bytes()


def test_no_pools() -> None:
    lines = rlm_part(running=True, restarts=0) + isv_part()
    lines += pool_status("siemens", ISV, ()) + usage_status("siemens", ISV, ())
    assert printed(lines) == (DATA / "12.2-no-pools.txt").read_bytes()


def test_isv_down() -> None:
    assert printed(rlm_part(running=False, restarts=3)) == (DATA / "12.2-isv-down.txt").read_bytes()


def test_uptime_shows_no_days_on_the_first_day() -> None:
    young = statistics(datetime(2025, 3, 8, 11, 24, tzinfo=UTC), {})
    assert rlm_status(RLM, young, now=NOW)[0] == "\trlm status on rlm1 (port 5053), up 00:00:03"
