"""Documents of kind Dashboard for tests: the printed one where it can be had, and one that asks the same."""

import os
import re
from pathlib import Path

from rlm_exporter.manifest.dashboard import Dashboard
from rlm_exporter.manifest.load import parse_manifests

QUERIES = (
    'rlm_server_up{cluster="rlm-ha-cluster"}',
    'rlm_license_usage_by_server{cluster="rlm-ha-cluster"}',
    'rlm_failover_events{cluster="rlm-ha-cluster"}',
    'rlm_response_time{cluster="rlm-ha-cluster"}',
    'rlm_web_interface_up{cluster="rlm-ha-cluster"}',
)
LEGENDS = ("{{server}}", "{{server}} - {{feature}}", None, "{{server}}", "{{server}} Web")

DASHBOARD = """\
apiVersion: dashboard.vantage.com/v1
kind: Dashboard
metadata:
  name: wall
spec:
  title: "Licenses on the wall"
  refresh: 30s
  panels:
  - title: "Up"
    type: stat
    targets:
    - query: rlm_server_up{cluster="rlm-ha-cluster"}
      legend: "{{server}}"
    visualization:
      colorMode: "value"
      graphMode: "none"
  - title: "Seats"
    type: bargraph
    targets:
    - query: rlm_license_usage_by_server{cluster="rlm-ha-cluster"}
      legend: "{{server}} - {{feature}}"
  - title: "Moves"
    type: timeline
    targets:
    - query: rlm_failover_events{cluster="rlm-ha-cluster"}
      timeRange: 7d
  - title: "Speed"
    type: timeseries
    targets:
    - query: rlm_response_time{cluster="rlm-ha-cluster"}
      legend: "{{server}}"
  - title: "Web"
    type: stat
    targets:
    - query: rlm_web_interface_up{cluster="rlm-ha-cluster"}
      legend: "{{server}} Web"
  alerts:
  - name: "Few servers"
    condition: "healthy_servers < 2"
    severity: warning
    message: "The cluster has fewer than 2 servers"
  - name: "Web gone"
    condition: "rlm_web_interface_up == 0"
    severity: warning
    message: "No web interface on {{$labels.server}}"
"""


def printed() -> str:
    """The document as the page prints it, where the environment says where the page is; else ours."""
    path = os.environ.get("RLM_HA_PAGE")
    if path is None:
        return DASHBOARD
    page = Path(path).read_text("utf-8")
    found = re.search(r"^(apiVersion: dashboard\.vantage\.com/v1\n.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found.group(1)


def read(text: str) -> Dashboard:
    """The one dashboard of a text."""
    [dashboard] = parse_manifests(text, "wall.yaml").dashboards
    return dashboard
