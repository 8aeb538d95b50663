"""The journal on PostgreSQL: dumped and put back by PostgreSQL's own programs, which alone know how.

What is dumped and what is counted are of one moment, and it is put back in one transaction, at whose end
everything is counted again: what does not fit leaves the database as it was.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rlm_exporter.backup import journal_sql
from rlm_exporter.backup.contents import STORE_FOLDER, SavedJournal
from rlm_exporter.backup.journal_look import Found, JournalLook, described
from rlm_exporter.backup.postgresql_look import There, look_at, reading, sums_of
from rlm_exporter.backup.postgresql_programs import Programs
from rlm_exporter.backup.scratch import scratch_folder
from rlm_exporter.errors import BackupError, JournalError
from rlm_exporter.store.address import shown, taken_apart
from rlm_exporter.store.postgresql import SCHEMA_LOCK
from rlm_exporter.store.upgrade import is_known

FILE = "journal.pgdump"
OUR_NAME = "rlm-ha backup"
LOCK_SECONDS = 10
"""For whoever is at the tables that are replaced."""


class PostgresqlStore:
    """One database."""

    file = FILE

    def __init__(
        self, url: str, *, seconds: float, environ: Mapping[str, str], lock_seconds: int = LOCK_SECONDS
    ) -> None:
        try:
            parsed = taken_apart(url).set(drivername="postgresql")
        except JournalError as error:
            raise BackupError("spec.store is no address; write postgresql://user@host/name") from error
        self._application = str(parsed.query.get("application_name", "rlm-ha"))
        # Under another name than the daemons, who are looked for.
        ours = parsed.update_query_dict({"application_name": OUR_NAME})
        self._url = ours.render_as_string(hide_password=False)
        self._name = shown(parsed)
        self._programs = Programs(ours, seconds=seconds, environ=environ)
        self._seconds = seconds
        self._lock_seconds = lock_seconds

    def save(self, folder: Path) -> SavedJournal:
        """Dump it into a folder. Raises BackupError."""
        with reading(self._url, seconds=self._seconds) as connection:
            there = look_at(connection, self._application)
            if there.revision is None:
                raise BackupError(f"{self._name} holds no journal; correct spec.store, or leave it out")
            self._refuse_newer(there.revision)
            sums = sums_of(connection, there)
            snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
            names = [(there.schema, name) for name in (*there.tables, journal_sql.VIEW)]
            names += [(row[0], row[1]) for row in connection.exec_driver_sql(journal_sql.PARTITIONS)]
            words = [f"--table={_pattern(schema, name)}" for schema, name in names]
            self._programs.run(
                *("pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={folder / FILE}"),
                *("--no-password", *words, self._programs.database),
            )
        return SavedJournal(
            place=f"{STORE_FOLDER}/{FILE}",
            revision=there.revision,
            schema=there.schema,
            server=there.server,
            program=self._programs.version("pg_dump"),
            tables=sums,
        )

    def look(self, saved: SavedJournal, file: Path) -> JournalLook:
        """What stands there now."""
        if saved.revision is None:
            detail = (
                f"this backup does not tell what is in it; by hand: pg_restore --clean --dbname=... {FILE}"
            )
            return JournalLook(found=Found.APART, detail=detail)
        try:
            self._refuse_newer(saved.revision)
            with reading(self._url, seconds=self._seconds) as connection:
                there = look_at(connection, self._application)
                if trouble := self._trouble(saved, there):
                    return JournalLook(found=Found.UNUSABLE, detail=trouble)
                used_by = ", ".join(there.at_work)
                used_by = used_by and f"a daemon is at work on it (from {used_by})"
                if there.revision is None:
                    return JournalLook(found=Found.NONE, used_by=used_by)
                if there.revision == saved.revision and sums_of(connection, there) == saved.tables:
                    return JournalLook(found=Found.SAVED)
                detail = described(lambda query: connection.exec_driver_sql(query).fetchall())
        except BackupError as error:
            return JournalLook(found=Found.UNUSABLE, detail=str(error))
        return JournalLook(found=Found.OTHER, detail=detail, used_by=used_by)

    def put(self, saved: SavedJournal, file: Path, *, replace: bool, beside: Path) -> str:
        """Put the dump there, and say what became of the journal before. Raises BackupError."""
        with reading(self._url, seconds=self._seconds) as connection:
            there = look_at(connection, self._application)
        going = there.tables if replace and there.revision is not None else ()
        kept = self._keep(beside) if going else ""
        before = journal_sql.before(
            saved.schema,
            application=self._application,
            lock=SCHEMA_LOCK,
            lock_seconds=self._lock_seconds,
            going=going or None,
        )
        try:
            with scratch_folder() as scratch:
                first, dump, last = (scratch / each for each in ("before", "dump", "after"))
                first.write_text(before, encoding="utf-8")
                last.write_text(journal_sql.after(saved.schema, saved.tables), encoding="utf-8")
                words = ("--no-owner", "--no-privileges", f"--file={dump}", str(file))
                with self._naming_versions(saved, there, "pg_restore"):
                    self._programs.run("pg_restore", *words)
                without_newer_settings(dump, server=there.server)
                with self._naming_versions(saved, there, "psql"):
                    self._run_scripts(first, dump, last)
        except OSError as error:
            why = f"{error.strerror}; set TMPDIR to a folder with room"
            raise BackupError(f"the journal cannot be unpacked: {why}") from error
        return kept

    def _run_scripts(self, *scripts: Path) -> None:
        words = ["--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction"]
        words += [f"--file={script}" for script in scripts]
        self._programs.run("psql", *words, self._programs.database)

    @contextlib.contextmanager
    def _naming_versions(self, saved: SavedJournal, there: There, program: str) -> Iterator[None]:
        """They are told where they differ: then that may be all that is wrong."""
        try:
            yield
        except BackupError as error:
            ours = self._programs.version(program)
            told = ""
            if len({_major(each) for each in (saved.server, saved.program, there.server, ours)}) > 1:
                told = (
                    f"; it was dumped from PostgreSQL {saved.server} by pg_dump {saved.program}, the server "
                    f"is {there.server}, and {program} is {ours}: programs of the dump's version are wanted, "
                    "and a server that is not older"
                )
            raise BackupError(
                f"the journal was not put back, and {self._name} is as it was: {error}{told}"
            ) from error

    def _keep(self, beside: Path) -> str:
        """A dump of what is there, under a name that is free; it has it once it is whole."""
        number = 1
        while (folder := Path(f"{beside}-{number}")).exists():
            number += 1
        try:
            beside.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=beside.parent, prefix=f".{beside.name}-"))
            try:
                self.save(part)
                part.rename(folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        except OSError as error:
            why = f"{error.strerror}; give --state"
            raise BackupError(f"{folder}: what is there cannot be kept: {why}") from error
        return f"the one before is {folder / FILE}"

    def _trouble(self, saved: SavedJournal, there: There) -> str:
        """Why the saved one cannot be put there at all."""
        if there.revision is None and (there.tables or there.strangers):
            return f"{self._name} holds tables of another program; give another database"
        if there.schema != saved.schema:
            return (
                f"its tables were in schema {saved.schema}, and this user's search_path leads to "
                f"{there.schema or 'none that there is'}; make the schema, and set search_path for him"
            )
        if there.revision is not None and not is_known(there.revision):
            return _newer(self._name, there.revision)
        return ""

    def _refuse_newer(self, revision: str) -> None:
        if not is_known(revision):
            raise BackupError(_newer("the journal", revision))


def without_newer_settings(script: Path, *, server: str) -> None:
    """Take out of a script's heading what its pg_restore sets, and older servers do not know."""
    if _major(server) >= 17:  # which has it
        return
    with script.open("r+b") as file:
        heading = file.read(4096)
        file.seek(0)
        file.write(heading.replace(b"\nSET transaction_timeout = 0;", b"\n--  transaction_timeout = 0;"))


def _major(version: str) -> int:
    number = version.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _pattern(schema: str, name: str) -> str:
    return f"{journal_sql.quoted(schema)}.{journal_sql.quoted(name)}"


def _newer(what: str, revision: str) -> str:
    return f"{what} has schema {revision}, which this version of rlm-ha does not know; install a newer one"
