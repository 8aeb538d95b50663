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
    held: tuple[str, ...] = ()
    """Why nobody should be moved for a drill, though it could be done."""
    moving: str | None = None
    """A move that is under way, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How a move ended."""

    done: bool
    detail: str
    refused: bool = False
    """Whether nothing was begun at all."""


class Mover(Protocol):
    """Moves clients. Blocks; it is called in a thread."""

    def look(self) -> Standing:
        """Who is active, and who could be. Raises ApiError."""
        ...

    def move(self, target: str, *, source: str, reason: str, planned: bool) -> Moved:
        """Have the clients moved if they are at the source, and wait for the end. Raises ApiError.

        A planned move is refused where the source is ill.
        """
        ...
