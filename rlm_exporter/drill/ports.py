"""What a drill needs from outside, by shape."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the daemon says of the cluster."""

    active: str | None
    ready: bool
    because: tuple[str, ...]
    """Why it is not ready."""
    standbys: tuple[str, ...]
    """Servers that could take over now, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How a move ended."""

    done: bool
    detail: str


class Mover(Protocol):
    """Moves clients. Blocks; it is called in a thread."""

    def look(self) -> Standing:
        """Who is active, and who could be. Raises ApiError."""
        ...

    def move(self, target: str) -> Moved:
        """Have the clients moved, and wait for the end."""
        ...
