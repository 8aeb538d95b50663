"""Units for systemd: of an RLM server, and of our own daemon (pure)."""

from dataclasses import dataclass, field
from posixpath import dirname

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.render.rlm_command import RlmOptions
from rlm_exporter.render.templates import template

_PROTECTED = ("/usr/", "/etc/", "/boot/", "/efi/")
"""What ProtectSystem=full makes read-only."""
RLM_UNIT = "rlm.service"
OUR_UNIT = "rlm-ha.service"


@dataclass(frozen=True, slots=True, kw_only=True)
class RlmService:
    """One RLM server as systemd runs it."""

    home: str = "/opt/rlm"
    """Its programs are in `bin` below."""
    options: RlmOptions = field(default_factory=RlmOptions)
    port: int = 5053
    """Where rlmdown asks it to stop."""
    user: str = "rlm"

    def command(self) -> tuple[str, ...]:
        """How it is started."""
        return (f"{self.home}/bin/rlm", *self.options.arguments())

    def stop(self) -> tuple[str, ...]:
        """How it is stopped, with its ISV servers."""
        return (f"{self.home}/bin/rlmutil", "rlmdown", "RLM", "-q", "-c", f"{self.port}@localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class OurService:
    """The daemon as systemd runs it."""

    program: str = "/usr/bin/rlm-ha"
    config: str = "/etc/rlm-ha"
    user: str = "rlm-ha"
    groups: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    """Folders outside its state in which it writes."""


def render_rlm_unit(service: RlmService) -> str:
    """The text of rlm.service."""
    options = service.options
    written = (f"{service.home}/bin", _parent(options.debug_log))
    needed = (service.home, options.licenses, _parent(options.debug_log), options.certificate, options.key)
    return template("rlm.service.j2").render(
        user=service.user,
        home=service.home,
        command=service.command(),
        stop=service.stop(),
        paths=tuple(dict.fromkeys(path for path in needed if path)),
        # A folder that is not there is no reason not to start.
        writable=tuple(dict.fromkeys(f"-{path}" for path in written if path and path.startswith(_PROTECTED))),
    )


def render_our_unit(service: OurService) -> str:
    """The text of rlm-ha.service."""
    return template("rlm-ha.service.j2").render(
        user=service.user,
        program=service.program,
        config=service.config,
        groups=service.groups,
        writable=service.writable,
    )


def written_folders(clusters: tuple[Cluster, ...]) -> tuple[str, ...]:
    """The folders of client settings: a file there is replaced whole, so its folder has to be writable."""
    files = (file.path for cluster in clusters for file in cluster.client_settings.files)
    return tuple(sorted({dirname(path) for path in files}))


def _parent(path: str | None) -> str | None:
    return None if path is None else dirname(path)
