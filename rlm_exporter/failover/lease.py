"""What a daemon knows of a cluster's lease. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """A cluster's lease as this daemon knows it."""

    ours: bool
    holder: str | None
    """Who has it, as far as we know; None before the first look."""
    url: str | None
    """Where that one is found, if it says so."""
    remaining: float
    """Seconds for which it is still ours."""
    trouble: str = ""
    """Why it cannot be renewed or taken at the moment."""

    @property
    def why_not_ours(self) -> str:
        """In words, for whoever asks why nothing is done."""
        if self.trouble:
            return f"the lease cannot be renewed: {self.trouble}"
        if self.holder is None:
            return "who may act is not known yet"
        return f"{self.holder} acts for this cluster" + (f" ({self.url})" if self.url else "")
