"""The printed text, byte for byte against what RLM 12.2 prints."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.status import Checkout, IsvServer, Permanent, Pool
from rlm_exporter.simulator.banner import banner
from rlm_exporter.simulator.pool import PoolLine
from rlm_exporter.simulator.seats import UsageLine
from rlm_exporter.simulator.style import Style
from rlm_exporter.simulator.tally import Statistics, StatRow
from rlm_exporter.simulator.text import Place, isv_status, isv_table, pool_status, rlm_status, usage_status

DATA = Path(__file__).parent.parent / "data" / "rlmstat"
NOW = datetime(2025, 3, 8, 11, 24, 3, tzinfo=UTC)
RLM = Place(host="rlm1", port=5053)
ISV = Place(host="rlm1", port=49152)
HEAD = f"Setting license file path to 5053@rlm1.example.com\n{banner('12.2')}"
WORDING = Style.V12.wording


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
    return rlm_status(RLM, counted, now=NOW, wording=WORDING) + isv_table(table, wording=WORDING)


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
    return isv_status("siemens", ISV, counted, now=NOW, wording=WORDING, report_log="<stdout>")


def pool(product: str, count: int, inuse: int, expires: date | Permanent, checkouts: int) -> PoolLine:
    pool = Pool(
        isv="siemens", product=product, version="2023.1000", pool=None, count=count, reservations=0,
        inuse=inuse, expires=expires, uncounted=False, token=False, total_checkouts=checkouts,
    )  # fmt: skip
    return PoolLine(pool=pool)


def checkout(product: str, who: str, count: int, at: str, handle: str) -> UsageLine:
    user, host = who.split("@")
    taken = Checkout(
        isv="siemens", product=product, version="2023.1000", user=user, host=host, count=count, reserved=0,
        handle=handle, at=at,
    )  # fmt: skip
    return UsageLine(checkout=taken)


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
    lines += pool_status("siemens", ISV, pools, wording=WORDING)
    lines += usage_status("siemens", ISV, checkouts, wording=WORDING)
    assert printed(lines) == (DATA / "12.2-two-pools-in-use.txt").read_bytes()


def test_no_pools() -> None:
    lines = rlm_part(running=True, restarts=0) + isv_part()
    lines += pool_status("siemens", ISV, (), wording=WORDING) + usage_status(
        "siemens", ISV, (), wording=WORDING
    )
    assert printed(lines) == (DATA / "12.2-no-pools.txt").read_bytes()


def test_isv_down() -> None:
    assert printed(rlm_part(running=False, restarts=3)) == (DATA / "12.2-isv-down.txt").read_bytes()


def test_uptime_shows_no_days_on_the_first_day() -> None:
    young = statistics(datetime(2025, 3, 8, 11, 24, tzinfo=UTC), {})
    assert (
        rlm_status(RLM, young, now=NOW, wording=WORDING)[0] == "\trlm status on rlm1 (port 5053), up 00:00:03"
    )


NO_WORD: Final = ("C", "Z")  # control characters and blanks
WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=NO_WORD, exclude_characters=",:"), min_size=1, max_size=9
)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=NO_WORD) | st.just(" "), max_size=12)
NUMBERS = st.integers(0, 10**9)
EXPIRIES = st.dates(date(1970, 1, 1)) | st.just(Permanent.PERMANENT)


@st.composite
def pools(draw: st.DrawFn, *, isv: str, numbered: bool) -> PoolLine:
    kind = draw(st.sampled_from(["counted", "uncounted", "unlimited", "token"]))
    token = kind == "token"
    return PoolLine(
        pool=Pool(
            isv=isv,
            product=draw(WORDS),
            version=draw(WORDS),
            pool=draw(NUMBERS) if numbered else None,
            count=draw(NUMBERS) if kind == "counted" else None,
            reservations=draw(NUMBERS) if kind in ("counted", "unlimited") else None,
            inuse=None if token else draw(NUMBERS),
            expires=None if token else draw(EXPIRIES),
            uncounted=kind in ("uncounted", "unlimited"),
            token=token,
            total_checkouts=None if token else draw(NUMBERS),
        ),
        obsolete=draw(st.integers(0, 9)),
    )


@st.composite
def usage(draw: st.DrawFn, *, isv: str) -> UsageLine:
    return UsageLine(
        checkout=Checkout(
            isv=isv,
            product=draw(WORDS),
            version=draw(WORDS),
            user=draw(NAMES),
            host=draw(WORDS.filter(lambda host: "@" not in host and "(" not in host)),
            count=draw(NUMBERS),
            reserved=draw(NUMBERS),
            handle=f"{draw(NUMBERS):x}",
            at=f"{draw(st.datetimes()):%m/%d %H:%M}",
        ),
        isv_def=draw(NAMES),
        requested="1.0",
    )


@given(st.data(), st.sampled_from(Style), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_what_is_printed_is_read_back(
    data: st.DataObject, style: Style, with_isv_data: bool, line_end: str
) -> None:
    wording, isvs = style.wording, data.draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))
    lines = rlm_part(running=True, restarts=0)
    printed_pools: list[Pool] = []
    printed_usage: list[Checkout] = []
    for isv in isvs:
        rows = data.draw(st.lists(pools(isv=isv, numbered=wording.numbered), max_size=4))
        handles = data.draw(st.lists(usage(isv=isv), max_size=4))
        lines += pool_status(isv, ISV, rows, wording=wording)
        lines += usage_status(isv, ISV, handles, wording=wording, with_isv_data=with_isv_data)
        printed_pools += [row.pool for row in rows]
        printed_usage += [replace(one.checkout, user="_".join(one.checkout.user.split())) for one in handles]
    status = parse_rlmstat(line_end.join((*lines, "")).encode())

    assert (list(status.pools), list(status.checkouts)) == (printed_pools, printed_usage)
    assert (status.reachable, status.error_kind, status.warnings) == (True, None, ())
    assert sum(pool.inuse or 0 for pool in status.pools) == sum(pool.inuse or 0 for pool in printed_pools)
