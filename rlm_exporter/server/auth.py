"""Who may do what. Tokens are kept as hashes and compared in constant time.

The tokens file has a line per token: `NAME ROLE SHA256`, where ROLE is viewer, operator or shipper and SHA256
is the hash of the token in hexadecimal (`printf %s TOKEN | sha256sum`). `#` begins a comment.
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.errors import ConfigurationError


class Role(StrEnum):
    """What a token is good for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    """Reads too."""
    SHIPPER = "shipper"
    """Report logs from a license host and nothing else."""
    WEBHOOK = "webhook"
    """Alertmanager's deliveries and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token that we know, by its hash."""

    name: str
    role: Role
    sha256: str


def parse_tokens(text: str, *, source: str) -> tuple[Token, ...]:
    """Read a tokens file; raises ConfigurationError with the line, and never shows what stands there."""
    tokens = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 3:
            raise ConfigurationError(f"{source}:{number}: expected NAME ROLE SHA256")
        name, role, digest = words
        if role not in {Role.VIEWER, Role.OPERATOR, Role.SHIPPER}:
            raise ConfigurationError(f"{source}:{number}: the role is none of viewer, operator, shipper")
        if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest.lower()):
            raise ConfigurationError(
                f"{source}:{number}: not a SHA-256 in hexadecimal; `printf %s TOKEN | sha256sum` makes one"
            )
        tokens.append(Token(name=name, role=Role(role), sha256=digest.lower()))
    if not tokens:
        raise ConfigurationError(f"{source}: there is no token in it; without the file everything is open")
    return tuple(tokens)


def webhook_token(secret: str) -> Token:
    """The webhook's token, from its secret."""
    return Token(name="alertmanager", role=Role.WEBHOOK, sha256=_digest(secret))


def who(authorization: str, tokens: tuple[Token, ...]) -> Token | None:
    """The token of an Authorization header; None for no or another one. Looks at all of them, always."""
    scheme, _, secret = authorization.partition(" ")
    digest = _digest(secret.strip())
    found = None
    for token in tokens:
        if hmac.compare_digest(token.sha256, digest):
            found = token
    return found if scheme.lower() == "bearer" and secret.strip() else None


def may(token: Token, needed: Role) -> bool:
    """Whether a token is good for what a request needs."""
    if needed is Role.VIEWER:
        return token.role in {Role.VIEWER, Role.OPERATOR}
    if needed is Role.SHIPPER:
        return token.role in {Role.SHIPPER, Role.OPERATOR}
    return token.role is needed


def _digest(secret: str) -> str:
    # A header may hold bytes that are no text; they arrive as surrogates.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
