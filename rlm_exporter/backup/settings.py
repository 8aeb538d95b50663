"""Reads the settings of backups: a document of kind Backup, to frozen values."""

import json
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlm_exporter.backup.members import LARGEST_MB, BackupSettings, Member, Role
from rlm_exporter.errors import ManifestError
from rlm_exporter.manifest.document import Document, Part, Problem
from rlm_exporter.manifest.durations import parse_duration

KIND = "Backup"
MOST_BYTES = 1024 * 1024


def read_settings(path: Path) -> BackupSettings:
    """Read one file. Raises ManifestError with every problem of it."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ManifestError((f"{path}: cannot be read: {why}; check the path",)) from error
    return parse_settings(raw, str(path))


def parse_settings(raw: bytes, source: str) -> BackupSettings:
    """Read one text; `source` is its name in messages. Raises ManifestError."""
    from rlm_exporter.manifest.nodes import read_documents  # noqa: PLC0415 - YAML takes 0.1 s to load

    if len(raw) > MOST_BYTES:
        raise ManifestError((f"{source}: larger than {MOST_BYTES // 1024} KiB; these are no settings",))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            (f"{source}:{line}: is not UTF-8 text from here on; save it as UTF-8",)
        ) from error
    documents, problems = read_documents(text, source)
    if not problems and len(documents) != 1:
        problems = (Problem(source=source, line=None, text=f"one document of kind {KIND} is wanted here"),)
    _settle(problems)
    return _checked(documents[0])


def _checked(document: Document) -> BackupSettings:
    from rlm_exporter.manifest.shape import check_shape, validator  # noqa: PLC0415 - as above

    problems, checked = check_shape(document, validator(_schema(), KIND))
    _settle((*problems, *_meaning(checked.root)))
    return _build(checked.root)


def _settle(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise ManifestError(tuple(str(problem) for problem in problems))


def _schema() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text("utf-8"))
    return loaded


def _meaning(root: Part) -> Iterator[Problem]:
    """What the form alone does not tell."""
    for kind in ("servers", "balancers"):
        for member in root.at("spec", kind).children():
            if member.at("ssh").is_given and member.at("command").is_given:
                yield member.problem("has ssh and command; keep the one by which programs are run there")
            ssh = member.at("ssh").text or ""
            if ssh.startswith("-") or any(letter.isspace() for letter in ssh):
                yield member.at("ssh").problem(
                    "is no destination of ssh; write user@host, or a host of its config"
                )
            for part in (*member.at("paths").children(), *member.at("logs").children()):
                if (
                    ".." in (part.text or "").split("/")
                    or posixpath.normpath(part.text or "/").strip("/.") == ""
                ):
                    yield part.problem("is the whole machine, or goes up by `..`; name files and folders")


def _build(root: Part) -> BackupSettings:
    spec = root.at("spec")
    members = [_member(part, Role.SERVER) for part in spec.at("servers").children()]
    members += [_member(part, Role.BALANCER) for part in spec.at("balancers").children()]
    return BackupSettings(
        cluster=str(root.at("metadata", "name").text),
        source=root.document.source,
        into=str(spec.at("into").text),
        members=tuple(members),
        keep_count=None if (count := spec.at("keep", "count").text) is None else int(count),
        keep_age=None if (age := spec.at("keep", "age").text) is None else parse_duration(age),
        timeout=parse_duration(spec.at("timeout").text or "2m"),
        largest=int(spec.at("largest").text or LARGEST_MB) * 1_000_000,
        store=None if spec.at("store").text is None else str(spec.at("store").text),
    )


def _member(part: Part, role: Role) -> Member:
    ssh = part.at("ssh").text
    return Member(
        role=role,
        name=part.name,
        ssh=None if ssh is None else str(ssh),
        command=_words(part.at("command")),
        root=str(part.at("root").text or "/"),
        paths=_words(part.at("paths")),
        logs=_words(part.at("logs")),
        mounts=_words(part.at("mounts")),
        start=_words(part.at("start")),
        check=_words(part.at("check")),
        reload=_words(part.at("reload")),
        server=str(part.at("server").text or ""),
    )


def _words(part: Part) -> tuple[str, ...]:
    return tuple(str(word.text) for word in part.children())
