"""The master files: one folder, with a folder of a server's own files where a vendor issued one for each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from rlm_exporter.errors import SyncError
from rlm_exporter.sync.local_folder import MOST_BYTES
from rlm_exporter.sync.names import check_name, is_meant_so


@dataclass(frozen=True, slots=True, kw_only=True)
class Masters:
    """What the servers are to have, by the names of files."""

    shared: Mapping[str, bytes]
    own: Mapping[str, Mapping[str, bytes]]
    """By server; such a file stands in place of the shared one of its name."""

    def of(self, server: str) -> dict[str, bytes]:
        """All that one server is to have."""
        return {**self.shared, **self.own.get(server, {})}

    def is_shared(self, server: str, name: str) -> bool:
        """Whether this server's file is everybody's."""
        return name not in self.own.get(server, {})


def read_masters(folder: Path, *, servers: Collection[str]) -> Masters:
    """Read them. Raises SyncError with what to do."""
    try:
        entries = sorted(folder.iterdir())
        shared = _files(folder)
        own = {each.name: _files(each) for each in entries if each.is_dir() and not each.name.startswith(".")}
    except OSError as error:
        raise SyncError(f"{error.filename or folder}: {error.strerror or error}") from error
    strangers = sorted(own.keys() - set(servers))
    if strangers:
        raise SyncError(
            f"{folder / strangers[0]}: there is no server of that name; the servers are {', '.join(servers)}"
        )
    if not shared and not any(own.values()):
        raise SyncError(f"{folder}: there is no *.lic; put the license files as the vendors sent them there")
    return Masters(shared=shared, own=own)


def _files(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.iterdir()):
        if not is_meant_so(path.name) or path.name.startswith(".") or path.is_dir():
            continue
        check_name(path.name)
        if path.stat().st_size > MOST_BYTES:
            raise SyncError(f"{path}: is larger than {MOST_BYTES // 1024 // 1024} MiB")
        found[path.name] = path.read_bytes()
    return found
