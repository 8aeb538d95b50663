"""For each alert one fault: what Prometheus sees before it, during it and after it, and when the alert comes.

`tests/rules/scripts.py` makes promtool's unit tests of them. `rules/tests/` has longer stories.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Phases = tuple[str, str, str]
"""Before, during and after: a number that stays, `A+B` that grows by B with each sample, `_` for nothing."""

Telling = tuple[Mapping[str, str], str]
"""Labels of an alert, and its description."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault and the alert that tells of it."""

    alert: str
    severity: str
    series: Mapping[str, Phases]
    description: str
    fires: int = 0
    """Seconds from the fault's beginning."""
    clears: int = 0
    """Seconds from its end."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the alert, beside its name and the rule's own."""
    lasts: int = 0
    """Seconds of the fault; 0 = somewhat longer than the alert takes."""
    later: str = ""
    """The description when the fault has lasted, where it is another one by then."""
    not_needed: frozenset[str] = frozenset()
    """Series without which the alert fires as well."""
    instead: Mapping[str, tuple[Telling, ...]] = field(default_factory=dict)
    """By a series: what fires without it, where that is something else; by "" what does without any."""
    step: int = 5
    """Seconds between samples."""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.alert}, {self.severity}"

    @property
    def before(self) -> int:
        """Seconds before the fault."""
        return 12 * self.step

    @property
    def during(self) -> int:
        """Seconds of it."""
        return self.lasts or self.fires + 6 * self.step

    @property
    def after(self) -> int:
        """Seconds after it."""
        return self.clears + 6 * self.step


UP = 'up{job="rlm-ha",instance="127.0.0.1:10053"}'
ACTIVE = 'rlm_server_active{cluster="a",server="rlm1"}'
STAYS_ACTIVE: Phases = ("1", "1", "1")
A = {"cluster": "a"}
RLM1 = {"cluster": "a", "server": "rlm1"}
SOLVER = {"cluster": "a", "isv": "acme", "feature": "solver"}
UNKNOWN: Telling = ({}, "There is no count of healthy servers, so no alert about it can fire.")
ONE = '{cluster="a",server="rlm1",isv="acme",feature="solver"}'
DENIED = 'rlm_license_denied_total{cluster="a",server="rlm1",isv="acme",feature="solver",reason="all_in_use"}'
FILE = '{cluster="a",server="rlm1",isv="acme",feature="solver",license="acme.lic:3"}'


def decided(rule: str) -> dict[str, Phases]:
    """The controller comes to a rule, and leaves it."""
    return {
        'rlm_ha_decision_info{cluster="a",rule="active_healthy"}': ("1", "_", "1"),
        f'rlm_ha_decision_info{{cluster="a",rule="{rule}"}}': ("_", "1", "_"),
    }


CLUSTER = (
    Case(
        alert="RLMHAClusterHealth",
        severity="warning",
        series={'rlm_cluster_healthy_servers{cluster="a"}': ("3", "1", "2")},
        fires=MINUTE,
        labels=A,
        description="1 license server(s) of a are healthy. The next fault may leave nobody to fail over to.",
    ),
    Case(
        alert="RLMSplitBrain",
        severity="critical",
        series={'rlm_ha_split_brain{cluster="a",server="rlm2"}': ("0", "1", "0")},
        labels={"cluster": "a", "server": "rlm2"},
        description="rlm2 serves clients of a beside the active server. More seats may be out than were"
        " bought.",
    ),
    Case(
        alert="RLMNoHealthyServer",
        severity="critical",
        series={'rlm_cluster_healthy_servers{cluster="a"}': ("3", "0", "1")},
        fires=15,
        labels=A,
        description="No license server of a is healthy; nobody gets a license.",
    ),
    Case(
        alert="RLMHAClusterHealthUnknown",
        severity="warning",
        series={
            'rlm_snapshot_timestamp_seconds{cluster="a"}': ("1", "1", "1"),
            'rlm_cluster_healthy_servers{cluster="a"}': ("3", "_", "3"),
            'rlm_cluster_healthy_servers{cluster="b"}': ("3", "3", "3"),
            UP: ("1", "1", "1"),
        },
        # A series that stopped without a mark of staleness is found for five minutes more.
        fires=2 * MINUTE + 5 * MINUTE,
        lasts=8 * MINUTE,
        labels=A,
        description="There is no count of healthy servers for a, so no alert about it can fire.",
        not_needed=frozenset({'rlm_cluster_healthy_servers{cluster="a"}', UP}),
        instead={
            'rlm_cluster_healthy_servers{cluster="b"}': (
                (A, "There is no count of healthy servers for a, so no alert about it can fire."),
                UNKNOWN,
            ),
        },
    ),
    Case(
        alert="RLMFailoverImpossible",
        severity="warning",
        series={'rlm_ha_ready{cluster="a"}': ("1", "0", "1")},
        fires=MINUTE,
        labels=A,
        description="If the active server of a died now, the controller could not move clients. Its status"
        " says what is missing.",
    ),
    Case(
        alert="RLMMonitorDisagrees",
        severity="warning",
        series=decided("monitor_disagrees"),
        fires=15,
        clears=5 * MINUTE,
        labels={"cluster": "a", "rule": "monitor_disagrees"},
        description="Our checks of the active server of a fail, but somebody else saw it serve"
        " (monitor_disagrees). Nobody is moved.",
        not_needed=frozenset({'rlm_ha_decision_info{cluster="a",rule="active_healthy"}'}),
    ),
    Case(
        alert="RLMChasing",
        severity="critical",
        series=decided("chasing"),
        clears=5 * MINUTE,
        labels={"cluster": "a", "rule": "chasing"},
        description="The active server of a is down after three automatic moves within an hour. The"
        " controller moves nobody until an operator has acknowledged.",
        not_needed=frozenset({'rlm_ha_decision_info{cluster="a",rule="active_healthy"}'}),
    ),
)

SERVER = (
    Case(
        alert="RLMServerDown",
        severity="warning",
        series={'rlm_server_up{cluster="a",server="rlm1"}': ("1", "0", "1")},
        fires=MINUTE,
        labels=RLM1,
        description="rlm1 of a does not pass its checks.",
    ),
)

ISV = (
    Case(
        alert="RLMISVServerDown",
        severity="warning",
        series={
            'rlm_isv_up{cluster="a",server="rlm1",isv="acme"}': ("1", "0", "1"),
            'rlm_server_info{cluster="a",server="rlm1",host="h",version="v16.0"}': ("1", "1", "1"),
        },
        fires=30,
        labels={**RLM1, "isv": "acme"},
        description="rlm on rlm1 of a answers, but its ISV server acme does not run.",
    ),
    Case(
        alert="RLMISVServerRestarts",
        severity="warning",
        series={'rlm_isv_restarts_total{cluster="a",server="rlm1",isv="acme"}': ("2", "2+1", "10")},
        fires=2 * MINUTE,  # the third of the fault's minutes has the third restart
        lasts=9 * MINUTE,
        clears=30 * MINUTE,
        labels={**RLM1, "isv": "acme"},
        description="The ISV server acme on rlm1 of a has ended several times within half an hour.",
        step=MINUTE,
    ),
)

WEB = (
    Case(
        alert="RLMWebInterfaceDown",
        severity="warning",
        series={'rlm_web_interface_up{cluster="a",server="rlm1"}': ("1", "0", "1")},
        fires=2 * MINUTE,
        labels=RLM1,
        description="RLM web interface is down on rlm1",
    ),
    Case(
        alert="RLMWebCertificateExpiring",
        severity="warning",
        series={
            'rlm_web_certificate_expiry_timestamp_seconds{cluster="a",server="rlm1"}': (
                str(14 * DAY + 2 * HOUR),
                str(13 * DAY),
                str(90 * DAY),
            )
        },
        fires=10 * MINUTE,
        labels=RLM1,
        description="The certificate that the web interface of rlm1 in a shows ends in 12d 23h 38m 0s.",
        later="The certificate that the web interface of rlm1 in a shows ends in 12d 23h 33m 0s.",
        step=MINUTE,
    ),
)


def _expiring(severity: str, days: int, told: str, later: str) -> Case:
    """A license comes near its end by the passing of time, and its renewal is put beside it."""
    ends = days * DAY + 12 * MINUTE - 1  # the fault begins with the minute in which less than that is left
    return Case(
        alert="RLMLicenseExpiring",
        severity=severity,
        series={
            f"rlm_license_expiry_timestamp_seconds{FILE}": (str(ends), str(ends), str(ends)),
            f"rlm_license_renewed{FILE}": ("0", "0", "1"),
            # What rlmstat says of the same license makes no second alert.
            f"rlm_license_expiry_timestamp_seconds{ONE}": (str(ends), str(ends), str(ends)),
        },
        fires=10 * MINUTE,
        labels={**SOLVER, "license": "acme.lic:3"},
        description=f"A license for solver (acme) in a ends in {told}; it stands in acme.lic:3.",
        later=f"A license for solver (acme) in a ends in {later}; it stands in acme.lic:3.",
        not_needed=frozenset({f"rlm_license_expiry_timestamp_seconds{ONE}", f"rlm_license_renewed{FILE}"}),
        instead={
            f"rlm_license_expiry_timestamp_seconds{FILE}": (
                (SOLVER, f"A license for solver (acme) in a ends in {later}."),
            )
        },
        step=MINUTE,
    )


LICENSE = (
    Case(
        alert="RLMLicensesNearlyUsedUp",
        severity="warning",
        series={
            ACTIVE: STAYS_ACTIVE,
            f"rlm_license_in_use{ONE}": ("35", "36", "35"),
            f"rlm_license_issued{ONE}": ("40", "40", "40"),
        },
        fires=15 * MINUTE,
        labels=SOLVER,
        description="90% of the seats of solver (acme) in a are in use.",
        step=MINUTE,
    ),
    Case(
        alert="RLMLicensesUsedUp",
        severity="warning",
        series={
            ACTIVE: STAYS_ACTIVE,
            f"rlm_license_in_use{ONE}": ("39", "40", "39"),
            f"rlm_license_issued{ONE}": ("40", "40", "40"),
        },
        fires=30 * MINUTE,
        labels=SOLVER,
        description="No seat of solver (acme) in a has been free for half an hour.",
        step=MINUTE,
    ),
    Case(
        alert="RLMLicenseDenied",
        severity="warning",
        series={
            DENIED: ("0", "1", "1"),
            # Counted by the ISV server too: no second alert.
            'rlm_isv_denials_total{cluster="a",server="rlm1",isv="acme"}': ("0", "1", "1"),
        },
        lasts=2 * MINUTE,
        clears=8 * MINUTE,
        labels={**SOLVER, "reason": "all_in_use"},
        description="In a somebody was refused a seat of solver (acme): all_in_use.",
        not_needed=frozenset({'rlm_isv_denials_total{cluster="a",server="rlm1",isv="acme"}'}),
        instead={
            DENIED: (({"cluster": "a", "isv": "acme"}, "In a somebody was refused a seat of acme."),),
        },
    ),
    Case(
        alert="RLMLicenseDenied",
        severity="warning",
        series={'rlm_isv_denials_total{cluster="a",server="rlm1",isv="acme"}': ("4", "5", "5")},
        lasts=2 * MINUTE,
        clears=8 * MINUTE,
        labels={"cluster": "a", "isv": "acme"},
        description="In a somebody was refused a seat of acme.",
    ),
    _expiring("info", 30, "29d 23h 49m 59s", "29d 23h 44m 59s"),
    _expiring("warning", 7, "6d 23h 49m 59s", "6d 23h 44m 59s"),
    _expiring("critical", 1, "23h 49m 59s", "23h 44m 59s"),
    Case(
        alert="RLMLicenseFeatureMissing",
        severity="warning",
        series={f"rlm_license_feature_missing{ONE}": ("0", "1", "0")},
        fires=5 * MINUTE,
        labels={**SOLVER, "server": "rlm1"},
        description="rlm1 of a has no usable pool of solver (acme), which the manifest names.",
        step=30,
    ),
    Case(
        alert="RLMLicenseFeatureMissing",
        severity="critical",
        series={f"rlm_license_feature_missing{ONE}": ("0", "1", "0"), ACTIVE: STAYS_ACTIVE},
        fires=5 * MINUTE,
        labels={**SOLVER, "server": "rlm1"},
        description="rlm1 of a has no usable pool of solver (acme), which the manifest names.",
        step=30,
    ),
    Case(
        alert="RLMReservedSeatsUnused",
        severity="warning",
        series={
            ACTIVE: STAYS_ACTIVE,
            f"rlm_license_issued{ONE}": ("10", "10", "10"),
            f"rlm_license_reserved{ONE}": ("3", "3", "3"),
            f"rlm_license_in_use{ONE}": ("7", "8", "7"),
            f"rlm_license_reserved_in_use{ONE}": ("1", "1", "1"),
        },
        fires=HOUR,
        labels={**SOLVER, "server": "rlm1"},
        description="2 reserved seat(s) of solver (acme) in a have been unused for an hour in which no other"
        " seat was free.",
        step=MINUTE,
    ),
    Case(
        alert="RLMLicenseFilesUnread",
        severity="warning",
        series={'rlm_license_files_last_read_successful{cluster="a",server="rlm1"}': ("1", "0", "1")},
        fires=15 * MINUTE,
        labels=RLM1,
        description="Not all license files of rlm1 in a can be read, so the end of some licenses is not"
        " known.",
        step=MINUTE,
    ),
    Case(
        alert="RLMLicenseFilesDiffer",
        severity="warning",
        series={'rlm_license_files_in_step{cluster="a",server="rlm1"}': ("1", "0", "1")},
        fires=20 * MINUTE,
        labels=RLM1,
        description="A license file of rlm1 in a is not what its master makes of it. It counts from the"
        " server's next reread or start on.",
        step=MINUTE,
    ),
    Case(
        alert="RLMHostIdMismatch",
        severity="warning",
        series={'rlm_license_hostid_fits{cluster="a",server="rlm1"}': ("1", "0", "1")},
        fires=5 * MINUTE,
        labels=RLM1,
        description="A HOST line on rlm1 in a has a host id that its machine has not. After its next start"
        " rlm will serve nothing from that file.",
        step=30,
    ),
    Case(
        alert="RLMLicenseDriftUnknown",
        severity="warning",
        series={'rlm_license_drift_last_look_successful{cluster="a",server="rlm1"}': ("1", "0", "1")},
        fires=HOUR,
        labels=RLM1,
        description="For an hour nobody could see whether the license files of rlm1 in a still are as their"
        " masters.",
        step=MINUTE,
    ),
    Case(
        alert="RLMReportLogUnread",
        severity="warning",
        series={'rlm_report_log_last_read_successful{cluster="a",server="rlm1",isv="acme"}': ("1", "0", "1")},
        fires=5 * MINUTE,
        labels={**RLM1, "isv": "acme"},
        description="The report log of acme on rlm1 in a cannot be read, so refusals there are not seen.",
        step=30,
    ),
)

FAILOVER = (
    Case(
        alert="RLMFailoverWanted",
        severity="critical",
        series={'rlm_server_up{cluster="a",server="rlm1"}': ("1", "0", "1"), ACTIVE: STAYS_ACTIVE},
        fires=5,
        labels=RLM1,
        description="rlm1, to which clients of a are sent, does not pass its checks. The controller has been"
        " asked to fail over.",
    ),
    Case(
        alert="RLMFailoverHappened",
        severity="info",
        # Long ago; then one at the fault's first moment, which grows old.
        series={
            'rlm_ha_last_automatic_move_timestamp_seconds{cluster="a"}': ("-900", str(MINUTE), str(MINUTE))
        },
        lasts=14 * MINUTE,
        clears=MINUTE,
        labels=A,
        description="The clients of a were moved to another server without an operator less than a quarter of"
        " an hour ago.",
    ),
    Case(
        alert="RLMFailoverFailed",
        severity="critical",
        series={'rlm_ha_failed_operations_total{cluster="a"}': ("0", "1", "1")},
        lasts=2 * MINUTE,
        clears=8 * MINUTE,
        labels=A,
        description="An operation of a ended without a commit. The journal says at which step.",
    ),
    Case(
        alert="RLMFailoverHeld",
        severity="critical",
        series=decided("in_cooldown"),
        fires=30,
        clears=5 * MINUTE,
        labels={"cluster": "a", "rule": "in_cooldown"},
        description="The controller of a sees a reason to move clients and holds, by its rule in_cooldown.",
        not_needed=frozenset({'rlm_ha_decision_info{cluster="a",rule="active_healthy"}'}),
    ),
    Case(
        alert="RLMFailoverStuck",
        severity="critical",
        series={'rlm_ha_operation_open{cluster="a"}': ("0", "1", "0")},
        fires=3 * MINUTE,
        labels=A,
        description="An operation of a has been open for three minutes. Until it ends, no other begins.",
    ),
    Case(
        alert="RLMFailoverUnacknowledged",
        severity="warning",
        series={'rlm_ha_unacknowledged_operations{cluster="a"}': ("0", "2", "0")},
        fires=HOUR,
        labels=A,
        description="2 automatic move(s) of a wait to be looked at. They count towards the limit of moves"
        " within an hour.",
        step=MINUTE,
    ),
    Case(
        alert="RLMPinnedServerHealthy",
        severity="warning",
        series={
            'rlm_ha_pinned{cluster="a",server="rlm1",balancer="lb1"}': ("1", "1", "0"),
            'rlm_server_up{cluster="a",server="rlm1"}': ("0", "1", "1"),
        },
        fires=HOUR,
        labels={**RLM1, "balancer": "lb1"},
        description="rlm1 of a passes its checks and has been held in maintenance at the balancer lb1 for an"
        " hour.",
        step=MINUTE,
    ),
)

LB1 = 'rlm_load_balancer_up{cluster="a",balancer="lb1"}'
LB2 = 'rlm_load_balancer_up{cluster="a",balancer="lb2"}'

BALANCER = (
    Case(
        alert="RLMLoadBalancerDown",
        severity="warning",
        series={LB1: ("1", "0", "1"), LB2: ("1", "1", "1")},
        fires=30,
        labels={"cluster": "a", "balancer": "lb1"},
        description="The stats page of the balancer lb1 of a does not answer the controller.",
        not_needed=frozenset({LB2}),
    ),
    Case(
        alert="RLMLoadBalancerDown",
        severity="critical",
        series={LB1: ("1", "0", "1"), 'rlm_load_balancer_up{cluster="b",balancer="lb1"}': ("1", "1", "1")},
        fires=30,
        labels={"cluster": "a", "balancer": "lb1"},
        description="The stats page of the balancer lb1 of a does not answer the controller.",
        not_needed=frozenset({'rlm_load_balancer_up{cluster="b",balancer="lb1"}'}),
    ),
    Case(
        alert="RLMLoadBalancerDisagrees",
        severity="warning",
        series={'rlm_ha_balancer_disagrees{cluster="a"}': ("0", "1", "0")},
        fires=90,
        labels=A,
        description="A balancer of a names another active server than the controller, and that has lasted.",
    ),
    Case(
        alert="RLMLoadBalancerReapplied",
        severity="info",
        series={
            'rlm_ha_balancer_reapplied_total{cluster="a",balancer="lb1",reason="new_worker"}': (
                "0",
                "1",
                "1",
            ),
            'rlm_ha_balancer_reapplied_total{cluster="a",balancer="lb1",reason="move"}': ("0", "1", "1"),
        },
        lasts=2 * MINUTE,
        clears=8 * MINUTE,
        labels={"cluster": "a", "balancer": "lb1", "reason": "new_worker"},
        description="The wanted state was applied to the balancer lb1 of a again: new_worker.",
        not_needed=frozenset({'rlm_ha_balancer_reapplied_total{cluster="a",balancer="lb1",reason="move"}'}),
    ),
    Case(
        alert="RLMLoadBalancerTwoMasters",
        severity="critical",
        series={'rlm_load_balancer_two_masters{cluster="a",balancer="lb1"}': ("0", "1", "0")},
        fires=10,
        labels={"cluster": "a", "balancer": "lb1"},
        description="Two HAProxy answer in turns where the balancer lb1 of a should be. One of them does not"
        " know what is wanted.",
    ),
)

INSTANCE = "127.0.0.1:10053"
BLIND = "A hanging license server is noticed by nobody; HAProxy still sees one that died."
HERE = f'instance="{INSTANCE}"'

EXPORTER = (
    Case(
        alert="RLMExporterAbsent",
        severity="critical",
        series={
            f'up{{job="rlm-ha",{HERE}}}': ("1", "0", "1"),
            'up{job="rlm-ha",instance="b"}': ("1", "1", "1"),
        },
        fires=MINUTE,
        labels={"job": "rlm-ha", "instance": INSTANCE},
        description=f"Prometheus gets nothing from {INSTANCE}. {BLIND}",
        not_needed=frozenset({'up{job="rlm-ha",instance="b"}'}),
        instead={
            "": (
                (
                    {"job": "rlm-ha"},
                    f"Prometheus gets nothing from any target of the job rlm-ha. {BLIND}",
                ),
            )
        },
    ),
    Case(
        alert="RLMSnapshotOld",
        severity="critical",
        series={
            f'rlm_snapshot_timestamp_seconds{{cluster="a",{HERE}}}': ("0+5", "-1", "375+5"),
            f'rlm_cluster_check_interval_seconds{{cluster="a",{HERE}}}': ("30", "30", "30"),
        },
        fires=MINUTE,
        lasts=5 * MINUTE,
        labels={"cluster": "a", "instance": INSTANCE},
        description=f"What {INSTANCE} says of a is 2m 1s old. The controller decides nothing on that.",
        later=f"What {INSTANCE} says of a is 5m 56s old. The controller decides nothing on that.",
    ),
    Case(
        alert="RLMLeaseLost",
        severity="critical",
        series={
            'rlm_ha_led{cluster="a",instance="x"}': ("1", "0", "0"),
            'rlm_ha_led{cluster="a",instance="y"}': ("0", "0", "1"),
        },
        fires=30,
        labels=A,
        description="None of the daemons that share the journal has the lease of a, so nobody would move its"
        " clients.",
        not_needed=frozenset(
            {'rlm_ha_led{cluster="a",instance="x"}', 'rlm_ha_led{cluster="a",instance="y"}'}
        ),
    ),
    Case(
        alert="RLMJournalAway",
        severity="critical",
        series={f'rlm_ha_journal_writable{{cluster="a",{HERE}}}': ("1", "0", "1")},
        fires=30,
        labels={"cluster": "a", "instance": INSTANCE},
        description=f"The daemon at {INSTANCE} cannot write its journal, so the controller of a moves nobody."
        " HAProxy goes on alone.",
    ),
    Case(
        alert="RLMWebhookRefused",
        severity="warning",
        series={
            f'rlm_ha_webhook_alerts_total{{result="unauthenticated",{HERE}}}': ("0", "3", "3"),
            f'rlm_ha_webhook_alerts_total{{result="repeat",{HERE}}}': ("0", "3", "3"),
        },
        lasts=2 * MINUTE,
        clears=8 * MINUTE,
        labels={"instance": INSTANCE, "result": "unauthenticated"},
        description=f"The daemon at {INSTANCE} refused deliveries of Alertmanager or could make nothing of"
        " them: unauthenticated.",
        not_needed=frozenset({f'rlm_ha_webhook_alerts_total{{result="repeat",{HERE}}}'}),
    ),
    Case(
        alert="RLMWatchdogNotSeen",
        severity="warning",
        series={f"rlm_ha_watchdog_last_seen_timestamp_seconds{{{HERE}}}": ("0+5", "60", "435+5")},
        fires=5 * MINUTE + 5,
        lasts=6 * MINUTE,
        labels={"instance": INSTANCE},
        description=f"Alertmanager delivered the Watchdog to the daemon at {INSTANCE} 5m 5s ago for the last"
        " time. Its own checks go on.",
        later=f"Alertmanager delivered the Watchdog to the daemon at {INSTANCE} 5m 55s ago for the last"
        " time. Its own checks go on.",
    ),
    Case(
        alert="RLMExporterDefect",
        severity="warning",
        series={f'rlm_exporter_defects_total{{task="prober",{HERE}}}': ("0", "1", "1")},
        lasts=2 * MINUTE,
        clears=8 * MINUTE,
        labels={"instance": INSTANCE, "task": "prober"},
        description=f"The daemon at {INSTANCE} caught an error that nobody foresaw in its task prober, and"
        " went on.",
    ),
)

CASES: Mapping[str, tuple[Case, ...]] = {
    "cluster.yml": CLUSTER,
    "server.yml": SERVER,
    "isv.yml": ISV,
    "web.yml": WEB,
    "license.yml": LICENSE,
    "failover.yml": FAILOVER,
    "balancer.yml": BALANCER,
    "exporter.yml": EXPORTER,
}
"""By the file of the rule."""
