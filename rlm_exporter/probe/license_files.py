"""Reads the license files of one server: from where they lie, or by a program that fetches one.

Whatever cannot be read is a failure in words, and is not in the reading: what it said before is forgotten.
Files are small, so they are read whole each time and parsed only where their bytes have changed.
"""

import asyncio
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.model import LicenseFetch, LicensePaths
from rlm_exporter.probe import child
from rlm_exporter.probe.aside import Aside
from rlm_exporter.probe.license_reading import LicenseReading, make_reading, short_names
from rlm_exporter.probe.ports import Clock
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_names import is_license
from rlm_exporter.rlm.license_values import LicenseFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What all license files of a server together may cost."""

    bytes: int = 8 * 1024 * 1024
    files: int = 256
    time: timedelta = timedelta(seconds=30)
    """To read them from where they lie; a program that fetches one has its own limit."""


FETCHED = "fetched"
"""What the file is called that a program writes."""

Parse = Callable[[bytes], LicenseFile]
"""Raises FormatError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    digest: bytes
    content: LicenseFile


Found = dict[str, _Kept]
"""Contents by path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    found: Found
    failures: tuple[str, ...]


class LicenseFileReader:
    """Reads what one server's `licenseFiles` names. One reading at a time."""

    def __init__(
        self,
        *,
        source: LicensePaths | LicenseFetch,
        clock: Clock,
        bounds: Bounds | None = None,
        parse: Parse = parse_license_file,
    ) -> None:
        self._source = source
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._parse = parse
        self._aside = Aside[_Outcome]("license files")
        self._kept: Found = {}
        self._before: LicenseReading | None = None

    async def read(self) -> LicenseReading:
        """Read them now; ends within its limit."""
        if isinstance(self._source, LicensePaths):
            outcome = await self._read_paths(self._source.paths)
            names = short_names(tuple(outcome.found))
        else:
            outcome = await self._fetch(self._source)
            names = {FETCHED: FETCHED}
        self._kept = outcome.found
        self._before = make_reading(
            ((names[path], kept.content) for path, kept in outcome.found.items()),
            failures=outcome.failures,
            at=self._clock.now(),
            before=self._before,
        )
        return self._before

    async def _read_paths(self, paths: tuple[str, ...]) -> _Outcome:
        bounds, kept = self._bounds, self._kept
        try:
            return await self._aside.run(
                lambda: _parse_all(_read_all(paths, bounds), kept, self._parse), limit=bounds.time
            )
        except TimeoutError:
            limit = bounds.time.total_seconds()
            text = f"{', '.join(paths)}: not read within {limit:g} s; is it on a dead NFS?"
            return _Outcome(found={}, failures=(text,))

    async def _fetch(self, fetch: LicenseFetch) -> _Outcome:
        output = await _output(fetch, self._bounds.bytes)
        if isinstance(output, str):
            return _Outcome(found={}, failures=(output,))
        return await asyncio.to_thread(_parse_all, {FETCHED: output}, self._kept, self._parse)


async def _output(fetch: LicenseFetch, most: int) -> bytes | str:
    """What the program wrote, or what went wrong in words."""
    program, limit = fetch.command[0], fetch.timeout
    try:
        ended = await child.run(
            fetch.command, cwd=Path.cwd(), environment=os.environ, timeout=limit, limit=most
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        why = (error.strerror if isinstance(error, OSError) else None) or error
        return f"{program} cannot be started: {why}"
    match ended.cut:
        case child.Cut.TIMEOUT:
            return f"{program} did not end within {limit.total_seconds():g} s and was killed"
        case child.Cut.OVERFLOW:
            return f"{program} wrote more than {most} bytes and was killed"
    if ended.status != 0:
        told = ended.errors[-500:].decode("utf-8", "replace").strip()
        return f"{program} ended with {ended.status}" + (f": {told}" if told else "")
    return ended.output


def _read_all(paths: tuple[str, ...], bounds: Bounds) -> Mapping[str, bytes | str]:
    """The bytes of each file, or in words why not. Blocks; for a thread."""
    read: dict[str, bytes | str] = {}
    room = bounds.bytes
    for place in paths:
        files = _files(Path(place))
        if isinstance(files, str):
            read[place] = f"{place}: {files}"
            continue
        for file in files:
            if len(read) == bounds.files:
                read[""] = f"{file} and what follows: there are more than {bounds.files} license files"
                return read
            data = read[str(file)] = _bytes_of(file, room)
            room -= len(data) if isinstance(data, bytes) else 0
    return read


def _files(place: Path) -> tuple[Path, ...] | str:
    """The files of a folder as rlm takes them, or the file itself; why not, in words."""
    try:
        if not place.is_dir():
            return (place,)
        found = tuple(sorted(file for file in place.iterdir() if is_license(file.name)))
    except (OSError, ValueError) as error:
        return _why(error)
    return found or "the folder holds no *.lic"


def _bytes_of(file: Path, room: int) -> bytes | str:
    """What stands in the file, or why that cannot be read."""
    try:
        # Not to wait for a writer, should it be a pipe.
        with open(file, "rb", opener=_open_at_once) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return f"{file}: is no file"
            data = stream.read(room + 1)
    except (OSError, ValueError) as error:
        return f"{file}: {_why(error)}"
    return data if len(data) <= room else f"{file}: too large; {room} bytes are left of what may be read"


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _parse_all(read: Mapping[str, bytes | str], kept: Found, parse: Parse) -> _Outcome:
    found: Found = {}
    failures: list[str] = []
    for path, data in read.items():
        if isinstance(data, str):
            failures.append(data)
            continue
        digest = blake2b(data, digest_size=16).digest()
        before = kept.get(path)
        if before is not None and before.digest == digest:
            found[path] = before
            continue
        try:
            found[path] = _Kept(digest=digest, content=_parsed(data, parse))
        except FormatError as error:
            failures.append(f"{path}: {error}")
    return _Outcome(found=found, failures=tuple(failures))


def _parsed(data: bytes, parse: Parse) -> LicenseFile:
    content = parse(data)
    if not any(_statements(content)):
        raise FormatError("holds no statement of a license file")
    return content


def _statements(content: LicenseFile) -> Iterator[object]:
    for kind in (content.hosts, content.isvs, content.licenses, content.upgrades, content.customers):
        yield from kind


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
