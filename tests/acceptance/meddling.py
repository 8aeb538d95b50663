"""What a case does to the parts of a stage behind the product's back."""

import http.client
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
import yaml

from rlm_exporter.demo.layout import balancer_name
from rlm_exporter.demo.stage import START_LIMIT, Stage, haproxy_process
from rlm_exporter.simulator.launch import write_rlmutil

LIMIT = 5.0
"""Seconds for one answer."""

LOG_ROOM = 16 * 1024
"""Bytes that the daemon may still write into its log while its journal takes none."""


def start_serve(
    stage: Stage,
    *,
    name: str = "rlm-ha",
    port: int | None = None,
    state: str = "state",
    manifests: tuple[Path, ...] = (),
    environment: Mapping[str, str] | None = None,
    options: tuple[str, ...] = (),
) -> None:
    """`rlm-ha serve` otherwise than the stage starts it; it is not waited for."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RLM_HA_")}
    paths = manifests or (stage.folder / "cluster.yaml",)
    stage.processes.start(
        name,
        [
            *(sys.executable, "-m", "rlm_exporter.cli", "serve"),
            *(word for path in paths for word in ("--config", str(path))),
            *("--listen", f"127.0.0.1:{port or stage.layout.daemon_port}"),
            *("--state-dir", str(stage.folder / state), "--rlmutil", str(stage.folder / "rlmutil")),
            *options,
        ],
        environment={**ours, **(environment or {})},
    )


def wait_healthy(stage: Stage) -> None:
    """Until the daemon answers."""
    url = f"{stage.layout.daemon_url}/-/healthy"
    stage.wait(lambda: stage.get(url) is not None, "a daemon", within=START_LIMIT)


def send(
    stage: Stage, path: str, document: Any = None, *, body: bytes | None = None, token: str | None = None
) -> requests.Response:
    """POST something to the daemon, and whatever it answers."""
    session = requests.Session()
    session.trust_env = False
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    url = f"{stage.layout.daemon_url}{path}"
    if body is not None:
        return session.post(url, data=body, headers=headers, timeout=LIMIT)
    return session.post(url, json=document, headers=headers, timeout=2 * LIMIT)


# ---- HAProxy


def render_again(stage: Stage, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest, and have HAProxy start again with what is rendered from it."""
    path = stage.folder / "cluster.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    for number, host in enumerate(stage.layout.balancer_hosts):
        name = balancer_name(number)
        peer = f"{name}={host}:{stage.layout.peer_port}"
        command = [
            *(sys.executable, "-m", "rlm_exporter.cli", "render", "haproxy", str(path)),
            *("--balancer", name, "--bind", host, "--peer", peer, "--output", str(stage.folder / name)),
        ]
        stage.processes.run("render", command, limit=20)
        start_cold(stage, name)


def edit_config(stage: Stage, old: str, new: str, *, balancer: str = "lb1") -> None:
    """Somebody's hand in haproxy.cfg; nothing is told to HAProxy."""
    path = stage.folder / balancer / "haproxy.cfg"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def start_cold(stage: Stage, balancer: str = "lb1") -> None:
    """SIGKILL for master and workers, and another HAProxy that knows nothing."""
    stage.kill(haproxy_process(balancer))
    (stage.folder / f"{balancer}.sock").unlink()
    stage.start_haproxy(balancer)


def reload_haproxy(stage: Stage, balancer: str = "lb1") -> None:
    """What `systemctl reload haproxy` does; returns when a new worker answers."""
    before = worker(stage, balancer)
    os.kill(stage.processes.pid(haproxy_process(balancer)), signal.SIGUSR2)
    stage.wait(lambda: worker(stage, balancer) not in {None, before}, "a new worker", within=10)


def worker(stage: Stage, balancer: str = "lb1") -> str | None:
    """The process that takes new connections; None while none does."""
    try:
        return _stats_page(stage, balancer, "GET", "").getheader("X-Pid")
    except (OSError, http.client.HTTPException):
        return None


def command(stage: Stage, action: str, *servers: str, epoch: int, balancer: str = "lb1") -> int:
    """What another controller tells HAProxy; the answer's status."""
    form = urlencode([("b", "rlm_license_servers"), ("action", action), *(("s", each) for each in servers)])
    return _stats_page(stage, balancer, "POST", form, epoch=epoch).status


def _stats_page(
    stage: Stage, balancer: str, method: str, form: str, *, epoch: int = 0
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("localhost", timeout=LIMIT)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(LIMIT)
    try:
        connection.sock.connect(str(stage.folder / f"{balancer}.sock"))
        headers = {"X-Epoch": str(epoch), "Content-Type": "application/x-www-form-urlencoded"}
        with suppress(BrokenPipeError):  # it may have refused after the headers: the answer says so
            connection.request(
                method, "/stats" if form else "/stats;csv", form or None, headers if form else {}
            )
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def with_runtime_socket(stage: Stage, balancer: str = "lb1") -> None:
    """Give a HAProxy the socket that most packages give it, and start it again."""
    line = f"\nglobal\n    stats socket {stage.folder / balancer}.admin level admin\n"
    edit_config(stage, "\nglobal\n", line, balancer=balancer)
    start_cold(stage, balancer)


def runtime(stage: Stage, words: str, balancer: str = "lb1") -> str:
    """A command at HAProxy's runtime socket, and what it says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(LIMIT)
        connection.connect(f"{stage.folder / balancer}.admin")
        connection.sendall(f"{words}\n".encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode().strip()


# ---- our own


@contextmanager
def journal_away(stage: Stage) -> Iterator[None]:
    """The daemon's files may grow no more, as on a full disk; its log still has some room."""
    pid = stage.processes.pid("rlm-ha")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    room = (stage.folder / "rlm-ha.log").stat().st_size + LOG_ROOM
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def with_a_record(stage: Stage) -> Callable[[], list[str]]:
    """Let our own rlmutil write down whom it has asked, `port@host`, once it has ended; gives them all."""
    record, real = stage.folder / "asked", stage.folder / "rlmutil.real"
    record.touch()
    write_rlmutil(real)
    (stage.folder / "rlmutil").write_text(
        f'#!/bin/sh\n{real} "$@"\nended=$?\nfor asked; do :; done\necho "$asked" >>{record}\nexit $ended\n',
        encoding="utf-8",
    )
    return lambda: record.read_text(encoding="utf-8").splitlines()


def with_a_block(stage: Stage, host: str) -> Path:
    """Let our own rlmutil get no answer from one host, as long as the file is there that this names."""
    block, real = stage.folder / "block", stage.folder / "rlmutil.real"
    write_rlmutil(real)
    (stage.folder / "rlmutil").write_text(
        f'#!/bin/sh\ncase "$* " in *"@{host} "*) [ -e {block} ] && exec sleep 60;; esac\nexec {real} "$@"\n',
        encoding="utf-8",
    )
    return block
