"""What RLM's clients make of their environment: where they ask for licenses, in which order, how patiently.

A vendor's program reads `<isv>_LICENSE`, and RLM_LICENSE only where that is not set; generic programs
(rlmutil, rlm itself) read RLM_LICENSE. Servers are asked in the order of the list, or from a random place of
it on where RLM_PATH_RANDOMIZE is set. Each may take as long to connect as RLM_CONNECT_TIMEOUT says.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rlm_exporter.rlm.license_list import LicensePath, ListItem, ListKind, read_license_path

GENERIC = "RLM_LICENSE"
CONNECT_TIMEOUT = "RLM_CONNECT_TIMEOUT"
RANDOMIZE = "RLM_PATH_RANDOMIZE"

DEFAULT_CONNECT_SECONDS = 10
SHORTEST_CONNECT_SECONDS = 5
_STEP = 5
"""RLM divides the timeout by five, drops the rest, and waits five times so long."""

_LIST = re.compile(r"([A-Za-z0-9_.-]+)_LICENSE", re.IGNORECASE)
_FLEXLM_LIST = re.compile(r"([A-Za-z0-9_.-]+)_LICENSE_FILE", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One environment variable; `line` is None for one of a running environment."""

    name: str
    value: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectTimeout:
    """How long a client waits for one server to take its connection."""

    setting: Setting | None
    seconds: int
    retries: bool
    """Whether a program asks a server again that timed out once."""
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseList:
    """One variable with a list."""

    setting: Setting
    isv: str | None
    """Whose programs read it; None for RLM_LICENSE."""
    path: LicensePath

    @property
    def servers(self) -> tuple[ListItem, ...]:
        """The items that are asked over the network, in order."""
        return tuple(item for item in self.path.items if item.kind is ListKind.SERVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEnv:
    """A client's environment, as RLM reads it."""

    lists: tuple[LicenseList, ...]
    foreign: tuple[LicenseList, ...]
    """Lists under FlexLM's names, which RLM does not read."""
    connect_timeout: ConnectTimeout
    random_order: Setting | None
    replaced: tuple[tuple[Setting, Setting], ...]
    """(earlier, later) settings of the same name; the later one counts."""

    def for_isv(self, isv: str | None) -> LicenseList | None:
        """The list that this vendor's programs use; that of generic programs for None."""
        own = [each for each in self.lists if each.isv and isv and each.isv.lower() == isv.lower()]
        return next(iter(own), next((each for each in self.lists if each.isv is None), None))

    def seconds_before(self, position: int) -> int:
        """What one checkout waits in vain where all servers before this one (from 0) are dead."""
        return position * self.connect_timeout.seconds


def read_client_env(settings: Sequence[Setting]) -> ClientEnv:
    """What these settings mean together. Takes any."""
    latest: dict[str, Setting] = {}
    replaced: list[tuple[Setting, Setting]] = []
    for setting in settings:
        if setting.name in latest and is_read(setting.name):
            replaced.append((latest[setting.name], setting))
        latest[setting.name] = setting
    return ClientEnv(
        lists=tuple(_lists(latest)),
        foreign=tuple(_foreign(latest)),
        connect_timeout=read_connect_timeout(latest.get(CONNECT_TIMEOUT)),
        random_order=latest.get(RANDOMIZE),
        replaced=tuple(replaced),
    )


def is_read(name: str) -> bool:
    """Whether this variable has a part in what we tell."""
    return (
        name in {CONNECT_TIMEOUT, RANDOMIZE}
        or _LIST.fullmatch(name) is not None
        or _FLEXLM_LIST.fullmatch(name) is not None
    )


def read_connect_timeout(setting: Setting | None) -> ConnectTimeout:
    """Seconds, 10 where nothing is set; a negative number has each server tried only once."""
    if setting is None or not _NUMBER.fullmatch(setting.value.strip()):
        return ConnectTimeout(
            setting=setting, seconds=DEFAULT_CONNECT_SECONDS, retries=True, readable=setting is None
        )
    number = int(setting.value)
    seconds = max(abs(number) // _STEP * _STEP, SHORTEST_CONNECT_SECONDS)
    return ConnectTimeout(setting=setting, seconds=seconds, retries=number >= 0)


def _lists(settings: dict[str, Setting]) -> list[LicenseList]:
    found: list[LicenseList] = []
    for name, setting in settings.items():
        named = _LIST.fullmatch(name)
        if named is not None:
            isv = None if name == GENERIC else named[1]
            found.append(LicenseList(setting=setting, isv=isv, path=read_license_path(setting.value)))
    return found


def _foreign(settings: dict[str, Setting]) -> list[LicenseList]:
    found: list[LicenseList] = []
    for name, setting in settings.items():
        named = _FLEXLM_LIST.fullmatch(name)
        if named is not None:
            path = read_license_path(setting.value)
            found.append(LicenseList(setting=setting, isv=named[1], path=path))
    return found
