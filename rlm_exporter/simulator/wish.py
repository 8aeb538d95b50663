"""What a client asks an ISV server for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """So many seats of a product, of this version or a newer one."""

    product: str
    version: str
    count: int
    user: str
    host: str
    pid: int
    isv_def: str = ""
    last_attempt: bool = True
    """Whether the client has no other server to try; tells a denial from a step on the way."""
