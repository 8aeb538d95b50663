"""Names of users and hosts as they are stored (pure)."""

import hashlib
import hmac
from dataclasses import replace
from typing import TypeVar

from rlm_exporter.manifest.model import Privacy
from rlm_exporter.store.usage_records import Denied, Opened, Told, UsageChange, UsageSession

Named = TypeVar("Named", UsageSession, Denied)

LETTERS = 16
"""Of a pseudonym: enough that no two of a million names are one."""
SHORTEST_KEY = 16
"""Bytes; from a shorter secret names could be found by trying."""


class Veil:
    """Replaces names, or leaves them out; the same name always gets the same pseudonym."""

    def __init__(self, privacy: Privacy, *, key: bytes = b"") -> None:
        """`key` is the secret of pseudonyms: who has it can find names out by trying them."""
        if privacy is Privacy.HASH and len(key) < SHORTEST_KEY:
            raise ValueError("the secret of pseudonyms is too short")
        self._privacy = privacy
        self._key = key

    def __call__(self, change: UsageChange) -> UsageChange:
        """The change as it may be stored."""
        if self._privacy is Privacy.NONE or not isinstance(change, Opened):
            return change
        return Opened(session=self.veiled(change.session))

    def told(self, told: Told) -> Told:
        """The same of what a report log tells."""
        return replace(told, session=self.veiled(told.session))

    def veiled(self, named: Named) -> Named:
        """With the names that it may be stored under."""
        if self._privacy is Privacy.NONE:
            return named
        return replace(named, user=self._name("user", named.user), host=self._name("host", named.host))

    def _name(self, kind: str, name: str | None) -> str | None:
        if name is None or self._privacy is Privacy.FULL:
            return None
        # RLM compares names regardless of case.
        told = f"{kind}:{name.casefold()}".encode("utf-8", "replace")
        return f"{kind}-{hmac.new(self._key, told, hashlib.sha256).hexdigest()[:LETTERS]}"
