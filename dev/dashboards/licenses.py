"""The dashboard "RLM licenses": is there enough, when is it used, who is refused, what ends soon."""

from grafana_foundation_sdk.models import dashboard as model

from dev.dashboards.document import Shelf, annotations, begin, choice, place, runbook
from dev.dashboards.panels import (
    About,
    Look,
    Query,
    bars_panel,
    counts_panel,
    hours_panel,
    lines_panel,
    stat_panel,
    table_panel,
)
from rlm_exporter.render.grafana_style import (
    COUNT,
    DAYS,
    DAYS_LEFT_LIMITS,
    MOMENT,
    NONE_IS_GOOD,
    RED,
    SHARE,
    USED_LIMITS,
)

SERVERS = 'cluster="$cluster", server=~"$server"'
PRODUCTS = f'{SERVERS}, isv=~"$isv", feature=~"$feature"'
IN_USE = f"sum by (isv, feature) (max by (server, isv, feature) (rlm_license_in_use{{{PRODUCTS}}}))"
"""Over the servers, because seats are out where they are; each once, however many daemons look."""
ISSUED = f"max by (isv, feature) (rlm_license_issued{{{PRODUCTS}}})"
"""Each server holds a copy of the same licenses."""
RESERVED = f"max by (isv, feature) (rlm_license_reserved{{{PRODUCTS}}})"
EXPIRY = f"min by (isv, feature) (rlm_license_expiry_timestamp_seconds{{{PRODUCTS}}})"
DAYS_SHOWN = 28


def dashboard() -> model.Dashboard:
    """The whole dashboard."""
    begun = begin(
        "RLM licenses",
        "rlm-licenses",
        description="Seats in use, issued and reserved, refusals, and licenses that end soon.",
        since="now-7d",
    )
    begun.with_variable(choice("server", "Server", "rlm_server_up"))
    begun.with_variable(choice("isv", "ISV", "rlm_license_in_use", SERVERS))
    within = f'{SERVERS}, isv=~"$isv"'
    begun.with_variable(choice("feature", "Feature", "rlm_license_in_use", within)).with_variable(runbook())
    for annotation in annotations():
        begun.annotation(annotation)
    return place(begun, [_now(), _use(), _hours(), _denials(), _terms()])


def _now() -> Shelf:
    fullest = stat_panel(
        About(title="Fullest product", description="The share of seats in use of the fullest product."),
        Look(unit=SHARE, decimals=0, limits=USED_LIMITS, no_value="Not known"),
        Query(expr=f"max({IN_USE} / {ISSUED})"),
    )
    full = stat_panel(
        About(
            title="Products without a free seat",
            description="How many products have every seat in use at the moment.",
        ),
        Look(limits=NONE_IS_GOOD, no_value="Not known"),
        Query(expr=f"sum({IN_USE} >= bool {ISSUED})"),
    )
    refused = stat_panel(
        About(
            title="Refused checkouts",
            description="Checkouts that ended in a refusal, in the time shown; from the report logs.",
        ),
        Look(decimals=0, limits=NONE_IS_GOOD, no_value="No report log"),
        Query(expr=f"sum(increase(rlm_license_denied_total{{{PRODUCTS}}}[$__range]))"),
    )
    ending = stat_panel(
        About(title="Next license ends in", description="Days until the first of the licenses ends."),
        Look(unit=DAYS, decimals=0, limits=DAYS_LEFT_LIMITS, no_value="None ends"),
        Query(expr=f"min(({EXPIRY} - time()) / 86400)"),
    )
    return Shelf(title="Now", panels=[(fullest, 6), (full, 6), (refused, 6), (ending, 6)], height=4)


def _use() -> Shelf:
    share = bars_panel(
        About(
            title="In use, of what is issued",
            description="The share of its seats that each product has in use. Uncounted licenses have none.",
        ),
        Look(unit=SHARE, limits=USED_LIMITS),
        Query(expr=f"{IN_USE} / {ISSUED}", legend="{{isv}} {{feature}}"),
        whole=1,
    )
    seats = lines_panel(
        About(
            title="In use against issued",
            description="Seats in use over all servers; dashed, the seats that exist. A line that lies on its"
            " dashed one had no seat left.",
        ),
        Look(),
        Query(expr=IN_USE, legend="{{feature}}"),
        Query(expr=ISSUED, legend="{{feature}} issued"),
        dashed="B",
    )
    return Shelf(title="Use", panels=[(share, 8), (seats, 16)], height=9)


def _hours() -> Shelf:
    total = f"sum(max by (server, isv, feature) (rlm_license_in_use{{{PRODUCTS}}}))"
    rows = [
        Query(expr=f"max_over_time(({total})[1h:5m] offset {23 - hour}h)", legend=f"{hour:02}:00")
        for hour in range(24)
    ]
    rows[-1] = Query(expr=f"max_over_time(({total})[1h:5m])", legend="23:00")
    hours = hours_panel(
        About(
            title="Hours",
            description="The most seats in use at once in each hour of each whole day, of the products"
            " chosen above.",
        ),
        Look(unit=COUNT),
        *rows,
        days=DAYS_SHOWN,
    )
    return Shelf(title="When", panels=[(hours, 24)], height=12)


def _denials() -> Shelf:
    by_reason = counts_panel(
        About(
            title="Refused checkouts",
            description="Checkouts that ended in a refusal, by product and reason; from the report logs."
            " Clients that went on to another server are not among them.",
        ),
        Look(),
        Query(
            expr="sum by (isv, feature, reason)"
            f" (increase(rlm_license_denied_total{{{PRODUCTS}}}[$__rate_interval])) > 0",
            legend="{{isv}} {{feature}}: {{reason}}",
        ),
        tone=RED,
    )
    by_isv = counts_panel(
        About(
            title="Refusals as RLM counts them",
            description="What the ISV servers count, without product or reason. Clients that went on to"
            " another server are among them.",
        ),
        Look(),
        Query(
            expr="sum by (isv) (increase("
            f'rlm_isv_denials_total{{{SERVERS}, isv=~"$isv"}}[$__rate_interval])) > 0',
            legend="{{isv}}",
        ),
        tone=RED,
    )
    return Shelf(title="Refusals", panels=[(by_reason, 14), (by_isv, 10)], height=8)


def _terms() -> Shelf:
    expiry = table_panel(
        About(
            title="Licenses that end",
            description="When the earliest license of each product ends. Permanent ones are not in the list.",
        ),
        Query(expr=f"1000 * {EXPIRY}"),
        Query(expr=f"({EXPIRY} - time()) / 86400"),
        columns={
            "Value #A": Look(unit=MOMENT),
            "Value #B": Look(unit=DAYS, decimals=0, limits=DAYS_LEFT_LIMITS),
        },
        titles={"isv": "ISV", "feature": "Feature", "Value #A": "Ends", "Value #B": "Left"},
        order=("isv", "feature", "Value #A", "Value #B"),
        sort_by="Left",
        no_value="None ends",
    )
    reservations = lines_panel(
        About(
            title="Reservations",
            description="Seats set aside by RESERVE options, and beside them those in use of the same"
            " products.",
        ),
        Look(no_value="Nothing is reserved"),
        Query(expr=f"{RESERVED} > 0", legend="{{feature}} reserved"),
        Query(expr=f"{IN_USE} and ({RESERVED} > 0)", legend="{{feature}} in use"),
        dashed="A",
        stepped=True,
    )
    return Shelf(title="Terms and reservations", panels=[(expiry, 12), (reservations, 12)], height=9)
