"""What was seen of one case, as frozen values. Moments are `time.monotonic()`, the same for all processes."""

from dataclasses import dataclass
from math import inf

from rlm_exporter.simulator.event import Event

ADOPTION_LAG = 12.0
"""Seconds: HAProxy may move by itself, and its row may come so much later."""

SOON = 15.0
"""Seconds within which a balancer has to be as wanted: five for which a move holds the others, a turn of the
loop, a look at each server, and as long again for the machine."""

FOUND = frozenset({"first_start", "resync"})
"""Kinds of operations that move nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A part that was ill: a server, a balancer, or whatever else the case took away."""

    part: str
    since: float
    until: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """The journal's word that balancers are about to be steered to `target`."""

    target: str
    epoch: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One operation of the journal."""

    id: int
    kind: str
    rule: str
    state: str
    trigger: str
    source: str | None
    target: str
    epoch: int
    started: float
    ended: float | None
    committed: float | None
    applies: tuple[Apply, ...] = ()

    @property
    def is_automatic(self) -> bool:
        """Whether the controller itself moved the record."""
        return self.trigger != "operator" and self.kind not in FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A span in which nothing automatic may begin: a "pause" or a "cooldown"."""

    kind: str
    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the daemon wants of every balancer, with the servers that it knows as up."""

    active: str
    epoch: int
    pinned: frozenset[str]
    up: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """What one balancer says of itself."""

    balancer: str
    pid: int | None
    active: str | None
    epoch: int | None
    held: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The daemon and every balancer that answered, at one moment."""

    t: float
    active: str | None
    """The committed one; None while the daemon does not answer or does not know."""
    epoch: int | None
    wish: Wish | None
    balancers: tuple[Steered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The longest time without service that is right between two moments."""

    seconds: float
    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A seat that a server gave, by its own ledger."""

    server: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that was seen of one case."""

    events: tuple[Event, ...] = ()
    seats: tuple[Seat, ...] = ()
    rows: tuple[Row, ...] = ()
    """Oldest first."""
    rests: tuple[Rest, ...] = ()
    looks: tuple[Look, ...] = ()
    faults: tuple[Fault, ...] = ()
    budgets: tuple[Budget, ...] = ()
    restored: tuple[float, ...] = ()
    """When somebody put an older store in the place of ours: the record may then fall back."""
    soon: float = SOON
    lag: float = ADOPTION_LAG
