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


def how_to_install(packages: Sequence[str]) -> str:
    """Say what a person can do where packages cannot be fetched."""
    return (
        f"Install these packages, or what holds the same programs on this machine: {' '.join(packages)}\n"
        "They are found on PATH, in /usr/sbin and in /usr/local/sbin. Then run the same command again."
    )


class Distribution:
    """The packages of this machine's distribution, fetched into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._has_lists = False

    def unpack(self, packages: Sequence[str], into: Path) -> None:
        """Fetch packages with what they need and lay their files out under `into`."""
        apt_get, dpkg_deb = shutil.which("apt-get"), shutil.which("dpkg-deb")
        if apt_get is None or dpkg_deb is None:
            raise SetupError(f"There is no apt-get on this machine. {how_to_install(packages)}")
        say(f"fetching {', '.join(packages)} from the distribution's packages ...")
        into.mkdir(parents=True)
        for archive in self._download(apt_get, packages):
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
        try:
            if not self._has_lists:
                run([*command, "update"], env=env, cwd=self._folder)
                self._has_lists = True
            # A package that counts as installed, but whose program we did not find, is fetched all the same.
            run([*command, "--download-only", "--reinstall", "install", *packages], env=env, cwd=self._folder)
        except SetupError as error:
            raise SetupError(f"{error}\n{how_to_install(packages)}") from error
        return sorted(archives.glob("*.deb"))
