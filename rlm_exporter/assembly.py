"""Puts the parts of one cluster together from those that all clusters of a daemon share."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.hooks import Hooks
from rlm_exporter.failover.leadership import Alone, LeaseKeeper
from rlm_exporter.failover.ports import DirectProbe, Outside, Seam, ThroughProbe
from rlm_exporter.failover.releaser import Releaser
from rlm_exporter.failover.rlmdown import Rlmdown
from rlm_exporter.haproxy.balancer import Balancer
from rlm_exporter.haproxy.client import StatsPageClient
from rlm_exporter.haproxy.config import balancer_names
from rlm_exporter.haproxy.reach import reach
from rlm_exporter.manifest.model import Cluster, HaproxyEndpoint, LoadBalancerSpec
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.observers import (
    ControllerObserver,
    DenialObserver,
    DriftObserver,
    ProberObserver,
    SteeringObserver,
)
from rlm_exporter.probe.addresses import SystemResolver
from rlm_exporter.probe.license_files import LicenseFileReader
from rlm_exporter.probe.ports import Clock
from rlm_exporter.probe.prober import Prober
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.rlmutil_program import RlmutilProgram
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.probe.tcp import ConnectProbe
from rlm_exporter.probe.through import AtServer, ThroughBalancer
from rlm_exporter.probe.web import HttpProbe
from rlm_exporter.render.client_desk import ClientDesk
from rlm_exporter.render.publisher import Publisher
from rlm_exporter.store.journal import Journal
from rlm_exporter.sync.drift_watch import DriftWatch
from rlm_exporter.usage.denial_follower import DenialFollower
from rlm_exporter.usage.denial_watch import DenialWatch
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.recorder import Serving, UsageRecorder
from rlm_exporter.usage.report_log_intake import ReportLogIntake
from rlm_exporter.usage.report_log_recorder import ReportLogRecorder
from rlm_exporter.usage.spool import Spool

PARALLEL_PROBES = 32
"""License probes at once over all clusters: each is a process."""
PARALLEL_LOOKS = 4
"""Looks at license files, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterParts:
    """Everything that looks after one cluster."""

    controller: ClusterController
    releaser: Releaser
    client_desk: ClientDesk
    drift: DriftWatch
    """Looks after license files, where the manifest has that done."""
    lives: tuple[Callable[[], Coroutine[None, None, None]], ...]
    """What has to run, each as a task."""
    clients: tuple[StatsPageClient, ...]

    async def run(self) -> None:
        """Until cancelled; then the connections to the balancers are closed."""
        try:
            async with asyncio.TaskGroup() as group:
                for life in self.lives:
                    group.create_task(life())
        finally:
            for client in self.clients:
                await client.close()


class Assembly:
    """What the clusters of a daemon share."""

    def __init__(
        self,
        *,
        clock: Clock,
        instruments: Instruments,
        journal: Journal,
        license_probe: RlmutilProbe,
        rlmutil: RlmutilProgram,
        seam: Seam,
        license_files_every: timedelta,
        keeper: LeaseKeeper | None,
        usage: Journal | None,
        spool: Path,
        veil: Veil,
        names: bool,
    ) -> None:
        self._clock = clock
        self._instruments = instruments
        self._journal = journal
        self._license_probe = license_probe
        self._seam = seam
        self._license_files_every = license_files_every
        self._keeper = keeper
        self._usage = usage
        self._spool = spool
        self._veil = veil
        self._names = names
        self._rlmutil = rlmutil
        self._reading = asyncio.Semaphore(1)
        """One report log at a time."""
        self._looking = asyncio.Semaphore(PARALLEL_LOOKS)
        self._resolver = SystemResolver()
        self._connect = ConnectProbe(clock=clock, resolver=self._resolver)
        self._slots = asyncio.Semaphore(PARALLEL_PROBES)
        self._hooks = Hooks(
            clock=clock, stop_server=Rlmdown(rlmutil=rlmutil, tcp_probe=self._connect, clock=clock)
        )

    def build(self, cluster: Cluster) -> ClusterParts:
        """The parts of one cluster; nothing runs yet."""
        self._instruments.watch(cluster)
        prober = self._prober(cluster)
        journal = self._journal_of(cluster)
        clients: list[StatsPageClient] = []
        publisher = self._publisher(cluster, journal)
        controller = ClusterController(
            Outside(
                cluster=cluster,
                prober=prober,
                balancers=self._balancers(cluster, prober, clients),
                journal=journal,
                direct=_direct(prober),
                through=self._through(cluster),
                hooks=self._hooks,
                publish=publisher.publish,
                clock=self._clock,
                observer=ControllerObserver(self._instruments),
                seam=self._seam,
                leadership=Alone() if self._keeper is None else self._keeper.of(cluster.name),
            )
        )
        watches = self._watches_of_denials(cluster, prober)
        recorders = self._recorders(cluster, prober, controller)
        drift = self._drift(cluster, controller)
        return ClusterParts(
            controller=controller,
            releaser=self._releaser(cluster, journal),
            client_desk=ClientDesk(
                cluster=cluster,
                store=journal,
                publisher=publisher,
                active=partial(_active_of, controller),
                publish=controller.publish,
                clock=self._clock,
            ),
            drift=drift,
            lives=(
                prober.run,
                controller.run,
                publisher.tell,
                *((drift.run,) if drift.is_wanted else ()),
                *(each.run for each in (*watches, *recorders)),
            ),
            clients=tuple(clients),
        )

    def _drift(self, cluster: Cluster, controller: ClusterController) -> DriftWatch:
        return DriftWatch(
            cluster=cluster,
            acts=partial(acts_for, controller),
            turn=self._looking,
            clock=self._clock,
            observer=DriftObserver(self._instruments),
        )

    def _publisher(self, cluster: Cluster, journal: Journal) -> Publisher:
        return Publisher(
            cluster=cluster,
            store=journal,
            hooks=self._hooks,
            observer=ControllerObserver(self._instruments),
        )

    def _releaser(self, cluster: Cluster, journal: Journal) -> Releaser:
        return Releaser(
            cluster=cluster.name,
            journal=journal,
            rlmutil=self._rlmutil,
            license_probe=self._license_probe,
            clock=self._clock,
            names=self._names,
        )

    def _recorders(
        self, cluster: Cluster, prober: Prober, controller: ClusterController
    ) -> Sequence[UsageRecorder | ReportLogRecorder]:
        """What writes the usage log; nothing where none is kept."""
        if self._usage is None:
            return ()
        recorder = UsageRecorder(
            cluster=cluster,
            prober=prober,
            store=self._usage,
            serving=partial(_serving_of, controller),
            spool=Spool(self._spool / f"usage-{quote(cluster.name, safe='')}.spool"),
            veil=self._veil,
            stumbled=partial(ControllerObserver(self._instruments).stumbled, cluster.name),
            clock=self._clock,
        )
        return (recorder, *self._report_logs(cluster, self._usage, controller))

    def _report_logs(
        self, cluster: Cluster, store: Journal, controller: ClusterController
    ) -> list[ReportLogRecorder]:
        return [
            ReportLogRecorder(
                cluster=cluster.name,
                server=server,
                log=report_log,
                store=store,
                acts=partial(acts_for, controller),
                veil=self._veil,
                stumbled=partial(ControllerObserver(self._instruments).stumbled, cluster.name),
                turn=self._reading,
                clock=self._clock,
            )
            for server in cluster.servers
            for report_log in server.report_logs
        ]

    def intake(self) -> ReportLogIntake | None:
        """Where report logs are shipped to."""
        if self._usage is None:
            return None
        return ReportLogIntake(
            store=self._usage,
            veil=self._veil,
            clock=self._clock,
            observer=DenialObserver(self._instruments),
        )

    def _journal_of(self, cluster: Cluster) -> Journal:
        """The journal as the cluster's writer has it: among several daemons only while it holds the lease."""
        if self._keeper is None:
            return self._journal
        return self._journal.guarded(self._keeper.guard(cluster.name))

    def _prober(self, cluster: Cluster) -> Prober:
        return Prober(
            cluster=cluster,
            license_probe=self._license_probe,
            tcp_probe=self._connect,
            web_probe=HttpProbe(tls=cluster.health_check.web_tls, clock=self._clock, resolver=self._resolver),
            clock=self._clock,
            observer=ProberObserver(self._instruments),
            jitter=random.random,
            slots=self._slots,
            license_readers={
                server.name: LicenseFileReader(source=server.license_files, clock=self._clock)
                for server in cluster.servers
                if server.license_files is not None
            },
            files_every=self._license_files_every,
        )

    def _watches_of_denials(self, cluster: Cluster, prober: Prober) -> list[DenialWatch]:
        return [
            DenialWatch(
                cluster=cluster,
                server=server.name,
                log=report_log,
                follower=DenialFollower(Path(report_log.path)),
                part=partial(_part, prober, server.name),
                clock=self._clock,
                observer=DenialObserver(self._instruments),
            )
            for server in cluster.servers
            for report_log in server.report_logs
        ]

    def _through(self, cluster: Cluster) -> ThroughProbe:
        balancer = cluster.load_balancer
        if balancer is None or not balancer.haproxy:
            return AtServer(cluster=cluster, license_probe=self._license_probe)
        return ThroughBalancer(cluster=cluster, license_probe=self._license_probe, port=balancer.port)

    def _balancers(
        self, cluster: Cluster, prober: Prober, clients: list[StatsPageClient]
    ) -> tuple[Balancer, ...]:
        load_balancer = cluster.load_balancer
        if load_balancer is None:
            return ()
        return tuple(
            self._balancer(cluster, load_balancer, endpoint, prober, clients)
            for endpoint in load_balancer.haproxy
        )

    def _balancer(
        self,
        cluster: Cluster,
        load_balancer: LoadBalancerSpec,
        endpoint: HaproxyEndpoint,
        prober: Prober,
        clients: list[StatsPageClient],
    ) -> Balancer:
        names = balancer_names(cluster, endpoint)
        client = StatsPageClient(endpoint=endpoint, names=names, clock=self._clock)
        clients.append(client)
        return Balancer(
            page=client,
            servers=names.servers,
            host=client_address(load_balancer, endpoint),
            ports=(load_balancer.port, *(port for _, port in cluster.isv_ports)),
            reach=reach,
            direct=_direct(prober),
            clock=self._clock,
            observer=SteeringObserver(self._instruments, cluster=cluster.name),
            hard_stop_after=endpoint.hard_stop_after,
        )


def client_address(load_balancer: LoadBalancerSpec, endpoint: HaproxyEndpoint) -> str:
    """The address on which one balancer takes clients.

    The manifest has one address for all; with several balancers that is a floating one, so each is
    reached at its own, or where its stats page is, if that is over the network.
    """
    if endpoint.address is not None:
        return endpoint.address
    if len(load_balancer.haproxy) < 2 or endpoint.url.startswith("unix:"):
        return load_balancer.host
    return urlsplit(endpoint.url).hostname or load_balancer.host


def _serving_of(controller: ClusterController) -> Serving:
    """Who serves, and whether this daemon is to tell of it."""
    standing = controller.standing
    lease, record = standing.lease, standing.record
    acts = True if lease is None or lease.ours else None if lease.trouble else False
    return Serving(
        active=record.active if record else None, since=record.active_since if record else None, acts=acts
    )


def _active_of(controller: ClusterController) -> str | None:
    record = controller.standing.record
    return record.active if record else None


def acts_for(controller: ClusterController) -> bool:
    """Whether this daemon, of several, acts for the cluster."""
    return _serving_of(controller).acts is True


def _part(prober: Prober, server: str) -> ServerSnapshot:
    return prober.snapshot.server(server)


def _direct(prober: Prober) -> DirectProbe:
    async def direct(server: str) -> str | None:
        failure = await prober.direct(server)
        return None if failure is None else failure.detail

    return direct
