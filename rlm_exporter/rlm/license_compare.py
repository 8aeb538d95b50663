"""Compares the license files of a cluster's servers.

Servers that stand in for each other should grant the same. The name and port on the HOST line and keywords
that begin with `_` are each server's own; all else is compared, statement by statement, in whatever order
they stand.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rlm_exporter.rlm.license_values import License, LicenseFile, Upgrade

_SIGNATURE = "signature"

Record = tuple[tuple[str, str], ...]
"""One statement as (field, text) pairs, in one order and spelling."""


class DifferenceKind(StrEnum):
    """What kind of statement differs."""

    HOSTID = "hostid"
    ISV = "isv"
    LICENSE = "license"
    UPGRADE = "upgrade"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not so in all files."""

    kind: DifferenceKind
    subject: str
    """What it is about, such as `siemens STARCCM v2023.1000`."""
    field: str | None
    """What of it differs; None where the whole is missing in some."""
    values: tuple[tuple[str, str | None], ...]
    """(file, what it says) pairs; None for a file that has nothing there. Signatures are not told."""
    detail: str
    """The same in words."""


def compare(files: Sequence[tuple[str, LicenseFile]]) -> tuple[Difference, ...]:
    """What differs between (name, file) pairs, by kind and subject; nothing for files that grant the same."""
    statements = [_statements(file) for _, file in files]
    names = tuple(name for name, _ in files)
    keys = dict.fromkeys(key for each in statements for key in each)
    locked = len({_hostids(file) for _, file in files}) > 1
    found: list[Difference] = []
    for kind, subject in sorted(keys, key=lambda key: (list(DifferenceKind).index(key[0]), key[1])):
        records = [_Group(each.get((kind, subject), ())) for each in statements]
        title = next(group.title for group in records if group.title)
        found += _differences(kind, title, names, [group.records for group in records], locked=locked)
    return tuple(found)


class _Group:
    """The statements of one file about one subject, and the subject as the file spells it."""

    def __init__(self, found: Sequence[tuple[str, Record]]) -> None:
        self.title = found[0][0] if found else None
        self.records = Counter(record for _, record in found)


def _hostids(file: LicenseFile) -> tuple[str, ...]:
    return tuple(sorted((host.hostid or "").lower() for host in file.hosts))


Statements = dict[tuple[DifferenceKind, str], list[tuple[str, Record]]]


def _statements(file: LicenseFile) -> Statements:
    found: Statements = {}
    for kind, title, record in _all(file):
        found.setdefault((kind, title.lower()), []).append((title, record))
    return found


def _all(file: LicenseFile) -> Iterator[tuple[DifferenceKind, str, Record]]:
    for host in file.hosts:
        yield DifferenceKind.HOSTID, "HOST", _record(hostid=(host.hostid or "").lower())
    for isv in file.isvs:
        port = "" if isv.port is None else str(isv.port)
        record = _record(port=port, binary=isv.binary or "", options=isv.options or "")
        yield DifferenceKind.ISV, f"ISV {isv.name}", record
    for license_ in file.licenses:
        title = f"{license_.isv} {license_.product} v{license_.version}"
        yield DifferenceKind.LICENSE, title, _granted(license_)
    for upgrade in file.upgrades:
        yield DifferenceKind.UPGRADE, _upgrade_title(upgrade), _granted(upgrade.license)
    for customer in file.customers:
        port = "" if customer.port is None else str(customer.port)
        record = _record(isv=(customer.isv or "").lower(), server=(customer.server or "").lower(), port=port)
        yield DifferenceKind.CUSTOMER, f"CUSTOMER {customer.name}", record


def _upgrade_title(upgrade: Upgrade) -> str:
    to = upgrade.license
    return f"{to.isv} {to.product} v{upgrade.from_version} to v{to.version}"


def _record(**fields: str) -> Record:
    return tuple(fields.items())


def _granted(license_: License) -> Record:
    expires = license_.expires
    fields = {
        "expiry": expires.isoformat() if isinstance(expires, date) else (expires or "unreadable"),
        "count": str(license_.count) if license_.count is not None else (license_.kind or "unreadable"),
    }
    for keyword in sorted(license_.keywords, key=lambda each: each.name):
        if not keyword.name.startswith("_"):
            fields[keyword.name] = "set" if keyword.value is None else _one_spelling(keyword.value)
    fields[_SIGNATURE] = license_.signature or ""
    return tuple(fields.items())


def _one_spelling(value: str) -> str:
    """RLM takes no notice of case in values, and none of blanks between their words."""
    return " ".join(value.lower().split())


def _differences(
    kind: DifferenceKind,
    subject: str,
    names: tuple[str, ...],
    records: Sequence[Counter[Record]],
    *,
    locked: bool,
) -> Iterator[Difference]:
    common = records[0].copy()
    for each in records[1:]:
        common &= each
    rest = [sorted((each - common).elements()) for each in records]
    for index in range(max(len(each) for each in rest)):
        row = [dict(each[index]) if index < len(each) else None for each in rest]
        if None in row:
            values = tuple(
                (name, None if fields is None else "present") for name, fields in zip(names, row, strict=True)
            )
            yield _difference(kind, subject, None, values)
            continue
        whole = [fields for fields in row if fields is not None]
        for field in dict.fromkeys(name for fields in whole for name in fields):
            texts = [fields.get(field, "") for fields in whole]
            if len(set(texts)) > 1 and not (locked and field == _SIGNATURE):
                yield _difference(kind, subject, field, _values(field, names, texts))


def _values(field: str, names: Iterable[str], texts: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    if field == _SIGNATURE:
        kinds = {
            text: f"signature {number}" for number, text in enumerate(dict.fromkeys(filter(None, texts)), 1)
        }
        texts = [kinds.get(text, "") for text in texts]
    return tuple((name, text or None) for name, text in zip(names, texts, strict=True))


def _difference(
    kind: DifferenceKind, subject: str, field: str | None, values: tuple[tuple[str, str | None], ...]
) -> Difference:
    by_value: dict[str | None, list[str]] = {}
    for name, value in values:
        by_value.setdefault(value, []).append(name)
    if field is None:
        have, lack = _list(by_value["present"]), _list(by_value[None])
        detail = f"stands in {have}, not in {lack}"
    else:
        said = (
            f"{'none' if value is None else value} in {_list(where)}" for value, where in by_value.items()
        )
        detail = "; ".join(said) if field == _SIGNATURE else f"{field} is {'; '.join(said)}"
    if kind is DifferenceKind.HOSTID:
        detail += "; each file is signed for a machine of its own, so signatures are not compared"
    return Difference(kind=kind, subject=subject, field=field, values=values, detail=detail)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
