"""What must hold among the servers of a manifest, beyond the form of each value."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from rlm_exporter.manifest.document import Part, Problem, dotted_path, shown
from rlm_exporter.manifest.reading import ServerPart, checks_web, server_parts, word
from rlm_exporter.manifest.shape import closest
from rlm_exporter.rlm.address import Endpoint, format_host_port, is_ip, same_host

Timezones = Callable[[], frozenset[str]]
"""Names every time zone that this machine knows."""


def check_servers(manifest: Part, timezones: Timezones) -> Iterator[Problem]:
    """Every problem of spec.highAvailability."""
    yield from _check_kind(manifest.at("spec", "highAvailability"))
    servers = tuple(server_parts(manifest))
    yield from _check_names(servers)
    yield from _check_ports(servers, with_web=checks_web(manifest))
    yield from _check_failback(manifest.at("spec", "highAvailability"), timezones)
    for server in servers:
        yield from _check_timezone(server.part.at("timezone"), timezones)


def _check_kind(group: Part) -> Iterator[Problem]:
    if group.at("enabled").text == "false":
        yield group.at("enabled").problem(
            "without high availability there is nothing to keep; write true, and "
            "spec.monitoring.failover.automatic: false to watch without moving"
        )
    if group.at("takeover").text == "native" and group.at("failback").text == "automatic":
        yield group.at("failback").problem(
            "RLM gives back by itself with takeover: native; leave the key out"
        )
    if group.at("backup").is_given and group.at("tertiary").is_given:
        yield group.at("tertiary").problem(
            "is another word for backup, which is there too; put further servers under additional"
        )


def _check_failback(group: Part, timezones: Timezones) -> Iterator[Problem]:
    window = group.at("failbackWindow")
    yield from _check_timezone(window.at("timezone"), timezones)
    start, end = window.at("from"), window.at("to")
    if start.is_given and start.text == end.text:
        yield end.problem(f"{end.text} is also the begin; a window without a length never opens")
    for key in ("failbackAfter", "failbackWindow"):
        if group.at(key).is_given and group.at("failback").text != "automatic":
            yield group.at(key).problem("is for an automatic failback; write failback: automatic too")


def _check_names(servers: Sequence[ServerPart]) -> Iterator[Problem]:
    taken: dict[str, ServerPart] = {}
    owners = {same_host(server.host): server for server in reversed(servers) if server.host}
    for server in servers:
        name = server.name
        if name is None:
            yield from _check_nameless(server)
            continue
        first = taken.setdefault(name.lower(), server)
        if first is not server and not (_address(first) == _address(server) and first.name == name):
            where = f"{dotted_path(first.part.path)} (line {first.part.line})"
            text = f"{name} is also the name of {where}; give each server a name: of its own"
            yield _name_place(server).problem(text)
        yield from _check_name_is_no_host(server, name, owners)


def _address(server: ServerPart) -> tuple[str, int | None]:
    return same_host(server.host or ""), server.port


def _check_nameless(server: ServerPart) -> Iterator[Problem]:
    host = server.host
    if host is not None and is_ip(host) and not server.part.at("name").is_broken:
        yield server.part.at("host").problem(
            f"{host} is an address and gives the server no name; add name:, as HAProxy is to call it"
        )


def _check_name_is_no_host(
    server: ServerPart, name: str, owners: Mapping[str, ServerPart]
) -> Iterator[Problem]:
    """A name that is another server's host would make commands ambiguous."""
    other = owners.get(name.lower(), server)
    if other is not server and other.name != name:
        where = f"{dotted_path(other.part.path)} (line {other.part.line})"
        text = f"{name} is also the host of {where}; give the server another name:"
        yield _name_place(server).problem(text)


def _name_place(server: ServerPart) -> Part:
    given = server.part.at("name")
    return given if given.is_given else server.part.at("host")


def _check_ports(servers: Sequence[ServerPart], *, with_web: bool) -> Iterator[Problem]:
    """Every service has an address of its own; servers may share a host on other ports."""
    taken: dict[tuple[str, int], tuple[ServerPart, Part]] = {}
    for server in servers:
        host = server.host
        if host is None:
            continue
        twins: set[int] = set()
        for port, part in _services(server, with_web=with_web):
            owner, first = taken.setdefault((same_host(host), port), (server, part))
            if first is part or id(owner) in twins:
                continue
            if owner is not server and first.name == part.name == "port":
                twins.add(id(owner))  # the same server twice; its other ports would only say so again
                yield _twin(server, owner, Endpoint(port=port, host=host))
            else:
                yield _clash(part, port, first)


def _services(server: ServerPart, *, with_web: bool) -> Iterator[tuple[int, Part]]:
    if server.port is not None:
        yield server.port, server.part.at("port")
    web = server.part.at("webPort")
    if server.web_port is not None and (with_web or web.is_given):
        yield server.web_port, web
    for isv, port in server.isv_ports:
        yield port, server.part.at("isvPorts", isv)


def _twin(server: ServerPart, first: ServerPart, address: Endpoint) -> Problem:
    where = f"{dotted_path(first.part.path)} (line {first.part.line})"
    text = f"{format_host_port(address)} is also {where}; give each server an address of its own"
    return server.part.at("host").problem(text)


def _clash(part: Part, port: int, first: Part) -> Problem:
    default = "" if part.is_given else " by default"
    other_default = "" if first.is_given else " by default"
    where = f"{dotted_path(first.path)}{other_default} (line {first.line})"
    return part.problem(f"{port}{default} is also {where}; give each service a port of its own")


def _check_timezone(part: Part, timezones: Timezones) -> Iterator[Problem]:
    name = word(part, "")
    if not name:
        return
    known = timezones()
    if not known:
        yield part.problem("cannot be checked, this machine has no time zone database; install tzdata")
    elif name not in known:
        meant = closest(name.replace(" ", ""), sorted(known))
        advice = f"did you mean {meant}?" if meant else "write one such as Europe/Berlin or UTC"
        yield part.problem(f"{shown(name)} is not a time zone; {advice}")
