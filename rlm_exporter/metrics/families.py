"""The one table of metric families: the page, `docs/metrics.md` and the rules' contract are made from it.

Names and types follow Prometheus' conventions: base units in the name, `_total` for counters alone.
Those marked `compatibility` carry names of the RLM high availability guide that this product
implements, so that its dashboard and alerts work as printed; most repeat another family's values.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Type of a family, as exposition formats spell it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric family."""

    name: str
    """As queries have it: a counter with its `_total`, a histogram without `_bucket`."""
    kind: Kind = Kind.GAUGE
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    """The base unit, which the name ends in; empty for counts, states and ratios."""
    compatibility: bool = False
    """Left out where `compatibility_names` is false."""
    same_as: str = ""
    """The family whose values this name repeats."""

    @property
    def base_name(self) -> str:
        """What OpenMetrics calls the family: a counter's name without `_total`."""
        return self.name.removesuffix("_total") if self.kind is Kind.COUNTER else self.name

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names that its samples have."""
        if self.kind is Kind.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)

    @property
    def sample_labels(self) -> frozenset[str]:
        """The labels that its samples may have."""
        return frozenset(self.labels) | ({"le"} if self.kind is Kind.HISTOGRAM else frozenset())


_CLUSTER = ("cluster",)
_SERVER = ("cluster", "server")
_ISV = ("cluster", "server", "isv")
_PRODUCT = ("cluster", "server", "isv", "feature")
_BALANCER = ("cluster", "balancer")
_BALANCER_SERVER = ("cluster", "balancer", "server")

SERVER_UP = Family(
    name="rlm_server_up",
    help="Whether the last check was good: rlm answered and every wanted ISV server runs."
    " Absent before the first check, 0 when a check failed for any reason.",
    labels=_SERVER,
)
SERVER_FAILURES = Family(
    name="rlm_server_consecutive_failures",
    help="Failed checks in a row; the failover threshold of the manifest is counted in these.",
    labels=_SERVER,
)
SERVER_ACTIVE = Family(
    name="rlm_server_active",
    help="Whether this is the server that clients are sent to. Absent while that is not known.",
    labels=_SERVER,
)
SERVER_INFO = Family(
    name="rlm_server_info",
    help="Always 1; the configured host and the version of rlm, while it answers.",
    labels=("cluster", "server", "host", "version"),
)
WEB_UP = Family(
    name="rlm_web_interface_up",
    help="Whether the web interface answered below 500. Absent where checkWeb is off.",
    labels=_SERVER,
)
WEB_CERTIFICATE = Family(
    name="rlm_web_certificate_expiry_timestamp_seconds",
    help="When the certificate that the web interface showed last ends. Absent over plain HTTP.",
    labels=_SERVER,
    unit="seconds",
)
RESPONSE_TIME_SECONDS = Family(
    name="rlm_response_time_seconds",
    help="Duration of the last license probe, good or not.",
    labels=_SERVER,
    unit="seconds",
)
RESPONSE_TIME = Family(
    name="rlm_response_time",
    help="The guide's name for rlm_response_time_seconds.",
    labels=_SERVER,
    compatibility=True,
    same_as="rlm_response_time_seconds",
)
LICENSE_IN_USE = Family(
    name="rlm_license_in_use",
    help="Seats in use by the server's own count, summed over the pools of one product.",
    labels=_PRODUCT,
)
LICENSE_USAGE = Family(
    name="rlm_license_usage_by_server",
    help="The guide's name for rlm_license_in_use.",
    labels=_PRODUCT,
    compatibility=True,
    same_as="rlm_license_in_use",
)
LICENSE_ISSUED = Family(
    name="rlm_license_issued",
    help="Seats that exist: count and reservations. Absent for uncounted and token licenses."
    " Never sum it over servers: each holds a copy.",
    labels=_PRODUCT,
)
LICENSE_RESERVED = Family(
    name="rlm_license_reserved",
    help="Seats set aside by RESERVE options; part of rlm_license_issued.",
    labels=_PRODUCT,
)
LICENSE_RESERVED_IN_USE = Family(
    name="rlm_license_reserved_in_use",
    help="Reserved seats that somebody holds; part of rlm_license_in_use.",
    labels=_PRODUCT,
)
FEATURE_MISSING = Family(
    name="rlm_license_feature_missing",
    help="Whether a feature that the manifest names has no usable pool on the server, and no license that"
    " starts later. Absent while the server does not answer, and on one that waits for RLM's own takeover.",
    labels=_PRODUCT,
)
LICENSE_EXPIRY = Family(
    name="rlm_license_expiry_timestamp_seconds",
    help="When a license ends: with its last day where the server stands. Absent when permanent."
    " Without the label license, the product's earliest as rlmstat tells it;"
    " with it (FILE:LINE), one license of the server's license files.",
    labels=(*_PRODUCT, "license"),
    unit="seconds",
)
LICENSE_RENEWED = Family(
    name="rlm_license_renewed",
    help="1 for a license of a file that ends and has its renewal in the files already:"
    " others for the same clients that start in its last week or the day after (start=), with as many seats."
    " Absent for others.",
    labels=(*_PRODUCT, "license"),
)
LICENSE_FILES_SUCCESSFUL = Family(
    name="rlm_license_files_last_read_successful",
    help="Whether all of the server's license files could be read the last time."
    " What could not be read has no series. Absent where the manifest names none.",
    labels=_SERVER,
)
LICENSE_FILES_TIMESTAMP = Family(
    name="rlm_license_files_last_read_success_timestamp_seconds",
    help="When all of the server's license files could last be read. Absent if they never could.",
    labels=_SERVER,
    unit="seconds",
)
LICENSE_DENIED = Family(
    name="rlm_license_denied_total",
    kind=Kind.COUNTER,
    help="Refused checkouts in the server's report logs, by reason, since this process started."
    " Clients that went on to another server are not among them.",
    labels=(*_PRODUCT, "reason"),
)
REPORT_LOG_SUCCESSFUL = Family(
    name="rlm_report_log_last_read_successful",
    help="Whether the ISV server's report log could be read the last time."
    " Absent where the manifest names none.",
    labels=_ISV,
)
LICENSE_IN_STEP = Family(
    name="rlm_license_files_in_step",
    help="Whether the server's license files are what their masters make of them for it."
    " Absent where the daemon does not look (licenseSync, licenseMasters) or could not.",
    labels=_SERVER,
)
LICENSE_FOREIGN = Family(
    name="rlm_license_files_foreign",
    help="License files on the server that no master has; rlm loads them, and their seats count."
    " Absent where rlm_license_files_in_step is.",
    labels=_SERVER,
)
LICENSE_HOSTID_FITS = Family(
    name="rlm_license_hostid_fits",
    help="Whether every HOST line of the server's license files has a host id of its machine;"
    " 0 means that rlm will not serve them after its next start. Absent where nobody could say (rlmhostid).",
    labels=_SERVER,
)
LICENSE_DRIFT_SUCCESSFUL = Family(
    name="rlm_license_drift_last_look_successful",
    help="Whether the newest look at the server's license files could see all of them, and its host ids."
    " Absent where this daemon does not look.",
    labels=_SERVER,
)
LICENSE_DRIFT_LOOKED = Family(
    name="rlm_license_drift_last_look_timestamp_seconds",
    help="When the server's license files were last compared with their masters, whatever came of it.",
    labels=_SERVER,
    unit="seconds",
)
ISV_UP = Family(
    name="rlm_isv_up",
    help="Whether the ISV server runs, as rlm says; 0 for a wanted one that is not listed"
    " or whose server does not answer.",
    labels=_ISV,
)
ISV_RESTARTS = Family(
    name="rlm_isv_restarts_total",
    kind=Kind.COUNTER,
    help="Restarts of the ISV server, counted by rlm since its own start.",
    labels=_ISV,
)
ISV_CHECKOUTS = Family(
    name="rlm_isv_checkouts_total",
    kind=Kind.COUNTER,
    help="Checkouts, counted by the ISV server since its start.",
    labels=_ISV,
)
ISV_DENIALS = Family(
    name="rlm_isv_denials_total",
    kind=Kind.COUNTER,
    help="Denials, counted by the ISV server since its start;"
    " clients that went on to another server are among them.",
    labels=_ISV,
)
CLUSTER_HEALTHY = Family(
    name="rlm_cluster_healthy_servers",
    help="Servers whose rlm_server_up is 1. Absent until each server has been checked.",
    labels=_CLUSTER,
)
HEALTHY_SERVERS = Family(
    name="healthy_servers",
    help="The guide's name for rlm_cluster_healthy_servers.",
    labels=_CLUSTER,
    compatibility=True,
    same_as="rlm_cluster_healthy_servers",
)
CLUSTER_SERVING = Family(
    name="rlm_cluster_serving_servers",
    help="Servers with seats in use; above 1, several copies of the licenses are in use at once.",
    labels=_CLUSTER,
)
CHECK_INTERVAL = Family(
    name="rlm_cluster_check_interval_seconds",
    help="The manifest's healthCheck.interval, for rules that need it.",
    labels=_CLUSTER,
    unit="seconds",
)
SNAPSHOT_TIMESTAMP = Family(
    name="rlm_snapshot_timestamp_seconds",
    help="When what this page says of the cluster was seen.",
    labels=_CLUSTER,
    unit="seconds",
)
FAILOVERS = Family(
    name="rlm_failovers_total",
    kind=Kind.COUNTER,
    help="Unplanned moves by the rule that decided and how they ended, since this process started.",
    labels=("cluster", "reason", "outcome"),
)
FAILOVER_EVENTS = Family(
    name="rlm_failover_events",
    help="Unplanned moves in the journal, over all restarts of this process.",
    labels=_CLUSTER,
    compatibility=True,
)
BALANCER_UP = Family(
    name="rlm_load_balancer_up",
    help="Whether the load balancer could be read.",
    labels=_BALANCER,
)
BALANCER_SERVER_STATE = Family(
    name="rlm_load_balancer_server_state",
    help="1 for the state in which the load balancer has the server's license port:"
    " up, down, drain, maint or unresolved (its name does not resolve); 0 for the others.",
    labels=("cluster", "balancer", "server", "state"),
)
BALANCER_TWO_MASTERS = Family(
    name="rlm_load_balancer_two_masters",
    help="Whether two HAProxy answer in turns at the load balancer's address."
    " Absent while it cannot be read.",
    labels=_BALANCER,
)
PROBE_DURATION = Family(
    name="rlm_probe_duration_seconds",
    kind=Kind.HISTOGRAM,
    help="Duration of our probes.",
    labels=("cluster", "probe"),
    unit="seconds",
)
PROBE_LAST_DURATION = Family(
    name="rlm_probe_last_duration_seconds",
    help="Duration of the last probe of each kind.",
    labels=("cluster", "server", "probe"),
    unit="seconds",
)
PROBE_FAILURES = Family(
    name="rlm_probe_failures_total",
    kind=Kind.COUNTER,
    help="Failed probes by reason; a check can take several.",
    labels=("cluster", "server", "probe", "reason"),
)
HA_EPOCH = Family(
    name="rlm_ha_epoch",
    help="The epoch of the last commit; it grows with each move.",
    labels=_CLUSTER,
)
HA_READY = Family(
    name="rlm_ha_ready",
    help="Whether a failover would work now: a healthy standby, every load balancer reachable,"
    " the journal writable.",
    labels=_CLUSTER,
)
HA_COOLDOWN = Family(
    name="rlm_ha_cooldown_remaining_seconds",
    help="How long the cooldown still holds back the next automatic move.",
    labels=_CLUSTER,
    unit="seconds",
)
HA_OPERATION_OPEN = Family(
    name="rlm_ha_operation_open",
    help="Whether an operation is under way.",
    labels=_CLUSTER,
)
HA_PAUSED = Family(
    name="rlm_ha_paused",
    help="Whether an operator holds back automatic moves at the moment.",
    labels=_CLUSTER,
)
HA_RULE = Family(
    name="rlm_ha_decision_info",
    help="Always 1; the rule that gave the newest decision, by its word in docs/failover.md.",
    labels=("cluster", "rule"),
)
HA_LAST_MOVE = Family(
    name="rlm_ha_last_automatic_move_timestamp_seconds",
    help="When clients were last moved without an operator, adoptions included. Absent if they never were.",
    labels=_CLUSTER,
    unit="seconds",
)
HA_STORE = Family(
    name="rlm_ha_journal_writable",
    help="Whether the journal could be written the last time; without it the controller moves nobody.",
    labels=_CLUSTER,
)
HA_LED = Family(
    name="rlm_ha_led",
    help="Whether, as far as this daemon knows, any of those that share a journal acts for the cluster.",
    labels=_CLUSTER,
)
HA_LEADER = Family(
    name="rlm_ha_leader",
    help="Whether this daemon, of those that share a journal, acts for the cluster.",
    labels=_CLUSTER,
)
HA_LEASE_REMAINING = Family(
    name="rlm_ha_lease_remaining_seconds",
    help="How long this daemon still has the cluster's lease; absent where it is alone on its journal.",
    labels=_CLUSTER,
    unit="seconds",
)
HA_UNACKNOWLEDGED = Family(
    name="rlm_ha_unacknowledged_operations",
    help="Automatic moves that no operator has acknowledged.",
    labels=_CLUSTER,
)
HA_OPERATIONS = Family(
    name="rlm_ha_operations_total",
    kind=Kind.COUNTER,
    help="Ended operations by kind, by the rule that decided and by how they ended.",
    labels=("cluster", "kind", "rule", "outcome"),
)
HA_FAILED_OPERATIONS = Family(
    name="rlm_ha_failed_operations_total",
    kind=Kind.COUNTER,
    help="Operations that ended without a commit, since this process started.",
    labels=_CLUSTER,
)
HA_STEP_SECONDS = Family(
    name="rlm_ha_operation_step_seconds",
    kind=Kind.HISTOGRAM,
    help="Duration of the steps of operations.",
    labels=("step",),
    unit="seconds",
)
HA_DECISIONS = Family(
    name="rlm_ha_decisions_total",
    kind=Kind.COUNTER,
    help="Decisions by the rule that gave them, those that held included.",
    labels=("cluster", "rule"),
)
HA_BALANCER_ACTIVE = Family(
    name="rlm_ha_balancer_active",
    help="Whether the load balancer's table names this server. Absent while it cannot be read.",
    labels=_BALANCER_SERVER,
)
HA_BALANCER_DISAGREES = Family(
    name="rlm_ha_balancer_disagrees",
    help="Whether a load balancer sends clients elsewhere than the controller wants.",
    labels=_CLUSTER,
)
HA_SPLIT_BRAIN = Family(
    name="rlm_ha_split_brain",
    help="Whether the server serves beside the active one: checkouts began there after clients were sent"
    " elsewhere, or a load balancer sends it connections. Absent while nobody is active.",
    labels=_SERVER,
)
HA_PINNED = Family(
    name="rlm_ha_pinned",
    help="Whether the controller holds the server in maintenance at the load balancer.",
    labels=_BALANCER_SERVER,
)
HA_REAPPLIED = Family(
    name="rlm_ha_balancer_reapplied_total",
    kind=Kind.COUNTER,
    help="How often the wanted state was applied again, by what had differed.",
    labels=("cluster", "balancer", "reason"),
)
HA_WEBHOOK_ALERTS = Family(
    name="rlm_ha_webhook_alerts_total",
    kind=Kind.COUNTER,
    help="Alerts that Alertmanager delivered, by what came of them.",
    labels=("result",),
)
HA_WATCHDOG = Family(
    name="rlm_ha_watchdog_last_seen_timestamp_seconds",
    help="When the Watchdog alert last came. Absent if it never did.",
    unit="seconds",
)
CONFIG_RELOAD_SUCCESSFUL = Family(
    name="rlm_config_last_reload_successful",
    help="Whether nothing was wrong with the configuration when it was last read.",
)
CONFIG_RELOADED = Family(
    name="rlm_config_last_reload_success_timestamp_seconds",
    help="When the configuration that is in use was read.",
    unit="seconds",
)
EXPORTER_DEFECTS = Family(
    name="rlm_exporter_defects_total",
    kind=Kind.COUNTER,
    help="Errors that nobody foresaw, caught in a task that goes on. Each is in the log.",
    labels=("task",),
)
BUILD_INFO = Family(
    name="rlm_exporter_build_info",
    help="Always 1; the versions of the exporter and of Python.",
    labels=("version", "python_version"),
)

TARGET_SUCCESS = Family(
    name="probe_success",
    help="Whether the last check of the target was good; of a cluster, that of the server that clients are"
    " sent to. 0 also where that check is too old. Absent before the first.",
    labels=_SERVER,
)
TARGET_DURATION = Family(
    name="probe_duration_seconds",
    help="Duration of the probe that probe_success tells of. Absent where that is too old.",
    labels=_SERVER,
    unit="seconds",
)
TARGET_TIMESTAMP = Family(
    name="probe_timestamp_seconds",
    help="When the check that probe_success tells of ended: no scrape starts one.",
    labels=_SERVER,
    unit="seconds",
)

FAMILIES: tuple[Family, ...] = (
    SERVER_UP,
    SERVER_FAILURES,
    SERVER_ACTIVE,
    SERVER_INFO,
    WEB_UP,
    WEB_CERTIFICATE,
    RESPONSE_TIME_SECONDS,
    RESPONSE_TIME,
    LICENSE_IN_USE,
    LICENSE_USAGE,
    LICENSE_ISSUED,
    LICENSE_RESERVED,
    LICENSE_RESERVED_IN_USE,
    FEATURE_MISSING,
    LICENSE_EXPIRY,
    LICENSE_RENEWED,
    LICENSE_FILES_SUCCESSFUL,
    LICENSE_FILES_TIMESTAMP,
    LICENSE_DENIED,
    REPORT_LOG_SUCCESSFUL,
    LICENSE_IN_STEP,
    LICENSE_FOREIGN,
    LICENSE_HOSTID_FITS,
    LICENSE_DRIFT_SUCCESSFUL,
    LICENSE_DRIFT_LOOKED,
    ISV_UP,
    ISV_RESTARTS,
    ISV_CHECKOUTS,
    ISV_DENIALS,
    CLUSTER_HEALTHY,
    HEALTHY_SERVERS,
    CLUSTER_SERVING,
    CHECK_INTERVAL,
    SNAPSHOT_TIMESTAMP,
    FAILOVERS,
    FAILOVER_EVENTS,
    BALANCER_UP,
    BALANCER_SERVER_STATE,
    BALANCER_TWO_MASTERS,
    PROBE_DURATION,
    PROBE_LAST_DURATION,
    PROBE_FAILURES,
    HA_EPOCH,
    HA_READY,
    HA_COOLDOWN,
    HA_OPERATION_OPEN,
    HA_PAUSED,
    HA_RULE,
    HA_LAST_MOVE,
    HA_STORE,
    HA_LED,
    HA_LEADER,
    HA_LEASE_REMAINING,
    HA_UNACKNOWLEDGED,
    HA_OPERATIONS,
    HA_FAILED_OPERATIONS,
    HA_STEP_SECONDS,
    HA_DECISIONS,
    HA_BALANCER_ACTIVE,
    HA_BALANCER_DISAGREES,
    HA_SPLIT_BRAIN,
    HA_PINNED,
    HA_REAPPLIED,
    HA_WEBHOOK_ALERTS,
    HA_WATCHDOG,
    CONFIG_RELOAD_SUCCESSFUL,
    CONFIG_RELOADED,
    EXPORTER_DEFECTS,
    BUILD_INFO,
)
"""In the order of the page."""

TARGET_FAMILIES = (TARGET_SUCCESS, TARGET_DURATION, TARGET_TIMESTAMP)
"""On the page of one target alone, where they come first; named as multi-target exporters name them."""


def families(*, compatibility_names: bool) -> tuple[Family, ...]:
    """The families of the page, in order; without the guide's names if they are not wanted."""
    return tuple(family for family in FAMILIES if compatibility_names or not family.compatibility)
