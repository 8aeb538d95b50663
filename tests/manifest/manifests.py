"""Manifests for tests: the printed form, and small changes of a short one."""

from rlm_exporter.manifest.load import parse_manifests
from rlm_exporter.manifest.model import Cluster, Loaded

PAGE = """\
# RLM HA cluster configuration
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata:
  name: rlm-ha-cluster
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary:
      host: rlm1.vantage.com
      port: 5053
      webPort: 5054
    secondary:
      host: rlm2.vantage.com
      port: 5053
      webPort: 5054
    backup:
      host: rlm3.vantage.com
      port: 5053
      webPort: 5054
  monitoring:
    healthCheck:
      interval: 30s
      timeout: 10s
      retries: 3
      checkWeb: true
    failover:
      automatic: true
      threshold: 2  # Failed health checks before failover
      cooldown: 300s
  features:
    - name: STARCCM
      vendor: siemens
    - name: NXCAE
      vendor: siemens
    - name: LSDYNA
      vendor: lstc
"""
"""All fields of the manifest that Vantage's documentation prints, with its values."""

SHORT = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata:
  name: nuke
spec:
  type: rlm
  highAvailability:
    primary:
      host: rlm1.example.com
"""
SECOND = """\
    secondary:
      host: rlm2.example.com
"""


def manifest(*parts: str) -> str:
    """A short manifest with one server, and more lines below it."""
    return SHORT + "".join(parts)


def read(text: str) -> Loaded:
    """What a text says."""
    return parse_manifests(text, "nuke.yaml")


def cluster(*parts: str) -> Cluster:
    """The one cluster of a short manifest with more lines."""
    [found] = read(manifest(*parts)).clusters
    return found
