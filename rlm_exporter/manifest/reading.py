"""Typed values out of a document: the default where nothing is given, None where what is given is broken."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from rlm_exporter.manifest.document import Part
from rlm_exporter.manifest.durations import parse_duration
from rlm_exporter.manifest.model import FailoverPolicy, HealthCheckPolicy, LoadBalancerSpec, Server
from rlm_exporter.rlm.address import is_ip, parse_host

ROLES = {"primary": "primary", "secondary": "secondary", "backup": "backup", "tertiary": "backup"}
"""The keys that hold one server, in order of preference, and the role that each gives."""
ADDITIONAL = "additional"

SERVER = Server(name="", role="", host="")
HEALTH_CHECK = HealthCheckPolicy()
FAILOVER = FailoverPolicy()
LOAD_BALANCER = LoadBalancerSpec(host="")
"""Where defaults are read from: the model is the only place for them."""


def whole(part: Part, default: int) -> int | None:
    """A whole number."""
    if part.is_broken:
        return None
    return default if part.text is None else int(part.text)


def flag(part: Part, *, default: bool) -> bool | None:
    """True or false."""
    if part.is_broken:
        return None
    return default if part.text is None else part.text == "true"


def word(part: Part, default: str) -> str | None:
    """A text, or one of a closed set."""
    if part.is_broken:
        return None
    return default if part.text is None else part.text


def duration(part: Part, default: timedelta) -> timedelta | None:
    """A duration."""
    if part.is_broken:
        return None
    return default if part.text is None else parse_duration(part.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPart:
    """Where a manifest describes one server, and what can be read of it."""

    role: str
    part: Part

    @property
    def host(self) -> str | None:
        """An IPv6 address has lost its brackets."""
        text = self.part.at("host").text
        return None if text is None else parse_host(text)

    @property
    def name(self) -> str | None:
        """As given, or the first label of the host; None too where the host is an address."""
        given = word(self.part.at("name"), "")
        if given or given is None:
            return given
        return None if self.host is None or is_ip(self.host) else self.host.split(".")[0]

    @property
    def port(self) -> int | None:
        """The license port."""
        return whole(self.part.at("port"), SERVER.port)

    @property
    def web_port(self) -> int | None:
        """The web interface's port."""
        return whole(self.part.at("webPort"), SERVER.web_port)

    @property
    def isv_ports(self) -> tuple[tuple[str, int], ...]:
        """(ISV, port) pairs, sorted; those that cannot be read are left out."""
        ports = ((part.name, whole(part, 0)) for part in self.part.at("isvPorts").children())
        return tuple(sorted((isv, port) for isv, port in ports if port))


def server_parts(manifest: Part) -> Iterator[ServerPart]:
    """The servers of a manifest, in order of preference."""
    group = manifest.at("spec", "highAvailability")
    for key, role in ROLES.items():
        if group.at(key).is_given:
            yield ServerPart(role=role, part=group.at(key))
    for part in group.at(ADDITIONAL).children():
        yield ServerPart(role=ADDITIONAL, part=part)


def isv_spellings(manifest: Part) -> dict[str, str]:
    """How the manifest writes each ISV, by its name without case: RLM takes both for the same."""
    features = (feature.at("vendor").text for feature in manifest.at("spec", "features").children())
    names = [isv for isv in features if isv]
    names += [
        part.name for server in server_parts(manifest) for part in server.part.at("isvPorts").children()
    ]
    return {isv.casefold(): isv for isv in reversed(names)}


def checks_web(manifest: Part) -> bool:
    """Whether the web interface is probed; true where that cannot be read."""
    check = manifest.at("spec", "monitoring", "healthCheck", "checkWeb")
    return flag(check, default=HEALTH_CHECK.check_web) is not False
