"""The programs that a demonstration needs from the system, and whether its ports are free."""

import os
import shutil
import socket
from dataclasses import dataclass

from rlm_exporter.demo.layout import Layout
from rlm_exporter.errors import ConfigurationError

_ELSEWHERE = "/usr/sbin:/usr/local/sbin"
"""Not on an ordinary user's PATH in Debian, and where it puts haproxy."""

_PACKAGES = {"haproxy": "haproxy", "prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Absolute paths."""

    haproxy: str
    prometheus: str
    alertmanager: str


def find_programs() -> Programs:
    """Look on PATH and where distributions put them; ConfigurationError names all that are missing."""
    found = {name: _find(name) for name in _PACKAGES}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        packages = " ".join(_PACKAGES[name] for name in missing)
        raise ConfigurationError(
            f"{', '.join(missing)} not found. In a clone, `make demo` fetches them for itself; otherwise "
            f"install Debian's or Ubuntu's packages: {packages}"
        )
    return Programs(**{name: str(path) for name, path in found.items()})


def _find(name: str) -> str | None:
    path = f"{os.environ.get('PATH', os.defpath)}:{_ELSEWHERE}"
    return shutil.which(name, path=path) or shutil.which(f"prometheus-{name}", path=path)


def busy_ports(layout: Layout) -> tuple[str, ...]:
    """Every address that cannot be listened on, with what wants it; looked at before anything starts."""
    return tuple(
        f"{host}:{port} (for {what}): {why}"
        for what, host, port in layout.listeners
        if (why := _why_busy(host, port)) is not None
    )


def _why_busy(host: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return None


def free_layout(network: str, *, balancers: int = 1) -> Layout:
    """A layout on ports that are free at this moment, for machines where the usual ones are taken."""
    taken: set[int] = set()
    hosts = [f"{network}.{number}" for number in (1, 2, 3, *range(10, 10 + balancers))]

    def free(*addresses: str) -> int:
        for _ in range(200):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.bind((addresses[0], 0))
                port = int(probe.getsockname()[1])
            if port not in taken and all(_why_busy(address, port) is None for address in addresses):
                taken.add(port)
                return port
        raise ConfigurationError(f"no free port on {', '.join(addresses)}")

    return Layout(
        network=network,
        license_port=free(*hosts),
        web_port=free(*hosts),
        isv_port=free(*hosts),
        peer_port=free(*hosts[3:]),
        balancers=balancers,
        daemon_port=free("127.0.0.1"),
        prometheus_port=free("127.0.0.1"),
        alertmanager_port=free("127.0.0.1"),
    )
