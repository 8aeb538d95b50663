"""License files on another machine, through the system's sftp: its keys, its known hosts, its ssh_config.

An account that is allowed nothing but sftp is enough; no shell runs on either side.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

from rlm_exporter.errors import SyncError
from rlm_exporter.ssh import OPTIONS
from rlm_exporter.sync.calls import call
from rlm_exporter.sync.local_folder import READABLE
from rlm_exporter.sync.names import Present, arriving, check_name, former, is_loaded, may_be_ours

ECHO = "sftp> "
"""What sftp writes before each command of a batch, which it repeats; not with -q, which would also keep ssh
from saying why it fails."""
LIST = "ls -1a"
GET = ("-get -p *.lic", "-get -p .*.lic", "-get -p *.dat", "-get -p .*.dat")
COMMAND = ("sftp", *OPTIONS)


class SftpFolder:
    """One folder of one machine. Owns nothing between two calls."""

    def __init__(
        self, target: str, folder: str, *, limit: timedelta, command: Sequence[str] = COMMAND
    ) -> None:
        self._target = target
        self._folder = folder
        self._limit = limit
        self._command = tuple(command)
        self._held: dict[str, tuple[bytes, int]] = {}
        """What was read, with the files' permissions."""

    async def read(self) -> Present:
        """Every file that RLM would load."""
        with tempfile.TemporaryDirectory(prefix="rlm-ha-sync-") as place:
            output = await self._batch(f"cd {_quoted(self._folder)}", LIST, *GET, cwd=Path(place))
            self._held = self._fetched(Path(place))
        unread = dict.fromkeys(self._unread(output))
        return {**unread, **{name: data for name, (data, _) in self._held.items()}}

    def _unread(self, output: bytes) -> Iterator[str]:
        """What is there and did not come. It may be no file at all, or one that the account may not read."""
        for listed in _listed(output):
            name, plain = os.fsdecode(listed), os.fsdecode(_unescaped(listed))
            if not is_loaded(name) or name in self._held or plain in self._held:
                continue
            if may_be_ours(name):
                raise self._unreadable(name)
            yield plain

    def _fetched(self, place: Path) -> dict[str, tuple[bytes, int]]:
        found = {}
        for path in place.iterdir():
            try:
                found[path.name] = path.read_bytes(), path.stat().st_mode & 0o777
            except OSError as error:
                raise self._unreadable(path.name) from error
        return found

    def _unreadable(self, name: str) -> SyncError:
        return SyncError(
            f"{self._target}:{self._folder}/{name} cannot be read; is it a file, and readable for the "
            "account that sftp uses?"
        )

    async def put(self, name: str, data: bytes) -> None:
        """Upload it beside the old one and exchange them; the old one is kept under a name of ours."""
        check_name(name)
        held, mode = self._held.get(name, (None, READABLE))
        with tempfile.TemporaryDirectory(prefix="rlm-ha-sync-") as place:
            (Path(place) / "new").write_bytes(data)
            lines = [f"cd {_quoted(self._folder)}"]
            if held is not None:
                (Path(place) / "before").write_bytes(held)
                lines += _upload("before", former(name), mode)
            lines += [*_upload("new", arriving(name), mode), f"rename {arriving(name)} {name}"]
            await self._batch(*lines, cwd=Path(place))
        self._held[name] = data, mode

    async def remove(self, name: str) -> None:
        """Have no such file."""
        check_name(name)
        try:
            await self._batch(f"cd {_quoted(self._folder)}", f"rm {name}", cwd=Path.cwd())
        except SyncError:
            # sftp says "Failure" of a file that was never there too.
            if not await self._lacks(name):
                raise
        self._held.pop(name, None)

    async def _lacks(self, name: str) -> bool:
        """Whether it was seen that there is no such file."""
        try:
            output = await self._batch(f"cd {_quoted(self._folder)}", LIST, cwd=Path.cwd())
            return name.encode() not in _listed(output)
        except SyncError:
            return False

    async def _batch(self, *lines: str, cwd: Path) -> bytes:
        given = "".join(f"{line}\n" for line in lines).encode()
        try:
            return await call(
                [*self._command, "-b", "-", self._target], timeout=self._limit, given=given, cwd=cwd
            )
        except SyncError as error:
            raise SyncError(f"{self._target}:{self._folder}: {error}") from error


def _listed(output: bytes) -> list[bytes]:
    """What stands between the list's own command and the next one; later lines tell of files on their way."""
    lines, prompt = output.split(b"\n"), ECHO.encode()
    asked = prompt + LIST.encode()
    if asked not in lines:
        raise SyncError(f"sftp did not repeat `{LIST}`, so what it said cannot be read; is it OpenSSH's?")
    after = lines[lines.index(asked) + 1 :]
    return list(takewhile(lambda line: not line.startswith(prompt), after))


def _unescaped(listed: bytes) -> bytes:
    """sftp lists letters that its locale has not as `\\303`; the files come under their own names."""
    return re.sub(rb"\\([0-3][0-7]{2})", lambda found: bytes([int(found[1], 8)]), listed)


def _upload(local: str, remote: str, mode: int) -> list[str]:
    """An older one of that name goes first: it may belong to somebody else."""
    return [f"-rm {remote}", f"put -f {local} {remote}", f"chmod {mode:o} {remote}"]


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
