"""BIND's `named` on loopback with one zone that a key may change."""

import base64
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.ports import free_port
from tests.simulated import wait_until

ZONE = """\
$TTL 3600
@    IN SOA ns hostmaster ( 1 3600 600 86400 60 )
     IN NS  ns
ns   IN A   127.0.0.1
rlm  IN A   192.0.2.1
mail IN A   192.0.2.9
     IN MX  10 mail
"""
CONFIG = """\
include "{folder}/ddns.key";
options {{
    directory "{folder}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile "{folder}/session.key";
    recursion no;
    notify no;
    dnssec-validation no;
}};
controls {{ }};
zone "example.com" {{
    type primary;
    file "{folder}/example.com.zone";
    allow-update {{ key ddns; }};
}};
"""
START_LIMIT = 20.0


def write_key(path: Path, secret: bytes) -> Path:
    """A key file as tsig-keygen writes it."""
    text = base64.b64encode(secret).decode()
    path.write_text(f'key "ddns" {{\n\talgorithm hmac-sha256;\n\tsecret "{text}";\n}};\n', encoding="ascii")
    return path


class NameServer:
    """Runs as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.key = write_key(folder / "ddns.key", os.urandom(32))
        (folder / "example.com.zone").write_text(ZONE, encoding="ascii")
        config = folder / "named.conf"
        config.write_text(CONFIG.format(folder=folder, port=self.port), encoding="ascii")
        named = shutil.which("named")
        assert named is not None, "named is needed: make setup"
        self._command = [named, "-4", "-g", "-n", "1", "-c", str(config)]
        self._log = folder / "named.log"

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return f"127.0.0.1:{self.port}"

    def ask(self, name: str, kind: str) -> list[str]:
        """Each record of that type as `TTL DATA`."""
        command = ["dig", "@127.0.0.1", "-p", str(self.port), "+norecurse", "+noall", "+answer", name, kind]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        rows = [line.split(maxsplit=4) for line in done.stdout.splitlines() if not line.startswith(";")]
        return sorted(f"{row[1]} {row[4]}" for row in rows if len(row) == 5 and row[3] == kind)

    def change(self, *lines: str) -> None:
        """Update the zone, as `update` of nsupdate has it."""
        told = "".join(f"update {line}\n" for line in lines)
        command = ["nsupdate", "-k", str(self.key)]
        subprocess.run(
            command,
            input=f"server 127.0.0.1 {self.port}\nzone example.com\n{told}send\n",
            text=True,
            check=True,
            timeout=20,
        )

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(lambda: bool(self.ask("ns.example.com", "A")), within=START_LIMIT, what="named")
        except AssertionError:
            self.__exit__(None, None, None)
            raise AssertionError(self._log.read_text(encoding="utf-8")[-2000:]) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
