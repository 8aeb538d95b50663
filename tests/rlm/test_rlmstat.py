"""Every shape of `rlmstat -a` that we know of is read for what it says, and nothing makes the reader fail."""

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


def test_a_latin_1_byte_costs_only_itself() -> None:
    whole = (DATA / "12.2-two-pools-in-use.txt").read_bytes().replace(b"carol", b"Ren\xe9e")

    assert parse_rlmstat(whole).checkouts[2].user == "Ren\ufffde"


def test_the_old_usage_line_gives_the_same_fields() -> None:
    [checkout] = read("9.1-old-usage-line").checkouts

    assert (checkout.user, checkout.host, checkout.handle, checkout.count) == ("tom", "sun1", "809f418", 1)
    assert [i.name for i in read("9.1-old-usage-line").isvs] == ["demo"]


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


def test_an_isv_server_that_cannot_be_reached_leaves_rlm_reachable() -> None:
    status = read("12.2-isv-does-not-answer")

    assert (status.reachable, status.error_kind) == (True, None)
    assert [w.text for w in status.warnings] == ['Error connecting to "acme" server']


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("12.2-connect-error", ErrorKind.CONNECT),
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
    [("15.2-cut-in-counts", 1, 0), ("15.2-cut-in-totals", 1, 0), ("15.2-cut-in-usage", 5, 2)],
)
def test_a_cut_answer_keeps_what_was_whole(name: str, pools: int, checkouts: int) -> None:
    status = read(name)

    assert (status.reachable, status.error_kind) == (True, ErrorKind.TRUNCATED)
    assert (len(status.pools), len(status.checkouts)) == (pools, checkouts)


@pytest.mark.parametrize("name", ["12.2-two-pools-in-use", "12.2-no-pools", "15.2-two-isvs", "12.2-isv-down"])
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


@pytest.mark.parametrize(
    "line",
    [
        "acme license usage status on h (port 1)" * 30_000,
        "a v1: " + "u@h 1/1 at 1/1 1:11 " * 60_000,
        "a v1: u@h 1/1 at 1/1 1:11" + " " * 1_000_000 + "x",
        "count: 1" + ", exp: permanen" * 70_000,
        "1" * 1_000_000,
    ],
    ids=["headings", "usage", "blanks", "counts", "digits"],
)
def test_no_line_takes_more_than_linear_time(line: str) -> None:
    began = time.process_time()
    parse_rlmstat(line)
    parse_rlmstat("acme license usage status on h (port 1)\n" + line + "\n")

    assert time.process_time() - began < 2, "a quadratic reader takes minutes for a line of 1 MB"
