"""What must hold between a load balancer and the servers behind it."""

from collections.abc import Iterator, Mapping, Sequence

from rlm_exporter.manifest.document import Part, Problem, dotted_path, shown
from rlm_exporter.manifest.reading import LOAD_BALANCER, ServerPart, isv_spellings, server_parts, whole
from rlm_exporter.rlm.address import Endpoint, format_host_port, is_ip, parse_host, same_host


def check_balancer(balancer: Part, manifest: Part) -> Iterator[Problem]:
    """Every problem of one load balancer; `manifest` is the cluster's, perhaps of another document."""
    servers = tuple(server_parts(manifest))
    yield from _check_address(balancer, servers)
    yield from _check_isv_ports(servers)
    yield from _check_front(balancer, servers)
    yield from _check_resolvers(balancer.at("resolvers"), servers)
    yield from _check_names(balancer.at("haproxy"))
    for haproxy in balancer.at("haproxy").children():
        yield from _check_certificates(haproxy)
        yield from _check_backends(haproxy, isv_spellings(manifest))


def _check_address(balancer: Part, servers: Sequence[ServerPart]) -> Iterator[Problem]:
    host, port = balancer.at("host").text, whole(balancer.at("port"), LOAD_BALANCER.port)
    if host is None or port is None:
        return
    mine = (same_host(parse_host(host)), port)
    for server in servers:
        if server.host is not None and (same_host(server.host), server.port) == mine:
            address = format_host_port(Endpoint(port=port, host=server.host))
            where = f"{dotted_path(server.part.path)} (line {server.part.line})"
            text = f"{address} is {where} itself; give the balancer an address of its own"
            yield balancer.at("host").problem(text)


def _check_isv_ports(servers: Sequence[ServerPart]) -> Iterator[Problem]:
    """RLM sends a client to the ISV server's own number, and the balancer has one number for all."""
    first: dict[str, tuple[int, Part]] = {}
    for server in servers:
        for isv, port in server.isv_ports:
            part = server.part.at("isvPorts", isv)
            expected, where = first.setdefault(isv.casefold(), (port, part))
            if port != expected:
                yield part.problem(
                    f"{port} differs from {expected} in line {where.line}; behind a load balancer an ISV "
                    "needs the same port on every server, because clients get one number"
                )
    for server in servers:
        planned = server.part.at("isvPorts")
        given = {part.name.casefold() for part in planned.children()}
        for isv, (port, where) in first.items():
            if isv not in given and not planned.is_broken and not planned.at(where.name).is_broken:
                yield planned.problem(
                    f"{where.name} has no port here, but {port} in line {where.line}; behind a load balancer "
                    "an ISV needs the same port on every server"
                )


def _check_front(balancer: Part, servers: Sequence[ServerPart]) -> Iterator[Problem]:
    """What the balancer listens on: the license port, the web port, one port for each ISV."""
    taken: dict[int, Part] = {}
    port = whole(balancer.at("port"), LOAD_BALANCER.port)
    web = whole(balancer.at("webPort"), 0)
    if port is not None:
        taken[port] = balancer.at("port")
    if web and taken.setdefault(web, balancer.at("webPort")).name != "webPort":
        yield balancer.at("webPort").problem(f"{web} is also the license port; give each a port of its own")
    if balancer.at("webFollows").text == "true" and not web and not balancer.at("webPort").is_broken:
        yield balancer.at("webFollows").problem(
            "there is no webPort that could follow; name one, or leave it out"
        )
    for isv, number in {isv: number for server in servers for isv, number in server.isv_ports}.items():
        if number in taken:
            where = taken[number]
            text = f"{number} is also the port of the ISV {isv}; the balancer needs both, so choose another"
            yield where.problem(text)


def _check_resolvers(resolvers: Part, servers: Sequence[ServerPart]) -> Iterator[Problem]:
    hosts = [server.host for server in servers]
    if resolvers.is_given and not resolvers.is_broken and all(host and is_ip(host) for host in hosts):
        yield resolvers.problem("every server has an address, so there is no name to ask for; leave it out")
    for server in servers:
        if (
            resolvers.is_given
            and server.host
            and not is_ip(server.host)
            and "." not in server.host.strip(".")
        ):
            yield server.part.at("host").problem(
                f"{shown(server.host)} is no whole name, and with resolvers HAProxy asks name servers for "
                "exactly this: add the domain, or leave resolvers out"
            )


def _check_names(listed: Part) -> Iterator[Problem]:
    for key in ("name", "url"):
        taken: dict[str, Part] = {}
        for haproxy in listed.children():
            part = haproxy.at(key)
            if part.text is None:
                continue
            first = taken.setdefault(part.text.casefold() if key == "name" else part.text, part)
            if first is not part:
                text = (
                    f"{shown(part.text)} stands in line {first.line} too; every HAProxy needs its own {key}"
                )
                yield part.problem(text)


def _check_certificates(haproxy: Part) -> Iterator[Problem]:
    url, certificate = haproxy.at("url").text, haproxy.at("clientCert")
    if url is None:
        return
    if url.startswith("https:") and not certificate.is_given and not certificate.is_broken:
        text = (
            "is missing; over https the balancer obeys a client certificate: name the PEM file that holds it"
        )
        yield certificate.problem(text)
    for key in ("clientCert", "caCert"):
        if url.startswith("unix:") and haproxy.at(key).is_given:
            yield haproxy.at(key).problem("a unix socket speaks no TLS; leave the key out")


def _check_backends(haproxy: Part, isvs: Mapping[str, str]) -> Iterator[Problem]:
    taken: dict[str, Part] = {}
    own = tuple(haproxy.at("isvBackends").children())
    for part in (haproxy.at("backend"), *own, haproxy.at("webBackend")):
        if part.text is None:
            continue
        first = taken.setdefault(part.text, part)
        if first is not part:
            text = f"{shown(part.text)} is the backend in line {first.line} too; give each port its own"
            yield part.problem(text)
    for part in own:
        if part.name.casefold() not in isvs:
            known = ", ".join(sorted(isvs.values())) or "none"
            text = f"no feature or isvPorts speaks of this ISV; known: {known}"
            yield part.problem(text)
