"""The settings of `licenses config` and `licenses optimize`: what each means for a manifest (pure).

What RLM cannot do is said in a sentence, or refused, and never taken for done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.document import Path, Plain, Value
from rlm_exporter.manifest.durations import format_duration
from rlm_exporter.manifest.model import CandidateOrder, ClientOrder, Cluster, Detection

Settings = Mapping[str, str]
"""Each by its word, as the command line has it without dashes."""

_TUNING: Path = ("spec", "tuning")
_AGAIN = "it counts at a load balancer once its file is rendered again (rlm-ha render haproxy) and reloaded"
_SPREADING = (
    "clients cannot be spread: each server holds a whole copy of the licenses, and two that serve at once "
    "give out more seats than were bought"
)
_LOAD_BALANCING = (
    "load balancing: one server serves; of the good standbys the one takes over that {}. After a crash "
    "HAProxy itself chooses, by the manifest's order"
)
_AFFINITY = (
    "session affinity: license and ISV connections always go to the one active server; this is about "
    f"browsers at the web interface, and {_AGAIN}"
)
_BY_SITE = (
    "client order: clients of a site are told of its balancer, or after the active server of its standby, "
    "first; who serves is the same for all"
)
_POOLING = (
    "connection pooling: an RLM session is one client's own connection and holds its seats, so sessions "
    "cannot share connections; keep-alives that find dead ones are always on"
)
_CONNECTIONS = (
    "connections: further ones than {} wait at the load balancer, on the license port and on each ISV port "
    f"by itself; {_AGAIN}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What some settings are in a manifest."""

    values: Mapping[Path, Value]
    """None takes a key away, so that its default counts."""
    said: tuple[str, ...]
    """What follows from each, in a sentence."""


def tuned(settings: Settings) -> Tuned:
    """Translate; raises FormatError with every problem, a line each."""
    values: dict[Path, Value] = {}
    said: list[str] = []
    problems: list[str] = []
    for name, word in settings.items():
        reader = _READERS.get(name)
        if reader is None:
            problems.append(f"{name}: unknown; known are {', '.join(_READERS)}")
            continue
        try:
            one = reader(word)
        except FormatError as error:
            problems.append(f"{name}: {error}")
            continue
        for path, value in one.values.items():
            if values.setdefault(path, value) != value:
                problems.append(f"{name}: {word} says something else than another setting here")
        said += one.said
    if problems:
        raise FormatError("\n".join(problems))
    return Tuned(values=values, said=tuple(said))


def settings_of(cluster: Cluster) -> Settings:
    """The settings that a cluster has."""
    tuning = cluster.tuning
    by_site = tuning.clients is ClientOrder.SITE
    return {
        "load_balancing": "intelligent" if tuning.candidates is CandidateOrder.LATENCY else "preference",
        "session_affinity": _flagged(on=tuning.session_affinity),
        "health_check_interval": format_duration(cluster.health_check.interval),
        "failover_detection": cluster.failover.detection.value,
        "strategy": "geographic" if by_site else "preference",
        "prefer_local_server": _flagged(on=by_site),
        "connection_pooling": "disabled",
        "max_connections_per_server": (
            "unlimited" if tuning.max_connections is None else str(tuning.max_connections)
        ),
    }


def _flagged(*, on: bool) -> str:
    return "true" if on else "false"


def _load_balancing(word: str) -> Tuned:
    if word not in {"intelligent", "preference"}:
        raise FormatError(f"intelligent or preference, not {word!r}: {_SPREADING}")
    order = CandidateOrder.LATENCY if word == "intelligent" else CandidateOrder.PREFERENCE
    how = "answers soonest" if word == "intelligent" else "stands first in the manifest"
    return Tuned(
        values={(*_TUNING, "candidates"): Plain(order)},
        said=(_LOAD_BALANCING.format(how),),
    )


def _session_affinity(word: str) -> Tuned:
    return Tuned(
        values={(*_TUNING, "sessionAffinity"): Plain(_flag(word))},
        said=(_AFFINITY,),
    )


def _interval(word: str) -> Tuned:
    return Tuned(values={("spec", "monitoring", "healthCheck", "interval"): Plain(word)}, said=())


def _detection(word: str) -> Tuned:
    if word not in set(Detection):
        raise FormatError(f"{', '.join(Detection)}, not {word!r}")
    return Tuned(
        values={("spec", "monitoring", "failover", "detection"): Plain(word)},
        said=(f"failover detection: the daemon's own checks count at once; as to HAProxy's, {_AGAIN}",),
    )


def _strategy(word: str) -> Tuned:
    if word not in {"geographic", "preference"}:
        raise FormatError(f"geographic or preference, not {word!r}: {_SPREADING}")
    return _by_site(on=word == "geographic")


def _prefer_local(word: str) -> Tuned:
    return _by_site(on=_flag(word) == "true")


def _by_site(*, on: bool) -> Tuned:
    order = ClientOrder.SITE if on else ClientOrder.PREFERENCE
    return Tuned(values={(*_TUNING, "clientOrder"): Plain(order)}, said=(_BY_SITE,) if on else ())


def _pooling(word: str) -> Tuned:
    if word not in {"enabled", "disabled"}:
        raise FormatError(f"enabled or disabled, not {word!r}")
    return Tuned(
        values={},
        said=(_POOLING,) if word == "enabled" else (),
    )


def _max_connections(word: str) -> Tuned:
    if word == "unlimited":
        return Tuned(values={(*_TUNING, "maxConnectionsPerServer"): None}, said=())
    if not word.isdecimal() or not 0 < int(word) <= 1_000_000:
        raise FormatError(f"a number from 1 to 1000000, or unlimited, not {word!r}")
    return Tuned(
        values={(*_TUNING, "maxConnectionsPerServer"): Plain(str(int(word)))},
        said=(_CONNECTIONS.format(int(word)),),
    )


def _flag(word: str) -> str:
    meant = {"true": "true", "enabled": "true", "false": "false", "disabled": "false"}.get(word)
    if meant is None:
        raise FormatError(f"true or false, not {word!r}")
    return meant


_READERS: Mapping[str, Callable[[str], Tuned]] = {
    "load_balancing": _load_balancing,
    "session_affinity": _session_affinity,
    "health_check_interval": _interval,
    "failover_detection": _detection,
    "strategy": _strategy,
    "prefer_local_server": _prefer_local,
    "connection_pooling": _pooling,
    "max_connections_per_server": _max_connections,
}

KNOWN = tuple(_READERS)
"""The word of each setting."""
