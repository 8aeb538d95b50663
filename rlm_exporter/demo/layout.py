"""Where everything of a demonstration stands, and the files that say so. Pure.

Real sites have every license server on one and the same port of its own host. On loopback that is one
address per host: the whole of 127.0.0.0/8 is this machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ISV = "siemens"
PRODUCTS = "STARCCM:2023.1000:400,NXCAE:2023.1000:10"
SERVERS = ("rlm1", "rlm2", "rlm3")
CLUSTER = "rlm-ha-demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Addresses and ports. `network` is the first three numbers of the hosts' loopback addresses."""

    network: str = "127.0.53"
    license_port: int = 5053
    web_port: int = 5054
    isv_port: int = 5060
    peer_port: int = 10055
    balancers: int = 1
    daemon_port: int = 10053
    prometheus_port: int = 9090
    alertmanager_port: int = 9093

    def host(self, server: str) -> str:
        """The address of a license server."""
        return f"{self.network}.{SERVERS.index(server) + 1}"

    @property
    def balancer_host(self) -> str:
        """The address that clients know."""
        return self.balancer_hosts[0]

    @property
    def balancer_hosts(self) -> tuple[str, ...]:
        """The address of each balancer: lb1, lb2."""
        return tuple(f"{self.network}.{10 + number}" for number in range(self.balancers))

    @property
    def daemon_url(self) -> str:
        """Metrics, API and status page."""
        return f"http://127.0.0.1:{self.daemon_port}"

    @property
    def prometheus_url(self) -> str:
        """Prometheus."""
        return f"http://127.0.0.1:{self.prometheus_port}"

    @property
    def alertmanager_url(self) -> str:
        """Alertmanager."""
        return f"http://127.0.0.1:{self.alertmanager_port}"

    @property
    def listeners(self) -> tuple[tuple[str, str, int], ...]:
        """(what, address, port) of everything that will listen."""
        balancers = [("HAProxy", host) for host in self.balancer_hosts]
        hosts = [*((server, self.host(server)) for server in SERVERS), *balancers]
        ports = (self.license_port, self.isv_port)
        return (
            *((name, host, port) for name, host in hosts for port in ports),
            *((server, self.host(server), self.web_port) for server in SERVERS),
            *(("HAProxy's peer", host, self.peer_port) for host in self.balancer_hosts),
            ("rlm-ha", "127.0.0.1", self.daemon_port),
            ("Prometheus", "127.0.0.1", self.prometheus_port),
            ("Alertmanager", "127.0.0.1", self.alertmanager_port),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a scenario or a test wants to be different from the manifest's defaults."""

    detection: str = "fast"
    triggers: tuple[str, ...] = ("detector", "alerts")
    interval: str = "5s"
    timeout: str = "4s"
    retries: int = 1
    threshold: int = 2
    cooldown: str = "60s"
    more_failover: Mapping[str, Any] | None = None
    """Further keys of spec.monitoring.failover."""


def balancer_name(number: int) -> str:
    """lb1, lb2."""
    return f"lb{number + 1}"


def manifest(layout: Layout, choices: Choices, *, folder: str) -> dict[str, Any]:
    """The cluster's manifest, as YAML and JSON both read it; HAProxy's sockets are in `folder`."""
    names = ("primary", "secondary", "backup")
    members = {
        role: {
            "name": server,
            "host": layout.host(server),
            "port": layout.license_port,
            "webPort": layout.web_port,
            "isvPorts": {ISV: layout.isv_port},
        }
        for role, server in zip(names, SERVERS, strict=True)
    }
    return {
        "apiVersion": "licensing.vantage.com/v1",
        "kind": "LicenseServer",
        "metadata": {"name": CLUSTER},
        "spec": {
            "type": "rlm",
            "highAvailability": {"enabled": True, "mode": "active-passive", **members},
            "loadBalancer": {
                "host": layout.balancer_host,
                "port": layout.license_port,
                "haproxy": [
                    {
                        "name": balancer_name(number),
                        "url": f"unix:{folder}/{balancer_name(number)}.sock",
                        "address": host,
                    }
                    for number, host in enumerate(layout.balancer_hosts)
                ],
            },
            "monitoring": {
                "healthCheck": {
                    "interval": choices.interval,
                    "timeout": choices.timeout,
                    "retries": choices.retries,
                    "checkWeb": True,
                    "webTls": False,
                },
                "failover": {
                    "automatic": True,
                    "threshold": choices.threshold,
                    "cooldown": choices.cooldown,
                    "detection": choices.detection,
                    "triggers": list(choices.triggers),
                    **(choices.more_failover or {}),
                },
            },
            "features": [{"name": "STARCCM", "vendor": ISV}, {"name": "NXCAE", "vendor": ISV}],
        },
    }


def alertmanager_config(example: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """The shipped example, with the demonstration's address of our webhook in it."""
    for receiver in example["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = f"{layout.daemon_url}/webhooks/alertmanager"
    return example


def prometheus_config(example: dict[str, Any], layout: Layout, *, rules: list[str]) -> dict[str, Any]:
    """The shipped example, with the demonstration's addresses, and scraping each second to be watched."""
    example["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    example["rule_files"] = rules
    example["alerting"]["alertmanagers"] = [
        {"static_configs": [{"targets": [f"127.0.0.1:{layout.alertmanager_port}"]}]}
    ]
    for job in example["scrape_configs"]:
        job["scrape_interval"] = job["scrape_timeout"] = "1s"
        job["static_configs"] = [{"targets": [f"127.0.0.1:{layout.daemon_port}"]}]
    return example
