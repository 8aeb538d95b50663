"""What a scenario saw, as lines for a person: moments in seconds, and claims that held or did not. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened, in seconds after the fault."""

    at: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something that has to be so for the scenario to have gone well."""

    what: str
    holds: bool
    seen: str
    """The figure, or what was there instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The end of a scenario."""

    moments: tuple[Moment, ...]
    claims: tuple[Claim, ...]

    @property
    def went_well(self) -> bool:
        """Whether every claim holds."""
        return all(claim.holds for claim in self.claims)


def lines(report: Report) -> list[str]:
    """The report as text, in the order of time; no line is wider than 100 columns for usual values."""
    told = [f"  {moment.at:7.2f} s  {moment.what}" for moment in sorted(report.moments, key=lambda m: m.at)]
    claimed = [
        f"  {'ok    ' if claim.holds else 'FAILED'}  {claim.what}: {claim.seen}" for claim in report.claims
    ]
    return ["", "timeline, in seconds after the fault", *told, "", "what had to happen", *claimed, ""]
