"""Brings files of a member: what is there is listed first, then sent as a tar, links followed.

`find -L` sees a link that leads back to a folder above it and goes on without; tar alone would go round it.
"""

import hashlib
import posixpath
import tarfile
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlm_exporter.backup.contents import Entry, is_secret
from rlm_exporter.backup.courier import Courier, Said, Told
from rlm_exporter.backup.members import Member
from rlm_exporter.errors import BackupError

MOST_ENTRIES = 200_000
CHUNK = 1024 * 1024
TAR_CHANGED = 1
"""tar's exit status where a file changed while it was read."""
TAR_FAILED = 2


@dataclass(slots=True)
class Brought:
    """What came of one member."""

    entries: list[Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def collect(
    member: Member,
    courier: Courier,
    folder: Path,
    *,
    paths: Sequence[str],
    logs: bool,
    keys: bool,
    told: Told,
    known: Collection[str] = (),
) -> Brought:
    """Bring these paths into `folder`, each at its place. Raises BackupError where nothing can be brought.

    `logs` are written all the time: that one changed or was rotated away meanwhile is a note, and no fault.
    What is `known`, by its path, is there already, and is not brought a second time.
    """
    brought = Brought()
    listed = [name for name in _list(member, courier, paths, brought) if _path(name) not in known]
    if not listed:
        return brought
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".spool-") as spool:
        names = b"".join(name.encode("utf-8", "surrogateescape") + b"\0" for name in listed)
        changed = _send(member, courier, names, Path(spool.name), told)
        if changed:  # a license file that was just being written is good a moment later
            changed = _send(member, courier, names, Path(spool.name), told)
        (brought.notes if logs else brought.missing).extend(f"{member.name}: {each}" for each in changed)
        _unpack(member, Path(spool.name), folder, brought, keys=keys)
    come = {entry.path for entry in brought.entries} | set(brought.left_out)
    gone = [path for path in map(_path, listed) if path not in come and f"{member.name}:{path}" not in come]
    (brought.notes if logs else brought.missing).extend(
        f"{member.name}: {path} did not come" for path in gone
    )
    return brought


def _list(member: Member, courier: Courier, paths: Sequence[str], brought: Brought) -> list[str]:
    """Names below the member's root, without a slash in front."""
    starts = [posixpath.normpath(member.root + "/" + path) for path in paths]
    said, raw = courier.ask(["find", "-L", *starts, "(", "-type", "f", "-o", "-type", "d", ")", "-print0"])
    if said.status != 0 and not raw and not any(path in line for line in said.errors for path in starts):
        raise BackupError(f"{member.name}: cannot be read: {said.why}")
    for line in said.errors:
        if "loop" in line.lower():
            brought.notes.append(f"{member.name}: a link leads in a circle and was not followed: {line}")
        else:
            brought.missing.append(f"{member.name}: {line.removeprefix('find: ')}")
    root = "" if member.root == "/" else posixpath.normpath(member.root)
    found = [name.decode("utf-8", "surrogateescape") for name in raw.split(b"\0") if name]
    if len(found) > MOST_ENTRIES:
        raise BackupError(f"{member.name}: over {MOST_ENTRIES} files and folders; name less")
    for start in starts:
        told = any(start in line for line in said.errors)
        if not told and not any(name == start or name.startswith(start + "/") for name in found):
            brought.missing.append(f"{member.name}: {start} is neither a file nor a folder")
    return sorted({name.removeprefix(root).lstrip("/") for name in found})


def _send(member: Member, courier: Courier, names: bytes, spool: Path, told: Told) -> tuple[str, ...]:
    """Have it sent; what changed meanwhile is returned. Raises BackupError."""
    words = ["tar", "--create", "--dereference", "--hard-dereference", "--no-recursion", "--null"]
    words += [
        "--verbatim-files-from",
        "--format=pax",
        "--file=-",
        f"--directory={member.root}",
        "--files-from=-",
    ]
    with spool.open("wb") as output:
        said = courier.run(words, output=output, given=names, told=told)
    if said.status == 0:
        return ()
    if said.status == TAR_CHANGED:
        return tuple(line.removeprefix("tar: ") for line in said.errors)
    return _judge(member, said)


def _judge(member: Member, said: Said) -> tuple[str, ...]:
    """Files that vanished or may not be read are found missing later; anything else ends it."""
    vanished = [line for line in said.errors if "Exiting" not in line]
    named = said.status == TAR_FAILED and vanished  # killed, or cut off, it names nothing
    if named and all("Cannot open" in line or "Cannot stat" in line for line in vanished):
        return tuple(line.removeprefix("tar: ") for line in vanished)
    raise BackupError(f"{member.name}: tar failed there: {said.why}")


def _unpack(member: Member, spool: Path, folder: Path, brought: Brought, *, keys: bool) -> None:
    try:
        with tarfile.open(spool, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            for info in archive:
                _take(member, archive, info, folder, brought, keys=keys)
    except (tarfile.TarError, ValueError) as error:
        raise BackupError(f"{member.name}: what came is no whole tar: {error}") from error


def _take(
    member: Member,
    archive: tarfile.TarFile,
    info: tarfile.TarInfo,
    folder: Path,
    brought: Brought,
    *,
    keys: bool,
) -> None:
    path = _path(info.name)
    if ".." in path.split("/"):
        raise BackupError(f"{member.name}: sent {path!r}, which nobody asked for")
    place = folder / (member.key + path)
    if info.isdir():
        place.mkdir(parents=True, exist_ok=True)
        brought.entries.append(_entry(member, info, path, kind="folder"))
        return
    source = archive.extractfile(info) if info.isreg() else None
    if source is None:
        brought.notes.append(f"{member.name}: {path} is neither a file nor a folder and was not saved")
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    digest, size, secret = hashlib.sha256(), 0, is_secret(path, b"")
    before = b""
    with place.open("wb") as target:
        for chunk in iter(lambda: source.read(CHUNK), b""):
            target.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            secret = secret or is_secret(path, before[-100:] + chunk)
            before = chunk
    if size != info.size:
        raise BackupError(f"{member.name}: {path} came with {size} bytes instead of {info.size}")
    if secret and not keys:
        place.unlink()
        brought.left_out.append(f"{member.name}:{path}")
        return
    entry = _entry(member, info, path, kind="file", size=size, sha256=digest.hexdigest(), secret=secret)
    brought.entries.append(entry)


def _path(name: str) -> str:
    return "/" + name.strip("/").removeprefix("./")


def _entry(
    member: Member,
    info: tarfile.TarInfo,
    path: str,
    *,
    kind: str,
    size: int = 0,
    sha256: str = "",
    secret: bool = False,
) -> Entry:
    return Entry(
        member=member.key,
        path=path,
        kind=kind,
        mode=info.mode & 0o7777,
        owner=info.uname or str(info.uid),
        group=info.gname or str(info.gid),
        mtime=int(info.mtime),
        uid=info.uid,
        gid=info.gid,
        size=size,
        sha256=sha256,
        secret=secret,
    )


def sum_of(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
