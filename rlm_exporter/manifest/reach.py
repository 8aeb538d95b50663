"""What a manifest has the daemon do on its own machine, and whether one that is deployed may (pure)."""

from collections.abc import Iterator

from rlm_exporter.manifest.model import Cluster, DeployPolicy, ExecCall, Hook, LicenseFetch, LicensePaths

_PROGRAM = (
    "has the daemon run a program, which a deployed manifest may not; keep the manifest in a file of the "
    "daemon's, or allow it by deploy.programs: true in its settings"
)
_FILE = (
    "has the daemon use a file of its machine, which a deployed manifest may not; keep the manifest in a "
    "file of the daemon's, or allow it by deploy.files: true in its settings"
)


def reaches(cluster: Cluster, policy: DeployPolicy, *, is_attached: bool) -> tuple[str, ...]:
    """What of it the policy does not allow, with the place of each.

    Nothing is said of a load balancer that the daemon's own settings attach.
    """
    programs = () if policy.programs else tuple(f"{place}: {_PROGRAM}" for place in _programs(cluster))
    files = (*_files(cluster), *(() if is_attached else _files_of_balancers(cluster)))
    refused = () if policy.files else tuple(f"{place}: {_FILE}" for place in files)
    return (*programs, *refused)


def drift_reaches(cluster: Cluster, policy: DeployPolicy) -> bool:
    """Whether looking after license files would have the daemon do what the policy does not allow.

    That is no reason to refuse a manifest: licenseSync is for `rlm-ha sync licenses`, which its caller runs.
    """
    syncs = [server.license_sync for server in cluster.servers if server.license_sync is not None]
    programs = any(sync.sftp or sync.command or sync.rlmhostid for sync in syncs)
    files = cluster.license_masters is not None or any(not (sync.sftp or sync.command) for sync in syncs)
    return bool(syncs) and ((programs and not policy.programs) or (files and not policy.files))


def _programs(cluster: Cluster) -> Iterator[str]:
    failover, clients = cluster.failover, cluster.client_settings
    hooks: tuple[tuple[str, tuple[Hook, ...]], ...] = (
        ("spec.monitoring.failover.fence", () if failover.fence is None else (failover.fence,)),
        ("spec.monitoring.failover.hooks.before", failover.before),
        ("spec.monitoring.failover.hooks.after", failover.after),
        ("spec.clientSettings.hooks", clients.hooks),
    )
    for place, several in hooks:
        if any(isinstance(hook.call, ExecCall) for hook in several):
            yield f"{place}: exec"
    for server in cluster.servers:
        if isinstance(server.license_files, LicenseFetch):
            yield f"{server.name}: licenseFiles.exec"


def _files(cluster: Cluster) -> Iterator[str]:
    if cluster.client_settings.files:
        yield "spec.clientSettings.files"
    for server in cluster.servers:
        if isinstance(server.license_files, LicensePaths):
            yield f"{server.name}: licenseFiles"
        if server.report_logs:
            yield f"{server.name}: reportLogs"


def _files_of_balancers(cluster: Cluster) -> Iterator[str]:
    for endpoint in cluster.load_balancer.haproxy if cluster.load_balancer is not None else ():
        place = f"spec.loadBalancer.haproxy: {endpoint.name}"
        if endpoint.url.startswith("unix:"):
            yield f"{place}: url"
        if endpoint.client_cert is not None:
            yield f"{place}: clientCert"
        if endpoint.ca_cert is not None:
            yield f"{place}: caCert"
