"""A cluster of two servers without a balancer, as a drill sees it."""

from rlm_exporter.manifest.load import parse_manifests
from rlm_exporter.manifest.model import Cluster
from tests.simulated import SimulatedServer

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {{name: site}}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary:
      name: rlm1
      host: {0.host}
      port: {0.port}
      webPort: {0.web_port}
      isvPorts: {{siemens: {0.isv_port}}}
    secondary:
      name: rlm2
      host: {1.host}
      port: {1.port}
      webPort: {1.web_port}
      isvPorts: {{siemens: {1.isv_port}}}
  monitoring:
    healthCheck: {{timeout: 4s, webTls: false}}
  features: [{{name: STARCCM, vendor: siemens}}, {{name: NXCAE, vendor: siemens}}]
"""


def cluster_of(first: SimulatedServer, second: SimulatedServer) -> Cluster:
    """Of these two."""
    return parse_manifests(MANIFEST.format(first, second), "site.yaml").clusters[0]
