"""The URL of a database: taken apart, and as messages show it."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from rlm_exporter.errors import JournalError

WANTED = "give sqlite:///PATH or postgresql://USER@HOST/DATABASE"
PLACE = frozenset({"host", "port"})
"""What of a query is shown. Passwords may stand in the others."""


def taken_apart(url: str) -> URL:
    """Raises JournalError, which repeats nothing: what cannot be taken apart may have a password anywhere."""
    refusal = f"the journal's address is not a URL; {WANTED}"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise JournalError(refusal) from error
    if "@" in (parsed.host or ""):
        raise JournalError(f"{refusal}, and %40 for an @ in a password")
    return parsed


def shown(url: URL) -> str:
    """Without passwords, wherever they stand."""
    query = {key: value for key, value in url.query.items() if key in PLACE}
    return url.set(query=query).render_as_string(hide_password=True)
