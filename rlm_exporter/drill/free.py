"""What `rlmutil rlmstat -avail` says of one product. Pure.

The layout of its lines is documented nowhere, so little is asked of it: a line that names the product and
a number that is no version.
"""

import re

_VERSION = re.compile(r"\bv[0-9][0-9A-Za-z.]*", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.@:])[0-9]+(?![\w.@:])")
_UNLIMITED = re.compile(r"\b(?:uncounted|unlimited)\b", re.IGNORECASE)


def free_seats(text: str, product: str) -> int | None:
    """How many seats are free by these lines; None where none of them says it. Uncounted ones are 1."""
    named = re.compile(rf"(?<![\w.-]){re.escape(product)}(?![\w.-])", re.IGNORECASE)
    found: list[int] = []
    for line in text.splitlines():
        if not named.search(line):
            continue
        rest = _VERSION.sub(" ", named.sub(" ", line))
        if _UNLIMITED.search(rest):
            found.append(1)
        elif numbers := _NUMBER.findall(rest):
            found.append(int(numbers[-1]))
    return sum(found) if found else None
