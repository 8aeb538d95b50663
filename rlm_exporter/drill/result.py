"""What a drill found, as values, and as the XML that build servers read. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from xml.etree import ElementTree as ET


class Kind(StrEnum):
    """What is looked at."""

    CONNECTIVITY = "connectivity"
    WEB = "web"
    BALANCER = "balancer"
    CAPABILITY = "capability"
    """Whether seats are free; no seat is taken for it."""
    CHECKOUT = "checkout"
    """A seat that was really taken, by a program of the site's."""
    FAILOVER = "failover"
    RETURN = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    kind: Kind
    subject: str
    passed: bool
    detail: str
    seconds: float
    """How long the looking took."""
    without_service: float | None = None
    """Of a move: the longest that a client waited for an answer meanwhile; None where it never got one."""

    @property
    def name(self) -> str:
        """What it is called in lists of what failed."""
        return f"{self.kind} {self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """All of one drill."""

    cluster: str
    findings: tuple[Finding, ...]
    refused: str | None = None
    """Why clients were not moved, where that was asked for."""
    stopped: str | None = None
    """Who or what ended it early, and where clients are then."""

    @property
    def passed(self) -> bool:
        """Whether everything that was asked for was done and went well."""
        return self.ended_early is None and all(finding.passed for finding in self.findings)

    @property
    def ended_early(self) -> str | None:
        """Why not everything was done."""
        return self.refused if self.refused is not None else self.stopped

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of what failed."""
        return tuple(finding.name for finding in self.findings if not finding.passed)


def to_document(drill: Drill) -> dict[str, Any]:
    """For JSON."""
    return {
        "cluster": drill.cluster,
        "passed": drill.passed,
        "refused": drill.refused,
        "stopped": drill.stopped,
        "failed": list(drill.failed),
        "checks": [
            {
                "kind": finding.kind.value,
                "subject": finding.subject,
                "passed": finding.passed,
                "detail": finding.detail,
                "seconds": round(finding.seconds, 3),
                **(
                    {"without_service_seconds": _rounded(finding.without_service)}
                    if finding.kind in {Kind.FAILOVER, Kind.RETURN}
                    else {}
                ),
            }
            for finding in drill.findings
        ],
    }


def to_junit(drill: Drill) -> str:
    """A JUnit document: one test case a finding; a drill that was refused or stopped has an error more."""
    early = drill.ended_early
    suite = ET.Element(
        "testsuite",
        name=f"rlm-ha drill {drill.cluster}",
        tests=str(len(drill.findings) + (early is not None)),
        failures=str(len(drill.failed)),
        errors=str(int(early is not None)),
        time=f"{sum(finding.seconds for finding in drill.findings):.3f}",
    )
    for finding in drill.findings:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=finding.kind.value,
            name=finding.subject,
            time=f"{finding.seconds:.3f}",
        )
        if not finding.passed:
            ET.SubElement(case, "failure", type=finding.kind.value, message=_clean(finding.detail))
    if early is not None:
        name = "stopped" if drill.refused is None else "refused"
        case = ET.SubElement(suite, "testcase", classname=Kind.FAILOVER.value, name=name, time="0")
        ET.SubElement(case, "error", type=name, message=_clean(early))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def worst_wait(samples: Sequence["Sample"]) -> float | None:
    """The longest that a client would have waited, whenever it came; None where one got no answer at all.

    A client goes on asking until it is answered, so each sample waits for the first answer at the same
    place to one that began no earlier than itself.
    """
    waits = []
    for sample in samples:
        answered = [
            other.ended
            for other in samples
            if other.answered and other.at == sample.at and other.began >= sample.began
        ]
        if not answered:
            return None
        waits.append(min(answered) - sample.began)
    return max(waits, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One probe client: where it asked, when it came and went by the monotonic clock."""

    at: str
    began: float
    ended: float
    answered: bool


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _clean(text: str) -> str:
    """XML has no way to write most control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
