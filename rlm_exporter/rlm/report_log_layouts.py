"""The layouts of a report log's records, as expressions none of which can backtrack (pure).

They are the vendor's documented ones. What is read has a group; what is passed over has only to be there.
"""

import re

_WORD = "([^ ]++)"
_NAME = '([^ "]++|"[^"]*+")'  # a pair of quotes where it is empty
_QUOTED = '"([^"]*+)"'
_PASSED = "[^ ]++"
_PASSED_TEXT = '"[^"]*+"'
_COUNT = "([0-9]{1,9})"
_SIGNED = "([+-]?[0-9]{1,9})"
_HANDLE = "([0-9A-Fa-f]{1,32})"
_DAY = "([0-9]{1,2}/[0-9]{1,2})"
_SECONDS = r"([0-9]{1,2}:[0-9]{2}:[0-9]{2}(?>(?:\.[0-9]{1,9})?))"
_MINUTES = "([0-9]{1,2}:[0-9]{2})"
_TIME = r"([0-9]{1,2}:[0-9]{2}(?>(?::[0-9]{2}(?>(?:\.[0-9]{1,9})?))?))"
_DATE = "([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})"
_DETAILS = f" {_PASSED_TEXT} {_PASSED_TEXT} {_PASSED} {_PASSED}"


def _line(*parts: str) -> re.Pattern[str]:
    """The expression of a line with these parts between blanks."""
    return re.compile(" ".join(parts))


OUT = re.compile(
    " ".join(
        (
            "OUT", _WORD, _WORD, _COUNT, _NAME, _NAME, _QUOTED, _COUNT, _PASSED, _PASSED, _HANDLE, _HANDLE,
            _PASSED, _QUOTED, _PASSED_TEXT, _PASSED_TEXT, _DAY, _SECONDS,
        )
    )
    + f"(?>(?:{_DETAILS}(?>(?: {_PASSED})*))?)"  # detailed tells more, and from 15.0 on the client's address
)  # fmt: skip
OUT_SMALL = _line("OUT", _WORD, _WORD, _NAME, _NAME, _QUOTED, _COUNT, _HANDLE, _HANDLE, _MINUTES)
IN = _line(
    "IN", _COUNT, _WORD, _WORD, _NAME, _NAME, _QUOTED, _COUNT, _PASSED, _PASSED, _HANDLE, _DAY, _SECONDS
)
IN_SMALL = _line("IN", _COUNT, _COUNT, _HANDLE, _MINUTES)
IN_USE = _line(
    "INUSE", _WORD, _WORD, _COUNT, _NAME, _NAME, _QUOTED, _COUNT,
    _HANDLE + f"(?: {_HANDLE})??",  # the share handle came with 12.2
    _PASSED, _DAY, _TIME,
)  # fmt: skip
DENY = _line(
    "DENY", _WORD, _WORD, _NAME, _NAME, _QUOTED, _COUNT, _SIGNED,
    _SIGNED + f"(?: {_PASSED})??",  # newer servers name the process
    _DAY, _TIME,
)  # fmt: skip
QUEUE = re.compile(
    " ".join((f"(?:QUE|DEQUE {_PASSED})", _PASSED, _PASSED, _NAME, _NAME, _QUOTED, _PASSED, _HANDLE))
    + f"(?>(?: {_PASSED_TEXT} {_PASSED_TEXT} {_PASSED_TEXT})?)(?>(?: {_DAY})?) {_TIME}"
)
START = _line("START", _NAME, _DATE, _TIME)
END = _line("END", _DATE, _TIME)
STAMP = _line(_DATE, _TIME)
SHUTDOWN = _line("SHUTDOWN", _NAME, _NAME, _DAY, _TIME)
JUMP = _line("TIMEJUMP", _SIGNED, _DAY, _TIME)
ZONE = re.compile(f"TIMEZONE {_SIGNED}((?>(?: .*+)?))")
SWITCH = _line("SWITCH", "(to|from)", "(.++)")
PRODUCT = re.compile(
    f"PRODUCT {_PASSED} {_PASSED}(?: -?[0-9]++){{4}}(?: {_PASSED_TEXT}){{6}}(?: {_PASSED}){{4}}"
    f"(?>(?:(?: {_PASSED}){{5}}.*+)?)"  # meters came after 8.0
)
LOG = re.compile(f"log {_DAY} {_TIME}(?>(?: .*+)?)")
TIMED = re.compile(f"(?>(?: {_DAY})?) {_TIME}$")
"""How records end of which we read nothing but when they were."""
FORMAT = re.compile(r"RLM Report Log Format ([0-9]{1,3}), version ([^\s,]++)(.*+)")
ISV = re.compile(r"ISV: ([^,]++), RLM version (\S.*+)")

ENDS_IN_SECONDS = re.compile(r":[0-9]{2}:[0-9]{2}(?:\.[0-9]++)?$")
ENDS_IN_FRACTION = re.compile(r":[0-9]{2}\.[0-9]{4}$")
ENDS_IN_DETAILS = re.compile(rf":[0-9]{{2}}\.[0-9]{{4}}{_DETAILS}")
