"""Puts saved files back at a member, and looks which of them are as they were saved."""

import posixpath
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from rlm_exporter.backup.contents import Entry
from rlm_exporter.backup.courier import Courier
from rlm_exporter.backup.members import Member
from rlm_exporter.errors import BackupError

BEFORE = ".rlm-ha-before"
"""Added to the name of a file that was there: no license server takes that for a license."""


def differing(member: Member, courier: Courier, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Those that are not there, or not as they were saved. Raises BackupError where it cannot be asked.

    Of modes those of private keys alone count: not every file system can hold one, and a key that others can
    read is worse than one that is lost.
    """
    files = {_name(member, entry): entry for entry in entries if entry.kind == "file"}
    folders = {_name(member, entry): entry for entry in entries if entry.kind == "folder"}
    keys = {name: entry for name, entry in files.items() if entry.secret}
    sums = _ask(member, courier, ["sha256sum", "--zero", "--"], files)
    kinds = _ask(member, courier, ["stat", "--dereference", "--printf", "%F  %n\\0", "--"], folders)
    modes = _ask(member, courier, ["stat", "--dereference", "--printf", "%a  %n\\0", "--"], keys)
    wrong = [
        entry
        for name, entry in files.items()
        if sums.get(name) != entry.sha256 or (name in keys and int(modes.get(name, "7777"), 8) & ~entry.mode)
    ]
    wrong += [entry for name, entry in folders.items() if kinds.get(name) != "directory"]
    return tuple(sorted(wrong, key=lambda entry: entry.path))


def _ask(member: Member, courier: Courier, words: list[str], names: dict[str, Entry]) -> dict[str, str]:
    """What a program says of each file that is there."""
    if not names:
        return {}
    given = b"".join(name.encode("utf-8", "surrogateescape") + b"\0" for name in names)
    said, raw = courier.ask(["xargs", "--null", *words], given=given)
    # xargs ends with 123 where the program missed a file, which is what is asked about.
    if said.status not in {0, 123}:
        raise BackupError(f"{member.name}: cannot be looked at: {said.why}")
    lines = (line.decode("utf-8", "surrogateescape") for line in raw.split(b"\0") if line)
    return {name: word for word, _, name in (line.partition("  ") for line in lines)}


def put(member: Member, courier: Courier, entries: Sequence[Entry], folder: Path) -> None:
    """Write them, out of a backup's folder. What was there stays beside. Raises BackupError.

    What stands beside already is never written over: after a put that was cut off it is the one to keep, and
    what stands at the file's own place is half of the saved one.
    """
    beside = {f"{_name(member, entry)}{BEFORE}": entry for entry in entries if entry.kind == "file"}
    kept = _ask(member, courier, ["stat", "--printf", "%F  %n\\0", "--"], beside)
    again = {entry.path for name, entry in beside.items() if name in kept}
    for how, some in (
        ("simple", [entry for entry in entries if entry.path not in again]),
        ("numbered", [entry for entry in entries if entry.path in again]),
    ):
        if some:
            _send(member, courier, some, folder, how=how)


def _send(member: Member, courier: Courier, entries: Sequence[Entry], folder: Path, *, how: str) -> None:
    words = ["tar", "--extract", "--preserve-permissions", "--keep-directory-symlink"]
    words += ["--no-overwrite-dir", f"--backup={how}", f"--suffix={BEFORE}"]
    words += [f"--directory={member.root}", "--file=-"]
    try:
        # Without a name: there may be keys in it, and nothing of it is to stay when we are killed.
        with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as output:
            _pack(file, entries, folder)
            file.flush()
            said = courier.run(words, output=output, given=Path(f"/proc/self/fd/{file.fileno()}"))
    except OSError as error:
        why = f"{error.strerror}; set TMPDIR to a folder with room"
        raise BackupError(f"{member.name}: its files cannot be packed: {why}") from error
    if said.status != 0:
        raise BackupError(f"{member.name}: tar failed there: {said.why}")


def _pack(file: IO[bytes], entries: Sequence[Entry], folder: Path) -> None:
    with tarfile.open(
        fileobj=file, mode="w:", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for entry in sorted(entries, key=lambda each: each.path):
            _add(archive, entry, folder)


def _add(archive: tarfile.TarFile, entry: Entry, folder: Path) -> None:
    info = tarfile.TarInfo(entry.path.lstrip("/"))
    info.mode, info.mtime, info.uname, info.gname = entry.mode, entry.mtime, entry.owner, entry.group
    info.uid, info.gid = entry.uid, entry.gid
    if entry.owner.isdigit():
        info.uid, info.uname = int(entry.owner), ""
    if entry.group.isdigit():
        info.gid, info.gname = int(entry.group), ""
    if entry.kind == "folder":
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
        return
    info.size = entry.size
    with (folder / entry.place).open("rb") as content:
        archive.addfile(info, content)


def _name(member: Member, entry: Entry) -> str:
    return posixpath.normpath(f"{member.root}/{entry.path}") if member.root != "/" else entry.path
