"""Pools and usage lines of rlmstat, read one line at a time by their shape, and what could not be read."""

from dataclasses import replace

from rlm_exporter.rlm.expiry import parse_expiry
from rlm_exporter.rlm.rlmstat_lines import PoolHead, number, read_fields, read_pool_head, read_usage
from rlm_exporter.rlm.status import Checkout, Pool, ReadWarning

_LONGEST_TEXT = 200
_MOST = 1000


class Warnings:
    """Lines that could not be read; beyond a thousand they are counted only."""

    def __init__(self) -> None:
        self._kept: list[ReadWarning] = []
        self._unsaid = 0

    def add(self, line: int, text: str) -> None:
        """One more, with its line (from 1)."""
        if len(self._kept) < _MOST:
            self._kept.append(ReadWarning(line=line, text=text[:_LONGEST_TEXT]))
        else:
            self._unsaid += 1

    def kept(self) -> tuple[ReadWarning, ...]:
        """All of them, the last one standing for those that are only counted."""
        if not self._unsaid:
            return tuple(self._kept)
        rest = ReadWarning(
            line=self._kept[-1].line, text=f"from here on {self._unsaid + 1} lines are not read"
        )
        return (*self._kept[:-1], rest)


class Records:
    """What has been read, and the pool whose lines are not complete yet; `isv` is whose section it is."""

    def __init__(self, warnings: Warnings) -> None:
        self.isv: str | None = None
        self.pools: list[Pool] = []
        self.checkouts: list[Checkout] = []
        self._warnings = warnings
        self._head: tuple[int, PoolHead] | None = None
        self._open = False

    @property
    def expects_counts(self) -> bool:
        """Whether the last line was a pool's first."""
        return self._head is not None

    def read(self, line: int, text: str) -> bool:
        """Take a line if it is a pool's or a usage line."""
        start = text[:10].lower()
        if start.startswith(("count:", "uncounted,")) or text.lower() == "token-based license":
            return self._counts(line, text)
        if start.startswith("obsolete:"):
            return self._totals(line, text)
        head = read_pool_head(text)
        if head is not None:
            self.close()
            self._head = line, head
            return True
        checkout = read_usage(text, self.isv)
        if checkout is not None:
            self.checkouts.append(checkout)
        return checkout is not None

    def close(self, *, complain: bool = True) -> None:
        """No more lines of the last pool follow."""
        if self._head is not None and complain:
            line, head = self._head
            self._warnings.add(line, f"pool {head.product} has no counts")
        self._head = None
        self._open = False

    def drop_cut(self, text: str) -> None:
        """Leave out the record that a cut line belongs to."""
        self._head = None
        if self._open and "obsolete: ".startswith(text[:10].lower()):
            self.pools.pop()

    def warn_of_expiry(self, line: int, text: str) -> None:
        """An expiry that is no date."""
        self._warnings.add(line, f"not an expiry date: {text}")

    def _counts(self, line: int, text: str) -> bool:
        if self._head is None:
            return False
        (_, head), self._head = self._head, None
        fields = read_fields(text)
        count = fields.get("count", "").lower()
        expires = parse_expiry(fields["exp"]) if "exp" in fields else None
        if expires is None and "exp" in fields:
            self.warn_of_expiry(line, fields["exp"])
        self.pools.append(
            Pool(
                isv=self.isv,
                product=head.product,
                version=head.version,
                pool=head.pool,
                count=None if count == "unlimited" else self._number(line, fields, "count"),
                reservations=self._number(line, fields, "# reservations"),
                inuse=self._number(line, fields, "inuse"),
                expires=expires,
                uncounted="uncounted" in fields or count == "unlimited",
                token=text.lower().startswith("token"),
                total_checkouts=None,
            )
        )
        self._open = True
        return True

    def _totals(self, line: int, text: str) -> bool:
        if not self._open:
            return False
        self._open = False
        total = self._number(line, read_fields(text), "total checkouts")
        self.pools[-1] = replace(self.pools[-1], total_checkouts=total)
        return True

    def _number(self, line: int, fields: dict[str, str], key: str) -> int | None:
        found = number(fields.get(key))
        if found is None and key in fields:
            self._warnings.add(line, f"not a number: {key}: {fields[key]}")
        return found
