"""What a restore needs from outside, by shape."""

from typing import Protocol


class World(Protocol):
    """License servers as clients see them, the daemon, and the drill."""

    def serving(self) -> dict[str, bool]:
        """By server: whether its rlm and its ISV servers answer now."""
        ...

    def active(self) -> str | None:
        """Who is active by the daemon; None where it does not know or is not there."""
        ...

    def knows_cluster(self) -> bool | None:
        """Whether the daemon looks after the cluster; None where it does not answer."""
        ...

    def deploy(self, manifest: str) -> None:
        """Have it look after it. Raises ApiError."""
        ...

    def maintain(self, server: str, *, enable: bool) -> bool:
        """Have clients kept from a server, or no longer; False where the daemon cannot or will not."""
        ...

    def drill(self) -> tuple[str, ...]:
        """The names of the checks that failed."""
        ...
