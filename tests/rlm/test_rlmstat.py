"""Every shape of `rlmstat -a` that we know of is read for what it says, and nothing makes the reader fail."""

import re
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.status import ErrorKind, Permanent, ReadWarning, RlmStatus

DATA = Path(__file__).parent.parent / "data" / "rlmstat"
FILES = sorted(DATA.glob("*.txt"))


def read(name: str) -> RlmStatus:
    return parse_rlmstat((DATA / f"{name}.txt").read_bytes())


def test_reads_a_plain_answer_of_12() -> None:
    status = read("12.2-two-pools-in-use")

    assert (status.reachable, status.error_kind, status.warnings) == (True, None, ())
    assert status.server is not None
    assert (status.server.host, status.server.port, status.server.version) == ("rlm1", 5053, "12.2")
    assert status.server.uptime_seconds == ((5 * 24 + 3) * 60 + 9) * 60 + 1
    [isv] = status.isvs
    assert (isv.name, isv.port, isv.running, isv.restarts) == ("siemens", 49152, True, 0)
    [counters] = status.counters
    assert (counters.checkouts, counters.denials) == (40117, 95)
    assert [(p.isv, p.product, p.count, p.inuse, p.expires, p.total_checkouts) for p in status.pools] == [
        ("siemens", "STARCCM", 20, 5, date(2026, 1, 31), 30004),
        ("siemens", "NXCAE", 10, 1, Permanent.PERMANENT, 10113),
    ]
    assert [(c.user, c.host, c.count, c.handle, c.at) for c in status.checkouts] == [
        ("alice", "ws1.example.com", 4, "15c", "03/08 09:01"),
        ("bob", "ws2.example.com", 1, "161", "03/08 10:47"),
        ("carol", "ws1.example.com", 1, "e4", "03/07 16:30"),
    ]


def test_an_isv_server_that_does_not_run_has_no_pools_of_any_kind() -> None:
    status = read("12.2-isv-down")

    assert status.reachable
    assert [(i.name, i.running, i.restarts) for i in status.isvs] == [("siemens", False, 3)]
    assert (status.pools, status.checkouts) == ((), ())


def test_a_standby_without_pools_is_a_whole_answer() -> None:
    status = read("12.2-no-pools")

    assert (status.reachable, status.error_kind, status.pools) == (True, None, ())


def test_pools_of_equal_name_and_version_stay_apart_and_belong_to_their_heading() -> None:
    pools = read("15.2-two-isvs").pools

    assert [(p.isv, p.product, p.version, p.pool) for p in pools] == [
        ("acme", "solver", "3.0", 1),
        ("acme", "solver", "3.0", 2),
        ("meshworks", "2mesh-er_x", "20160712", 1),
        ("meshworks", "volume~mesher", "1.000", 2),
        ("meshworks", "export.tool", "400", 3),
    ]


def test_issued_is_count_and_reservations() -> None:
    assert [p.issued for p in read("15.2-two-isvs").pools] == [44, 10, None, None, None]


def test_a_number_that_the_text_does_not_give_is_none() -> None:
    _, _, uncounted, token, unlimited = read("15.2-two-isvs").pools

    assert (uncounted.count, uncounted.uncounted, uncounted.inuse) == (None, True, 3)
    assert uncounted.expires is Permanent.PERMANENT
    assert (token.count, token.inuse, token.expires, token.token) == (None, None, None, True)
    assert (unlimited.count, unlimited.inuse, unlimited.expires) == (None, 0, date(2026, 7, 9))


def test_usage_lines_are_handles_and_are_neither_merged_nor_renamed() -> None:
    rows = [(c.isv, c.user, c.host, c.count, c.reserved, c.handle) for c in read("15.2-two-isvs").checkouts]

    assert rows == [
        ("acme", "alice", "ws1.example.com", 4, 0, "15c"),
        ("acme", "alice", "ws1.example.com", 2, 0, "15c"),
        ("acme", "bob", "ws2.example.com", 0, 1, "1A1"),
        ("acme", "first.last@example.com", "ws3.example.com", 1, 0, "1a2"),
        ("meshworks", "", "ws4.example.com", 3, 0, "9"),
    ]


def test_counters_are_the_totals_of_each_isv_server() -> None:
    counters = {c.name: (c.uptime_seconds, c.checkouts, c.denials) for c in read("15.2-two-isvs").counters}

    assert counters == {"acme": (11338, 57, 3), "meshworks": (1210, 2, 0)}


def test_line_ends_make_no_difference() -> None:
    assert read("15.2-two-isvs-crlf") == read("15.2-two-isvs")


@pytest.mark.parametrize("change", [lambda b: b"\xef\xbb\xbf" + b, lambda b: b.replace(b" ", b"\xc2\xa0")])
def test_a_byte_order_mark_and_no_break_spaces_make_no_difference(change) -> None:  # type: ignore[no-untyped-def]  # two lambdas
    whole = (DATA / "12.2-two-pools-in-use.txt").read_bytes()

    assert parse_rlmstat(change(whole)) == parse_rlmstat(whole)


@pytest.mark.parametrize("name", ["12.2-mail-paste", "12.2-utf-16"])
def test_what_mail_and_windows_do_to_text_makes_no_difference(name: str) -> None:
    assert read(name) == read("12.2-two-pools-in-use")


def test_latin_1_is_read_but_for_its_letters() -> None:
    plain, latin = read("12.2-two-pools-in-use"), read("12.2-latin-1")

    assert [c.user for c in latin.checkouts] == ["alice", "bob", "Ren\ufffde"]
    assert (latin.pools, latin.warnings) == (plain.pools, ())


def test_a_latin_1_byte_costs_only_itself() -> None:
    whole = (DATA / "12.2-two-pools-in-use.txt").read_bytes().replace(b"carol", b"Ren\xe9e")

    assert parse_rlmstat(whole).checkouts[2].user == "Ren\ufffde"


def test_the_old_usage_line_gives_the_same_fields() -> None:
    [checkout] = read("9.1-old-usage-line").checkouts

    assert (checkout.user, checkout.host, checkout.handle, checkout.count) == ("tom", "sun1", "809f418", 1)
    assert [i.name for i in read("9.1-old-usage-line").isvs] == ["demo"]


def test_old_answers_have_a_lower_case_table_and_another_usage_line() -> None:
    status = read("3.0-lower-case-table")

    assert status.warnings == ()
    assert [(i.name, i.port, i.running, i.restarts) for i in status.isvs] == [("demo", 2764, True, 0)]
    assert [(c.user, c.host, c.count, c.handle, c.at) for c in status.checkouts] == [
        ("tom", "sun1", 1, "809f418", "03/06 09:59"),
        ("sue", "sun2", 2, "809f5a0", "03/06 10:01"),
    ]


def test_two_pools_that_nothing_tells_apart_are_two() -> None:
    pools = read("12.2-equal-pools-without-numbers").pools

    assert [(p.product, p.version, p.pool, p.count, p.inuse, p.expires) for p in pools] == [
        ("solver", "3.0", None, 40, 38, date(2026, 3, 31)),
        ("solver", "3.0", None, 10, 10, Permanent.PERMANENT),
    ]


def test_more_may_be_in_use_than_count_says() -> None:
    status = read("15.2-reserved-over-count")

    [pool] = status.pools
    assert (pool.count, pool.reservations, pool.inuse, pool.issued) == (4, 6, 9, 10)
    assert sum(c.count for c in status.checkouts) == 3
    assert sum(c.reserved for c in status.checkouts) == 6


def test_shared_seats_have_more_handles_than_are_in_use() -> None:
    status = read("14.2-shared-seats")

    assert ([p.inuse for p in status.pools], len(status.checkouts)) == ([6], 10)


def test_a_token_license_has_no_numbers_of_its_own() -> None:
    tokens, solver, viewer = read("16.1-tokens").pools

    assert (tokens.issued, tokens.inuse, tokens.token) == (1000, 250, False)
    assert (solver.token, solver.count, solver.issued, solver.total_checkouts) == (True, None, None, None)
    assert (viewer.token, viewer.inuse, viewer.total_checkouts) == (True, None, 4)


def test_expiries_are_read_in_every_form() -> None:
    assert [p.expires for p in read("12.2-expiry-forms").pools] == [
        Permanent.PERMANENT,
        Permanent.PERMANENT,
        date(2024, 7, 1),
        date(2025, 1, 9),
        date(2027, 12, 31),
        Permanent.PERMANENT,
        Permanent.PERMANENT,
        date(2028, 2, 29),
    ]


def test_isv_data_is_no_part_of_a_handle() -> None:
    status = read("14.2-isv-data")

    assert [(c.user, c.handle, c.at) for c in status.checkouts] == [
        ("Jane_Doe", "1", "03/07 08:01"),
        ("bob", "2", "03/07 08:02"),
        ("eve", "3", "03/07 08:03"),
    ]
    assert status.warnings == ()


def test_a_second_server_in_one_answer_is_said() -> None:
    status = read("12.2-list-of-two-servers")

    assert status.server is not None
    assert status.server.host == "rlm1"
    assert [w.text for w in status.warnings] == ["a second server, rlm2, in one answer"]


def test_an_isv_known_from_a_heading_alone_has_unknown_restarts() -> None:
    status = read("12.2-isv-part-only")

    assert (status.reachable, status.error_kind, status.server) == (True, None, None)
    assert [(i.name, i.port, i.running, i.restarts) for i in status.isvs] == [("acme", 49152, True, None)]


def test_output_that_only_lacks_headings_is_no_error_and_names_no_isv() -> None:
    status = read("12.2-no-headings")

    assert (status.reachable, status.error_kind) == (True, None)
    assert [(p.isv, p.inuse) for p in status.pools] == [(None, 7)]
    assert [(c.isv, c.count) for c in status.checkouts] == [(None, 7)]


def test_what_cannot_be_read_is_a_warning_with_its_line() -> None:
    status = read("12.2-unreadable-lines")

    assert [(p.product, p.expires) for p in status.pools] == [
        ("solver", None),
        ("viewer", Permanent.PERMANENT),
    ]
    assert status.warnings == (
        ReadWarning(line=6, text="not an expiry date: 31-foo-2026"),
        ReadWarning(line=7, text="pool lonely has no counts"),
        ReadWarning(line=10, text="something else entirely"),
        ReadWarning(line=13, text="solver v3.0: alice at nobody knows when"),
    )


def test_a_number_that_is_none_is_unknown_and_said() -> None:
    status = read("12.2-unreadable-numbers")

    [pool] = status.pools
    assert (pool.count, pool.reservations, pool.inuse, pool.total_checkouts) == (None, None, 7, None)
    assert status.warnings == (
        ReadWarning(line=3, text="not a number: count: many"),
        ReadWarning(line=3, text="not a number: # reservations: -1"),
        ReadWarning(line=4, text="not a number: total checkouts: 99999999999999999999"),
    )


def test_warnings_of_a_long_text_of_something_else_are_counted() -> None:
    status = parse_rlmstat(b"<p>\n" * 50_000)

    assert len(status.warnings) == 1000
    assert status.warnings[-1] == ReadWarning(line=1000, text="from here on 49001 lines are not read")


def test_an_isv_server_that_cannot_be_reached_leaves_rlm_reachable() -> None:
    status = read("12.2-isv-does-not-answer")

    assert (status.reachable, status.error_kind) == (True, None)
    assert [w.text for w in status.warnings] == ['Error connecting to "acme" server']


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("12.2-connect-error", ErrorKind.CONNECT),
        ("12.2-connect-error-of-an-isv-query", ErrorKind.CONNECT),
        ("12.2-cut-in-the-first-lines", ErrorKind.TRUNCATED),
        ("proxy-page", ErrorKind.GARBAGE),
        ("connection-refused", ErrorKind.CONNECT),
        ("banner-only", ErrorKind.CONNECT),
        ("html-in-place-of-an-answer", ErrorKind.GARBAGE),
        ("shell-error", ErrorKind.GARBAGE),
        ("empty", ErrorKind.EMPTY),
    ],
)
def test_no_answer_is_told_by_its_text(name: str, kind: ErrorKind) -> None:
    status = read(name)

    assert (status.reachable, status.error_kind) == (False, kind)


@pytest.mark.parametrize(
    ("name", "pools", "checkouts"),
    [
        ("15.2-cut-in-counts", 1, 0),
        ("15.2-cut-in-totals", 1, 0),
        ("15.2-cut-in-usage", 5, 2),
        ("16.1-cut-in-heading", 0, 0),
    ],
)
def test_a_cut_answer_keeps_what_was_whole(name: str, pools: int, checkouts: int) -> None:
    status = read(name)

    assert (status.reachable, status.error_kind) == (True, ErrorKind.TRUNCATED)
    assert (len(status.pools), len(status.checkouts)) == (pools, checkouts)
    lines = (DATA / f"{name}.txt").read_text(encoding="utf-8").split("\n")
    assert status.warnings == (ReadWarning(line=len(lines), text=lines[-1].strip()),)


@pytest.mark.parametrize(
    "name", [path.stem for path in FILES if not re.search("cut|utf-16|unreadable-lines", path.stem)]
)
def test_a_missing_last_line_feed_alone_is_not_a_cut(name: str) -> None:
    whole = (DATA / f"{name}.txt").read_bytes()

    assert parse_rlmstat(whole.strip()) == parse_rlmstat(whole)


def test_never_reads_more_in_use_than_the_whole_answer_says() -> None:
    whole = (DATA / "15.2-two-isvs.txt").read_bytes()
    full = sum(p.inuse or 0 for p in parse_rlmstat(whole).pools)

    assert all(
        sum(p.inuse or 0 for p in parse_rlmstat(whole[:cut]).pools) <= full for cut in range(len(whole))
    )


@given(st.binary() | st.text())
def test_takes_any_input(data: bytes | str) -> None:
    parse_rlmstat(data)


LINES = sorted({line for path in FILES for line in path.read_bytes().splitlines(keepends=True)})


@given(st.lists(st.sampled_from(LINES), max_size=40), st.integers(0, 60))
def test_takes_true_lines_in_any_order_and_cut_anywhere(lines: list[bytes], cut: int) -> None:
    text = b"".join(lines)
    status = parse_rlmstat(text[: len(text) - cut])

    assert status.reachable or not (status.pools or status.checkouts or status.isvs)


@given(st.sampled_from(LINES), st.text(max_size=30), st.text("0123456789", min_size=1, max_size=6000))
def test_takes_a_line_with_anything_in_the_place_of_its_numbers(line: bytes, word: str, digits: str) -> None:
    text = line.decode("utf-8", "replace")
    parse_rlmstat("\tacme license pool status on h (port 1)\n" + text.replace("0", digits).replace("1", word))


REPEATED = {
    "headings": "acme license usage status on h (port 1)",
    "usage": "a v1: u@h 1/1 at 1/1 1:11 ",
    "handles": "a v1: u@h 1/1 at 01/01 01:11  (handle: 1) ",
    "isv data": "a v1: u@h 1/1 at 01/01 01:11  (handle: 1) [I: ",
    "blanks": " ",
    "dots": "a.v1.",
    "counts": ", exp: permanen",
    "digits": "1",
    "times": "1:11",
    "separators": "-- ",
    "pools": "\ta v1\n",
    "headed pools": "\ta license pool status on h (port 1)\n\ta v1\n",
    "separated": "\t---\n\ta license usage status on h (port 1)\n",
    "up": "a ISV server status on h (port 1), up 1d ",
}
STARTS = ("", "\ta license pool status on h (port 1)\n\t", "\ta license usage status on h (port 1)\n\ta v1: ")


@pytest.mark.parametrize("start", STARTS, ids=["alone", "pools", "usage"])
@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED.keys())
def test_no_text_takes_more_than_linear_time(start: str, text: str) -> None:
    whole = start + text * (1_000_000 // len(text))
    began = time.process_time()
    parse_rlmstat(whole)
    parse_rlmstat(whole + "x\n")

    assert time.process_time() - began < 4, "a quadratic reader takes minutes for 1 MB"
