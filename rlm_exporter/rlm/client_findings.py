"""Judges a client's environment: what does not work, what costs time, what lets too many seats out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.rlm.address import same_host
from rlm_exporter.rlm.client_env import GENERIC, ClientEnv, LicenseList, Setting
from rlm_exporter.rlm.license_list import ListItem, ListKind
from rlm_exporter.rlm.license_terms import shown
from rlm_exporter.rlm.license_values import Severity


class ClientFindingKind(StrEnum):
    """What is worth knowing about a setting."""

    BARE_IPV6 = "bare-ipv6"
    EMPTY_ITEM = "empty-item"
    EMPTY_LIST = "empty-list"
    FLEXLM_NAME = "flexlm-name"
    MIXED_SEPARATORS = "mixed-separators"
    NOT_A_SERVER = "not-a-server"
    NOT_EXPANDED = "not-expanded"
    NO_LICENSE_SETTING = "no-license-setting"
    RANDOM_ORDER = "random-order"
    REPLACES_GENERIC = "replaces-generic"
    SAME_SERVER_TWICE = "same-server-twice"
    SET_TWICE = "set-twice"
    SEVERAL_SERVERS = "several-servers"
    TIMEOUT_ROUNDED = "timeout-rounded"
    TIMEOUT_UNREADABLE = "timeout-unreadable"
    UNREADABLE_ITEM = "unreadable-item"
    UPPER_CASE_ISV = "upper-case-isv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFinding:
    """One of these, about the variable `setting`; None where it is about the environment as a whole."""

    kind: ClientFindingKind
    setting: Setting | None
    severity: Severity
    detail: str


_TROUBLES = {
    ListKind.SERVER: (ClientFindingKind.BARE_IPV6, Severity.WARNING),
    ListKind.PATH: (ClientFindingKind.NOT_A_SERVER, Severity.WARNING),
    ListKind.UNEXPANDED: (ClientFindingKind.NOT_EXPANDED, Severity.NOTE),
    ListKind.UNREADABLE: (ClientFindingKind.UNREADABLE_ITEM, Severity.ERROR),
}


def find_client_faults(env: ClientEnv) -> tuple[ClientFinding, ...]:
    """All findings, those about the environment as a whole last."""
    return tuple(_findings(env))


def _findings(env: ClientEnv) -> Iterator[ClientFinding]:
    for earlier, later in env.replaced:
        line = "" if later.line is None else f" on line {later.line}"
        detail = f"it is set again{line}, and that counts"
        yield _finding(ClientFindingKind.SET_TWICE, earlier, Severity.NOTE, detail)
    for each in env.lists:
        yield from _list(each)
        yield from _name(each, env)
    for each in env.foreign:
        yield _foreign(each)
        yield from _items(each)
    yield from _timeout(env)
    if env.random_order is not None:
        detail = (
            "clients begin at a random place of the list: they spread over the servers, and may take seats "
            "of several at once"
        )
        yield _finding(ClientFindingKind.RANDOM_ORDER, env.random_order, Severity.WARNING, detail)
    if not env.lists:
        detail = f"neither {GENERIC} nor an <isv>_LICENSE is set; programs look for *.lic beside themselves"
        yield _finding(ClientFindingKind.NO_LICENSE_SETTING, None, Severity.WARNING, detail)


def _finding(
    kind: ClientFindingKind, setting: Setting | None, severity: Severity, detail: str
) -> ClientFinding:
    return ClientFinding(kind=kind, setting=setting, severity=severity, detail=detail)


def _list(each: LicenseList) -> Iterator[ClientFinding]:
    yield from _items(each)
    setting = each.setting
    if not each.path.items:
        detail = "the list is empty"
        yield _finding(ClientFindingKind.EMPTY_LIST, setting, Severity.WARNING, detail)
    servers = Counter(_key(item) for item in each.servers)
    for (port, host), times in servers.items():
        if times > 1:
            detail = f"{port}@{host} stands in the list {times} times; while it is dead, each one waits"
            yield _finding(ClientFindingKind.SAME_SERVER_TWICE, setting, Severity.WARNING, detail)
    if len(servers) > 1:
        detail = (
            f"{len(servers)} servers: if they serve copies of one license, a client that the first refuses "
            f"takes a seat of the next: up to {len(servers)} times the paid seats are out; let one serve, "
            "or give clients the balancer's address alone"
        )
        yield _finding(ClientFindingKind.SEVERAL_SERVERS, setting, Severity.WARNING, detail)


def _key(item: ListItem) -> tuple[int, str]:
    return (0, item.text) if item.endpoint is None else (item.endpoint.port, same_host(item.endpoint.host))


def _items(each: LicenseList) -> Iterator[ClientFinding]:
    for item in each.path.items:
        if item.trouble is not None:
            kind, severity = _TROUBLES[item.kind]
            yield _finding(kind, each.setting, severity, f"{shown(item.text)}: {item.trouble}")
    if each.path.empty:
        detail = "a separator stands without anything beside it"
        yield _finding(ClientFindingKind.EMPTY_ITEM, each.setting, Severity.NOTE, detail)
    if each.path.mixed:
        detail = "both separators stand in it: Unix knows the colon alone, Windows the semicolon alone"
        yield _finding(ClientFindingKind.MIXED_SEPARATORS, each.setting, Severity.WARNING, detail)


def _name(each: LicenseList, env: ClientEnv) -> Iterator[ClientFinding]:
    name, isv = each.setting.name, each.isv
    if isv is None:
        return
    if isv.isupper():
        detail = f"before 15.1, RLM reads the vendor's name as he spells it, such as {isv.lower()}_LICENSE"
        yield _finding(ClientFindingKind.UPPER_CASE_ISV, each.setting, Severity.NOTE, detail)
    if env.for_isv(None) is not None:
        detail = f"programs of {isv} take {name} in place of {GENERIC}, not beside it"
        yield _finding(ClientFindingKind.REPLACES_GENERIC, each.setting, Severity.NOTE, detail)


def _foreign(each: LicenseList) -> ClientFinding:
    isv = (each.isv or "").lower()
    ours = GENERIC if isv in {"rlm", "lm"} else f"{isv}_LICENSE"
    detail = f"this is FlexLM's name, and RLM does not read it; RLM's is {ours}"
    return _finding(ClientFindingKind.FLEXLM_NAME, each.setting, Severity.WARNING, detail)


def _timeout(env: ClientEnv) -> Iterator[ClientFinding]:
    timeout = env.connect_timeout
    if timeout.setting is None:
        return
    if not timeout.readable:
        detail = (
            f"{shown(timeout.setting.value)} is no number of seconds; reckoned with {timeout.seconds} s here"
        )
        yield _finding(ClientFindingKind.TIMEOUT_UNREADABLE, timeout.setting, Severity.WARNING, detail)
    elif abs(int(timeout.setting.value)) != timeout.seconds:
        detail = f"RLM takes multiples of 5 s, at least 5: this is {timeout.seconds} s"
        yield _finding(ClientFindingKind.TIMEOUT_ROUNDED, timeout.setting, Severity.NOTE, detail)
