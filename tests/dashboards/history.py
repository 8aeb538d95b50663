"""A week of a cluster's life in Prometheus: the series of our golden page, with values that move."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.rules.programs import succeeds

GOLDEN = Path(__file__).parents[1] / "data" / "metrics" / "golden.prom"
END = 1_762_171_200
"""The moment of the golden page, a noon."""
STEP, WEEK, HOUR = 300, 7 * 86_400, 3_600
INSTANCE = "127.0.0.1:10053"

Values = Callable[[int], float]
"""A series' value at a time."""


def write_history(folder: Path) -> None:
    """Blocks of the week that ends at END, as Prometheus keeps them."""
    text = folder / "history.om"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(_lines())
        file.write("# EOF\n")
    succeeds(
        "promtool",
        *("tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=240h"),
        *(text, folder / "data"),
    )


def _lines() -> Iterator[str]:
    page = GOLDEN.read_text(encoding="utf-8")
    for family in text_string_to_metric_families(page):
        counts = family.type in {"counter", "histogram"}
        for sample in family.samples:
            value = _counted(sample) if counts else _measured(sample)
            labels = {**sample.labels, "job": "rlm-ha", "instance": INSTANCE}
            written = ",".join(f'{name}="{text}"' for name, text in labels.items())
            for time in range(END - WEEK, END + 1, STEP):
                yield f"{sample.name}{{{written}}} {value(time)!r} {time}\n"


def _counted(sample: Sample) -> Values:
    """Something happens once an hour; what is observed takes 0.2 s."""
    bound = float(sample.labels.get("le", "inf"))
    each = 0.2 if sample.name.endswith("_sum") else float(bound >= 0.2)
    return lambda time: sample.value + each * ((time - END + WEEK) // HOUR)


def _measured(sample: Sample) -> Values:
    number = int(sample.labels.get("server", "rlm1").removeprefix("rlm") or 1) - 1
    match sample.name:
        case "rlm_server_active" | "rlm_ha_balancer_active":
            return lambda time: float(time // (4 * HOUR) % 3 == number)
        case "rlm_ha_epoch" | "rlm_failover_events":
            return lambda time: sample.value + (time - END + WEEK) // (4 * HOUR)
        case "rlm_snapshot_timestamp_seconds" | "rlm_ha_watchdog_last_seen_timestamp_seconds":
            return lambda time: float(time - 5)
        case "rlm_license_in_use" | "rlm_license_usage_by_server":
            return lambda time: round(sample.value * (1.5 - math.cos(math.tau * (time % 86_400) / 86_400)))
    return lambda time: sample.value
