"""Machines for backups: folders of this one, each with what a license server or a balancer has."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rlm_exporter.backup.courier import Courier
from rlm_exporter.backup.make import Known, Made, Wishes, make_backup
from rlm_exporter.backup.members import BackupSettings, Member, Role

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
KNOWN = Known(active="rlm2", active_host="rlm2.example.com", epoch=7, export="kind: LicenseServer\n")
KEY = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n"
LICENSE = "HOST rlm1 ANY 5053\nISV siemens\nLICENSE siemens STARCCM 1.0 permanent 20 sig=abc\n"


def machine(root: Path) -> Path:
    """A license server as the guide has it: its license is a link into a shared folder."""
    shared = root / "opt/rlm/shared/licenses"
    shared.mkdir(parents=True)
    (shared / "siemens.lic").write_text(LICENSE)
    for name in ("licenses", "ssl", "logs"):
        (root / "opt/rlm" / name).mkdir()
    (root / "opt/rlm/licenses/siemens.lic").symlink_to(shared / "siemens.lic")
    (root / "opt/rlm/licenses/siemens.opt").write_text("MAX 5 STARCCM user alice\n")
    (root / "opt/rlm/rlm.conf").write_text("LICENSE_PATH /opt/rlm/licenses\n")
    (root / "opt/rlm/ssl/server.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    (root / "opt/rlm/ssl/server.pem").write_text(KEY)
    (root / "opt/rlm/logs/rlm.log").write_text("a line\n")
    return root


def member(root: Path, *, name: str = "rlm1", paths: tuple[str, ...] = ("/opt/rlm/licenses",)) -> Member:
    """A machine that is a folder."""
    return Member(
        role=Role.SERVER,
        name=name,
        ssh=None,
        command=(),
        root=str(root),
        paths=paths,
        logs=("/opt/rlm/logs",),
    )


def settings(into: Path, *members: Member, store: str | None = None) -> BackupSettings:
    """For these machines."""
    return BackupSettings(cluster="site", source="test", into=str(into), members=members, store=store)


def save(
    made_of: BackupSettings,
    wishes: Wishes | None = None,
    *,
    known: Known = KNOWN,
    progress: Callable[[str, int], None] = lambda _what, _size: None,
) -> Made:
    """Make a backup at a fixed time."""
    return make_backup(made_of, wishes or Wishes(), known, now=NOW, progress=progress)


def courier(at: Member, *, seconds: float = 20, largest: int = 10**9) -> Courier:
    """Runs programs there."""
    return Courier(at, seconds=seconds, largest=largest)
