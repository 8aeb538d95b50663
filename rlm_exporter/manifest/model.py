"""What a manifest says, as frozen values. Every number of the product lives here and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from rlm_exporter.manifest.dashboard import Dashboard
from rlm_exporter.manifest.document import Value
from rlm_exporter.rlm.address import Endpoint, bracketed, format_host_port


class Takeover(StrEnum):
    """Who moves the licenses when a server is lost."""

    CONTROLLED = "controlled"
    """Servers hold independent copies; the controller keeps all but one from the clients."""
    NATIVE = "native"
    """The vendor granted an `rlm_failover*` license; RLM moves by itself and the controller follows."""


class Failback(StrEnum):
    """How the cluster returns to its preferred server."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


class Detection(StrEnum):
    """The preset of how quickly a fault is found (`failover.md`, section 5)."""

    FAST = "fast"
    NORMAL = "normal"
    SLOW = "slow"


class TriggerSource(StrEnum):
    """What may ask the controller to look; operators always may."""

    DETECTOR = "detector"
    ALERTS = "alerts"


class PoolsMissing(StrEnum):
    """What to do when a server answers without the wanted pools."""

    WARN = "warn"
    MOVE = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicensePaths:
    """License files that the daemon can read: files, and folders for their `*.lic`."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseFetch:
    """A program, started without a shell, whose standard output is a license file."""

    command: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseSync:
    """How the folder is reached from which a server's rlm reads its license files."""

    folder: str
    """As the server itself calls it."""
    sftp: str | None = None
    """What the system's sftp connects to; None = the folder is on this machine, or `command` reaches it."""
    command: tuple[str, ...] = ()
    """A program that reads and writes the files in place of sftp."""
    rlmhostid: tuple[str, ...] = ()
    """A program that prints the server's host ids."""
    timeout: timedelta = timedelta(seconds=30)
    """Of each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLog:
    """The report log that one ISV server writes."""

    isv: str
    path: str


class SettingsFormat(StrEnum):
    """How a file with client settings is written."""

    SH = "sh"
    POWERSHELL = "powershell"
    MODULEFILE = "modulefile"
    """Tcl, for Environment Modules and Lmod."""
    LUA = "lua"
    """For Lmod alone."""
    TASK_PROLOG = "task-prolog"
    """Slurm's TaskProlog: a program that prints what the task's environment gets."""


class ClientServers(StrEnum):
    """Which servers clients are told of, where there is no balancer."""

    ACTIVE = "active"
    ALL = "all"
    """The active one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFile:
    """One file with client settings, written again at each move."""

    path: str
    format: SettingsFormat = SettingsFormat.SH
    site: str | None = None
    """Whose clients read it; they are told of what is there first where `tuning.clientOrder` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One named member of the cluster, under the name HAProxy knows it by."""

    name: str
    role: str
    """The manifest's word: primary, secondary, backup. Configured order, not the current role."""
    host: str
    """A name or an address; an IPv6 address without brackets."""
    port: int = 5053
    web_port: int = 5054
    site: str | None = None
    timezone: str | None = None
    isv_ports: tuple[tuple[str, int], ...] = ()
    """(ISV, port) pairs, sorted by ISV; an ISV without one has a port that nobody can plan with."""
    license_files: LicensePaths | LicenseFetch | None = None
    """Where its license files are to be had; None = nowhere."""
    license_sync: LicenseSync | None = None
    """Where its license files are brought to; None = nowhere."""
    report_logs: tuple[ReportLog, ...] = ()

    @property
    def zone(self) -> tzinfo:
        """The time zone of its clock; UTC where the manifest does not say."""
        return ZoneInfo(self.timezone) if self.timezone else UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class FailbackWindow:
    """When an automatic failback may happen, by the clock of a place; may go over midnight."""

    start: time
    end: time
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckPolicy:
    """How one check of one server is made."""

    interval: timedelta = timedelta(seconds=30)
    timeout: timedelta = timedelta(seconds=10)
    retries: int = 3
    """Attempts inside one check, at least 1 s apart; the first good one ends it."""
    check_web: bool = True
    web_required: bool = False
    web_tls: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A hook that is a POST of the event as JSON."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecCall:
    """A hook that is a program started without a shell, with the event as JSON on its stdin."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RlmdownCall:
    """A fence by RLM itself: `rlmutil rlmdown`, at the server's own address, with the daemon's rlmutil."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One call outside, with its limit."""

    call: ExecCall | HttpCall | RlmdownCall
    timeout: timedelta = timedelta(seconds=10)
    """Of each attempt."""
    retries: int = 0
    """Further attempts after one that failed."""
    required: bool = True
    """A required hook that fails aborts the operation; any other is only reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettingsSpec:
    """What clients are told, and where that is written."""

    files: tuple[ClientFile, ...] = ()
    servers: ClientServers | None = None
    """None = all where RLM itself moves the licenses, else the active one alone."""
    connect_timeout: timedelta = timedelta(seconds=5)
    """How long a dead server holds up a checkout."""
    hooks: tuple[Hook, ...] = ()
    """Called after files were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverPolicy:
    """When the cluster may move, and how."""

    automatic: bool = True
    threshold: int = 2
    """Consecutive failed checks before a server is confirmed down."""
    cooldown: timedelta = timedelta(seconds=300)
    """Quiet time after an automatic move; it holds back the next automatic one only."""
    detection: Detection = Detection.NORMAL
    triggers: frozenset[TriggerSource] = frozenset(TriggerSource)
    pools_missing: PoolsMissing = PoolsMissing.WARN
    fence: Hook | None = None
    quarantine: bool = False
    """Whether a server that serves beside the active one is fenced."""
    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A product that the site relies on; `isv` is the manifest's `vendor`."""

    name: str
    isv: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxyEndpoint:
    """How one HAProxy is steered through its stats page."""

    name: str
    url: str
    """`unix:PATH` or `https://HOST:8404/stats`."""
    client_cert: str | None = None
    """A PEM file that holds the client certificate and its key."""
    ca_cert: str | None = None
    backend: str = "rlm_license_servers"
    isv_backends: tuple[tuple[str, str], ...] = ()
    """(ISV, backend) pairs; an ISV with a port and no entry has the backend `rlm_isv_<isv>`."""
    web_backend: str | None = None
    address: str | None = None
    """Where this one takes clients, where the manifest's address moves between several."""
    site: str | None = None
    """Whose clients ask it first."""
    hard_stop_after: timedelta | None = None
    """Sessions that a reload has left in an old worker end this long after it; None = by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolvers:
    """Name servers that HAProxy asks for the servers' names as long as it runs."""

    addresses: tuple[str, ...] = ()
    """`ADDRESS:PORT` each; empty = those of resolv.conf on HAProxy's machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerSpec:
    """Where clients connect, and the HAProxy processes that stand there."""

    host: str
    port: int = 5053
    web_port: int | None = None
    web_follows: bool = False
    """Whether the web port leads to the active server; else to the first whose web interface answers."""
    resolvers: Resolvers | None = None
    """None = HAProxy looks names up when it starts, as other programs do, and never again."""
    haproxy: tuple[HaproxyEndpoint, ...] = ()


class CandidateOrder(StrEnum):
    """Which of several standbys takes over, where all are as good."""

    PREFERENCE = "preference"
    """The one that the manifest names first."""
    LATENCY = "latency"
    """The one that answers soonest."""


class ClientOrder(StrEnum):
    """In which order clients are told of what they may ask."""

    PREFERENCE = "preference"
    """The same for everybody."""
    SITE = "site"
    """What is at the client's own site first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What `licenses config` and `licenses optimize` set beside the policies."""

    candidates: CandidateOrder = CandidateOrder.PREFERENCE
    session_affinity: bool = True
    """Whether a browser stays with the web interface that it came to; license clients always do."""
    max_connections: int | None = None
    """To one server through a balancer; further ones wait there. None = as many as come."""
    clients: ClientOrder = ClientOrder.PREFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One manifest, translated; `servers` stand in order of preference."""

    name: str
    source: str
    """The file it came from, for messages."""
    servers: tuple[Server, ...]
    takeover: Takeover = Takeover.CONTROLLED
    failback: Failback = Failback.MANUAL
    failback_after: timedelta = timedelta(minutes=10)
    """How long the preferred server has to be good before an automatic failback."""
    failback_window: FailbackWindow | None = None
    """None = at any time."""
    health_check: HealthCheckPolicy = field(default_factory=HealthCheckPolicy)
    failover: FailoverPolicy = field(default_factory=FailoverPolicy)
    features: tuple[Feature, ...] = ()
    load_balancer: LoadBalancerSpec | None = None
    client_settings: ClientSettingsSpec = field(default_factory=ClientSettingsSpec)
    tuning: Tuning = Tuning()
    license_masters: str | None = None
    """The folder of the license files that all servers get."""
    license_drift: timedelta | None = timedelta(minutes=15)
    """How often the daemon looks whether the servers still have them; None = never."""

    def server(self, name: str) -> Server:
        """The server of that name; `KeyError` for any other name."""
        for server in self.servers:
            if server.name == name:
                return server
        raise KeyError(name)

    def find(self, word: str) -> Server | None:
        """The server an operator means by a short name, a host, or `host:port`; None if there is none."""
        for server in self.servers:
            address = format_host_port(Endpoint(port=server.port, host=server.host))
            if word in {server.name, server.host, bracketed(server.host), address}:
                return server
        return None

    @property
    def wanted_isvs(self) -> tuple[str, ...]:
        """ISVs whose servers must run: those of the features and those with a planned port, sorted."""
        planned = {isv for server in self.servers for isv, _ in server.isv_ports}
        return tuple(sorted({feature.isv for feature in self.features} | planned))

    def isv_name(self, isv: str) -> str:
        """An ISV as the manifest spells it, if it is a wanted one; RLM's names are case-insensitive."""
        key = isv.casefold()
        return next((wanted for wanted in self.wanted_isvs if wanted.casefold() == key), isv)

    @property
    def isv_ports(self) -> tuple[tuple[str, int], ...]:
        """(ISV, port) pairs on which clients reach the ISV servers through the balancer, sorted.

        RLM sends a client to the ISV server's own port, so the balancer listens on that same number;
        the preferred server's plan is the one that counts.
        """
        plan: dict[str, int] = {}
        for server in self.servers:
            for isv, port in server.isv_ports:
                plan.setdefault(isv, port)
        return tuple(sorted(plan.items()))


class LogFormat(StrEnum):
    """How log lines are written."""

    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Privacy(StrEnum):
    """What becomes of the names of users and hosts before they are stored."""

    NONE = "none"
    """Kept as they are."""
    HASH = "hash"
    """Replaced by pseudonyms, the same for the same name."""
    FULL = "full"
    """Left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePolicy:
    """Whether and how it is written down who uses what."""

    record: bool = True
    privacy: Privacy = Privacy.NONE
    key_file: str | None = None
    """The secret of pseudonyms; None = one in the state directory."""
    keep: timedelta | None = None
    """What is older is deleted; None = nothing is."""


class MailTls(StrEnum):
    """How a mail server is spoken to."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"
    """From the first byte."""


class PostedForm(StrEnum):
    """What an alert looks like where it is POSTed."""

    ALERTMANAGER = "alertmanager"
    """Alertmanager's API, version 2."""
    WEBHOOK = "webhook"
    """Our own document."""
    SLACK = "slack"
    """A text, as Slack and its like take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSink:
    """Where alerts are POSTed."""

    form: PostedForm
    url: str | None
    url_file: str | None
    """A file with the URL, where the URL itself is a secret."""
    token_file: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSink:
    """A mail server that takes alerts."""

    host: str
    port: int = 25
    tls: MailTls = MailTls.STARTTLS
    sender: str
    recipients: tuple[str, ...]
    user: str | None = None
    password_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSink:
    """One place that alerts are sent to."""

    name: str
    kind: HttpSink | MailSink
    timeout: timedelta = timedelta(seconds=5)
    """How long each attempt may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Where alerts are sent to, and how often the same one."""

    sinks: tuple[AlertSink, ...] = ()
    repeat_interval: timedelta = timedelta(hours=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployPolicy:
    """What a manifest that comes over HTTP may have the daemon do on its own machine.

    Whoever may deploy could otherwise do there whatever the daemon's user can.
    """

    programs: bool = False
    """Run programs: hooks, fences and fetchers of license files with `exec`."""
    files: bool = False
    """Write files with client settings; read license files and report logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterConfig:
    """The daemon's own settings; None where the file is silent, so that others may speak."""

    source: str | None = None
    """The file it came from; None where no file holds any."""
    listen: str | None = None
    """`host:port`, as flags and variables have it too."""
    state_dir: str | None = None
    store: str | None = None
    """The journal's database, as an SQLAlchemy URL."""
    rlmutil: str | None = None
    name: str | None = None
    """What this daemon is called among several on one database."""
    advertise: str | None = None
    """The URL at which operators reach it."""
    usage: UsagePolicy = UsagePolicy()
    alerts: AlertSettings = AlertSettings()
    deploy: DeployPolicy = DeployPolicy()
    log_format: LogFormat | None = None
    log_level: LogLevel | None = None
    compatibility_names: bool = True
    """Whether metrics also have the names that Vantage's documentation uses."""
    load_balancers: tuple[tuple[str, LoadBalancerSpec], ...] = ()
    """(cluster, balancer) pairs, sorted; the clusters of the same reading have them already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """All that was read together."""

    clusters: tuple[Cluster, ...]
    config: ExporterConfig = ExporterConfig()
    dashboards: tuple[Dashboard, ...] = ()
    documents: Mapping[str, Value] = field(default_factory=dict)
    """What stands in each cluster's document, by name; without a balancer that stands elsewhere."""
    attached: Mapping[str, Value] = field(default_factory=dict)
    """What the daemon's settings say of a cluster's balancer, by the cluster's name."""
