"""Certificates: those served by web interfaces and stats pages, and those in our own files."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from rlm_exporter.doctor.certificate import Certificate, parse_certificate
from rlm_exporter.doctor.finding import About, Finding, Outcome, error, warning
from rlm_exporter.doctor.looking import Seen
from rlm_exporter.doctor.site import Site, key_paths
from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.model import HaproxyEndpoint

ABOUT = About(name="certificates", looks_at="days and names of certificates, in files and as they are served")
WARN_DAYS = 30
SECONDS = 5.0
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


async def examine(site: Site) -> Outcome:
    """Web interfaces, and every balancer that is steered over TLS."""
    found: list[Finding] = []
    check, balancer = site.cluster.health_check, site.cluster.load_balancer
    if check.check_web and check.web_tls:
        served = await asyncio.gather(
            *(_served(server.host, server.web_port) for server in site.cluster.servers)
        )
        for server, certificate in zip(site.cluster.servers, served, strict=True):
            if certificate is not None:
                found += _web(server.name, server.host, certificate, site.now)
    for endpoint in () if balancer is None else balancer.haproxy:
        for path in key_paths(endpoint):
            found += _file(endpoint.name, site.keys[path], site.now)
        if endpoint.url.startswith("https:"):
            found += await _stats_page(site, endpoint)
    return tuple(found)


async def _served(host: str, port: int, *, client: str | None = None) -> Certificate | None:
    """Whatever is shown there; None where nothing is, which is another check's matter."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError):
        if client is not None:
            context.load_cert_chain(client)
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), port, ssl=context)
    except (OSError, TimeoutError):
        return None
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return parse_certificate(der) if der else None
    except FormatError:
        return None
    finally:
        writer.transport.abort()


def _web(name: str, host: str, certificate: Certificate, now: datetime) -> Iterator[Finding]:
    """It never decides about licenses, so nothing of it is an error."""
    what = _days(certificate, now)
    if what is not None:
        yield warning(
            name,
            f"the web interface's certificate {what}",
            why="browsers refuse it, and people get used to clicking that away",
            remedy="put a new one where -sslcert and -sslpriv of rlm point (16: rlm-cert.pem, rlm-key.pem)",
        )
    if not certificate.covers(host):
        yield warning(
            name,
            f"the web interface's certificate is for {', '.join(certificate.names) or 'nobody'}, not {host}",
            why="a browser cannot tell the server from somebody else's",
            remedy=f"have one issued for {host} and start rlm with -sslcert and -sslpriv",
        )


def _file(name: str, seen: Seen, now: datetime) -> Iterator[Finding]:
    path, why = seen.path, f"without it {name} takes no commands from us, and nothing can be moved"
    if seen.unreadable is not None:
        remedy = "mend the path or its rights, or bring its file server back"
        yield error(name, f"{path} cannot be read: {seen.unreadable}", why=why, remedy=remedy)
        return
    blocks = [part.partition(_END)[0] for part in seen.text.split(_BEGIN)[1:]]
    try:
        found = [parse_certificate(ssl.PEM_cert_to_DER_cert(f"{_BEGIN}{block}{_END}")) for block in blocks]
    except (FormatError, ValueError):
        found = []
    if not found:
        yield error(name, f"{path} holds no certificate", why=why, remedy="write it as PEM")
    for certificate in found:
        yield from _ending(name, f"the certificate in {path}", certificate, now, why=why)


async def _stats_page(site: Site, endpoint: HaproxyEndpoint) -> list[Finding]:
    url, now, client = urlsplit(endpoint.url), site.now, endpoint.client_cert
    host = url.hostname or ""
    if client is not None and site.keys[client].unreadable is not None:
        client = None
    certificate = await _served(host, url.port or 443, client=client)
    if certificate is None:
        return []
    why = "the controller cannot steer this balancer any more then"
    what = "the certificate that its stats page serves"
    found = list(_ending(endpoint.name, what, certificate, now, why=why))
    if not certificate.covers(host):
        names = ", ".join(certificate.names) or "nobody"
        found.append(
            error(
                endpoint.name,
                f"{what} is for {names}, not {host}",
                why=why,
                remedy=f"have one issued for {host}",
            )
        )
    return found


def _ending(name: str, what: str, certificate: Certificate, now: datetime, *, why: str) -> Iterator[Finding]:
    told = _days(certificate, now)
    if told is None:
        return
    say = warning if certificate.begins <= now < certificate.ends else error
    yield say(name, f"{what} {told}", why=why, remedy="have it issued anew, and put it in its place")


def _days(certificate: Certificate, now: datetime) -> str | None:
    """What is wrong with its days; None where nothing is."""
    if now < certificate.begins:
        return f"is good from {certificate.begins.date().isoformat()} on, not yet"
    left = (certificate.ends - now) // timedelta(days=1)
    if now >= certificate.ends:
        return f"ended on {certificate.ends.date().isoformat()}, {-left} days ago"
    return f"ends in {left} days" if left < WARN_DAYS else None
