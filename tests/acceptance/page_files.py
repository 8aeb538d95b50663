"""What stands at the page's site before anything runs: scripts, names, manifests, stand-ins."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rlm_exporter.simulator.launch import write_rlmutil
from tests.acceptance import page_text

CLUSTER = "rlm-ha-cluster"
SERVERS = ("rlm1", "rlm2", "rlm3")
ISVS = {"siemens": (5055, "STARCCM:2023.1000:20,NXCAE:2023.1000:10"), "lstc": (5056, "LSDYNA:13.0:8")}
RLM_HA = (sys.executable, "-m", "rlm_exporter.cli")
SINK_PORT = 10080
LIMIT = 60.0
_BALANCER = "rlm-lb.vantage.com"
_TLS = page_text.ROOT / "tests" / "data" / "tls"
_SCRIPTS = (page_text.HEALTH_CHECK, page_text.FAILOVER, page_text.BACKUP, page_text.HA_TEST)


def host(server: str) -> str:
    """Its name in the page."""
    return f"{server}.vantage.com"


def address(server: str) -> str:
    """A loopback address for each host."""
    return f"127.0.53.{SERVERS.index(server) + 1}"


def environment(folder: Path) -> dict[str, str]:
    """Of somebody who works on that machine; stand-ins come before the programs of these names."""
    path = f"{folder}/bin:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(page_text.ROOT)}


def write_files(folder: Path, files: Path) -> None:
    """In `folder` what is ours, and in `files` what the page has at fixed places."""
    programs = files / "opt/rlm/bin"
    for path in (programs, files / "var/log/rlm", files / "etc/haproxy"):
        path.mkdir(parents=True)
    write_rlmutil(programs / "rlmutil")
    for name in _SCRIPTS:
        _write_program(programs / name, page_text.script(name))
    hosts = ["127.0.0.1 localhost", f"127.0.53.10 {_BALANCER}"]
    hosts += [f"{address(server)} {host(server)}" for server in SERVERS]
    (files / "etc/hosts").write_text("\n".join([*hosts, ""]), encoding="utf-8")
    (folder / f"{CLUSTER}.yaml").write_text(page_text.manifest(), encoding="utf-8")
    _write_yaml(folder / "settings.yaml", _settings(folder))
    _write_yaml(folder / "with-sites.yaml", _with_sites())
    pair = (_TLS / "rlm-cert.pem").read_bytes() + (_TLS / "rlm-key.pem").read_bytes()
    (folder / "web.pem").write_bytes(pair)
    _render_haproxy(folder, files / "etc/haproxy")
    _write_stand_ins(folder)


def _settings(folder: Path) -> Mapping[str, Any]:
    sink = {"webhook": {"url": f"http://127.0.0.1:{SINK_PORT}/"}}
    return {
        "apiVersion": "rlm-ha/v1",
        "kind": "ExporterConfig",
        "spec": {"loadBalancers": {CLUSTER: _balancer(folder)}, "alerts": {"sinks": {"pager": sink}}},
    }


def _balancer(folder: Path) -> Mapping[str, Any]:
    haproxy = [{"name": "lb1", "url": f"unix:{folder}/lb1.sock"}]
    return {"host": _BALANCER, "webPort": 5054, "haproxy": haproxy}


def _with_sites() -> Mapping[str, Any]:
    """The page's manifest, in which each server stands somewhere."""
    document: dict[str, Any] = yaml.safe_load(page_text.manifest())
    for role, site in (("primary", "north"), ("secondary", "north"), ("backup", "south")):
        document["spec"]["highAvailability"][role]["site"] = site
    return document


def _render_haproxy(folder: Path, to: Path) -> None:
    """The page's manifest names no ISV ports, which the balancer has to carry."""
    document = yaml.safe_load(page_text.manifest())
    spec = document["spec"]
    for role in ("primary", "secondary", "backup"):
        spec["highAvailability"][role]["isvPorts"] = {isv: port for isv, (port, _) in ISVS.items()}
    spec["loadBalancer"] = _balancer(folder)
    path = folder / "for-haproxy.yaml"
    _write_yaml(path, document)
    subprocess.run(
        [*RLM_HA, "render", "haproxy", str(path), "--bind", _BALANCER, "--output", str(to)],
        check=True,
        capture_output=True,
        timeout=LIMIT,
        env=environment(folder),
    )


def _write_stand_ins(folder: Path) -> None:
    programs, place = folder / "bin", shlex.quote(str(folder))
    programs.mkdir()
    os.mkfifo(folder / "go")
    # A minute is over when the test says so.
    _write_program(programs / "sleep", f'#!/bin/sh\necho "$@" >>{place}/rounds\nread -r _ <{place}/go\n')
    _write_program(programs / "ssh", f'#!/bin/sh\nprintf "%s\\n" "$1" >>{place}/ssh\n')
    _write_program(programs / "scp", '#!/bin/sh\nprintf "%s\\n" "$1" >"$2"\n')


def _write_yaml(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def _write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
