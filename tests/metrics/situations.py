"""A cluster as the page of metrics may find it: rlm1 serves, rlm2 waits, rlm3 is dead."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rlm_exporter.haproxy.view import AdminState, BalancerReading, BalancerView, ServerLine
from rlm_exporter.manifest.model import Cluster, Feature, HaproxyEndpoint, LoadBalancerSpec, Server
from rlm_exporter.metrics.facts import ClusterFacts, ControllerFacts
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.probe.license_reading import LicenseReading, make_reading
from rlm_exporter.probe.result import (
    Failure,
    FailureReason,
    LicenseResult,
    ProbeKind,
    ProbeResult,
    TcpResult,
    WebAnswer,
    WebResult,
)
from rlm_exporter.probe.snapshot import ClusterSnapshot, Health, ServerSnapshot
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.status import RlmStatus
from rlm_exporter.store.records import ClusterRecord

NOW = datetime(2025, 11, 3, 12, 0, tzinfo=UTC)
CERTIFICATE_ENDS = datetime(2026, 5, 1, tzinfo=UTC)
DATA = Path(__file__).parent.parent / "data"


def cluster() -> Cluster:
    return Cluster(
        name="rlm-ha-cluster",
        source="rlm-ha-cluster.yaml",
        servers=(
            Server(name="rlm1", role="primary", host="rlm1.example.com", timezone="America/Denver"),
            Server(name="rlm2", role="secondary", host="rlm2.example.com"),
            Server(name="rlm3", role="backup", host="rlm3.example.com"),
        ),
        features=(Feature(name="solver", isv="ACME"),),
        load_balancer=LoadBalancerSpec(
            host="rlm-lb.example.com",
            haproxy=(
                HaproxyEndpoint(name="lb1", url="unix:/run/haproxy/steer.sock"),
                HaproxyEndpoint(name="lb2", url="https://lb2.example.com:8404/stats"),
            ),
        ),
    )


def status(name: str) -> RlmStatus:
    return parse_rlmstat((DATA / "rlmstat" / f"{name}.txt").read_bytes())


def license_result(payload: RlmStatus | None, *, failure: Failure | None = None) -> LicenseResult:
    return ProbeResult(
        kind=ProbeKind.LICENSE,
        started_at=NOW - timedelta(seconds=2),
        duration=timedelta(milliseconds=42),
        payload=payload,
        failure=failure,
    )


def web_result(failure: Failure | None = None) -> WebResult:
    return ProbeResult(
        kind=ProbeKind.WEB,
        started_at=NOW - timedelta(seconds=2),
        duration=timedelta(milliseconds=8),
        payload=None if failure else WebAnswer(status=200, tls=True, certificate_ends=CERTIFICATE_ENDS),
        failure=failure,
    )


def tcp_result(failure: Failure | None = None) -> TcpResult:
    return ProbeResult(
        kind=ProbeKind.TCP,
        started_at=NOW - timedelta(seconds=2),
        duration=timedelta(microseconds=300),
        failure=failure,
    )


def server_up(name: str, answer: RlmStatus, *, web: WebResult | None = None) -> ServerSnapshot:
    return ServerSnapshot(
        server=name,
        health=Health(successes=3),
        license=license_result(answer),
        status=answer,
        web=web or web_result(),
        tcp=tcp_result(),
        checked_at=NOW - timedelta(seconds=1),
    )


LICENSES = b"""HOST rlm-lb.example.com 0123456789ab 5053
ISV acme
LICENSE acme solver 3.0 31-jan-2026 30 sig=1
LICENSE Acme solver 3.0 30-jun-2026 10
  start=1-jan-2026 sig=2
LICENSE acme mesher 3.0 permanent 5 sig=3
"""


RENEWED = LICENSES + b"LICENSE acme solver 3.0 31-jan-2027 30 start=1-feb-2026 sig=4\n"
"""The same, and the next year of the first."""


def reading(text: bytes = LICENSES, *, failures: tuple[str, ...] = ()) -> LicenseReading:
    """What one file says."""
    files = [("acme.lic", parse_license_file(text))] if text else []
    return make_reading(files, failures=failures, at=NOW - timedelta(seconds=90), before=None)


def server_down(name: str) -> ServerSnapshot:
    refused = Failure(reason=FailureReason.REFUSED, detail="nothing listens there")
    return ServerSnapshot(
        server=name,
        health=Health(failures=4, failure=refused, failing_since=NOW - timedelta(minutes=2)),
        license=license_result(
            None, failure=Failure(reason=FailureReason.NO_ANSWER, detail="rlm did not answer rlmutil")
        ),
        web=web_result(refused),
        tcp=tcp_result(refused),
        checked_at=NOW - timedelta(seconds=1),
    )


def snapshot() -> ClusterSnapshot:
    garbage = Failure(reason=FailureReason.HTTP_STATUS, detail="503 Service Unavailable")
    return ClusterSnapshot(
        cluster="rlm-ha-cluster",
        taken_at=NOW,
        servers=(
            replace(server_up("rlm1", status("15.2-two-isvs")), license_files=reading(RENEWED)),
            replace(
                server_up("rlm2", status("12.2-no-pools"), web=web_result(garbage)),
                license_files=reading(b"", failures=("/opt/rlm/acme.lic: Permission denied",)),
            ),
            server_down("rlm3"),
        ),
    )


def line(server: str, status_text: str, *, admin: AdminState = AdminState.READY) -> ServerLine:
    return ServerLine(
        backend="rlm_license_servers",
        server=server,
        server_id=int(server[-1]),
        status=status_text,
        admin=admin,
        is_up=status_text == "UP",
        sessions=4,
        sessions_total=40,
        bytes_out=1234,
        backup=server != "rlm1",
    )


def readings() -> tuple[BalancerReading, ...]:
    view = BalancerView(
        balancer="lb1",
        read_at=NOW,
        epoch=7,
        pid=4711,
        active="rlm1",
        lines=(
            line("rlm1", "UP"),
            line("rlm2", "MAINT", admin=AdminState.MAINT),
            line("rlm3", "DOWN"),
        ),
    )
    return (
        BalancerReading(balancer="lb1", at=NOW, view=view),
        BalancerReading(balancer="lb2", at=NOW, view=None, error="connection refused"),
    )


def controller() -> ControllerFacts:
    return ControllerFacts(
        active="rlm1",
        ready=False,
        operation_open=False,
        balancer_disagrees=False,
        cooldown_remaining=timedelta(seconds=120),
        paused=False,
        lease_ours=True,
        lease_remaining=12.5,
        is_led=True,
        journal_writable=True,
        rule="in_cooldown",
        last_move=NOW - timedelta(minutes=3),
        unacknowledged=1,
        failovers=3,
        pinned=frozenset({("lb1", "rlm2"), ("lb2", "rlm2")}),
    )


def record() -> ClusterRecord:
    return ClusterRecord(
        cluster="rlm-ha-cluster",
        active="rlm1",
        active_since=NOW - timedelta(hours=3),
        epoch=7,
        highest_epoch=7,
    )


def facts() -> ClusterFacts:
    return ClusterFacts(
        cluster=cluster(),
        snapshot=snapshot(),
        readings=readings(),
        record=record(),
        controller=controller(),
    )


def with_server(before: ClusterFacts, part: ServerSnapshot) -> ClusterFacts:
    """The same, with one server's part replaced."""
    servers = tuple(part if each.server == part.server else each for each in before.snapshot.servers)
    return replace(before, snapshot=replace(before.snapshot, servers=servers))


def look_at_licenses(instruments: Instruments, of: Cluster) -> None:
    """The first has what it ought to, the second a changed file and a strange one; the third is dark."""
    first, second, third = of.servers
    for server, in_step, fits, foreign in (
        (first, True, True, 0),
        (second, False, None, 1),
        (third, None, None, None),
    ):
        instruments.license_files_looked_at(
            of.name, server.name, at=NOW, ok=server is not third,
            in_step=in_step, fits_machine=fits, foreign=foreign,
        )  # fmt: skip


def count_denials(instruments: Instruments, of: Cluster) -> None:
    """Two denials at the first server, none at the second, whose report log cannot be read."""
    first, second, *_ = of.servers
    for server in (first, second):
        instruments.may_be_denied(of.name, server.name, "ACME", "solver", "all_in_use")
        instruments.report_log_read(of.name, server.name, "ACME", ok=server is first)
    for _ in range(2):
        instruments.denied(of.name, first.name, "ACME", "solver", "all_in_use")
