"""Writes `docs/metrics.md` from the table of families: `python -m rlm_exporter.metrics.reference`."""

import sys

from rlm_exporter.metrics.families import FAMILIES, TARGET_FAMILIES, Family

_HEAD = """\
# Metrics

<!-- Made by `python -m rlm_exporter.metrics.reference > docs/metrics.md`; a test compares them. -->

`/metrics` has these families, in Prometheus' text format 0.0.4 and in OpenMetrics 1.0, plain or with gzip.

- What is not known is absent, never 0. The exceptions are the gauges that end in `_up`: a server that could
  not be checked is not up, whatever the cause. Before its first check it is absent as well.
- `cluster` and `server` are the manifest's names, and `server` is HAProxy's name for it too, so that joins
  with HAProxy's own metrics work. Both come from the exporter: scrape it with `honor_labels: true`, or
  Prometheus renames them where the scrape configuration sets labels of the same name.
- `isv` and `feature` are RLM's ISV and product. No label names a user or a client's host.
- Names marked *guide* are those of the RLM high availability guide, whose dashboard and alerts work with them
  as printed. `metrics.compatibility_names: false` leaves them out.
- Counters count since this process started, those of RLM (`rlm_isv_…_total`) since RLM did.

| Name | Type | Labels | Meaning |
|---|---|---|---|
"""

_TARGET = """
## One target alone

`/probe?target=CLUSTER` or `/probe?target=CLUSTER/SERVER` has what `/metrics` says of that cluster or server,
and before it, named as multi-target exporters name them:

| Name | Type | Labels | Meaning |
|---|---|---|---|
"""

_TARGET_END = """
A server's target has the series with its name in the label `server`; a cluster's names no server in these
three. `module=web` has them tell of the web interface. [many-clusters.md](many-clusters.md) shows the use.
"""


def reference() -> str:
    """The document."""
    rows, target_rows = "".join(map(_row, FAMILIES)), "".join(map(_row, TARGET_FAMILIES))
    return _HEAD + rows + _TARGET + target_rows + _TARGET_END


def _row(family: Family) -> str:
    labels = ", ".join(family.labels)
    kind = f"{family.kind}, *guide*" if family.compatibility else str(family.kind)
    return f"| `{family.name}` | {kind} | {labels} | {family.help} |\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
