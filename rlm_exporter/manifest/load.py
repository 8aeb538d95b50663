"""The door for manifests: files and texts in, typed values out, or a ManifestError with every problem."""

import json
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlm_exporter.errors import ManifestError
from rlm_exporter.manifest.model import Loaded

if TYPE_CHECKING:
    from rlm_exporter.manifest.document import Problem
    from rlm_exporter.manifest.parse import Findings

MANIFEST_SCHEMA: Mapping[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text("utf-8"))
"""JSON Schema (draft 2020-12) of every kind of document, for editors too."""

SUFFIXES = (".yaml", ".yml")


def load_manifests(paths: Iterable[Path]) -> Loaded:
    """Read files, and directories' `*.yaml` and `*.yml`, as one configuration. Raises ManifestError."""
    return _settled(examine_files(paths))


def parse_manifests(text: str | bytes, source: str) -> Loaded:
    """Read one text; `source` is its name in messages. Raises ManifestError."""
    return _settled(examine_text(text, source))


def examine_files(paths: Iterable[Path]) -> "Findings":
    """As `load_manifests`, with the problems as values instead of an error."""
    texts, unreadable = read_texts(paths)
    return examine_texts(texts).having(unreadable)


def examine_text(text: str | bytes, source: str) -> "Findings":
    """As `parse_manifests`, with the problems as values instead of an error."""
    return examine_texts([(source, text)])


def examine_texts(
    texts: Sequence[tuple[str, str | bytes]], *, deployed: Sequence[tuple[str, str]] | None = None
) -> "Findings":
    """Read (source, text) pairs together. Of `deployed`, clusters that the others have are passed over.

    Where such are given, be it none, a load balancer may wait for a cluster that is not there yet.
    """
    from rlm_exporter.manifest.parse import examine  # noqa: PLC0415 - YAML and JSON Schema take 0.1 s to load

    return examine(texts, deployed=deployed, schema=MANIFEST_SCHEMA, timezones=_timezones)


def _settled(findings: "Findings") -> Loaded:
    if findings.loaded is None:
        raise ManifestError(tuple(str(problem) for problem in findings.problems))
    return findings.loaded


def read_texts(paths: Iterable[Path]) -> tuple[list[tuple[str, bytes]], list["Problem"]]:
    """The texts of files and of directories' files, by name, and what cannot be read."""
    from rlm_exporter.manifest.document import Problem  # noqa: PLC0415 - as above

    texts: dict[Path, tuple[str, bytes]] = {}
    problems: list[Problem] = []
    for path in paths:
        files = _files(path)
        if not files:
            text = f"the directory holds no {' or '.join('*' + suffix for suffix in SUFFIXES)}; name a file"
            problems.append(Problem(source=str(path), line=None, text=text))
        for file in files:
            try:
                raw = _read(file)
                texts.setdefault(file.resolve(), (str(file), raw))
            except (OSError, ValueError) as error:  # ValueError: a path that no system can have
                why = error.strerror if isinstance(error, OSError) else error
                text = f"cannot be read: {why}; check the path and its permissions"
                problems.append(Problem(source=str(file), line=None, text=text))
    return list(texts.values()), problems


def _files(path: Path) -> list[Path]:
    """The manifests of a directory, or the path itself, which may be anything."""
    try:
        found = [file for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file()]
    except (OSError, ValueError):
        return [path]  # no directory; reading it will say what it is
    return sorted(file for file in found if not file.name.startswith("."))


def _read(file: Path) -> bytes:
    from rlm_exporter.manifest.parse import MOST_BYTES  # noqa: PLC0415 - as above

    with file.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
