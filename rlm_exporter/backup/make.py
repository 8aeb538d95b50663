"""Makes a backup: no service is stopped, and it has its name only once it is whole."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from rlm_exporter.backup import archive
from rlm_exporter.backup.collect import collect, sum_of
from rlm_exporter.backup.contents import (
    EXPORT,
    INFO,
    STORE_FOLDER,
    Contents,
    Entry,
    Part,
    SavedJournal,
    backup_name,
)
from rlm_exporter.backup.courier import Courier
from rlm_exporter.backup.info import cluster_info
from rlm_exporter.backup.journals import journal_at
from rlm_exporter.backup.keep import to_delete
from rlm_exporter.backup.members import BackupSettings, Member
from rlm_exporter.backup.opening import verified
from rlm_exporter.errors import BackupError

ENDINGS = ("", archive.ENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the daemon knows; all None where it could not be asked."""

    active: str | None = None
    active_host: str | None = None
    epoch: int | None = None
    export: str | None = None
    trouble: str | None = None
    """Why it could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is asked of this one backup."""

    folder: bool = False
    """A folder instead of one tar.gz."""
    logs: bool = False
    keys: bool = False
    allow_missing: bool = False
    """Whether a backup without something that was asked for is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of it."""

    path: Path
    contents: Contents
    deleted: tuple[str, ...]


Progress = Callable[[str, int], None]
"""Is told what is being brought, and how many bytes of it have come."""


@dataclass(slots=True)
class _Heap:
    """What has come so far."""

    entries: list[Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    journal: SavedJournal | None = None


def make_backup(
    settings: BackupSettings, wishes: Wishes, known: Known, *, now: datetime, progress: Progress
) -> Made:
    """Make one, then delete what is not kept any longer. Raises BackupError; then there is none."""
    into = Path(settings.into)
    with archive.alone(into):
        while any((into / f"{backup_name(settings.cluster, now)}{end}").exists() for end in ENDINGS):
            now += timedelta(seconds=1)  # of two in one second the later has the next one's name
        name = backup_name(settings.cluster, now)
        target = into / (name if wishes.folder else name + archive.ENDING)
        work = Path(tempfile.mkdtemp(dir=into, prefix=archive.PART))
        try:
            contents = _fill(work, settings, wishes, known, now=now, progress=progress)
            progress("writing", 0)
            archive.seal(work, contents)
            _name(work, target, name=name, folder=wishes.folder)
            # One that lacks something must not be the reason that a whole one goes.
            deleted = () if contents.missing else _retain(settings, target, now=now)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Made(path=target, contents=contents, deleted=deleted)


def _name(work: Path, target: Path, *, name: str, folder: bool) -> None:
    """Read again what was written, before it counts as a backup and older ones go for it."""
    if folder:
        archive.settle(work)
        part = work
    else:
        part = archive.pack(work, name=name)
    try:
        verified(part, name=target)
    except BackupError as error:
        archive.remove(part)
        raise BackupError(f"what was written is not what was to be: {error}") from error
    archive.give_name(part, target)


def _fill(
    work: Path, settings: BackupSettings, wishes: Wishes, known: Known, *, now: datetime, progress: Progress
) -> Contents:
    heap = _Heap()
    for member in settings.members:
        _bring(member, work, settings, wishes, heap=heap, progress=progress)
    _add_export(work, known, heap)
    _add_store(work, settings, heap, progress)
    if heap.missing and not wishes.allow_missing:
        told = "\n".join(f"  {line}" for line in heap.missing)
        raise BackupError(
            f"the backup was not made, because this is missing:\n{told}\n"
            "Mend it, or take what there is with --allow-missing."
        )
    contents = Contents(
        cluster=settings.cluster,
        made_at=now.replace(microsecond=0),
        active=known.active,
        active_host=known.active_host,
        epoch=known.epoch,
        members=tuple(member.key for member in settings.members),
        entries=tuple(heap.entries),
        parts=(),
        missing=tuple(heap.missing),
        left_out=tuple(heap.left_out),
        notes=tuple(heap.notes),
        journal=heap.journal,
    )
    (work / INFO).write_text(cluster_info(contents), encoding="utf-8", errors="replace")
    return replace(contents, parts=tuple(_parts(work)))


def _bring(
    member: Member,
    work: Path,
    settings: BackupSettings,
    wishes: Wishes,
    *,
    heap: _Heap,
    progress: Progress,
) -> None:
    courier = Courier(member, seconds=settings.timeout.total_seconds(), largest=settings.largest)
    known: set[str] = set()
    for paths, logs in ((member.paths, False), (member.logs if wishes.logs else (), True)):
        if not paths:
            continue
        try:
            brought = collect(
                member,
                courier,
                work,
                paths=paths,
                logs=logs,
                keys=wishes.keys,
                told=lambda size: progress(member.name, size),
                known=known,
            )
        except BackupError as error:
            heap.missing.append(str(error))
            return
        known |= {entry.path for entry in brought.entries}
        heap.entries += brought.entries
        heap.missing += brought.missing
        heap.left_out += brought.left_out
        heap.notes += brought.notes


def _add_export(work: Path, known: Known, heap: _Heap) -> None:
    if known.export is None:
        heap.missing.append(f"the daemon's export and who is active: {known.trouble or 'it was not asked'}")
        return
    (work / EXPORT).write_text(known.export, encoding="utf-8")


def _add_store(work: Path, settings: BackupSettings, heap: _Heap, progress: Progress) -> None:
    if settings.store is None:
        return
    progress("journal", 0)
    folder = work / STORE_FOLDER
    folder.mkdir()
    try:
        seconds = settings.timeout.total_seconds()
        heap.journal = journal_at(settings.store, seconds=seconds, environ=os.environ).save(folder)
    except BackupError as error:
        shutil.rmtree(folder)  # half of a journal is none
        heap.missing.append(str(error))


def _parts(work: Path) -> list[Part]:
    found = [work / INFO, work / EXPORT, *sorted((work / STORE_FOLDER).glob("*"))]
    return [
        Part(place=str(path.relative_to(work)), size=path.stat().st_size, sha256=sum_of(path))
        for path in found
        if path.is_file()
    ]


def _retain(settings: BackupSettings, made: Path, *, now: datetime) -> tuple[str, ...]:
    going = to_delete(
        (path.name for path in made.parent.iterdir()),
        cluster=settings.cluster,
        count=settings.keep_count,
        age=settings.keep_age,
        now=now,
    )
    for name in going:
        try:
            archive.remove(made.with_name(name))
        except OSError as error:
            why = f"{error.strerror}; delete it by hand"
            raise BackupError(f"{made} is written; the old {name} cannot be deleted: {why}") from error
    return going
