"""The forms of texts in a manifest; each function raises ValueError with what is wrong and what to do."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.document import shown
from rlm_exporter.manifest.durations import parse_duration
from rlm_exporter.manifest.promql import check_legend, check_message, check_query, check_span, check_words
from rlm_exporter.rlm.address import (
    Endpoint,
    format_host_port,
    is_ip,
    parse_host,
    parse_host_port,
)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_ISV = re.compile(r"[A-Za-z0-9_-]{1,32}")
_PRODUCT = re.compile(r"[!-~]{1,64}")
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_BACKEND = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_STORE = re.compile(r"(?:sqlite|postgresql)(?:\+[a-z0-9_]+)?://\S*")
_SFTP = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*)")
_PLAIN = re.compile(r"[A-Za-z0-9_.~/:@%+=-]")
"""What stands for itself in haproxy.cfg."""
SYSTEM = "system"
"""In place of name servers: those that the machine itself asks."""
_DNS_PORT = 53
_LONGEST_SOCKET = 107
"""Bytes that Linux keeps for the path of a unix socket."""


def check_name(text: str) -> None:
    """A name that HAProxy, a metric label, a file and an address carry as it is, and that has no port."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{shown(text)} cannot be a name; use letters, digits, '-', '_' and '.', 63 at most")


def check_host(text: str) -> None:
    """A host name or an IP address, without a port."""
    try:
        parse_host(text)
    except FormatError:
        raise ValueError(f"{shown(text)} is not a host; {_host_advice(text)}") from None


def check_duration(text: str) -> None:
    """A duration with its units."""
    try:
        parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{shown(text)} is not a duration; {error}") from None


def check_clock(text: str) -> None:
    """A time of day."""
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a time of day; write it as 22:00")


def check_isv(text: str) -> None:
    """An ISV's name."""
    if not _ISV.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not an ISV's name; write it as rlmstat prints it, such as siemens"
        )


def check_product(text: str) -> None:
    """A product's name."""
    if not _PRODUCT.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not a product's name; write it as rlmstat prints it, without blanks"
        )


def check_backend(text: str) -> None:
    """A backend of haproxy.cfg."""
    if not _BACKEND.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a name for a HAProxy backend; use letters, digits and '-_.:'")


def check_absolute_path(text: str) -> None:
    """A path that means the same in whatever folder the daemon runs."""
    if not text.startswith("/"):
        raise ValueError(f"{shown(text)} is not an absolute path; begin it with /")
    if not text.isprintable():
        raise ValueError(
            f"{shown(text)} is not a path; leave out what cannot be printed, such as ends of lines"
        )


def check_sftp(text: str) -> None:
    """Where sftp connects to, which it must not take for an option, a path or a shell's words."""
    if not _SFTP.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is nothing that sftp connects to; write HOST, USER@HOST or a name of ssh's "
            "configuration, where a port can stand too"
        )


def check_resolvers(text: str) -> None:
    """The word that stands for the machine's own name servers."""
    if text != SYSTEM:
        raise ValueError(
            f"{shown(text)} names no name servers; write system, or a list of their addresses, such as "
            "[192.0.2.53]"
        )


def check_resolver(text: str) -> None:
    """A name server's address."""
    read_resolver(text)


def read_resolver(text: str) -> str:
    """`ADDRESS:PORT` of a name server; a name would need another one first."""
    bare = text.removeprefix("[").removesuffix("]")
    try:
        found = Endpoint(port=_DNS_PORT, host=bare) if is_ip(bare) else parse_host_port(text)
    except FormatError:
        found = Endpoint(port=_DNS_PORT, host="")
    if not is_ip(found.host):
        raise ValueError(
            f"{shown(text)} is not a name server's address; write an IP address, and :PORT after it where "
            "it is not 53"
        )
    return format_host_port(found)


def check_haproxy_url(text: str) -> None:
    """`unix:PATH` or `https://HOST:PORT/PATH`."""
    if text.startswith("unix:"):
        _check_socket(text.removeprefix("unix:"))
        return
    if text.startswith("http://"):
        raise ValueError(
            f"{shown(text)} would let anybody on the way steer the balancer; "
            "use https:// with clientCert, or unix: for one beside the daemon"
        )
    parts = _split(text, {"https"}, "unix:/PATH or https://HOST:8404/stats")
    if parts.path in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(
            f"{shown(text)} is not a stats page; end it with the path of `stats uri`, such as /stats"
        )
    _check_haproxy_word(text, parts.path)


def check_http_url(text: str) -> None:
    """An address for a hook."""
    _split(text, {"http", "https"}, "http://HOST/PATH or https://HOST/PATH")


def check_listen(text: str) -> None:
    """`host:port`."""
    try:
        parse_host_port(text)
    except FormatError:
        raise ValueError(
            f"{shown(text)} is not an address to listen on; write host:port, such as 127.0.0.1:10053, "
            "or 0.0.0.0:10053 for every address"
        ) from None


def check_store_url(text: str) -> None:
    """A database that the journal can live in."""
    if not _STORE.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not a database for the journal; "
            "write sqlite:////absolute/path or postgresql://user@host/name"
        )


def _host_advice(text: str) -> str:
    if "://" in text:
        return "leave out the scheme and the path"
    if "@" in text or text.count(":") == 1:
        return "put the number into port"
    return "write a host name, an IPv4 address, or an IPv6 address"


def _check_socket(path: str) -> None:
    if not path.startswith("/"):
        raise ValueError(f"{shown(path)} is not an absolute path; write unix:/PATH")
    if len(path.encode("utf-8", "surrogatepass")) > _LONGEST_SOCKET:
        raise ValueError(f"{shown(path)} is too long for a socket; {_LONGEST_SOCKET} bytes at most")
    _check_haproxy_word(path, path)


def _check_haproxy_word(text: str, path: str) -> None:
    """HAProxy has ends of words, quotes, comments, variables and lists of addresses."""
    if strange := next((letter for letter in path if not _PLAIN.fullmatch(letter)), None):
        raise ValueError(
            f"{shown(text)} holds {strange!r}, which HAProxy may read as something else; "
            "use letters, digits and -_.~/:@%+="
        )


def _split(text: str, schemes: set[str], wanted: str) -> SplitResult:
    """The parts of a URL that has a host and nothing secret in it."""
    if "@" in text.partition("//")[2].partition("/")[0]:
        raise ValueError(
            "holds a user name or a password; a manifest is no place for secrets, leave them out"
        )
    without_query = text.partition("?")[0]  # where tokens stand
    advice = f"{shown(without_query)} is not an address that works here; write {wanted}"
    if not text.isascii() or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError(advice)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        parse_host(host or "")
    except (ValueError, FormatError):
        raise ValueError(advice) from None
    if parts.scheme not in schemes or port == 0:
        raise ValueError(advice)
    return parts


FORMATS: Mapping[str, Callable[[str], None]] = {
    "rlm-ha-name": check_name,
    "rlm-ha-host": check_host,
    "rlm-ha-clock": check_clock,
    "rlm-ha-duration": check_duration,
    "rlm-ha-isv": check_isv,
    "rlm-ha-product": check_product,
    "rlm-ha-backend": check_backend,
    "rlm-ha-absolute-path": check_absolute_path,
    "rlm-ha-sftp": check_sftp,
    "rlm-ha-resolver": check_resolver,
    "rlm-ha-resolvers": check_resolvers,
    "rlm-ha-haproxy-url": check_haproxy_url,
    "rlm-ha-http-url": check_http_url,
    "rlm-ha-listen": check_listen,
    "rlm-ha-store-url": check_store_url,
    "rlm-ha-query": check_query,
    "rlm-ha-legend": check_legend,
    "rlm-ha-message": check_message,
    "rlm-ha-span": check_span,
    "rlm-ha-words": check_words,
}
"""By the name that schema.json gives each as `format`."""
