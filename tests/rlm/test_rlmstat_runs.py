"""The quick way through long runs reads what the way line by line reads, and makes the very same values."""

import gc
import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.rlmstat_runs import _CheckoutDraft, _PoolDraft
from rlm_exporter.rlm.status import Checkout, Pool

DATA = Path(__file__).parent.parent / "data" / "rlmstat"
LINES = sorted(
    {
        line
        for path in DATA.glob("*.txt")
        if "utf-16" not in path.name
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n")
    }
)
POOL = (
    "\tsolver v3.0, pool: 1\n"
    "\t\tcount: 4, # reservations: 6, inuse: 9, exp: {}\n"
    "\t\tobsolete: 0, min_remove: 120, total checkouts: 7"
)
USAGE = "\tsolver v3.0: alice@ws1 {}/0 at 03/07 09:01  (handle: 15c) "
HEADINGS = ("\tacme license pool status on h (port 1)", "\tacme license usage status on h (port 1)")
ODD = st.sampled_from(LINES) | st.sampled_from(HEADINGS) | st.text("\t v,:@/-()1a", max_size=30)
RUNS = st.builds(POOL.format, st.sampled_from(["permanent", "1-jul-2027", "1-jul-0", "31-foo-2027", "x"]))
RUNS |= st.builds(USAGE.format, st.integers(0, 9))


@given(st.sampled_from(HEADINGS), st.lists(RUNS | ODD, max_size=30))
@example(
    HEADINGS[0],
    ['Error connecting to "acme" server', POOL.format("permanent"), "\t\tToken-based license"],
)
@example(HEADINGS[1], ['Error connecting to "acme" server', USAGE.format(1), "nobody knows"])
def test_reads_the_same_as_line_by_line(heading: str, parts: list[str]) -> None:
    text = "\n".join((heading, *parts, ""))

    assert parse_rlmstat(text) == parse_rlmstat(re.sub("(?m)^\t+", "  ", text))


@pytest.mark.parametrize(("draft", "made"), [(_PoolDraft, Pool), (_CheckoutDraft, Checkout)])
def test_a_draft_has_the_slots_of_what_it_becomes(draft: type, made: type[Pool | Checkout]) -> None:
    assert sorted(draft.__slots__) == sorted(field.name for field in fields(made))  # type: ignore[attr-defined]  # both have slots


def test_what_was_a_draft_is_like_any_other() -> None:
    quick = parse_rlmstat("\n".join((HEADINGS[0], POOL.format("permanent"), USAGE.format(1), "")))
    [pool], [checkout] = quick.pools, quick.checkouts

    for one in (pool, checkout):
        again = type(one)(**{field.name: getattr(one, field.name) for field in fields(one)})
        assert (one, hash(one), repr(one)) == (again, hash(again), repr(again))
        with pytest.raises(FrozenInstanceError):
            one.isv = "other"  # type: ignore[misc]  # what must not work


def test_long_runs_are_read_whole() -> None:
    """Longer than what is matched at once, so that a pool lies across the border."""
    pools = [POOL.format("permanent").replace("pool: 1", f"pool: {n}") for n in range(3000)]
    usage = [USAGE.format(n) for n in range(5000)]
    status = parse_rlmstat("\n".join((HEADINGS[0], *pools, "\t---", HEADINGS[1], *usage, "")))

    assert [p.pool for p in status.pools] == list(range(3000))
    assert [c.count for c in status.checkouts] == list(range(5000))
    assert {p.total_checkouts for p in status.pools} == {7}
    assert status.warnings == ()


def test_the_garbage_collector_is_left_as_it_was() -> None:
    text = "\n".join((HEADINGS[1], *[USAGE.format(1)] * 10_000, ""))
    assert gc.isenabled()
    parse_rlmstat(text)
    assert gc.isenabled()
    gc.disable()
    try:
        parse_rlmstat(text)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_odd_lines_in_a_long_run_keep_their_numbers() -> None:
    lines = [USAGE.format(1)] * 4000
    lines[2998] = "\tnothing known"
    status = parse_rlmstat("\n".join((HEADINGS[1], *lines, "")))

    assert [(w.line, w.text) for w in status.warnings] == [(3000, "nothing known")]
    assert len(status.checkouts) == 3999
