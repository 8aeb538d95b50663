"""Documents in which nothing is wrong become the values that the rest of the product knows."""

from collections.abc import Mapping
from datetime import time, timedelta
from enum import StrEnum
from typing import TypeVar

from rlm_exporter.manifest.build_alerts import build_alerts
from rlm_exporter.manifest.document import Part
from rlm_exporter.manifest.durations import parse_duration
from rlm_exporter.manifest.formats import read_resolver
from rlm_exporter.manifest.model import (
    ClientFile,
    ClientServers,
    ClientSettingsSpec,
    Cluster,
    DeployPolicy,
    Detection,
    ExecCall,
    ExporterConfig,
    Failback,
    FailbackWindow,
    FailoverPolicy,
    Feature,
    HaproxyEndpoint,
    HealthCheckPolicy,
    Hook,
    HttpCall,
    LicenseFetch,
    LicensePaths,
    LicenseSync,
    LoadBalancerSpec,
    LogFormat,
    LogLevel,
    PoolsMissing,
    ReportLog,
    Resolvers,
    RlmdownCall,
    Server,
    SettingsFormat,
    Takeover,
    TriggerSource,
    Tuning,
    UsagePolicy,
)
from rlm_exporter.manifest.reading import (
    FAILOVER,
    HEALTH_CHECK,
    LOAD_BALANCER,
    SERVER,
    ServerPart,
    isv_spellings,
    server_parts,
)
from rlm_exporter.rlm.address import parse_host

Choice = TypeVar("Choice", bound=StrEnum)
Spellings = Mapping[str, str]

_HAPROXY = HaproxyEndpoint(name="", url="")
_CONFIG = ExporterConfig()
_FAILBACK_AFTER = timedelta(minutes=10)
_HOOK = Hook(call=HttpCall(url=""))
_CLIENTS = ClientSettingsSpec()
_FETCH = LicenseFetch(command=())
_SYNC = LicenseSync(folder="")
_TUNING = Tuning()
_LICENSE_DRIFT = timedelta(minutes=15)


def build_cluster(manifest: Part, balancer: Part) -> Cluster:
    """A cluster from its manifest; the balancer may stand elsewhere, or nowhere."""
    group, monitoring = manifest.at("spec", "highAvailability"), manifest.at("spec", "monitoring")
    spellings = isv_spellings(manifest)
    return Cluster(
        name=_text(manifest.at("metadata", "name")),
        source=manifest.document.source,
        servers=tuple(_server(part, spellings) for part in server_parts(manifest)),
        takeover=_choice(group.at("takeover"), Takeover.CONTROLLED),
        failback=_choice(group.at("failback"), Failback.MANUAL),
        failback_after=_duration(group.at("failbackAfter"), _FAILBACK_AFTER),
        failback_window=_window(group.at("failbackWindow")),
        health_check=_health_check(monitoring.at("healthCheck")),
        failover=_failover(monitoring.at("failover")),
        features=tuple(
            Feature(name=_text(part.at("name")), isv=_isv(part.at("vendor"), spellings))
            for part in manifest.at("spec", "features").children()
        ),
        load_balancer=build_balancer(balancer, spellings) if balancer.is_given else None,
        client_settings=_client_settings(manifest.at("spec", "clientSettings")),
        tuning=_tuning(manifest.at("spec", "tuning")),
        license_masters=_optional(manifest.at("spec", "licenseMasters")),
        license_drift=_license_drift(manifest.at("spec", "licenseDrift")),
    )


def build_balancer(part: Part, spellings: Spellings) -> LoadBalancerSpec:
    """A load balancer, with its ISVs spelled as the cluster's manifest does."""
    return LoadBalancerSpec(
        host=parse_host(_text(part.at("host"))),
        port=_whole(part.at("port"), LOAD_BALANCER.port),
        web_port=_whole(part.at("webPort"), 0) or None,
        web_follows=_flag(part.at("webFollows"), default=LOAD_BALANCER.web_follows),
        resolvers=_resolvers(part.at("resolvers")),
        haproxy=tuple(_haproxy(entry, spellings) for entry in part.at("haproxy").children()),
    )


def _resolvers(part: Part) -> Resolvers | None:
    if not part.is_given:
        return None
    return Resolvers(addresses=tuple(read_resolver(_text(item)) for item in part.children()))


def build_config(settings: Part, spellings: Mapping[str, Spellings]) -> ExporterConfig:
    """The daemon's settings; `spellings` of ISVs by cluster."""
    spec = settings.at("spec")
    balancers = sorted(spec.at("loadBalancers").children(), key=lambda part: part.name)
    return ExporterConfig(
        source=settings.document.source,
        listen=_optional(spec.at("listen")),
        state_dir=_optional(spec.at("stateDir")),
        store=_optional(spec.at("store")),
        rlmutil=_optional(spec.at("rlmutil")),
        name=_optional(spec.at("name")),
        advertise=_optional(spec.at("advertise")),
        usage=UsagePolicy(
            record=_flag(spec.at("usage", "record"), default=_CONFIG.usage.record),
            privacy=_choice(spec.at("usage", "privacy"), _CONFIG.usage.privacy),
            key_file=_optional(spec.at("usage", "keyFile")),
            keep=_duration(spec.at("usage", "keep"), timedelta()) or None,
        ),
        alerts=build_alerts(spec.at("alerts")),
        deploy=DeployPolicy(
            programs=_flag(spec.at("deploy", "programs"), default=_CONFIG.deploy.programs),
            files=_flag(spec.at("deploy", "files"), default=_CONFIG.deploy.files),
        ),
        log_format=_choice(spec.at("logFormat"), LogFormat.LOGFMT) if spec.at("logFormat").is_given else None,
        log_level=_choice(spec.at("logLevel"), LogLevel.INFO) if spec.at("logLevel").is_given else None,
        compatibility_names=_flag(
            spec.at("metrics", "compatibilityNames"), default=_CONFIG.compatibility_names
        ),
        load_balancers=tuple(
            (part.name, build_balancer(part, spellings.get(part.name, {}))) for part in balancers
        ),
    )


def _license_drift(part: Part) -> timedelta | None:
    if not _flag(part.at("watch"), default=True):
        return None
    return _duration(part.at("every"), _LICENSE_DRIFT)


def _server(server: ServerPart, spellings: Spellings) -> Server:
    part, ports = server.part, server.isv_ports
    return Server(
        name=server.name or "",
        role=server.role,
        host=server.host or "",
        port=_whole(part.at("port"), SERVER.port),
        web_port=_whole(part.at("webPort"), SERVER.web_port),
        site=_optional(part.at("site")),
        timezone=_optional(part.at("timezone")),
        isv_ports=tuple(sorted((spellings.get(isv.casefold(), isv), port) for isv, port in ports)),
        license_files=_license_files(part.at("licenseFiles")),
        license_sync=_license_sync(part.at("licenseSync")),
        report_logs=tuple(
            ReportLog(isv=_isv(item.at("isv"), spellings), path=_text(item.at("path")))
            for item in part.at("reportLogs").children()
        ),
    )


def _client_settings(part: Part) -> ClientSettingsSpec:
    files = part.at("files").children()
    servers = part.at("servers")
    return ClientSettingsSpec(
        files=tuple(
            ClientFile(
                path=_text(file.at("path")),
                format=_choice(file.at("format"), SettingsFormat.SH),
                site=_optional(file.at("site")),
            )
            for file in files
        ),
        servers=_choice(servers, ClientServers.ACTIVE) if servers.is_given else None,
        connect_timeout=_duration(part.at("connectTimeout"), _CLIENTS.connect_timeout),
        hooks=tuple(_hook(item, required=False) for item in part.at("hooks").children()),
    )


def _tuning(part: Part) -> Tuning:
    return Tuning(
        candidates=_choice(part.at("candidates"), _TUNING.candidates),
        session_affinity=_flag(part.at("sessionAffinity"), default=_TUNING.session_affinity),
        max_connections=_whole(part.at("maxConnectionsPerServer"), 0) or None,
        clients=_choice(part.at("clientOrder"), _TUNING.clients),
    )


def _license_files(part: Part) -> LicensePaths | LicenseFetch | None:
    if not part.is_given:
        return None
    command = tuple(_text(item) for item in part.at("exec").children())
    if not command:
        return LicensePaths(paths=tuple(_text(item) for item in part.children()))
    return LicenseFetch(command=command, timeout=_duration(part.at("timeout"), _FETCH.timeout))


def _license_sync(part: Part) -> LicenseSync | None:
    if not part.is_given:
        return None
    return LicenseSync(
        folder=_text(part.at("folder")),
        sftp=_optional(part.at("sftp")),
        command=tuple(_text(item) for item in part.at("exec").children()),
        rlmhostid=tuple(_text(item) for item in part.at("rlmhostid").children()),
        timeout=_duration(part.at("timeout"), _SYNC.timeout),
    )


def _health_check(part: Part) -> HealthCheckPolicy:
    return HealthCheckPolicy(
        interval=_duration(part.at("interval"), HEALTH_CHECK.interval),
        timeout=_duration(part.at("timeout"), HEALTH_CHECK.timeout),
        retries=_whole(part.at("retries"), HEALTH_CHECK.retries),
        check_web=_flag(part.at("checkWeb"), default=HEALTH_CHECK.check_web),
        web_required=_flag(part.at("webRequired"), default=HEALTH_CHECK.web_required),
        web_tls=_flag(part.at("webTls"), default=HEALTH_CHECK.web_tls),
    )


def _failover(part: Part) -> FailoverPolicy:
    triggers = frozenset(TriggerSource(_text(item)) for item in part.at("triggers").children())
    hooks = part.at("hooks")
    return FailoverPolicy(
        automatic=_flag(part.at("automatic"), default=FAILOVER.automatic),
        threshold=_whole(part.at("threshold"), FAILOVER.threshold),
        cooldown=_duration(part.at("cooldown"), FAILOVER.cooldown),
        detection=_choice(part.at("detection"), Detection(FAILOVER.detection)),
        triggers=triggers or FAILOVER.triggers,
        pools_missing=_choice(part.at("poolsMissing"), PoolsMissing(FAILOVER.pools_missing)),
        fence=_fence(part.at("fence")),
        quarantine=_flag(part.at("quarantine"), default=FAILOVER.quarantine),
        before=tuple(_hook(item, required=_HOOK.required) for item in hooks.at("before").children()),
        after=tuple(_hook(item, required=False) for item in hooks.at("after").children()),
    )


def _window(part: Part) -> FailbackWindow | None:
    if not part.is_given:
        return None
    return FailbackWindow(
        start=time.fromisoformat(_text(part.at("from"))),
        end=time.fromisoformat(_text(part.at("to"))),
        timezone=_optional(part.at("timezone")) or "UTC",
    )


def _fence(part: Part) -> Hook | None:
    """A dead server cannot be told to stop, so rlmdown is never required."""
    if not part.is_given:
        return None
    return _hook(part, required=not part.at("rlmdown").is_given)


def _hook(part: Part, *, required: bool) -> Hook:
    return Hook(
        call=_call(part),
        timeout=_duration(part.at("timeout"), _HOOK.timeout),
        retries=_whole(part.at("retries"), _HOOK.retries),
        required=_flag(part.at("required"), default=required),
    )


def _call(part: Part) -> ExecCall | HttpCall | RlmdownCall:
    if part.at("exec").is_given:
        return ExecCall(command=tuple(_text(item) for item in part.at("exec").children()))
    return RlmdownCall() if part.at("rlmdown").is_given else HttpCall(url=_text(part.at("url")))


def _haproxy(part: Part, spellings: Spellings) -> HaproxyEndpoint:
    backends = part.at("isvBackends").children()
    return HaproxyEndpoint(
        name=_text(part.at("name")),
        url=_text(part.at("url")),
        client_cert=_optional(part.at("clientCert")),
        ca_cert=_optional(part.at("caCert")),
        backend=_optional(part.at("backend")) or _HAPROXY.backend,
        isv_backends=tuple(
            sorted((spellings.get(item.name.casefold(), item.name), _text(item)) for item in backends)
        ),
        web_backend=_optional(part.at("webBackend")),
        address=parse_host(_text(part.at("address"))) if part.at("address").is_given else None,
        site=_optional(part.at("site")),
        hard_stop_after=_duration(part.at("hardStopAfter"), timedelta()) or None,
    )


def _text(part: Part) -> str:
    """What the schema says must be there."""
    return str(part.text or "")


def _optional(part: Part) -> str | None:
    return None if part.text is None else str(part.text)


def _whole(part: Part, default: int) -> int:
    return default if part.text is None else int(part.text)


def _flag(part: Part, *, default: bool) -> bool:
    return default if part.text is None else part.text == "true"


def _duration(part: Part, default: timedelta) -> timedelta:
    return default if part.text is None else parse_duration(part.text)


def _choice(part: Part, default: Choice) -> Choice:
    return default if part.text is None else type(default)(str(part.text))


def _isv(part: Part, spellings: Spellings) -> str:
    return spellings.get(_text(part).casefold(), _text(part))
