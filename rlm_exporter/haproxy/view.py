"""What we want of a balancer (`Desired`) and what it says is so (`BalancerView`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class AdminState(StrEnum):
    """HAProxy's administrative state of a server line."""

    READY = "ready"
    DRAIN = "drain"
    MAINT = "maint"
    """Ours to set and to lift; also shown as `MAINT (via backend/server)` on lines that track another."""
    UNRESOLVED = "unresolved"
    """`MAINT (resolution)`: its name does not resolve. `ready` does not lift it, and it hides a pin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """One server of one backend, as the stats page's CSV has it."""

    backend: str
    server: str
    server_id: int
    status: str
    """HAProxy's text, unchanged: `UP`, `UP 1/3`, `DOWN`, `no check`, `MAINT` …"""
    admin: AdminState
    is_up: bool
    """Whether HAProxy would send a connection there."""
    sessions: int
    """Open sessions in the current worker; those from before a reload are not in it."""
    sessions_total: int
    bytes_out: int
    """Bytes sent to clients; with `option contstats` up to 5 s late, without it at a session's end."""
    backup: bool
    address: str | None = None
    """Where connections go, `ADDRESS:PORT`; None where the page does not tell (`stats show-legends`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the controller wants of every balancer. The store holds it, nothing beside HAProxy."""

    epoch: int
    active: str | None
    """None = nobody in particular: HAProxy chooses among those that are not pinned."""
    pinned: frozenset[str] = frozenset()
    """Servers held in MAINT until we say otherwise: the active one is never among them. That every other
    server is held for some seconds after a move is the balancer's own business and not told here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerView:
    """One reading of one balancer."""

    balancer: str
    read_at: datetime
    epoch: int | None
    """The highest epoch this worker has accepted; None in a fresh worker, which is how a reload shows."""
    pid: int | None
    active: str | None
    """The server that the stick table names; None while the table is empty. It changes with the first
    connection after a move, not with the command."""
    lines: tuple[ServerLine, ...]
    """The license backend's servers, then those of each ISV backend."""
    unknown_servers: frozenset[str] = frozenset()
    """Names of ours that HAProxy does not know in some backend: the cluster is not ready."""
    web_differs: str | None = None
    """Why the web port cannot be leading to the active server, where it should; it holds up no move."""

    def license_line(self, server: str) -> ServerLine | None:
        """The server's line in the license backend (the first one), if HAProxy knows it."""
        for line in self.lines:
            if line.server == server:
                return line
        return None

    def of(self, server: str) -> tuple[ServerLine, ...]:
        """All lines of one server, license backend first."""
        return tuple(line for line in self.lines if line.server == server)

    @property
    def pinned(self) -> frozenset[str]:
        """Servers whose license line is in MAINT by somebody's hand."""
        return self._in({AdminState.MAINT})

    @property
    def withdrawn(self) -> frozenset[str]:
        """Servers whose license line somebody's hand keeps from new clients: MAINT or DRAIN."""
        return self._in({AdminState.MAINT, AdminState.DRAIN})

    @property
    def unresolved(self) -> frozenset[str]:
        """Servers whose name HAProxy cannot resolve; whether they are pinned too does not show."""
        return self._in({AdminState.UNRESOLVED})

    def _in(self, states: set[AdminState]) -> frozenset[str]:
        first = self.lines[0].backend if self.lines else None
        return frozenset(line.server for line in self.lines if line.backend == first and line.admin in states)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerReading:
    """The newest of a balancer: a view, or why there is none. An old view is never kept as a new one."""

    balancer: str
    at: datetime
    view: BalancerView | None
    error: str | None = None
    refuses: str | None = None
    """Why it takes no commands from us although it can be read; None where it does, or was not asked yet."""
    masters: tuple[int, ...] = ()
    """Worker processes that answer in turns: two HAProxy run on the same address. Empty when all is well."""

    @property
    def steerable(self) -> bool:
        """Whether it can be read, knows all our servers by name, and has not refused a command."""
        return self.view is not None and not self.view.unknown_servers and self.refuses is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a server did at the balancers between two readings, summed over its lines."""

    arrived: int
    """Connections that were sent there."""
    bytes_out: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OldWorker:
    """A worker that a reload has left behind with its sessions."""

    since: datetime
    """When the reload was seen."""
    left: timedelta | None
    """How long until `hard-stop-after` cuts them; None = they end by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerNames:
    """How a cluster is called in one HAProxy."""

    license_backend: str
    isv_backends: Mapping[str, str] = field(default_factory=dict)
    web_backend: str | None = None
    """Where the web port follows the active server; None where it does not."""
    servers: tuple[str, ...] = ()
