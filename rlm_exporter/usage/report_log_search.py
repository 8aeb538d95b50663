"""Finds a log again that got another name, and the file that comes after one."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

from rlm_exporter.rlm.report_log_place import Candidate, LogHead, TailPosition, next_log
from rlm_exporter.usage.report_log_files import OpenFile, identity_of, open_siblings


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file to go on with."""

    name: Path
    """Where its server writes, or wrote."""
    path: Path
    offset: int = 0
    is_old: bool = False
    """Whether it lies between others, so that nobody writes to the one before any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The file that was read."""

    name: Path
    """Where its server writes, or wrote."""
    file: OpenFile


def find_again(place: TailPosition, *, home: Path) -> Again | None:
    """The file that holds what was read, whatever it is called now.

    It may be at `home`, where the log is said to be, and not where it was: then somebody has moved it, or
    mounted it elsewhere. What he may have left behind at the old place does not grow.
    """
    was = Path(place.name)
    at_home = home, _opened(home)
    places = [at_home, (was, _named_and_siblings(was)), (home, open_siblings(home))]
    if not place.offset:  # nothing was read that would tell two files of one minute apart
        places = [*places[1:], at_home]
    for name, files in places:
        for file in files:
            if _is_place(file, place):
                return Again(name=name, file=OpenFile(file.path))
    return None


def find_copy(place: TailPosition) -> OpenFile | None:
    """Another file that holds what was read: logrotate makes one before it cuts a log."""
    for file in open_siblings(Path(place.name)):
        if file.identity.inode != place.inode and _is_place(file, place):
            return OpenFile(file.path)
    return None


def find_next(
    place: TailPosition, file: OpenFile | None, *, home: Path, switched_to: str | None
) -> Found | None:
    """The file that goes on where this one ends; None while there is none.

    Without `file`, what was read is gone. `home` is where the server begins to write when it starts.
    """
    name = Path(place.name)
    was_replaced = identity_of(name) not in {None, file and file.identity}
    after = _read(place, file)
    candidates: dict[Candidate, Found] = {}
    for path in dict.fromkeys((name, *_switch_targets(name, switched_to), home)):
        written = _others_at(path, place, file)
        candidates |= {each: Found(name=path, path=path) for each in written}
        if path == name:
            was_rotated = was_replaced or file is None
        else:
            was_rotated = path != home or next_log(after, written) is not None
        if was_rotated:
            candidates |= _rotated(path, place)
    chosen = next_log(after, candidates)
    if chosen is not None:
        return candidates[chosen]
    return Found(name=name, path=name) if was_replaced and name.stat().st_size else _left(place)


def _others_at(path: Path, place: TailPosition, file: OpenFile | None) -> list[Candidate]:
    """What is written under that name, unless it is what was read."""
    known = None if file is None else file.identity
    return [_candidate(place, each) for each in _opened(path) if each.identity != known]


def _rotated(name: Path, place: TailPosition) -> dict[Candidate, Found]:
    return {
        _candidate(place, each): Found(name=name, path=each.path, is_old=True) for each in open_siblings(name)
    }


def _left(place: TailPosition) -> Found | None:
    """The log from which the server had switched, if it writes there again."""
    left = place.left
    if left is None:
        return None
    for file in _opened(Path(left.name)):
        if file.size() > left.offset and _is_place(file, left):
            return Found(name=file.path, path=file.path, offset=left.offset)
    return None


def _read(place: TailPosition, file: OpenFile | None) -> Candidate:
    """What was read, to be compared; where its beginning is not known, its newest moment will do."""
    head = LogHead() if file is None else file.head()
    head = replace(head, begins=place.begins or place.dated)
    changed = 0 if file is None else file.changed_ns()
    return Candidate(path=place.name, head=head, changed_ns=changed, first=place.first)


def _candidate(place: TailPosition, file: OpenFile) -> Candidate:
    return Candidate(
        path=str(file.path), head=file.head(), changed_ns=file.changed_ns(), first=file.first(place.offset)
    )


def _is_place(file: OpenFile, place: TailPosition) -> bool:
    same = file.identity.device == place.device and file.identity.inode == place.inode
    if place.offset == 0 and not same:
        return place.begins is not None and file.head().begins == place.begins
    if not file.holds(offset=place.offset, first=place.first, last=place.last):
        return False
    return place.begins is None or file.head().begins == place.begins


def _named_and_siblings(name: Path) -> Iterator[OpenFile]:
    yield from _opened(name)
    yield from open_siblings(name)


def _opened(path: Path) -> Iterator[OpenFile]:
    """That file, if there is one; closed after its turn."""
    try:
        file = OpenFile(path)
    except FileNotFoundError:
        return
    try:
        yield file
    finally:
        file.close()


def _switch_targets(name: Path, target: str | None) -> Iterator[Path]:
    """As the server named it, and under that name beside the log, should its folder be another one there."""
    if target is not None:
        names = (name.parent / target, name.parent / PureWindowsPath(target).name)
        yield from (each for each in names if _may_be_log(each))


def _may_be_log(path: Path) -> bool:
    """A log may name anything, a folder or what no path can be; a file that is not ours to see is one."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
