"""RLM's status codes of denials as one word each, for labels: closed, and short enough to read (pure)."""

from collections.abc import Mapping

OTHER = "other"
"""For a code that we do not know."""

ALL_IN_USE = "all_in_use"

WORDS: Mapping[int, str] = {
    -1: "no_product",
    -2: "other_isv",
    -3: "expired",
    -4: "wrong_host",
    -5: "bad_key",
    -6: "version",
    -8: "too_many",
    -10: "excluded_all",
    -11: "excluded",
    -12: "not_included_all",
    -13: "not_included",
    -14: "over_max",
    -15: "removed",
    -16: "bad_response",
    -17: "communication",
    -20: "server_closed",
    -21: "no_heartbeat",
    -22: ALL_IN_USE,
    -24: "timed_out",
    -25: "queued",
    -26: "syntax",
    -27: "roam_too_long",
    -28: "unknown_handle",
    -29: "roam_excluded",
    -30: "roam_not_included",
    -31: "roam_too_many",
    -32: "roam_past_expiry",
    -33: "roam_file",
    -34: "no_roam_license",
    -35: "platform",
    -36: "timezone",
    -37: "not_yet_valid",
    -39: "soft_limit",
    -40: "clock_set_back",
    -42: "roam_on_failover",
    -43: "bad_host",
    -44: "inactive",
    -45: "not_named_user",
    -46: "terminal_server",
}

USUAL = (ALL_IN_USE, "excluded", "not_included", "over_max", "expired", "version")
"""What an administrator's own settings, or a license that ran out, most often lead to."""


def denial_reason(code: int) -> str:
    """The word for RLM's status code."""
    return WORDS.get(code, OTHER)
