"""What an operator wants clients to be told: read, refused where it does harm, compared. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.render.client_servers import (
    Misfit,
    endpoints_for,
    lists_copies,
    members_of,
    misfit,
    read_servers,
)
from rlm_exporter.render.client_settings import ClientSettings
from rlm_exporter.store.records import ClientConfig, RedundancyMode

BY_MANIFEST = "as the manifest has it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigWish:
    """What is to be set; None leaves a setting as it is."""

    servers: str | None = None
    """A list, or the cluster's name for what the manifest has."""
    follows: bool | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsafeMode:
    """A mode that several copies of one license do not allow."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownMode:
    """A word that is no mode."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that becomes another."""

    name: str
    before: str
    after: str


ConfigRefusal = Misfit | UnsafeMode | UnknownMode


def apply_wish(wish: ConfigWish, config: ClientConfig, cluster: Cluster) -> ClientConfig | ConfigRefusal:
    """The config that comes of it, or why there is none."""
    mode = config.mode if wish.mode is None else _mode(wish.mode)
    if not isinstance(mode, RedundancyMode):
        return mode
    servers = config.servers if wish.servers is None else read_servers(wish.servers, cluster)
    if isinstance(servers, Misfit):
        return servers
    follows = config.follows if wish.follows is None else wish.follows
    return replace(config, servers=servers, follows=follows, mode=mode)


def is_same(one: ClientConfig, other: ClientConfig) -> bool:
    """Whether both set the same, whoever did it."""
    return (one.servers, one.follows, one.mode) == (other.servers, other.follows, other.mode)


def changes(
    before: tuple[ClientConfig, ClientSettings | None], after: tuple[ClientConfig, ClientSettings | None]
) -> tuple[Change, ...]:
    """What becomes otherwise: first what is set, then what clients get (None: nobody knows who is active)."""
    pairs = zip(_facts(*before), _facts(*after), strict=True)
    return tuple(Change(name=name, before=old, after=new) for (name, old), (_, new) in pairs if old != new)


def config_words(config: ClientConfig) -> str:
    """What is set, in a line."""
    return ", ".join(f"{name} {value}" for name, value in _facts(config, None))


def remarks(cluster: Cluster, active: str, config: ClientConfig) -> Iterator[str]:
    """What is worth knowing of it although nothing is wrong."""
    odd = misfit(config.servers, cluster)
    told = endpoints_for(cluster, active, config)
    if odd is not None:
        yield f"what was set does not fit the manifest any more, which counts instead: {odd.detail}"
    elif config.servers and cluster.load_balancer is None and not members_of(config.servers, cluster):
        yield (
            f"{config.servers[0]} is neither a server of {cluster.name} nor its load balancer: jobs are told "
            "of it, and no move changes where it leads; attach it by loadBalancers in the daemon's settings"
        )
    if lists_copies(cluster, told):
        yield (
            "several servers that hold copies of one license are listed: a client that the first refuses "
            "takes a seat of the next, and more seats are out than were bought"
        )
    if not config.follows and cluster.load_balancer is None:
        yield "license failover is not enabled: clients keep this list whoever becomes active"
    if not cluster.client_settings.files:
        yield (
            "the manifest names no clientSettings.files, so nothing is written at a move; "
            "`cluster config show --format sh` prints what a file would hold"
        )


def _mode(word: str) -> RedundancyMode | UnsafeMode | UnknownMode:
    spelled = word.strip().lower()
    if spelled == "active-active":
        return UnsafeMode(
            detail="active-active: each server holds a whole copy of the license, so two that serve at once "
            "give out more seats than were bought; active-passive is what the license allows"
        )
    try:
        return RedundancyMode(spelled)
    except ValueError:
        known = ", ".join(RedundancyMode)
        return UnknownMode(detail=f"{word!r} is not a redundancy mode; there is {known}")


def _facts(config: ClientConfig, settings: ClientSettings | None) -> Iterator[tuple[str, str]]:
    yield "license servers", " ".join(config.servers) or BY_MANIFEST
    yield "license failover", "enabled" if config.follows else "not enabled"
    yield "redundancy mode", config.mode.value
    if settings is not None:
        yield from settings.variables(" ")
