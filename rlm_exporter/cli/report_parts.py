"""What a report is made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlm_exporter.cli.client import Answer
from rlm_exporter.cli.usage_answers import (
    DenialsAnswer,
    DoubleUseAnswer,
    ExpiringAnswer,
    SessionsAnswer,
    UsageAnswer,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Each part as the daemon answered it."""

    features: Answer[UsageAnswer]
    users: Answer[UsageAnswer]
    groups: Answer[UsageAnswer] | None
    denials: Answer[DenialsAnswer]
    long_sessions: Answer[SessionsAnswer]
    double_use: Answer[DoubleUseAnswer]
    expiring: Answer[ExpiringAnswer]

    def document(self, pictures: tuple[Path, ...]) -> dict[str, Any]:
        """As JSON."""
        return {
            "features": self.features.document,
            "users": self.users.document,
            "groups": None if self.groups is None else self.groups.document,
            "denials": self.denials.document,
            "long_sessions": self.long_sessions.document,
            "double_use": self.double_use.document,
            "expiring": self.expiring.document,
            "pictures": [str(path) for path in pictures],
        }
