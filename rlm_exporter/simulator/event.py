"""What a simulated client met, as a frozen value and as one JSON line.

All times but `wall` are `time.monotonic()`, which every process of one machine shares.
"""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from rlm_exporter.errors import FormatError


class EventKind(StrEnum):
    """What happened."""

    SESSION = "session"
    """A seat was granted; `started` to `ended` is how long that took, the seat itself goes on."""
    LOST = "lost"
    """A held seat was cut: end of the connection, or a reset. `started` is when it was granted."""
    FAILED = "failed"
    """No seat: refused, reset, or an answer that is an error."""
    DENIED = "denied"
    """No seat: the ISV server said no."""
    STUCK = "stuck"
    """Silence beyond the client's limit: without a seat, or where a held seat's heartbeat found none."""


class ClientKind(StrEnum):
    """Which of the two sorts of clients tells."""

    VISIT = "visit"
    HOLDER = "holder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event with who answered on the main port and on the ISV port; None where nobody did."""

    t: float
    wall: float
    kind: EventKind
    client: ClientKind
    endpoint: str
    """`port@host` that the client was told to use."""
    started: float
    ended: float
    main: str | None = None
    main_started: float | None = None
    main_answered: float | None = None
    isv_server: str | None = None
    isv_started: float | None = None
    isv_answered: float | None = None
    error: str | None = None


def to_line(event: Event) -> str:
    """One JSON line, with its end."""
    return json.dumps(asdict(event)) + "\n"


def from_line(line: str) -> Event:
    """Read one line back; raises FormatError if it is not an event."""
    try:
        fields = json.loads(line)
        fields["kind"] = EventKind(fields["kind"])
        fields["client"] = ClientKind(fields["client"])
        return Event(**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"not an event of a simulated client: {line[:120]!r}") from error
