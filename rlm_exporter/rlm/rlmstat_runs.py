"""Reads the long runs of rlmstat's answer, pools and usage lines in their usual form, at full speed.

A server with thousands of pools prints little else. Many lines are matched in one call, and what is not in
the usual form is handed out as it is, for the reader that goes line by line. A frozen dataclass sets its
fields one by one through `object.__setattr__`, which takes longer than all the reading; a twin with the same
slots is filled by plain assignments and then becomes the real class, which halves the whole time.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Protocol

from rlm_exporter.rlm.expiry import parse_expiry
from rlm_exporter.rlm.rlmstat_records import Records
from rlm_exporter.rlm.status import Checkout, Permanent, Pool

_SLICE = 256 * 1024
"""Characters matched at once: the fields of a slice are let go before those of the next are made."""
_POOLS = re.compile(
    r"\t([^\s,:]++) v([^\s,:]++)(?>(?:, pool: ([0-9]{1,15}+))?)\n"
    r"\t\tcount: ([0-9]{1,15}+), # reservations: ([0-9]{1,15}+), inuse: ([0-9]{1,15}+),"
    r" exp: ([0-9A-Za-z-]++)\n"
    r"\t\tobsolete: [0-9]++, min_remove: [0-9]++, total checkouts: ([0-9]{1,15}+)\n"
    r"|(.*+)\n"
)
_USAGE = re.compile(
    r"\t([^\s,:]++) v([^\s,:]++): ([^\s@]*+)@([^\s@()]++) ([0-9]{1,15}+)/([0-9]{1,15}+)"
    r" at ([0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2})  \(handle: ([0-9A-Fa-f]++)\) ?+\n"
    r"|(.*+)\n"
)


class LineReader(Protocol):
    """Who reads what is not in the usual form."""

    records: Records
    """Where all goes; its ISV changes when such a line is a heading."""

    def go_on(self) -> None:
        """What comes now is a record, and no more of an error's text."""
        ...

    def read(self, number: int, line: str) -> None:
        """Take one line, stripped."""


class _PoolDraft:
    """A `Pool` before it is frozen."""

    __slots__ = (
        "count",
        "expires",
        "inuse",
        "isv",
        "pool",
        "product",
        "reservations",
        "token",
        "total_checkouts",
        "uncounted",
        "version",
    )


class _CheckoutDraft:
    """A `Checkout` before it is frozen."""

    __slots__ = ("at", "count", "handle", "host", "isv", "product", "reserved", "user", "version")


def read_pools(text: str, start: int, end: int, number: int, reader: LineReader) -> int:
    """Read from `start` to `end`, which is behind a line feed; `number` is the first line's.

    Returns the number of the line that follows.
    """
    expiries: dict[str, date | Permanent | None] = {}
    records = reader.records
    isv, append = records.isv, records.pools.append
    reader_was_last = True
    for piece_start, piece_end in _slices(text, start, end):
        for product, version, pool, count, reservations, inuse, exp, total, other in _POOLS.findall(
            text, piece_start, piece_end
        ):
            if not product:
                reader.read(number, other.strip())
                isv = records.isv
                reader_was_last = True
                number += 1
                continue
            if reader_was_last:
                reader.go_on()
                reader_was_last = False
            records.close()
            if exp not in expiries:
                expiries[exp] = parse_expiry(exp)
            expires = expiries[exp]
            if expires is None:
                records.warn_of_expiry(number + 1, exp)
            draft: Any = _PoolDraft()
            draft.isv = isv
            draft.product = product
            draft.version = version
            draft.pool = int(pool) if pool else None
            draft.count = int(count)
            draft.reservations = int(reservations)
            draft.inuse = int(inuse)
            draft.expires = expires
            draft.uncounted = False
            draft.token = False
            draft.total_checkouts = int(total)
            draft.__class__ = Pool
            append(draft)
            number += 3
    return number


def read_usage_lines(text: str, start: int, end: int, number: int, reader: LineReader) -> int:
    """As `read_pools`, for usage lines."""
    records = reader.records
    isv, append = records.isv, records.checkouts.append
    reader_was_last = True
    for piece_start, piece_end in _slices(text, start, end):
        for product, version, user, host, count, reserved, at, handle, other in _USAGE.findall(
            text, piece_start, piece_end
        ):
            if not product:
                reader.read(number, other.strip())
                isv = records.isv
                reader_was_last = True
                number += 1
                continue
            if reader_was_last:
                reader.go_on()
                reader_was_last = False
            draft: Any = _CheckoutDraft()
            draft.isv = isv
            draft.product = product
            draft.version = version
            draft.user = user
            draft.host = host
            draft.count = int(count)
            draft.reserved = int(reserved)
            draft.handle = handle
            draft.at = at
            draft.__class__ = Checkout
            append(draft)
            number += 1
    return number


def _slices(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Parts of about one size, each ending behind a line feed."""
    while start < end:
        cut = text.rfind("\n", start, min(start + _SLICE, end)) + 1 or text.find("\n", start, end) + 1
        yield start, cut
        start = cut
