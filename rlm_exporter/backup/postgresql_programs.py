"""Runs PostgreSQL's own programs, each with an end. No password is among their arguments."""

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping

from sqlalchemy.engine import URL

from rlm_exporter.backup.scratch import scratch_folder
from rlm_exporter.errors import BackupError

KEY_PASSWORD = "sslpassword"  # noqa: S105 - its name
"""Of the client's key. PostgreSQL's programs take it from no variable, but from a service's file."""
SERVICE = "rlm-ha"


class Programs:
    """pg_dump, pg_restore and psql, for one database."""

    def __init__(self, url: URL, *, seconds: float, environ: Mapping[str, str]) -> None:
        password = url.password or url.query.get("password")
        self._service = _service(url, environ)
        query = {key: value for key, value in url.query.items() if key not in {"password", KEY_PASSWORD}}
        if self._service:
            query["service"] = SERVICE
        self.database = "--dbname=" + URL.create(
            "postgresql", url.username, None, url.host, url.port, url.database, query
        ).render_as_string(hide_password=False)
        secret = {"PGPASSWORD": str(password)} if password else {}
        self._environ = {**environ, **secret, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
        self._seconds = seconds

    def run(self, name: str, *words: str) -> str:
        """What it printed. Raises BackupError."""
        program = shutil.which(name, path=self._environ.get("PATH"))
        if program is None:
            raise BackupError(
                f"the journal is on PostgreSQL, and {name} is not on PATH: install PostgreSQL's client "
                "programs, or leave spec.store out and see to the database by its own means"
            )
        try:
            with self._environment() as environ:
                ended = subprocess.run(
                    [program, *words],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=self._seconds,
                    check=False,
                    env=environ,
                )
        except subprocess.TimeoutExpired as error:
            limit = f"{self._seconds:g} s"
            raise BackupError(f"{name} did not end within {limit}; raise spec.timeout") from error
        except OSError as error:
            raise BackupError(f"{program} cannot be run: {error.strerror}") from error
        if ended.returncode != 0:
            reason = _reason(ended.stderr)
            if "version mismatch" in reason:
                reason += "; install client programs that are not older than the server"
            raise BackupError(f"{name} failed: {reason}")
        return ended.stdout.decode("utf-8", "replace")

    @contextlib.contextmanager
    def _environment(self) -> Iterator[Mapping[str, str]]:
        """With a file for what has no variable of its own."""
        if not self._service:
            yield self._environ
            return
        with scratch_folder() as folder:
            file = folder / "services"
            file.touch(mode=0o600)
            file.write_text(self._service, encoding="utf-8")
            yield {**self._environ, "PGSERVICEFILE": str(file)}

    def version(self, name: str) -> str:
        """As `15.8`."""
        found = re.search(r"\d+(\.\d+)*", self.run(name, "--version"))
        return found[0] if found else "unknown"


def _service(url: URL, environ: Mapping[str, str]) -> str:
    """A service file of PostgreSQL's with the password of a client's key; empty without one."""
    password = url.query.get(KEY_PASSWORD)
    if not password:
        return ""
    if "service" in url.query or environ.get("PGSERVICE"):
        raise BackupError(
            f"spec.store: {KEY_PASSWORD} does not go with a service; write it into the service's own file"
        )
    if not isinstance(password, str) or "\n" in password or password != password.rstrip():
        raise BackupError(
            f"spec.store: {KEY_PASSWORD} is given twice, ends with a space or has more than one line"
        )
    return f"[{SERVICE}]\n{KEY_PASSWORD}={password}\n"


def _reason(said: bytes) -> str:
    """The first complaint and what is said about it, without the names of our own files."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    complaints = [line for line in lines if re.search(r"\b(ERROR|FATAL|error)\b", line)] or lines
    if not complaints:
        return "no reason given"
    begin = lines.index(complaints[0])
    more = [
        line for line in lines[begin + 1 : begin + 3] if re.search(r"\b(DETAIL|detail|HINT|hint)\b", line)
    ]
    return "; ".join(
        re.sub(r"^(psql:\S+: |pg_\w+: |psql: )?(error: |ERROR: +)?", "", each)
        for each in (complaints[0], *more)
    )
