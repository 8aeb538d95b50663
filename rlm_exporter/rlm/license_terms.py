"""The words that may stand in a license: keywords, counts, platforms, values without their quotes."""

import re
from typing import NamedTuple

from rlm_exporter.rlm.license_values import LicenseKind

LICENSE_KEYWORDS = frozenset(
    {
        "akey",
        "client_cache",
        "contract",
        "customer",
        "disable",
        "hold",
        "host_based",
        "hostid",
        "issued",
        "issuer",
        "max_roam",
        "max_roam_count",
        "max_share",
        "min_checkout",
        "min_remove",
        "min_timeout",
        "named_user",
        "options",
        "platforms",
        "replace",
        "share",
        "sig",
        "soft_limit",
        "start",
        "timezone",
        "token",
        "type",
        "user_based",
    }
)
"""RLM rejects others, apart from `meter_…` and those that begin with `_`, which are the administrator's."""

ISV_KEYWORDS = frozenset({"binary", "options", "port", "password"})
CUSTOMER_KEYWORDS = frozenset({"isv", "server", "port", "password"})

HINTS = {
    "redundant": "RLM has no redundant servers: a vendor grants rlm_failover licenses instead",
    "borrow": "RLM calls it roaming: max_roam=DAYS, with a license for rlm_roam",
    "vendor": "this is FlexLM's; RLM says ISV",
    "increment": "this is FlexLM's; RLM says LICENSE",
    "use_server": "this is FlexLM's; RLM has nothing like it",
}
"""What to say of some words that RLM does not know, in lower case."""

_PLATFORM = re.compile(r"[a-z0-9]++_[a-z][0-9]*+", re.IGNORECASE)
"""A processor, and one letter for the system, such as `x64_l`; a number says which build of it."""
_LONGEST_NUMBER = 15


class Word(NamedTuple):
    """One word as it is written, and its line."""

    text: str
    line: int


def is_license_keyword(name: str) -> bool:
    """Whether RLM knows this keyword of a license; the name in lower case."""
    return name in LICENSE_KEYWORDS or name.startswith(("_", "meter_"))


def unknown_platforms(value: str) -> tuple[str, ...]:
    """Those words of a `platforms=` value that do not have the form of RLM's names."""
    return tuple(word for word in value.split() if not _PLATFORM.fullmatch(word))


def read_count(text: str) -> tuple[LicenseKind | None, int | None]:
    """How a license is counted, and the number of a counted one; (None, None) for what is no count."""
    lowered = text.lower()
    if lowered == "uncounted":
        return LicenseKind.UNCOUNTED, None
    if lowered == "single":
        return LicenseKind.SINGLE, None
    if lowered.startswith("token"):
        return LicenseKind.TOKEN, None
    number = whole_number(text)
    if number is None:
        return None, None
    return (LicenseKind.COUNTED, number) if number else (LicenseKind.UNCOUNTED, None)


def whole_number(text: str) -> int | None:
    """A plain number of a credible size; None for anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_NUMBER:
        return None
    return int(text)


def unquoted(text: str) -> str:
    """A value without the quotes around it, closed or not."""
    return text[1:].removesuffix('"') if text.startswith('"') else text


def shown(text: str, longest: int = 40) -> str:
    """A word as a message quotes it."""
    return repr(text if len(text) <= longest else f"{text[:longest]}…")
