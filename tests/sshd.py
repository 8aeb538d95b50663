"""Another machine, as ssh sees it: a real sshd on loopback with keys, an account and files of its own."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.ports import free_port
from tests.probe.programs import shell
from tests.simulated import wait_until

HOST = "rlm1.example.com"
LOGIN = "rlm"
CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PATH={bin}:/usr/bin:/bin
LogLevel VERBOSE
"""
CLIENT = """\
Host {host}
    HostName 127.0.0.1
    Port {port}
    User {login}
    HostKeyAlias {host}
    IdentityFile {folder}/user
    IdentityAgent none
    UserKnownHostsFile {folder}/known
    GlobalKnownHostsFile none
    UpdateHostKeys no
    LogLevel INFO
"""
INTERNAL = "Subsystem sftp internal-sftp"


class Sshd:
    """Runs as a context manager. Started by root it is nobody, under the login `rlm` all the same.

    `more` is added to its configuration; `largest` bytes is as much as a file there may hold, as on a disk
    that is full then.
    """

    def __init__(self, *, more: str = INTERNAL, largest: int | None = None) -> None:
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._uid, self._gid = (
            (os.getuid(), os.getgid()) if self._user is None else (self._user.pw_uid, self._user.pw_gid)
        )
        self.folder = Path(tempfile.mkdtemp(prefix="rlm-ha-sshd-"))
        self.home = self.folder / "home"
        self.bin = self.folder / "bin"
        self.client = self.folder / "client"
        for each in (self.home, self.bin, self.client, self.client / "bin"):
            each.mkdir()
        self.port = free_port()
        self._more = more
        self._largest = largest
        self._process: subprocess.Popen[bytes] | None = None
        self.make_key(self.folder / "host")
        self.make_key(self.client / "user")
        self.authorize()
        self.know()
        self._write()
        self.connect_to(self.port)

    def make_key(self, path: Path, *, passphrase: str = "") -> None:
        """A key pair in place of what is there."""
        path.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f", str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=20)

    def authorize(self, options: str = "") -> None:
        """Let the client's key in, with these options before it."""
        public = (self.client / "user.pub").read_text()
        (self.folder / "authorized").write_text(f"{options} {public}".lstrip())

    def know(self) -> None:
        """Have the client know this host's key."""
        (self.client / "known").write_text(f"{HOST} {(self.folder / 'host.pub').read_text()}")

    def connect_to(self, port: int) -> None:
        """Where the client finds the host."""
        told = CLIENT.format(host=HOST, port=port, login=LOGIN, folder=self.client)
        (self.client / "config").write_text(told)

    def own(self, path: Path) -> Path:
        """Give a file, or a folder and all in it, to the account."""
        for each in (path, *path.rglob("*")):
            os.chown(each, self._uid, self._gid, follow_symlinks=False)
        return path

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have this process find an ssh and an sftp that take the client's configuration for the user's."""
        ssh, sftp = shutil.which("ssh"), shutil.which("sftp")
        assert ssh is not None, "ssh is missing: make setup"
        assert sftp is not None, "sftp is missing: make setup"
        shell(self.client / "bin/ssh", f"exec '{ssh}' -F '{self.client}/config' \"$@\"")
        shell(self.client / "bin/sftp", f"exec '{sftp}' -S '{ssh}' -F '{self.client}/config' \"$@\"")
        monkeypatch.setenv("PATH", f"{self.client / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text(errors="replace")

    def sessions(self) -> list[int]:
        """The processes that serve connections."""
        assert self._process is not None
        return _below(self._process.pid)

    def cut(self) -> None:
        """End what serves connections, as when a machine loses them; new ones are taken."""
        for number in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing there moves: connections are still taken, by the kernel, and nobody answers."""
        assert self._process is not None
        numbers = [self._process.pid, *self.sessions()]
        for number in numbers:
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in numbers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGCONT)

    def __enter__(self) -> Self:
        self._start()
        listening = f"port {self.port}."
        try:
            wait_until(lambda: listening in self.log(), within=20, what="sshd")
        except AssertionError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.cut()
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self) -> None:
        lines = [CONFIG.format(folder=self.folder, bin=self.bin, port=self.port), self._more]
        lines += [f"{key} {path}" for key, path in _own_parts().items()]
        (self.folder / "config").write_text("\n".join((*lines, "")))
        account = f"{LOGIN}:x:{self._uid}:{self._gid}::{self.home}:/bin/sh\n"
        (self.folder / "passwd").write_text(account)
        (self.folder / "group").write_text(f"{LOGIN}:x:{self._gid}:\n")
        self.own(self.folder)
        self.own_client()

    def own_client(self) -> None:
        """ssh refuses a key that is another user's."""
        for each in (self.client, *self.client.rglob("*")):
            os.chown(each, os.getuid(), os.getgid())

    def _start(self) -> None:
        sshd = shutil.which("sshd")
        assert sshd is not None, "sshd is missing: make setup"
        accounts = {
            "LD_PRELOAD": str(Path(sshd).parent.parent / "lib" / "libnss_wrapper.so"),
            "NSS_WRAPPER_PASSWD": str(self.folder / "passwd"),
            "NSS_WRAPPER_GROUP": str(self.folder / "group"),
        }
        command = ["env", *(f"{key}={value}" for key, value in accounts.items())]
        if self._largest is not None:
            # A write beyond the limit then fails, as on a full disk, instead of ending the writer.
            command += ["sh", "-c", f"trap '' XFSZ; ulimit -f {self._largest // 512}; exec \"$@\"", "sh"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, sshd, "-D", "-e", "-f", str(self.folder / "config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=None if self._user is None else self._uid,
                group=None if self._user is None else self._gid,
                extra_groups=None if self._user is None else [],
            )


def _own_parts() -> dict[str, str]:
    """From 9.8 on an sshd consists of several programs, whose places are built in."""
    sshd = shutil.which("sshd") or ""
    folder = Path(sshd).parent.parent / "root/usr/lib/openssh"
    kinds = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}
    return {key: str(folder / name) for key, name in kinds.items() if (folder / name).exists()}


def _below(process: int) -> list[int]:
    """The children of a process, and theirs."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [number for child in map(int, children) for number in (child, *_below(child))]
