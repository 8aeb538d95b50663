"""Whether a license server serves: a yes, a no that is proven, or neither."""

from dataclasses import dataclass
from enum import StrEnum


class Serves(StrEnum):
    """What is known of one license server."""

    YES = "yes"
    """Its rlm and all its ISV servers answer."""
    PARTLY = "partly"
    """Its rlm answers, and not every ISV server."""
    NO = "no"
    """Nothing listens at its port."""
    UNKNOWN = "unknown"
    """Slow, out of reach, or not to be understood: clients may be at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The answer of one server."""

    serves: Serves
    detail: str = ""
    """Why it is no clear one, for a person."""
