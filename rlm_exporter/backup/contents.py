"""What is in a backup, as it stands in its MANIFEST.json. Pure.

A file is there with its sum, so that a flipped byte is found; MANIFEST.sha256 has the sum of the list itself.
It is written last: where it is missing, the backup was not finished.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rlm_exporter.errors import BackupError

FORMAT = 1
LIST, SUM = "MANIFEST.json", "MANIFEST.sha256"
INFO, EXPORT = "cluster-info.txt", "vantage-ha-config.yaml"
STORE_FOLDER = "store"
JOURNALS = (f"{STORE_FOLDER}/journal.sqlite", f"{STORE_FOLDER}/journal.pgdump")
"""The copy of the journal, by the kind of its database."""

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"rlm-ha-backup_(?P<cluster>[A-Za-z0-9_.-]+)_(?P<at>[0-9]{8}T[0-9]{6}Z)(?:\.tar\.gz)?")
_PRIVATE = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_MEMBER = re.compile(r"(?:servers|balancers)/(?!\.)[A-Za-z0-9_.-]+")
_WORD = re.compile(r"[a-z0-9_]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ODD = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)
"""What comes of a list with something else in it than we write."""
_KEY_STORES = (".key", ".p12", ".pfx", ".jks", ".ppk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file or folder of a member, as it was there."""

    member: str
    path: str
    """Absolute, at the member."""
    kind: str
    """`file` or `folder`."""
    mode: int
    owner: str
    group: str
    """Names, where they had some."""
    mtime: int
    uid: int = 0
    gid: int = 0
    """For where nobody has these names."""
    size: int = 0
    sha256: str = ""
    secret: bool = False
    """Whether it holds a private key."""

    @property
    def place(self) -> str:
        """Where it is in the backup."""
        return self.member + self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of the backup that is no member's: the export, the database, the sheet for people."""

    place: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSum:
    """One table of a journal: how many rows, and a sum over all that is in them, in whatever order."""

    name: str
    rows: int
    sum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedJournal:
    """What the saved journal is."""

    place: str
    """The file in the backup."""
    revision: str | None
    """Its schema; None where it has none of ours."""
    schema: str = ""
    """PostgreSQL's: where its tables were."""
    server: str = ""
    """PostgreSQL's: the version that it was on."""
    program: str = ""
    """PostgreSQL's: the version of the pg_dump that wrote it."""
    tables: tuple[TableSum, ...] = ()
    """PostgreSQL's: what has to be there after it was put back. An SQLite file has a sum as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that is in one backup."""

    cluster: str
    made_at: datetime
    active: str | None
    """Who served when it was made; None where nobody could tell."""
    active_host: str | None
    epoch: int | None
    members: tuple[str, ...]
    entries: tuple[Entry, ...]
    parts: tuple[Part, ...]
    missing: tuple[str, ...] = ()
    """What was asked for and is not in it, in sentences."""
    left_out: tuple[str, ...] = ()
    """Private keys, where they were not asked for."""
    notes: tuple[str, ...] = ()
    journal: SavedJournal | None = None
    """None where none was saved, or by a version that did not tell."""

    @property
    def name(self) -> str:
        """Its folder's name."""
        return backup_name(self.cluster, self.made_at)

    def of(self, member: str) -> tuple[Entry, ...]:
        """What is in it of one member."""
        return tuple(entry for entry in self.entries if entry.member == member)


def backup_name(cluster: str, at: datetime) -> str:
    """What a backup of that moment is called."""
    return f"rlm-ha-backup_{cluster}_{at.astimezone(UTC).strftime(_STAMP)}"


def made_at(name: str, *, cluster: str) -> datetime | None:
    """When the backup of that name was made; None for what is none of that cluster."""
    match = _NAME.fullmatch(name)
    if match is None or match["cluster"] != cluster:
        return None
    try:
        return datetime.strptime(match["at"], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_secret(path: str, content: bytes) -> bool:
    """Whether a file holds a private key, by its own text or by its name."""
    return path.lower().endswith(_KEY_STORES) or _PRIVATE.search(content) is not None


def to_json(contents: Contents) -> bytes:
    """The list as it is written."""
    document = {"format": FORMAT, **asdict(contents), "made_at": contents.made_at.isoformat()}
    return json.dumps(document, indent=1, sort_keys=True).encode("ascii")


def from_json(raw: bytes, *, source: str) -> Contents:
    """Read such a list. Raises BackupError."""
    try:
        document = json.loads(raw)
        if document["format"] != FORMAT:
            raise BackupError(
                f"{source}: {LIST} has format {document['format']!r}, which this version does not know"
            )
        return _contents(document)
    except _ODD as error:
        raise BackupError(f"{source}: {LIST} is damaged ({error}); use another backup") from error


def _contents(document: Mapping[str, Any]) -> Contents:
    texts = {key: tuple(map(str, document[key])) for key in ("members", "missing", "left_out", "notes")}
    made_at = datetime.fromisoformat(document["made_at"])
    contents = Contents(
        cluster=str(document["cluster"]),
        made_at=made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
        active=_text(document["active"]),
        active_host=_text(document["active_host"]),
        epoch=None if document["epoch"] is None else int(document["epoch"]),
        entries=tuple(_entry(each, texts["members"]) for each in document["entries"]),
        parts=tuple(_part(each) for each in document["parts"]),
        members=texts["members"],
        missing=texts["missing"],
        left_out=texts["left_out"],
        notes=texts["notes"],
        journal=_journal(document),
    )
    if _NAME.fullmatch(contents.name) is None:
        raise ValueError(f"{contents.cluster!r} is no name of a cluster")
    for member in contents.members:
        if not _MEMBER.fullmatch(member):
            raise ValueError(f"{member!r} is neither a server nor a balancer")
    return contents


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _journal(document: Mapping[str, Any]) -> SavedJournal | None:
    places = [part["place"] for part in document["parts"]]
    if (told := document.get("journal")) is None:
        # An older backup, which has it and does not tell what is in it.
        found = [place for place in JOURNALS if place in places]
        return SavedJournal(place=found[0], revision=None) if found else None
    tables = tuple(TableSum(**each) for each in told["tables"])
    journal = SavedJournal(**{**told, "tables": tables})
    if journal.place not in JOURNALS or journal.place not in places:
        raise ValueError(f"{journal.place!r} is no journal of this backup")
    # These words become parts of statements.
    words = [journal.revision or "0", *(word for table in tables for word in (table.name, table.sum))]
    if not all(map(_WORD.fullmatch, words)) or any(type(table.rows) is not int for table in tables):
        raise ValueError("the tables of the journal are not told as we write them")
    return journal


def _entry(document: Mapping[str, Any], members: Collection[str]) -> Entry:
    entry = Entry(**document)
    # What is put back goes where the path says, so a list by a stranger must not lead out of the place.
    if not entry.path.startswith("/") or {"", ".", ".."}.intersection(entry.path.split("/")[1:]):
        raise ValueError(f"{entry.path!r} is no absolute path")
    if entry.member not in members or entry.kind not in {"file", "folder"}:
        raise ValueError(f"{entry.place!r} is no file or folder of one of its machines")
    numbers: tuple[object, ...] = (entry.mode, entry.mtime, entry.uid, entry.gid, entry.size)
    if any(type(number) is not int for number in numbers) or not 0 <= entry.mode <= 0o7777:
        raise ValueError(f"{entry.place!r}: has something else where a number belongs")
    if entry.kind == "file":
        _check_sum(entry.place, entry.sha256)
    return replace(entry, owner=str(entry.owner), group=str(entry.group))


def _part(document: Mapping[str, Any]) -> Part:
    part = Part(**document)
    if part.place not in {INFO, EXPORT, *JOURNALS}:
        raise ValueError(f"{part.place!r} is no part of a backup")
    _check_sum(part.place, part.sha256)
    return part


def _check_sum(place: str, sum_: object) -> None:
    """None, say, would be the sum of a file that is not there."""
    if not isinstance(sum_, str) or not _SHA256.fullmatch(sum_):
        raise ValueError(f"{place!r}: has something else where its SHA-256 belongs")
