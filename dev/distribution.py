"""Takes packages of a Debian-like distribution apart in a folder of ours; nothing is installed or started.

`apt-get` runs as whoever runs the setup, with its lists, its downloads and its locks in our folder. It reads
the machine's own `status` of dpkg: what the machine has installed is used as it is, and a library that it
lacks is fetched. An empty status would fetch the C library too, and a program must not run with a C library
of one version and a loader of another.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from dev.steps import SetupError, remove, run, say

# Paths are relative to the folder in which apt-get is started: no path of the clone needs quoting.
# Hooks of the machine are dropped: some empty /var/cache/apt, some wake a service.
APT_CONF = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
Dir::State "./state";
Dir::State::lists "./state/lists";
Dir::State::extended_states "./state/extended_states";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "./cache";
Dir::Cache::archives "./cache/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "./log";
Debug::NoLocking "true";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Acquire::Retries "2";
"""


class Distribution:
    """The packages of this machine's distribution, fetched into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._update_said: str | None = None

    def unpack(self, packages: Sequence[str], *, into: Path, otherwise: str) -> None:
        """Fetch packages with what they need and lay their files out under `into`.

        Where that cannot be done, tell the person to do it `otherwise`.
        """
        apt_get, dpkg_deb = shutil.which("apt-get"), shutil.which("dpkg-deb")
        if apt_get is None or dpkg_deb is None:
            raise SetupError(f"There is no apt-get on this machine.\n{otherwise}")
        say(f"fetching {', '.join(packages)} from the distribution's packages ...")
        into.mkdir(parents=True)
        try:
            archives = self._download(apt_get, packages)
        except SetupError as error:
            raise SetupError(f"{error}\n{self._complaints()}{otherwise}") from error
        for archive in archives:
            run([dpkg_deb, "--extract", archive, into])
            archive.unlink()

    def forget(self) -> None:
        """Drop the lists and what is left of downloads."""
        remove(self._folder)

    def _download(self, apt_get: str, packages: Sequence[str]) -> list[Path]:
        archives = self._folder / "cache" / "archives"
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        (self._folder / "state" / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self._folder / "apt.conf").write_text(APT_CONF, encoding="utf-8")
        command = [apt_get, "--config-file", "apt.conf", "--quiet"]
        env = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        if self._update_said is None:
            self._update_said = run([*command, "update"], env=env, cwd=self._folder)
        # A package that counts as installed, but whose program we did not find, is fetched all the same.
        run([*command, "--download-only", "--reinstall", "install", *packages], env=env, cwd=self._folder)
        return sorted(archives.glob("*.deb"))

    def _complaints(self) -> str:
        """Return what went wrong with the lists: apt-get calls an update without a network a success."""
        lines = (self._update_said or "").splitlines()
        return "".join(f"  {line}\n" for line in lines if line.startswith(("W:", "E:")))
