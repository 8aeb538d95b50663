"""The journal and the world: opening, closing, full and read-only disks, damaged and vanished files."""

# ruff: noqa: ASYNC240 - the tests prepare small local files; nothing else waits on the loop meanwhile

import asyncio
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.store.journal import Journal
from tests.store.situations import CLUSTER, claimed, committed, founded, later, url_of
from tests.store.without_rights import bound_by_permissions

PAGE = 4096


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can reach; pytest's own are for one alone."""
    with tempfile.TemporaryDirectory(prefix="rlm-ha-") as name:
        made = Path(name)
        made.chmod(0o755)
        yield made
        made.chmod(0o755)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file may grow beyond this: a disk without room, for this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def filled(path: Path, moves: int = 1) -> None:
    """A closed journal with so many moves in it."""
    async with await Journal.open(url=url_of(path)) as journal:
        await founded(journal)
        for _ in range(moves):
            await committed(journal, await claimed(journal, reason="x" * 500))


async def test_what_was_written_is_there_after_a_restart(path: Path) -> None:
    await filled(path)
    async with await Journal.open(url=url_of(path)) as journal:
        record = await journal.cluster(CLUSTER)
        assert record is not None
        assert (record.active, record.epoch, record.cooldown_until) == ("rlm2", 2, later(310))
        assert len(await journal.operations(CLUSTER)) == 2
        assert not list(path.parent.glob("*.schema-*"))


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=f"there is no directory {tmp_path}/state"):
        await Journal.open(url=url_of(tmp_path / "state" / "journal.db"))


async def test_a_closed_journal_refuses_and_may_be_closed_again(path: Path) -> None:
    journal = await Journal.open(url=url_of(path))
    await journal.close()
    await journal.close()
    with pytest.raises(JournalError, match="the journal is closed"):
        await journal.cluster(CLUSTER)
    with pytest.raises(JournalError, match="the journal is closed"):
        await journal.check_writable()


async def test_a_clean_end_leaves_one_file(path: Path) -> None:
    await filled(path)
    assert [found.name for found in path.parent.iterdir()] == [path.name]


async def test_readiness_writes_for_real(file_journal: Journal, path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    before = log.stat().st_size
    await file_journal.check_writable()
    assert log.stat().st_size > before


async def test_a_disk_without_room_stops_writes_and_nothing_is_half_written(
    file_journal: Journal, path: Path
) -> None:
    await founded(file_journal)
    log = path.with_name(f"{path.name}-wal")
    with files_limited_to(log.stat().st_size + PAGE):
        with pytest.raises(JournalError, match=r"the disk (is full|reports an error)"):
            await claimed(file_journal, reason="x" * 20 * PAGE)
        with pytest.raises(JournalError, match=r"the disk (is full|reports an error)"):
            await file_journal.check_writable()
        record = await file_journal.cluster(CLUSTER)
        assert record is not None
        assert (record.version, record.highest_epoch) == (1, 1)
        assert await file_journal.open_operation(CLUSTER) is None
    await file_journal.check_writable()
    assert (await claimed(file_journal)).epoch == 2


async def test_a_read_only_file_is_refused_with_what_to_do(folder: Path) -> None:
    path = folder / "journal.db"
    await filled(path)
    path.chmod(0o444)
    folder.chmod(0o555)
    with bound_by_permissions(), pytest.raises(JournalError, match="let the daemon's user write the file"):
        await Journal.open(url=url_of(path))


async def test_a_directory_that_cannot_be_written_is_refused_with_what_to_do(folder: Path) -> None:
    folder.chmod(0o555)
    with bound_by_permissions(), pytest.raises(JournalError, match="let the daemon's user write the file"):
        await Journal.open(url=url_of(folder / "journal.db"))


async def test_a_directory_that_cannot_be_entered_is_named(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    folder.chmod(0o600)
    with (
        bound_by_permissions(),
        pytest.raises(JournalError, match=f"no directory {inner} that this user can"),
    ):
        await Journal.open(url=url_of(inner / "journal.db"))


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("kind: LicenseServer\n" * 500)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="it is not an SQLite database; give another path"):
        await Journal.open(url=url_of(path))
    assert path.read_bytes() == before


async def test_a_damaged_file_says_so_and_how_to_go_on(path: Path) -> None:
    await filled(path, moves=40)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xa5" * (size - PAGE))
    with pytest.raises(JournalError, match="it is damaged; stop the daemon, move the file"):
        async with await Journal.open(url=url_of(path)) as journal:
            await journal.operations(CLUSTER)


async def test_a_file_that_was_removed_while_in_use_takes_no_more_writes(
    file_journal: Journal, path: Path
) -> None:
    await founded(file_journal)
    path.unlink()
    with pytest.raises(JournalError, match="was removed or replaced while in use; restart the daemon"):
        await claimed(file_journal)
    with pytest.raises(JournalError, match="was removed or replaced"):
        await file_journal.check_writable()


async def test_a_file_that_was_replaced_while_in_use_takes_no_more_writes(
    file_journal: Journal, path: Path, tmp_path: Path
) -> None:
    await founded(file_journal)
    backup = tmp_path / "backup.db"
    await filled(backup)
    backup.replace(path)
    with pytest.raises(JournalError, match="was removed or replaced"):
        await claimed(file_journal)


async def test_reads_and_writes_of_many_tasks_do_not_disturb_each_other(journal: Journal) -> None:
    await founded(journal)
    async with asyncio.TaskGroup() as group:
        for n in range(40):
            group.create_task(journal.hold(CLUSTER, rule=f"r{n}", trigger="alert", detail="", now=later(n)))
            group.create_task(journal.operations(CLUSTER))
            group.create_task(journal.check_writable())
    assert len(await journal.held(CLUSTER)) == 40


@pytest.mark.parametrize("module", ["store", "store.records", "store.errors"])
def test_the_values_come_without_the_database(module: str) -> None:
    program = f"import sys, rlm_exporter.{module}; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
