"""Every command with what it is asked, what the daemon answers, and what it then prints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rlm_exporter.backup.archive import seal
from rlm_exporter.backup.contents import Contents
from tests.alerts.payloads import alert, body
from tests.cli import reports
from tests.cli.daemon import Handler, fixed, said
from tests.cli.documents import CLUSTER, operation, status
from tests.cli.test_release import RELEASED, plan
from tests.cli.test_seats import answer as seats
from tests.cli.test_seats import feature
from tests.rlm.report_logs import START, back, log, out

PATH = f"/api/v1/clusters/{CLUSTER}"
SITE = "/api/v1/clusters/site"
PLAN = {
    "result": "plan",
    "plan": {
        "from": "rlm1",
        "to": "rlm2",
        "kind": "switchover",
        "steps": ["apply on lb1", "verify through every balancer", "commit"],
        "warnings": [],
        "rules": [{"number": 9, "rule": "active_healthy", "applies": True, "detail": "rlm1 answers"}],
    },
}
DONE = {"result": "done", "detail": "resumed"}
HEARD = {"result": "done", "detail": "heard mon1 about rlm1", "differences": []}
SENT = {
    "result": "taken", "detail": "taken by pager", "duplicate": False, "id": 3, "key": "k",
    "sinks": [{"name": "pager", "state": "taken", "attempts": 1, "detail": None}],
}  # fmt: skip
EVENTS = {"operations": [operation()], "decisions": []}
SESSIONS = {**reports.SPAN, "sessions": [], "omitted": 0}
OUTCOME = {
    "seats": 40, "granted": 3, "refused": 1, "newly_granted": 1, "newly_refused": 0, "peak": 4,
    "denial_rate": 0.25,
}  # fmt: skip
WHAT_IF = {**reports.SPAN, "feature": "STARCCM", "seats_now": 30, "outcomes": [OUTCOME]}

CHANGED = {"cluster": CLUSTER, "change": "changed", "differences": ["a: 1 -> 2"], "notes": [], "revision": 4}
DEPLOYED = {"dry_run": False, "clusters": [CHANGED]}
KEPT = {
    "cluster": CLUSTER, "owner": "store", "source": "site.yaml", "revision": 3, "deployed_by": "ada",
    "deployed_at": "2026-03-02T08:00:00+00:00", "manifest": "kind: LicenseServer\n", "attached": None,
}  # fmt: skip
SETTINGS = {
    "cluster": CLUSTER,
    "settings": {
        "load_balancing": "preference", "session_affinity": "true", "health_check_interval": "30s",
        "failover_detection": "normal", "strategy": "preference", "prefer_local_server": "false",
        "connection_pooling": "disabled", "max_connections_per_server": "unlimited",
    },
}  # fmt: skip

CLIENT_CONFIG = {
    "cluster": "site", "active": "rlm1", "license_servers": [], "license_failover_enabled": True,
    "license_redundancy_mode": "active-passive", "set_by": None, "reason": None, "set_at": None,
    "jobs": {
        "servers": ["5053@rlm1"], "isvs": ["siemens"], "connect_timeout_seconds": 5,
        "variables": {"RLM_LICENSE": "5053@rlm1"}, "license_servers": [{"host": "rlm1", "port": 5053}],
    },
    "files": [], "remarks": [],
}  # fmt: skip
CLIENT_UPDATE = {
    "result": "changed",
    "changes": [{"name": "license_servers", "from": "rlm1", "to": "5053@rlm1"}],
    "config": CLIENT_CONFIG,
}
MESSAGE = {
    "id": 3, "status": "firing", "severity": "critical", "name": "RlmHaAlert", "component": "licensing",
    "message": "hello", "cluster": None, "server": None, "key": "k", "requested_by": "ada", "asked": 1,
    "starts_at": "2026-03-02T08:00:00+00:00", "created_at": "2026-03-02T08:00:00+00:00",
    "sinks": SENT["sinks"],
}  # fmt: skip

SMALL = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {name: site}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {name: rlm1, host: 127.0.0.1}
    secondary: {name: rlm2, host: 127.0.0.2}
  loadBalancer: {host: 127.0.0.3, haproxy: [{name: lb1, url: "unix:/run/lb1.sock"}]}
  monitoring: {healthCheck: {checkWeb: false}}
  features: [{name: solver, vendor: acme}]
"""
SAVED = """\
apiVersion: rlm-ha/v1
kind: Backup
metadata: {name: site}
spec:
  into: /nowhere
  servers:
    rlm1: {root: FOLDER, paths: [/acme.lic]}
"""
ENVIRONMENT = "export RLM_LICENSE=5053@rlm1.example.com\n"
BACKUP = Contents(
    cluster="site", made_at=datetime(2026, 3, 2, tzinfo=UTC), active="rlm1", epoch=3,
    active_host="rlm1.example.com",
    members=("servers/rlm1",), entries=(), parts=(),
)  # fmt: skip
ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "examples" / "rlm-ha-cluster-haproxy.yaml"
DASHBOARD = ROOT / "examples" / "dashboard.yaml"
RLMSTAT = ROOT / "tests" / "data" / "rlmstat"
LICENSES = ROOT / "tests" / "data" / "license"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One run of a command that ends with 0."""

    words: tuple[str, ...]
    """`{folder}` is a folder of the test's own, with FILES in it."""
    answers: Mapping[str, tuple[Handler, ...]] = field(default_factory=dict)
    schema: str | None = None
    """The schema of the API that its JSON has; None where the document is the command's own."""
    silent: bool = False
    """It writes files, and tells of it on stderr."""
    own_yaml: bool = False
    """As YAML it prints what its document holds, not the document."""
    plain: bool = False
    """It prints a file for others, whatever --format says."""


def of_cluster(*words: str, schema: str = "Cluster") -> Asked:
    return Asked(words=(*words, CLUSTER), answers={f"GET {PATH}": (fixed(status()),)}, schema=schema)


def moved(verb: str, *more: str) -> Asked:
    return Asked(
        words=("licenses", verb, CLUSTER, *more, "--dry-run"),
        answers={f"POST {PATH}/{verb}": (fixed(PLAN),)},
        schema="Planned",
    )


def told(verb: str, *more: str) -> Asked:
    return Asked(
        words=("licenses", verb, CLUSTER, *more),
        answers={f"POST {PATH}/{verb}": (fixed(DONE),)},
        schema="Done",
    )


def all_clusters(*words: str) -> Asked:
    return Asked(
        words=(*words, "list"),
        answers={"GET /api/v1/clusters": (fixed({"clusters": [status()]}),)},
        schema="Clusters",
    )


def of_site(verb: str, path: str, answer: Any, schema: str, *more: str) -> Asked:
    return Asked(
        words=("licenses", verb, "site", *more),
        answers={f"GET {SITE}/{path}": (fixed(answer),)},
        schema=schema,
    )


def update_health(*words: str) -> Asked:
    return Asked(
        words=(*words, "update-health", CLUSTER, "--healthy-servers", "rlm1", "--failed-servers", ""),
        answers={f"POST {PATH}/health": (fixed(HEARD),)},
        schema="Heard",
    )


def deployed(*words: str) -> Asked:
    return Asked(
        words=(*words, "{folder}/cluster.yaml", "--yes"),
        answers={"POST /api/v1/manifests": (fixed(DEPLOYED),)},
        schema="Deployed",
    )


def removed(*words: str) -> Asked:
    return Asked(
        words=(*words, CLUSTER, "--yes"),
        answers={f"GET {PATH}/manifest": (fixed(KEPT),), f"DELETE {PATH}": (fixed(DEPLOYED),)},
        schema="Deployed",
    )


def settings(verb: str) -> Asked:
    return Asked(
        words=("licenses", verb, CLUSTER),
        answers={f"GET {PATH}/config": (fixed(SETTINGS),)},
        schema="Settings",
    )


def client_config(verb: str, method: str, told: Any, schema: str, *more: str) -> Asked:
    return Asked(
        words=("cluster", "config", verb, "--cluster", "site", *more),
        answers={f"{method} {SITE}/client-config": (fixed(told),)},
        schema=schema,
    )


REPORT = Asked(
    words=("licenses", "report", "site"),
    answers={
        f"GET {SITE}/usage": (fixed(reports.usage(reports.line())),),
        f"GET {SITE}/usage/denials": (fixed(reports.denials(reports.denial())),),
        f"GET {SITE}/usage/sessions": (fixed(SESSIONS),),
        f"GET {SITE}/usage/double-use": (fixed(reports.double_use(reports.double_host())),),
        f"GET {SITE}/expiring": (fixed(reports.expiring(reports.ending())),),
    },
)

ASKED: dict[str, Asked] = {
    "license-servers list": all_clusters("license-servers"),
    "license server list": all_clusters("license", "server"),
    "license-servers status": of_cluster("license-servers", "status"),
    "license-servers update-health": update_health("license-servers"),
    "license server status": of_cluster("license", "server", "status"),
    "license server update-health": update_health("license", "server"),
    "licenses status": of_cluster("licenses", "status"),
    "licenses update-health": update_health("licenses"),
    "license-servers deploy": deployed("license-servers", "deploy"),
    "license server deploy": deployed("license", "server", "deploy"),
    "licenses deploy": deployed("licenses", "deploy"),
    "licenses import": deployed("licenses", "import"),
    "license-servers remove": removed("license-servers", "remove"),
    "license server remove": removed("license", "server", "remove"),
    "licenses config": settings("config"),
    "licenses optimize": settings("optimize"),
    "licenses export": Asked(
        words=("licenses", "export", CLUSTER),
        answers={f"GET {PATH}/manifest": (fixed(KEPT),)},
        schema="Manifest",
        own_yaml=True,
    ),
    "cluster config show": client_config("show", "GET", CLIENT_CONFIG, "ClientConfig"),
    "cluster config update": client_config(
        "update", "PUT", CLIENT_UPDATE, "ClientConfigUpdate", "--license-servers", "5053@rlm1"
    ),
    "alerts list": Asked(
        words=("alerts", "list"),
        answers={"GET /api/v1/alerts": (fixed({"alerts": [MESSAGE]}),)},
        schema="SentAlerts",
    ),
    "licenses primary": Asked(
        words=("licenses", "primary", CLUSTER), answers={f"GET {PATH}": (fixed(status()),)}
    ),
    "licenses monitor": Asked(
        words=("licenses", "monitor", CLUSTER), answers={f"GET {PATH}": (fixed(status()),)}
    ),
    "licenses failover": moved("failover", "--to", "rlm2"),
    "licenses switchover": moved("switchover", "--to", "rlm2"),
    "licenses failback": moved("failback"),
    "licenses pause": told("pause", "--for", "2h"),
    "licenses resume": told("resume"),
    "licenses ack": told("ack"),
    "licenses maintenance": told("maintenance", "--server", "rlm2", "--enable"),
    "licenses seats": of_site("seats", "seats", seats(feature()), "Seats"),
    "licenses release": Asked(
        words=("licenses", "release", "site", "--handle", "15c", "--yes"),
        answers={f"POST {SITE}/release": (fixed(plan()), fixed(RELEASED))},
        schema="Release",
    ),
    "licenses usage": of_site("usage", "usage", reports.usage(reports.line()), "Usage"),
    "licenses who": of_site("who", "usage/sessions", SESSIONS, "Sessions"),
    "licenses denials": of_site("denials", "usage/denials", reports.denials(reports.denial()), "Denials"),
    "licenses expiring": of_site("expiring", "expiring", reports.expiring(reports.ending()), "Expiring"),
    "licenses report": REPORT,
    "licenses whatif": of_site(
        "whatif", "usage/what-if", WHAT_IF, "WhatIf", "--feature", "STARCCM", "--seats", "40"
    ),
    "licenses events": Asked(
        words=("licenses", "events", CLUSTER),
        answers={f"GET {PATH}/events": (fixed(EVENTS),)},
        schema="Events",
    ),
    "alerts send": Asked(
        words=("alerts", "send", "critical", "--message", "hello"),
        answers={"POST /api/v1/alerts": (fixed(SENT),)},
        schema="SentAlert",
    ),
    "watch": of_cluster("watch"),
    "ship-log": Asked(
        words=("ship-log", "{folder}/acme.rl", "--cluster", "site", "--server", "rlm1", "--once"),
        answers={
            f"GET {SITE}/servers/rlm1/report-logs/acme": (fixed({"number": 0, "position": ""}),),
            f"POST {SITE}/servers/rlm1/report-logs/acme": (fixed({"number": 1}),),
        },
    ),
    "health": Asked(words=("health",), answers={"GET /-/healthy": (said("rlm-ha is healthy\n"),)}),
    "check": Asked(words=("check", "{folder}/cluster.yaml")),
    "inspect rlmstat": Asked(words=("inspect", "rlmstat", "{folder}/rlmstat.txt")),
    "inspect license": Asked(words=("inspect", "license", "{folder}/acme.lic")),
    "inspect client-env": Asked(words=("inspect", "client-env", "{folder}/rlm.sh")),
    "inspect report-log": Asked(words=("inspect", "report-log", "{folder}/acme.rl")),
    "inspect webhook": Asked(words=("inspect", "webhook", "{folder}/delivery.json")),
    "render haproxy": Asked(
        words=("render", "haproxy", "{folder}/cluster.yaml", "--balancer", "lb1"), plain=True
    ),
    "render client-env": Asked(words=("render", "client-env", "{folder}/cluster.yaml"), plain=True),
    "render slurm": Asked(words=("render", "slurm", "{folder}/cluster.yaml"), plain=True),
    "render systemd": Asked(words=("render", "systemd"), plain=True),
    "render install": Asked(words=("render", "install", "{folder}/cluster.yaml"), plain=True),
    "render rlm-args": Asked(words=("render", "rlm-args", "{folder}/rlm.conf")),
    "render nfs": Asked(
        words=("render", "nfs", "{folder}/cluster.yaml", "--nfs-server", "nfs.example.com"), plain=True
    ),
    "render prometheus": Asked(words=("render", "prometheus"), plain=True),
    "render alertmanager": Asked(words=("render", "alertmanager"), plain=True),
    "render dashboard": Asked(words=("render", "dashboard", "{folder}/dashboard.yaml"), plain=True),
    "render rules": Asked(words=("render", "rules", "{folder}/dashboard.yaml"), plain=True),
    "db upgrade": Asked(words=("db", "upgrade", "--store", "sqlite:///{folder}/new.db")),
    "db prune": Asked(
        words=("db", "prune", "--older-than", "400d", "--dry-run", "--store", "sqlite:///{folder}/journal.db")
    ),
    "backup": Asked(words=("backup", "{folder}/backup.yaml", "--into", "{folder}/b", "--allow-missing")),
    "restore": Asked(words=("restore", "{folder}/saved", "--verify")),
    "drill": Asked(
        words=("drill", "site", "--rlmutil", "{folder}/rlmutil"),
        answers={f"GET {SITE}/manifest": (fixed({**KEPT, "cluster": "site", "manifest": SMALL}),)},
    ),
    "client-test": Asked(
        words=("client-test", "5053@127.0.0.1:5053@127.0.0.2", "--rlmutil", "{folder}/rlmutil")
    ),
    "compat install": Asked(words=("compat", "install", "--dir", "{folder}"), silent=True),
    "completion": Asked(words=("completion", "bash"), plain=True),
}
"""By the name of each command; those that run until they are ended stand in ENDLESS."""

ENDLESS = {"serve", "demo", "simulate server", "simulate clients", "simulate rlmutil", "simulate control"}
WITH_A_SITE = {"doctor", "sync licenses"}
"""They need servers that answer; test_doctor.py and test_sync.py pin them."""
"""Programs of their own: what they print is told in their own tests, here only what they refuse."""


def write_files(folder: Path) -> None:
    """What the commands read."""
    (folder / "cluster.yaml").write_text(MANIFEST.read_text())
    (folder / "dashboard.yaml").write_text(DASHBOARD.read_text())
    (folder / "rlmstat.txt").write_bytes((RLMSTAT / "15.2-two-isvs.txt").read_bytes())
    (folder / "rlm.sh").write_text(ENVIRONMENT)
    (folder / "rlm.conf").write_text("LICENSE_PATH /opt/rlm/licenses\nLOG_LEVEL 3\nFOO 1\n")
    (folder / "acme.lic").write_bytes((LICENSES / "plain.lic").read_bytes())
    (folder / "acme.rl").write_bytes(log(START, out("15c", "08:05:00"), back("15c", "09:00:00")))
    (folder / "delivery.json").write_bytes(body(alert()))
    (folder / "backup.yaml").write_text(SAVED.replace("FOLDER", str(folder)))
    (folder / "saved").mkdir()
    seal(folder / "saved", BACKUP)
    (folder / "rlmutil").write_text(f'#!/bin/sh\nexec cat "{folder}/rlmstat.txt"\n')
    (folder / "rlmutil").chmod(0o755)
