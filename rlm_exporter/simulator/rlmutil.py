"""`rlmutil rlmstat` and `rlmutil rlmdown` against simulated servers, with 12.2's text and manners.

Started anew for every probe: what it imports is what each probe waits for. The servers write the sections'
text; this program asks rlm first, then every ISV server in turn, so that one that hangs holds up all.
"""

import os
import socket
import sys

from rlm_exporter.errors import FormatError
from rlm_exporter.simulator.protocol import Message, decode, encode, number, text

HEADING = """rlmutil v12.2
Copyright (C) 2006-2017, Reprise Software, Inc. All rights reserved.


"""
USAGE = """Usage: rlmutil rlmstat [-a] [-i [isv]] [-l [isv]] [-n [host]] [-p [product]] [-u [user]]
                       -c port@host[:port@host...]
       rlmutil rlmdown [isv] [RLM] -q -c port@host
"""
FILTERS = {"-p": "product", "-u": "user", "-n": "host"}
TAKES_VALUE = ("-c", "-i", "-l", *FILTERS)


def main(argv: list[str]) -> int:
    """0 if all asked could be told, 1 otherwise; every word goes to standard output, as with the real one."""
    if not argv or argv[0] not in ("rlmstat", "rlmdown"):
        return _say(USAGE, 1)
    flags, words = _read_options(argv[1:])
    listed = flags.get("-c") or os.environ.get("RLM_LICENSE", "")
    servers = _servers(listed)
    if not servers:
        return _say(USAGE, 1)
    setting = f"Setting license file path to {listed}\n" if flags.get("-c") else ""
    _say(setting + HEADING, 0)
    if argv[0] == "rlmdown":
        return _rlmdown(servers, words, quiet="-q" in flags)
    return _rlmstat(servers, flags)


def _read_options(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    flags: dict[str, str] = {}
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            words.append(word)
        elif word in TAKES_VALUE and rest and not rest[0].startswith("-"):
            flags[word] = rest.pop(0)
        else:
            flags[word] = ""
    return flags, words


def _servers(listed: str) -> list[tuple[str, int]]:
    """Split `port@host:port@host`; a piece without @ belongs to the IPv6 address before it."""
    pieces: list[str] = []
    for piece in listed.split(":"):
        if "@" in piece or not pieces:
            pieces.append(piece)
        else:
            pieces[-1] += f":{piece}"
    servers = []
    for piece in pieces:
        port, _, host = piece.partition("@")
        if port.isdigit() and host:
            servers.append((host, int(port)))
    return servers


def _rlmstat(servers: list[tuple[str, int]], flags: dict[str, str]) -> int:
    """Servers of a list that do not answer are left out without a word; a single one, or all, is an error."""
    silent: list[int] = []
    failed = False
    for host, port in servers:
        try:
            reply = _ask(host, port, {"op": "rlmstat"})
        except (OSError, FormatError):
            silent.append(port)
            continue
        failed |= not _show(host, reply, flags)
    if len(silent) == len(servers):
        return _say(_connect_error("rlm", silent[-1]), 1)
    return 1 if failed else 0


def _show(host: str, reply: Message, flags: dict[str, str]) -> bool:
    """Print one server; False if one of its ISV servers could not be asked."""
    only_isv = flags.get("-i") or flags.get("-l")
    picky = any(flag in flags for flag in ("-i", "-l", *FILTERS))
    if ("-a" in flags and not only_isv) or not picky:
        _say(text(reply, "text") + "\n", 0)
    request: Message = {"op": "rlmstat", "sections": _sections(flags)}
    request.update({name: flags.get(flag, "") for flag, name in FILTERS.items()})
    whole = True
    for isv in _isvs(reply):
        name, port = text(isv, "name"), number(isv, "port")
        if only_isv and name != only_isv:
            continue
        try:
            section = text(_ask(text(reply, "host") or host, port, request), "text")
        except (OSError, FormatError):
            _say(_connect_error(name, port), 0)
            whole = False
            continue
        if section:
            _say(section + "\n", 0)
    return whole


def _sections(flags: dict[str, str]) -> str:
    if "-a" in flags:
        return "status,pools,usage"
    if "-l" in flags:
        return "pools"
    if any(flag in flags for flag in ("-i", *FILTERS)):
        return "usage"
    return "status"


def _isvs(reply: Message) -> list[Message]:
    isvs = reply.get("isvs")
    if not isinstance(isvs, list) or not all(isinstance(isv, dict) for isv in isvs):
        raise FormatError("isvs: a list of objects expected")
    return isvs


def _rlmdown(servers: list[tuple[str, int]], words: list[str], *, quiet: bool) -> int:
    """Ask before it is done, unless `-q`."""
    isv = next((word for word in words if word != "RLM"), "")
    if not quiet and input(f"Shut down {isv or 'RLM'} [y/n]? ").strip().lower() != "y":
        return 1
    status = 0
    for host, port in servers:
        request: Message = {"op": "shutdown", "isv": isv, "user": _user(), "host": socket.gethostname()}
        try:
            reply = _ask(host, port, request)
        except (OSError, FormatError):
            status = _say(_connect_error("rlm", port), 1)
            continue
        if "error" in reply:
            status = _say(f"{text(reply, 'text')} ({number(reply, 'error')})\n", 1)
    return status


def _ask(host: str, port: int, request: Message) -> Message:
    limit = connect_limit(os.environ.get("RLM_CONNECT_TIMEOUT", ""))
    with socket.create_connection((host, port), limit) as connection:
        connection.sendall(encode(request))
        with connection.makefile("rb") as lines:
            return decode(lines.readline())


def connect_limit(setting: str) -> int:
    """Seconds by RLM_CONNECT_TIMEOUT: down to a multiple of 5, at least 5, 10 if it is not set."""
    try:
        wanted = abs(int(setting))  # negative: do not try that server again, which nobody does here
    except ValueError:
        return 10
    return max(5, wanted // 5 * 5)


def _connect_error(who: str, port: int) -> str:
    """12.2's words; the host is empty and the last line misleading there, too."""
    return (
        f'Error connecting to "{who}" server\n\nConnection attempted to host: "" on port {port}\n\nNo error\n'
    )


def _user() -> str:
    return os.environ.get("USER", "nobody")


def _say(words: str, status: int) -> int:
    sys.stdout.write(words)
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
