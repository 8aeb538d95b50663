"""What a backup is made of, as frozen values. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

TIMEOUT = timedelta(minutes=2)
LARGEST_MB = 4096


class Role(StrEnum):
    """What a member is; the folder of its files in a backup."""

    SERVER = "servers"
    BALANCER = "balancers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One machine: how programs are run there, and what of it is saved."""

    role: Role
    name: str
    ssh: str | None
    """A destination of the system's ssh; None with no command = this machine."""
    command: tuple[str, ...]
    """A program that runs, on that machine, the words that follow its own arguments."""
    root: str
    """Below which all its paths are; `/` but for mounted images and chroots."""
    paths: tuple[str, ...]
    logs: tuple[str, ...]
    """Saved on request alone."""
    mounts: tuple[str, ...] = ()
    """What has to be mounted before its license server starts."""
    start: tuple[str, ...] = ()
    """Starts its license server."""
    check: tuple[str, ...] = ()
    """Judges a balancer's configuration."""
    reload: tuple[str, ...] = ()
    """Makes a balancer read it."""
    server: str = ""
    """What the manifest calls this license server, where that is another name."""

    @property
    def called(self) -> str:
        """Its name in the manifest: by it the daemon and rlmutil are asked."""
        return self.server or self.name

    @property
    def key(self) -> str:
        """Its folder in a backup."""
        return f"{self.role.value}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings:
    """One document of kind Backup."""

    cluster: str
    source: str
    into: str
    members: tuple[Member, ...]
    """Servers first, each kind in the order of the file."""
    keep_count: int | None = None
    keep_age: timedelta | None = None
    timeout: timedelta = TIMEOUT
    """Of each program that is run at a member."""
    largest: int = LARGEST_MB * 1_000_000
    """Bytes that one member may send."""
    store: str | None = None
    """The journal's database, as the daemon's settings have it."""

    def of(self, role: Role) -> tuple[Member, ...]:
        """The members of one kind."""
        return tuple(member for member in self.members if member.role is role)
