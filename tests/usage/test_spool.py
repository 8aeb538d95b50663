"""Usage that waits on disk: written through, read back in order, whatever a crash leaves."""

import os
import resource
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.store.usage_records import (
    Closed,
    EndReason,
    Opened,
    Recounted,
    Reopened,
    UsageChange,
    UsageSession,
    UsageSource,
)
from rlm_exporter.usage.spool import AT_ONCE, Spool
from tests.usage.statuses import NOON

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
MOMENTS = st.integers(0, 10**7).map(lambda seconds: NOON + timedelta(seconds=seconds))
SESSIONS = st.builds(
    UsageSession,
    key=TEXT,
    cluster=TEXT,
    server=TEXT,
    isv=st.none() | TEXT,
    feature=TEXT,
    version=st.none() | TEXT,
    user=st.none() | TEXT,
    host=st.none() | TEXT,
    count=st.integers(0, 10**6),
    handle=TEXT,
    out=st.none() | MOMENTS,
    out_is_ambiguous=st.booleans(),
    source=st.sampled_from(UsageSource),
)
CHANGES = st.one_of(
    st.builds(Opened, session=SESSIONS),
    st.builds(Closed, key=TEXT, at=MOMENTS, reason=st.sampled_from(EndReason), out=st.none() | MOMENTS),
    st.builds(Reopened, key=TEXT, closed_at=MOMENTS),
    st.builds(Recounted, key=TEXT, count=st.integers(0, 100)),
)
ONE = (Reopened(key="a", closed_at=NOON),)
TWO = (Reopened(key="b", closed_at=NOON), Recounted(key="b", count=2))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "usage-prod.spool")


@given(batches=st.lists(st.lists(CHANGES, min_size=1, max_size=3), max_size=4))
def test_what_was_written_comes_back(
    batches: list[list[UsageChange]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool") / "usage.spool")
    for batch in batches:
        spool.append(batch)
    assert [list(batch) for batch in spool.batches()] == batches
    assert spool.damaged == 0


def test_a_name_that_is_no_text_waits_as_it_will_be_stored(spool: Spool) -> None:
    spool.append([Recounted(key="m\udcfcller\0", count=1)])
    assert list(spool.batches()) == [(Recounted(key="m?ller", count=1),)]


def test_many_changes_come_back_as_batches_that_a_transaction_takes(spool: Spool) -> None:
    changes = [Recounted(key=str(number), count=number) for number in range(2 * AT_ONCE + 7)]
    spool.append(changes)
    found = list(spool.batches())
    assert [len(batch) for batch in found] == [AT_ONCE, AT_ONCE, 7]
    assert [change for batch in found for change in batch] == changes


def test_an_empty_one_has_nothing(spool: Spool) -> None:
    assert spool.is_empty()
    assert list(spool.batches()) == []
    spool.clear()


def test_it_is_empty_when_cleared(spool: Spool) -> None:
    spool.append(ONE)
    assert not spool.is_empty()
    spool.clear()
    assert spool.is_empty()


def test_another_life_goes_on_where_one_ended(spool: Spool) -> None:
    spool.append(ONE)
    again = Spool(spool.path)
    again.append(TWO)
    assert list(again.batches()) == [ONE, TWO]


@pytest.mark.parametrize(
    "damage", [b"", b'[{"kind":"Reo', b"\n", b"[1]\n", b'[{"kind":"Opened"}]\n', b"\xff\n", b"{}\n"]
)
def test_a_damaged_line_costs_itself_alone(spool: Spool, damage: bytes) -> None:
    spool.append(ONE)
    with spool.path.open("ab") as file:
        file.write(damage + (b"" if damage.endswith(b"\n") or not damage else b"\n"))
    spool.append(TWO)
    assert [batch for batch in spool.batches() if batch] == [ONE, TWO]
    assert spool.damaged == (damage not in {b"", b"{}\n"})


def test_a_full_disk_leaves_no_part_of_a_line(spool: Spool) -> None:
    spool.append(ONE)
    size = spool.path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        with pytest.raises(OSError, match="large"):
            spool.append(TWO)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert spool.path.stat().st_size == size
    spool.append(TWO)
    assert list(spool.batches()) == [ONE, TWO]


def test_nobody_else_may_read_who_used_what(spool: Spool) -> None:
    before = os.umask(0)
    try:
        spool.append(ONE)
    finally:
        os.umask(before)
    assert spool.path.stat().st_mode & 0o777 == 0o600
