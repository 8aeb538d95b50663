"""A consistent copy of the journal's database, taken while the daemon goes on writing."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from rlm_exporter.errors import BackupError

SQLITE = "journal.sqlite"
POSTGRESQL = "journal.pgdump"


def copy_store(url: str, folder: Path, *, seconds: float, environ: Mapping[str, str]) -> Path:
    """Copy the database that a store's URL names into a folder. Raises BackupError."""
    folder.mkdir(exist_ok=True)
    if (path := sqlite_path(url)) is not None:
        return _copy_sqlite(path, folder / SQLITE, seconds=seconds)
    return _dump_postgresql(url, folder / POSTGRESQL, seconds=seconds, environ=environ)


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for another kind of database."""
    return Path(unquote(url.removeprefix("sqlite:///"))) if url.startswith("sqlite:///") else None


def _copy_sqlite(source: Path, target: Path, *, seconds: float) -> Path:
    if not source.is_file():
        raise BackupError(f"the journal {source} is not there; correct spec.store, or leave it out")
    try:
        with (
            closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=seconds)
            ) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            # In one read: between two parts of it the daemon writes, and SQLite would begin anew for ever.
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise BackupError(f"the journal {source} cannot be copied: {error}") from error
    if verdict != "ok":
        raise BackupError(f"the journal {source} is damaged: {verdict}")
    return target


def _dump_postgresql(url: str, target: Path, *, seconds: float, environ: Mapping[str, str]) -> Path:
    """By PostgreSQL's own program, which alone knows how; its password is not among its arguments."""
    program = shutil.which("pg_dump", path=environ.get("PATH"))
    if program is None:
        raise BackupError(
            "the journal is on PostgreSQL, and pg_dump is not on PATH: install PostgreSQL's client programs, "
            "or leave spec.store out and save the database by its own means"
        )
    parts = urlsplit(url)
    bare = urlunsplit(("postgresql", parts.netloc.replace(f":{parts.password}@", "@"), *parts[2:]))
    secret = {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
    try:
        ended = subprocess.run(
            [program, "--format=custom", f"--file={target}", f"--dbname={bare}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env={**environ, **secret, "PGCONNECT_TIMEOUT": "10"},
        )
    except subprocess.TimeoutExpired as error:
        raise BackupError(f"pg_dump did not end within {seconds:g} s; raise spec.timeout") from error
    if ended.returncode != 0:
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise BackupError(f"pg_dump failed: {said[0]}")
    return target


def put_sqlite(saved: Path, target: Path) -> None:
    """Put a copy where no journal is yet. Raises BackupError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # A link of the finished file: never over one that is there, and never half of it.
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(saved, part)
        part.chmod(0o600)
        with contextlib.suppress(PermissionError):  # as root it would not be the daemon's
            os.chown(part, target.parent.stat().st_uid, target.parent.stat().st_gid)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        try:
            os.link(part, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()
    except OSError as error:
        raise BackupError(f"the journal {target} cannot be put back: {error.strerror}") from error
