"""What the license files of one server said when they were last read, and what follows from it (pure)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from rlm_exporter.manifest.model import Feature, Server
from rlm_exporter.rlm.license_failover import FailoverGrant, failover_grants
from rlm_exporter.rlm.license_values import LicenseFile, LicenseKind
from rlm_exporter.rlm.status import Permanent

MOST_DATED = 2000
"""Licenses of one server that have an expiry of their own on the page of metrics."""

LAST_TIMEZONE = timedelta(hours=12)
"""This far behind UTC a day has begun, and ended, everywhere."""
OF_THE_PAPER = frozenset({"start", "issued", "issuer", "contract", "sig", "akey"})
"""Keywords that tell one license from another, and not whom it serves."""
REREAD = timedelta(hours=1)
"""rlm reads its files again at midnight; within this time new licenses have their pools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLicense:
    """One license, and where it stands: `siemens.lic:12`."""

    place: str
    isv: str
    product: str
    expires: date | Permanent | None
    """None where the text is no date."""
    start: date | None
    version: str = ""
    count: int | None = None
    """Seats; None for what is not counted."""
    kind: LicenseKind | None = None
    conditions: frozenset[tuple[str, str | None]] = frozenset()
    """Whom it serves and how, by its keywords; without those that tell one paper from another."""
    is_upgrade: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseReading:
    """One reading of all license files of a server; what could not be read is not in it."""

    read_at: datetime
    licenses: tuple[PlacedLicense, ...] = ()
    grants: tuple[FailoverGrant, ...] = ()
    """Failover of RLM's own."""
    failures: tuple[str, ...] = ()
    """What could not be read, and why."""
    whole_at: datetime | None = None
    """When everything could last be read; None = never."""

    @property
    def ok(self) -> bool:
        """Whether everything could be read."""
        return not self.failures

    @property
    def left_out(self) -> int:
        """How many dated licenses are too many for a series each."""
        return max(0, sum(1 for _ in _dated(self.licenses)) - MOST_DATED)

    def dated(self) -> tuple[tuple[PlacedLicense, date], ...]:
        """Licenses that end, with their last days; of too many, those that end first."""
        found = tuple(_dated(self.licenses))
        if len(found) <= MOST_DATED:
            return found
        return tuple(sorted(found, key=lambda each: each[1])[:MOST_DATED])


def make_reading(
    files: Iterable[tuple[str, LicenseFile]],
    *,
    failures: Sequence[str],
    at: datetime,
    before: LicenseReading | None,
) -> LicenseReading:
    """The reading of these (name, content) pairs; `before` is the one before it."""
    pairs = tuple(files)
    whole_before = before.whole_at if before is not None else None
    return LicenseReading(
        read_at=at,
        licenses=tuple(placed for name, content in pairs for placed in _placed(name, content)),
        grants=tuple(grant for _, content in pairs for grant in failover_grants(content)),
        failures=tuple(failures),
        whole_at=whole_before if failures else at,
    )


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """What each file is called: its name, with as much of its folder as tells it from the others."""
    found: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        tails = ("/".join(parts[-length:]) for length in range(1, len(parts)))
        found[path] = next((tail for tail in tails if _ends(paths, tail) == 1), path)
    return found


def starts_later(
    reading: LicenseReading | None, missing: Sequence[Feature], *, server: Server, at: datetime
) -> dict[Feature, date]:
    """Of features without a pool, those that need not have one yet: the first day of the earliest license.

    A license of the same product that is good already makes the feature expected.
    """
    if reading is None or not missing:
        return {}
    day = _settled_day(server, at)
    found: dict[Feature, date] = {}
    for feature in missing:
        own = _of(reading, feature)
        starts = [each.start for each in own if each.start is not None and each.start > day]
        if starts and not any(_is_good(each, day) for each in own):
            found[feature] = min(starts)
    return found


def granted_where(
    reading: LicenseReading | None, feature: Feature, *, server: Server, at: datetime
) -> str | None:
    """Where the files grant a feature that has no pool, in words; None where they tell nothing of it."""
    if reading is None:
        return None
    own = _of(reading, feature)
    good = next((each for each in own if _is_good(each, _settled_day(server, at))), None)
    if good is not None:
        return f"granted in {good.place}"
    if own:
        return f"expired in {own[0].place}"
    return "in no license file" if reading.ok else None


def _placed(name: str, content: LicenseFile) -> Iterator[PlacedLicense]:
    statements = [
        *((each, False) for each in content.licenses),
        *((upgrade.license, True) for upgrade in content.upgrades),
    ]
    for each, is_upgrade in sorted(statements, key=lambda pair: pair[0].line):
        yield PlacedLicense(
            place=f"{name}:{each.line}",
            isv=each.isv,
            product=each.product,
            expires=each.expires,
            start=each.start,
            version=each.version,
            count=each.count,
            kind=each.kind,
            conditions=frozenset(
                (keyword.name, keyword.value) for keyword in each.keywords if keyword.name not in OF_THE_PAPER
            ),
            is_upgrade=is_upgrade,
        )


def _dated(licenses: Iterable[PlacedLicense]) -> Iterator[tuple[PlacedLicense, date]]:
    return ((each, each.expires) for each in licenses if isinstance(each.expires, date))


def _ends(paths: Sequence[str], tail: str) -> int:
    return sum(path.endswith(f"/{tail}") for path in paths)


def _settled_day(server: Server, at: datetime) -> date:
    """The day whose licenses must have pools by now where the server stands."""
    if server.timezone is None:
        return (at - LAST_TIMEZONE).date()
    return (at.astimezone(ZoneInfo(server.timezone)) - REREAD).date()


def _of(reading: LicenseReading, feature: Feature) -> tuple[PlacedLicense, ...]:
    """RLM's names are case-insensitive."""
    wanted = (feature.isv.casefold(), feature.name.casefold())
    return tuple(
        each for each in reading.licenses if (each.isv.casefold(), each.product.casefold()) == wanted
    )


def _is_good(license_: PlacedLicense, day: date) -> bool:
    ended = isinstance(license_.expires, date) and license_.expires < day
    begun = license_.start is None or license_.start <= day
    return begun and not ended
