"""License files on another machine, through the system's sftp: its keys, its known hosts, its ssh_config.

An account that is allowed nothing but sftp is enough; no shell runs on either side.
"""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

from rlm_exporter.errors import SyncError
from rlm_exporter.ssh import OPTIONS
from rlm_exporter.sync.calls import call
from rlm_exporter.sync.local_folder import READABLE
from rlm_exporter.sync.names import arriving, check_name, former, is_loaded

ECHO = "sftp> "
"""What sftp writes before each command of a batch, which it repeats; not with -q, which would also keep ssh
from saying why it fails."""
LIST = "ls -1"
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

    async def read(self) -> Mapping[str, bytes]:
        """Every file that RLM would load."""
        with tempfile.TemporaryDirectory(prefix="rlm-ha-sync-") as place:
            output = await self._batch(
                f"cd {_quoted(self._folder)}", LIST, "-get -p *.lic", "-get -p *.dat", cwd=Path(place)
            )
            names = sorted(name for name in _listed(output.decode("utf-8", "replace")) if is_loaded(name))
            self._held = {name: self._fetched(Path(place) / name) for name in names}
        return {name: data for name, (data, _) in self._held.items()}

    def _fetched(self, path: Path) -> tuple[bytes, int]:
        try:
            return path.read_bytes(), path.stat().st_mode & 0o777
        except OSError as error:
            raise SyncError(
                f"{self._target}:{self._folder}/{path.name} cannot be read; is it a file, and readable for "
                "the account that sftp uses?"
            ) from error

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
        await self._batch(f"cd {_quoted(self._folder)}", f"rm {name}", cwd=Path.cwd())
        self._held.pop(name, None)

    async def _batch(self, *lines: str, cwd: Path) -> bytes:
        given = "".join(f"{line}\n" for line in lines).encode()
        try:
            return await call(
                [*self._command, "-b", "-", self._target], timeout=self._limit, given=given, cwd=cwd
            )
        except SyncError as error:
            raise SyncError(f"{self._target}:{self._folder}: {error}") from error


def _listed(output: str) -> list[str]:
    """What stands between the list's own command and the next one; later lines tell of files on their way."""
    lines = [line.strip() for line in output.splitlines()]
    if f"{ECHO}{LIST}" not in lines:
        raise SyncError(f"sftp did not repeat `{LIST}`, so what it said cannot be read; is it OpenSSH's?")
    after = lines[lines.index(f"{ECHO}{LIST}") + 1 :]
    return list(takewhile(lambda line: not line.startswith(ECHO), after))


def _upload(local: str, remote: str, mode: int) -> list[str]:
    """An older one of that name goes first: it may belong to somebody else."""
    return [f"-rm {remote}", f"put -f {local} {remote}", f"chmod {mode:o} {remote}"]


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
