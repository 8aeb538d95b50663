"""The dashboard "RLM high availability": is it up, who serves, what was decided and why."""

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueTextMode

from dev.dashboards.document import Block, Place, Shelf, annotations, begin, choice, place, runbook
from dev.dashboards.panels import (
    About,
    Look,
    Query,
    bars_panel,
    counts_panel,
    limits_config,
    lines_panel,
    mappings,
    stat_panel,
    timeline_panel,
)
from rlm_exporter.render.grafana_style import (
    ACTIVE_OR_STANDBY,
    BAD_YES,
    BALANCER_STATES,
    BLUE,
    COUNT,
    FAILOVERS_LIMITS,
    GOOD_YES,
    HEALTHY_LIMITS,
    HELD_OR_FREE,
    INTERVAL_LIMITS,
    NONE_IS_GOOD,
    ORANGE,
    RED,
    SECONDS,
    UP_OR_DOWN,
    WATCHDOG_LIMITS,
)

OURS = 'cluster="$cluster"'
_STATE = "rlm_load_balancer_server_state"
SERVERS = f'{OURS}, server=~"$server"'


def dashboard() -> model.Dashboard:
    """The whole dashboard."""
    begun = begin(
        "RLM high availability",
        "rlm-high-availability",
        description="Whether license servers are up, who serves, and what the controller did about it.",
        since="now-6h",
    )
    begun.with_variable(choice("server", "Server", "rlm_server_up")).with_variable(runbook())
    for annotation in annotations():
        begun.annotation(annotation)
    return place(begun, [_printed(), _now(), *_moves(), *_balancers(), *_probes(), *_exporter()])


def _printed() -> Block:
    """The guide's five panels, in its order; with its cluster chosen, its queries to the byte."""
    health = stat_panel(
        About(
            title="Server Health Matrix",
            description="Whether the last check of each server was good: rlm answered and every wanted ISV"
            " server runs.",
            alert="RLMHAClusterHealth",
        ),
        Look(meanings=UP_OR_DOWN, no_value="Not known"),
        Query(expr='rlm_server_up{cluster="$cluster"}', legend="{{server}}"),
    )
    seats = bars_panel(
        About(
            title="License Distribution Across Servers",
            description="Seats in use on each server. On more than one at a time, copies of a license are"
            " used at once.",
            alert="RLMSplitBrain",
        ),
        Look(),
        Query(expr='rlm_license_usage_by_server{cluster="$cluster"}', legend="{{server}} - {{feature}}"),
    )
    response = lines_panel(
        About(
            title="Response Time by Server",
            description="How long the last license probe of each server took, good or not.",
        ),
        Look(unit=SECONDS),
        Query(expr='rlm_response_time{cluster="$cluster"}', legend="{{server}}"),
    )
    web = stat_panel(
        About(
            title="Web Interface Status",
            description="Whether the web interface answers. It has no part in serving licenses, and moves"
            " nothing unless the manifest says webRequired.",
            alert="RLMWebInterfaceDown",
        ),
        Look(meanings=UP_OR_DOWN, no_value="Not checked"),
        Query(expr='rlm_web_interface_up{cluster="$cluster"}', legend="{{server}} Web"),
    )
    # Every product has a bar for each server; what serves now is to be seen on a screen of 900 pixels, too.
    return Block(
        panels=[
            (health, Place(x=0, y=0, w=12, h=4)),
            (seats, Place(x=12, y=0, w=12, h=8)),
            (_timeline(), Place(x=0, y=8, w=16, h=6)),
            (response, Place(x=16, y=8, w=8, h=6)),
            (web, Place(x=0, y=4, w=12, h=4)),
        ],
        height=14,
    )


def _timeline() -> model.Panel:
    """The guide's query beside the one that says who served: a count alone names nobody."""
    panel = timeline_panel(
        About(
            title="Failover Events Timeline",
            description="Who was active in the last seven days, and above it how many unplanned moves the"
            " journal has.",
            alert="RLMFailoverWanted",
        ),
        Look(),
        Query(expr='rlm_failover_events{cluster="$cluster"}', legend="Failovers"),
        Query(expr='rlm_server_active{cluster="$cluster"}', legend="{{server}}"),
        time_range="7d",
    )
    only_active = model.DashboardFieldConfigSourceOverrides(
        matcher=model.MatcherConfig(id_val="byFrameRefID", options="B"),
        properties=[model.DynamicConfigValue(id_val="mappings", value=mappings(ACTIVE_OR_STANDBY))],
    )
    only_count = model.DashboardFieldConfigSourceOverrides(
        matcher=model.MatcherConfig(id_val="byFrameRefID", options="A"),
        properties=[
            model.DynamicConfigValue(id_val="thresholds", value=limits_config(FAILOVERS_LIMITS).build())
        ],
    )
    if panel.field_config is not None:
        panel.field_config.overrides = [only_count, only_active]
    return panel


def _now() -> Shelf:
    active = stat_panel(
        About(title="Active", description="The server that clients are sent to."),
        Look(no_value="Nobody"),
        Query(expr=f"max by (server) (rlm_server_active{{{OURS}}}) == 1", legend="{{server}}"),
        text=BigValueTextMode.NAME,
    )
    ready = stat_panel(
        About(
            title="Ready for a failover",
            description="Whether a failover would work now: a healthy standby, every load balancer"
            " reachable, the journal writable.",
        ),
        Look(meanings=GOOD_YES, no_value="Not known"),
        Query(expr=f"min(rlm_ha_ready{{{OURS}}})"),
    )
    healthy = stat_panel(
        About(
            title="Healthy servers",
            description="Servers whose last check was good. Below two, nobody could take over.",
            alert="RLMHAClusterHealth",
        ),
        Look(limits=HEALTHY_LIMITS, no_value="Not known"),
        Query(expr=f"min(rlm_cluster_healthy_servers{{{OURS}}})"),
    )
    split = stat_panel(
        About(
            title="Split brain",
            description="Whether a server serves beside the active one.",
            alert="RLMSplitBrain",
        ),
        Look(meanings=BAD_YES, no_value="Not known"),
        Query(expr=f"max(rlm_ha_split_brain{{{OURS}}})"),
    )
    return Shelf(
        title="Now",
        panels=[(active, 3), (ready, 3), (healthy, 3), (split, 3), *((panel, 3) for panel in _held_back())],
        height=4,
    )


def _held_back() -> list[model.Panel]:
    """What keeps the controller from moving, and what waits for a person."""
    return [
        stat_panel(
            About(title="Paused", description="Whether an operator holds back automatic moves."),
            Look(meanings=BAD_YES, no_value="Not known"),
            Query(expr=f"max(rlm_ha_paused{{{OURS}}})"),
        ),
        stat_panel(
            About(
                title="Cooldown left",
                description="How long the cooldown still holds back the next automatic move.",
            ),
            Look(unit=SECONDS, decimals=0, no_value="Not known"),
            Query(expr=f"max(rlm_ha_cooldown_remaining_seconds{{{OURS}}})"),
            color=BigValueColorMode.VALUE,
        ),
        stat_panel(
            About(
                title="Not acknowledged",
                description="Automatic moves that no operator has acknowledged: rlm-ha licenses ack.",
            ),
            Look(limits=NONE_IS_GOOD, no_value="Not known"),
            Query(expr=f"max(rlm_ha_unacknowledged_operations{{{OURS}}})"),
        ),
        stat_panel(
            About(
                title="Checks behind",
                description="How many check intervals ago the servers were last seen. The controller decides"
                " nothing on what is too old.",
                alert="RLMSnapshotOld",
            ),
            Look(decimals=1, limits=INTERVAL_LIMITS, no_value="Never seen"),
            Query(
                expr=f"(time() - max(rlm_snapshot_timestamp_seconds{{{OURS}}}))"
                f" / max(rlm_cluster_check_interval_seconds{{{OURS}}})"
            ),
        ),
    ]


def _moves() -> list[Shelf]:
    operations = counts_panel(
        About(
            title="Operations",
            description="Moves that ended, planned and unplanned, by the rule that decided and by how they"
            " ended.",
        ),
        Look(),
        Query(
            expr="sum by (kind, rule, outcome)"
            f" (increase(rlm_ha_operations_total{{{OURS}}}[$__rate_interval])) > 0",
            legend="{{kind}} {{outcome}} ({{rule}})",
        ),
        tones={"^(failover|adopt)": ORANGE, " (aborted|failed) ": RED},
    )
    decisions = counts_panel(
        About(
            title="Decisions by rule",
            description="What the controller decided, by the rule that gave it. Those that held are among"
            " them; rlm-ha licenses events tells why.",
        ),
        Look(),
        Query(
            expr=f"sum by (rule) (increase(rlm_ha_decisions_total{{{OURS}}}[$__rate_interval])) > 0",
            legend="{{rule}}",
        ),
        tones={"^(failed_over|adopted)$": ORANGE},
    )
    epochs = lines_panel(
        About(
            title="Epoch and open operations",
            description="The epoch grows with each move. An operation that stays open is stuck.",
        ),
        Look(),
        Query(expr=f"max(rlm_ha_epoch{{{OURS}}})", legend="Epoch"),
        Query(expr=f"max(rlm_ha_operation_open{{{OURS}}})", legend="Open operations"),
        stepped=True,
        tones={"Epoch": BLUE, "Open operations": ORANGE},
    )
    steps = bars_panel(
        About(
            title="Step durations",
            description="How long each step of an operation took, 19 of 20 times, in the time shown. All"
            " clusters of the exporter are in it.",
        ),
        Look(unit=SECONDS, no_value="No operation"),
        Query(
            expr="sort_desc(histogram_quantile(0.95, sum by (le, step)"
            " (increase(rlm_ha_operation_step_seconds_bucket[$__range]))) >= 0)",
            legend="{{step}}",
        ),
    )
    return [
        Shelf(title="Moves", panels=[(operations, 12), (decisions, 12)], height=7),
        Shelf(panels=[(epochs, 12), (steps, 12)], height=7),
    ]


def _balancers() -> list[Shelf]:
    states = " or ".join(
        f'({_STATE}{{{SERVERS}, state="{meaning.text.lower()}"}} == 1) * {value}'
        for value, meaning in BALANCER_STATES.items()
    )
    view = timeline_panel(
        About(
            title="The balancers' view",
            description="In which state each load balancer has each server's license port.",
        ),
        Look(meanings=BALANCER_STATES),
        Query(expr=f"max by (balancer, server) ({states})", legend="{{balancer}} {{server}}"),
    )
    pins = timeline_panel(
        About(
            title="Pins",
            description="Servers that the controller holds in maintenance, so that no client gets there.",
        ),
        Look(meanings=HELD_OR_FREE),
        Query(
            expr=f"max by (balancer, server) (rlm_ha_pinned{{{SERVERS}}})",
            legend="{{balancer}} {{server}}",
        ),
    )
    reach = timeline_panel(
        About(title="Balancers that answer", description="Whether each load balancer could be read."),
        Look(meanings=UP_OR_DOWN),
        Query(expr=f"min by (balancer) (rlm_load_balancer_up{{{OURS}}})", legend="{{balancer}}"),
    )
    disagrees = timeline_panel(
        About(
            title="Balancers that disagree",
            description="Whether a load balancer sends clients elsewhere than the controller wants.",
        ),
        Look(meanings=BAD_YES),
        Query(expr=f"max by (cluster) (rlm_ha_balancer_disagrees{{{OURS}}})", legend="Disagrees"),
    )
    again = counts_panel(
        About(
            title="State applied again",
            description="How often the wanted state was applied again, by what had differed: a reload, or"
            " somebody else's hand.",
        ),
        Look(),
        Query(
            expr="sum by (balancer, reason)"
            f" (increase(rlm_ha_balancer_reapplied_total{{{OURS}}}[$__rate_interval])) > 0",
            legend="{{balancer}}: {{reason}}",
        ),
        tone=ORANGE,
    )
    return [
        Shelf(title="Load balancers and pins", panels=[(view, 12), (pins, 12)], height=7),
        Shelf(panels=[(reach, 8), (disagrees, 8), (again, 8)], height=6),
    ]


def _probes() -> list[Shelf]:
    last = lines_panel(
        About(title="Probe durations", description="How long the last probe of each kind took."),
        Look(unit=SECONDS),
        Query(
            expr=f"max by (server, probe) (rlm_probe_last_duration_seconds{{{SERVERS}}})",
            legend="{{server}} {{probe}}",
        ),
    )
    slowest = lines_panel(
        About(
            title="Slow probes",
            description="What 19 of 20 probes of each kind stay below, over all servers of the cluster.",
        ),
        Look(unit=SECONDS),
        Query(
            expr="histogram_quantile(0.95, sum by (le, probe)"
            f" (rate(rlm_probe_duration_seconds_bucket{{{OURS}}}[$__rate_interval])))",
            legend="{{probe}}",
        ),
    )
    failed = counts_panel(
        About(title="Failed probes", description="Probes that failed, by reason; a check can take several."),
        Look(),
        Query(
            expr="sum by (server, probe, reason)"
            f" (increase(rlm_probe_failures_total{{{SERVERS}}}[$__rate_interval])) > 0",
            legend="{{server}} {{probe}}: {{reason}}",
        ),
        tone=RED,
    )
    in_a_row = lines_panel(
        About(
            title="Failed checks in a row",
            description="The failover threshold of the manifest is counted in these.",
            alert="RLMFailoverWanted",
        ),
        Look(),
        Query(
            expr=f"max by (server) (rlm_server_consecutive_failures{{{SERVERS}}})",
            legend="{{server}}",
        ),
        stepped=True,
    )
    return [
        Shelf(title="Probes", panels=[(last, 12), (slowest, 12)], height=7),
        Shelf(panels=[(failed, 12), (in_a_row, 12)], height=7),
    ]


def _exporter() -> list[Shelf]:
    webhook = counts_panel(
        About(
            title="Alerts that came in",
            description="Alerts that Alertmanager delivered to the exporter, by what came of them.",
        ),
        Look(),
        Query(
            expr="sum by (result) (increase(rlm_ha_webhook_alerts_total[$__rate_interval])) > 0",
            legend="{{result}}",
        ),
    )
    watchdog = stat_panel(
        About(
            title="Watchdog last seen",
            description="Age of the alert that always fires. When it stops coming, alerts no longer arrive.",
            alert="Watchdog",
        ),
        Look(unit=SECONDS, decimals=0, limits=WATCHDOG_LIMITS, no_value="Never"),
        Query(expr="time() - max(rlm_ha_watchdog_last_seen_timestamp_seconds)"),
    )
    leader = timeline_panel(
        About(
            title="Who acts",
            description="Which daemon, of those that share a journal, holds the cluster's lease.",
        ),
        Look(meanings=ACTIVE_OR_STANDBY),
        Query(expr=f"max by (instance) (rlm_ha_leader{{{OURS}}})", legend="{{instance}}"),
    )
    lease = lines_panel(
        About(
            title="Lease left",
            description="How long each daemon still has the cluster's lease. Absent where one is alone on its"
            " journal.",
        ),
        Look(unit=SECONDS, no_value="One daemon alone has no lease"),
        Query(
            expr=f"max by (instance) (rlm_ha_lease_remaining_seconds{{{OURS}}})",
            legend="{{instance}}",
        ),
    )
    ready = timeline_panel(
        About(
            title="Store and all else that a move needs",
            description="Whether the journal can be written, every load balancer reached and a standby used.",
        ),
        Look(meanings=GOOD_YES),
        Query(expr=f"min by (instance) (rlm_ha_ready{{{OURS}}})", legend="{{instance}}"),
    )
    defects = stat_panel(
        About(
            title="Defects",
            description="Errors that nobody foresaw, since the exporter started. Each is in its log.",
        ),
        Look(unit=COUNT, limits=NONE_IS_GOOD, no_value="Not known"),
        Query(expr="sum(increase(rlm_exporter_defects_total[$__range]))"),
    )
    return [
        Shelf(
            title="Webhook, store and lease",
            panels=[(webhook, 12), (watchdog, 6), (defects, 6)],
            height=6,
        ),
        Shelf(panels=[(leader, 8), (lease, 8), (ready, 8)], height=6),
    ]
