"""Reads the list that RLM_LICENSE and its like hold: servers, files, folders, or a license's own text.

Unix separates by colons and Windows by semicolons, so on Unix the colons of an IPv6 address and of a drive
letter are told from separators by their surroundings. No expression here can backtrack.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.address import Endpoint, is_ipv6, parse_endpoint

_BRACKETED = re.compile(r"[^:;@/\\]*+@\[[^\]:]*+:[^\]]*+\]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_IPV6_RUN = re.compile(r"([0-9]*+@)([0-9A-Fa-f]*+(?>(?::[0-9A-Fa-f.]*+){2,8})(?:%[A-Za-z0-9_.-]++)?)(@?)")
_EXPANDED = re.compile(r"[$`]|%[A-Za-z_][A-Za-z0-9_]*+%")


class ListKind(StrEnum):
    """What one item of a list is."""

    SERVER = "server"
    FILE = "file"
    FOLDER = "folder"
    PATH = "path"
    """A file or a folder; its name does not tell."""
    TEXT = "text"
    """A license itself, between `<` and `>`."""
    UNEXPANDED = "unexpanded"
    """A shell makes something of it that we cannot know."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListItem:
    """One place to get licenses from."""

    kind: ListKind
    text: str
    endpoint: Endpoint | None = None
    trouble: str | None = None
    """Why it is unreadable, or what else is odd about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LicensePath:
    """A whole list."""

    items: tuple[ListItem, ...]
    empty: int
    """How many places between separators hold nothing."""
    mixed: bool
    """Whether both separators stand in it."""


def read_license_path(text: str) -> LicensePath:
    """Read a list, whichever system it was written for. Takes any text."""
    stripped = text.strip()
    found: list[ListItem] = []
    empty, mixed = 0, False
    parts = stripped.split(";")
    for part in parts:
        items = list(_between_colons(part))
        mixed = mixed or (len(parts) > 1 and len(items) > 1)
        for item in items:
            if item.strip():
                found.append(_item(item.strip()))
            else:
                empty += 1
    return LicensePath(items=tuple(found), empty=empty if found else 0, mixed=mixed)


def _between_colons(text: str) -> Iterator[str]:
    begin = 0
    while True:
        end = text.find(":", _end_of_whole(text, begin))
        if end < 0:
            yield text[begin:]
            return
        yield text[begin:end]
        begin = end + 1


def _end_of_whole(text: str, begin: int) -> int:
    """Where the part of an item ends whose colons separate nothing; `begin` where there is none."""
    if text.startswith("<", begin):
        return max(text.find(">", begin), begin)
    if drive := _DRIVE.match(text, begin):
        return drive.end()
    if bracketed := _BRACKETED.match(text, begin):
        return bracketed.end()
    if run := _IPV6_RUN.match(text, begin):
        return _end_of_ipv6(run) or begin
    return begin


def _end_of_ipv6(run: re.Match[str]) -> int | None:
    """The end of the longest address at the start of a run of hexadecimal groups."""
    groups = run[2].split(":")
    if run[3]:  # the last group is the port of the next server
        groups.pop()
    while len(groups) > 2:
        address = ":".join(groups)
        if is_ipv6(address):
            return run.start(2) + len(address)
        groups.pop()
    return None


def _item(text: str) -> ListItem:
    if text.startswith("<"):
        return ListItem(kind=ListKind.TEXT, text=text)
    if _EXPANDED.search(text):
        return ListItem(
            kind=ListKind.UNEXPANDED, text=text, trouble="a shell puts something else in its place"
        )
    if "@" in text:
        return _server(text)
    if text.endswith(("/", "\\")):
        return ListItem(kind=ListKind.FOLDER, text=text)
    if text.lower().endswith((".lic", ".dat")):
        return ListItem(kind=ListKind.FILE, text=text)
    bare = "/" not in text and "\\" not in text and text != "."
    trouble = "RLM takes this for a file or a folder; a server is written port@host" if bare else None
    return ListItem(kind=ListKind.PATH, text=text, trouble=trouble)


def _server(text: str) -> ListItem:
    if "/" in text or "\\" in text:
        return ListItem(kind=ListKind.UNREADABLE, text=text, trouble="a license file's path may not hold @")
    try:
        endpoint = parse_endpoint(text)
    except FormatError as error:
        return ListItem(kind=ListKind.UNREADABLE, text=text, trouble=str(error))
    bare = ":" in endpoint.host and "[" not in text
    trouble = "without brackets, the colons of this address may be read as separators" if bare else None
    return ListItem(kind=ListKind.SERVER, text=text, endpoint=endpoint, trouble=trouble)
