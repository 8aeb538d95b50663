"""License files, masters and a manifest's cluster, as these tests need them."""

import shutil
from datetime import timedelta
from pathlib import Path

from rlm_exporter.manifest.model import Cluster, LicenseSync, LoadBalancerSpec, Server
from rlm_exporter.sync.sftp_folder import SftpFolder

LIMIT = timedelta(seconds=20)


def license_file(*lines: str, host: str = "rlm1.example.com", hostid: str = "ANY", port: int = 5053) -> bytes:
    """A master of the ISV acme with these licenses."""
    licenses = "".join(f"LICENSE acme {line}\n" for line in lines)
    return f"HOST {host} {hostid} {port}\nISV acme port=5055\n{licenses}".encode()


def server(name: str, *, folder: str = "/opt/rlm/licenses", isv_port: int = 5055) -> Server:
    """One server, whose folder is on this machine."""
    return Server(
        name=name,
        role=name,
        host=f"{name}.example.com",
        isv_ports=(("acme", isv_port),),
        license_sync=LicenseSync(folder=folder),
    )


def cluster(*servers: Server, balancer: str | None = None) -> Cluster:
    """These servers, behind a balancer where one is named."""
    return Cluster(
        name="site",
        source="site.yaml",
        servers=servers,
        load_balancer=None if balancer is None else LoadBalancerSpec(host=balancer),
    )


def sftp(folder: Path, *, limit: timedelta = LIMIT) -> SftpFolder:
    """The system's sftp, talking to a real server program that it starts itself in place of ssh."""
    program = shutil.which("sftp-server")
    assert program is not None, "sftp-server is missing: make setup"
    command = ("sftp", "-D", program)
    return SftpFolder("rlm@rlm1.example.com", str(folder), limit=limit, command=command)


def names(folder: Path) -> list[str]:
    """All files of a folder, ours beside the license files too."""
    return sorted(path.name for path in folder.iterdir())
