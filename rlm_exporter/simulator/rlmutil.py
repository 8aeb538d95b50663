"""`rlmutil` against simulated servers, with the text and manners of the real one.

Started anew for every probe: what it imports is what each probe waits for. The servers write the sections'
text; this program asks rlm first, then every ISV server in turn, so that one that hangs holds up all. The
layout of `-avail`, and what `-f` shows beyond `-i`, are not known and made up.
"""

import os
import socket
import sys

from rlm_exporter.errors import FormatError
from rlm_exporter.simulator.banner import DEFAULT, YEARS, banner
from rlm_exporter.simulator.protocol import Message, decode, encode, number, text

USAGE = """Usage: rlmutil rlmstat [-a] [-f] [-i [isv]] [-I] [-l [isv]] [-n [host]]
                       [-p [product]] [-u [user]] [-z password]
                       -c port@host[:port@host...]
       rlmutil rlmstat -avail [-i isv] [-p product] [-b]
                       -c port@host[:port@host...]
       rlmutil rlmdown [isv] [RLM] [-q] -c port@host
       rlmutil rlmreread [isv] -c port@host
       rlmutil rlmremove [-q] server-host port isv handle
       rlmutil rlmswitchr isv file -c port@host
"""
EXAMPLE = """
Example:
  rlm-ha simulate rlmutil rlmstat -a -c 5053@127.0.0.1
"""
FILTERS = {"-p": "product", "-u": "user", "-n": "host"}
TAKES_VALUE = ("-c", "-i", "-l", "-z", *FILTERS)


def main(argv: list[str]) -> int:
    """0 if all asked could be told, 1 otherwise; every word goes to standard output, as with the real one.

    RLM_SIMULATED_VERSION is what it says it is, RLM_SIMULATED_STATUS what it exits with in place of 1.
    """
    version = os.environ.get("RLM_SIMULATED_VERSION", DEFAULT)
    if version not in YEARS:
        return _say(f"RLM_SIMULATED_VERSION: one of {', '.join(YEARS)}\n", 1)
    name, *arguments = argv or [""]
    flags, words = _read_options(arguments)
    if name == "--help":  # which the real one does not know
        return _say(USAGE + EXAMPLE, 0)
    if "-v" in flags:
        return _say(banner(version), 0)
    if name == "rlmremove" and "-h" not in flags:
        return _rlmremove(words, quiet="-q" in flags, opening=banner(version))
    command = COMMANDS.get(name)
    if command is None or "-h" in flags:
        return _failed(USAGE)
    listed = flags.get("-c") or os.environ.get("RLM_LICENSE", "")
    servers = _servers(listed)
    if not servers:
        return _failed(USAGE)
    setting = f"Setting license file path to {listed}\n" if flags.get("-c") else ""
    _say(setting + banner(version), 0)
    return command(servers, flags, words)


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


def _rlmstat(servers: list[tuple[str, int]], flags: dict[str, str], words: list[str]) -> int:
    """Servers of a list that do not answer are left out without a word; a single one, or all, is an error."""
    del words
    silent: list[int] = []
    failed = False
    free: dict[tuple[str, str, str], int | None] = {}
    for host, port in servers:
        try:
            reply = _ask(host, port, {"op": "rlmstat"})
        except (OSError, FormatError):
            silent.append(port)
            continue
        shown = _count_free(host, reply, flags, free) if "-avail" in flags else _show(host, reply, flags)
        failed |= not shown
    if len(silent) == len(servers):
        return _failed(_connect_error("rlm", silent[-1]))
    _say("".join(_free_line(*key, seats) for key, seats in free.items()), 0)
    return _failed("") if failed else 0


def _show(host: str, reply: Message, flags: dict[str, str]) -> bool:
    """Print one server; False if one of its ISV servers could not be asked."""
    only_isv = flags.get("-i") or flags.get("-l")
    picky = any(flag in flags for flag in ("-i", "-l", "-I", "-f", *FILTERS))
    if ("-a" in flags and not only_isv) or not picky:
        _say(text(reply, "text") + "\n", 0)
    request: Message = {"op": "rlmstat", "sections": _sections(flags)}
    request.update({name: flags.get(flag, "") for flag, name in FILTERS.items()})
    whole = True
    for isv, answer in _each_isv(host, reply, request, only_isv or ""):
        if answer is None:
            _say(_connect_error(text(isv, "name"), number(isv, "port")), 0)
            whole = False
        elif section := text(answer, "text"):
            _say(section + "\n", 0)
    return whole


def _each_isv(
    host: str, reply: Message, request: Message, only_isv: str
) -> "list[tuple[Message, Message | None]]":
    """Ask rlm's ISV servers one after the other; None for one that does not answer."""
    answers: list[tuple[Message, Message | None]] = []
    for isv in _isvs(reply):
        if only_isv and text(isv, "name") != only_isv:
            continue
        try:
            answers.append((isv, _ask(text(reply, "host") or host, number(isv, "port"), request)))
        except (OSError, FormatError):
            answers.append((isv, None))
    return answers


def _sections(flags: dict[str, str]) -> str:
    data = ",isv-data" if "-I" in flags else ""
    if "-a" in flags:
        return f"status,pools,usage{data}"
    if "-l" in flags:
        return "pools"
    if any(flag in flags for flag in ("-i", "-I", "-f", *FILTERS)):
        return f"usage{data}"
    return "status"


def _isvs(reply: Message) -> list[Message]:
    isvs = reply.get("isvs")
    if not isinstance(isvs, list) or not all(isinstance(isv, dict) for isv in isvs):
        raise FormatError("isvs: a list of objects expected")
    return isvs


def _count_free(
    host: str, reply: Message, flags: dict[str, str], free: dict[tuple[str, str, str], int | None]
) -> bool:
    """Add what is free on one server; `-b` brings the servers of a list together."""
    request: Message = {"op": "avail", "product": flags.get("-p", "")}
    whole = True
    for isv, answer in _each_isv(host, reply, request, flags.get("-i", "")):
        rows = None if answer is None else answer.get("free")
        if not isinstance(rows, list):
            _say(_connect_error(text(isv, "name"), number(isv, "port")), 0)
            whole = False
            continue
        where = "" if "-b" in flags else f" on {text(reply, 'server')}"
        for row in rows:
            key = where, text(row, "product"), text(row, "version")
            seats = None if row["free"] is None else number(row, "free")
            known = free.get(key, 0)
            free[key] = None if seats is None or known is None else known + seats
    return whole


def _free_line(where: str, product: str, version: str, seats: "int | None") -> str:
    return f"\t{product} v{version}{where}: {'uncounted' if seats is None else seats} available\n"


def _rlmdown(servers: list[tuple[str, int]], flags: dict[str, str], words: list[str]) -> int:
    """Ask before it is done, unless `-q`."""
    isv = next((word for word in words if word != "RLM"), "")
    if "-q" not in flags and not _is_sure(f"Shut down {isv or 'RLM'}"):
        return _failed("")
    return _order(servers, {"op": "shutdown", "isv": isv})


def _rlmreread(servers: list[tuple[str, int]], flags: dict[str, str], words: list[str]) -> int:
    del flags
    return _order(servers, {"op": "reread", "isv": words[0] if words else ""})


def _rlmswitchr(servers: list[tuple[str, int]], flags: dict[str, str], words: list[str]) -> int:
    del flags
    if len(words) != 2:
        return _failed(USAGE)
    isv, path = words
    status = 0
    for host, port in servers:
        try:
            place = _ask(host, port, {"op": "isv", "isv": isv})
            if "error" not in place:
                place = _ask(
                    text(place, "host") or host, number(place, "port"), {"op": "switch", "path": path}
                )
        except (OSError, FormatError):
            status = _failed(_connect_error("rlm", port))
            continue
        status = _tell_refusal(place) or status
    return status


def _rlmremove(words: list[str], *, quiet: bool, opening: str) -> int:
    """It goes to the ISV server itself, whose port the usage heading of rlmstat tells."""
    if len(words) != 4 or not words[1].isdigit():
        return _failed(USAGE)
    host, port, isv, handle = words
    _say(opening, 0)
    if not quiet and not _is_sure(f"Remove license with handle {handle} of {isv}"):
        return _failed("")
    try:
        reply = _ask(host, int(port), {"op": "remove", "handle": handle})
    except (OSError, FormatError):
        return _failed(_connect_error(isv, int(port)))
    return _tell_refusal(reply)


def _order(servers: list[tuple[str, int]], request: Message) -> int:
    status = 0
    for host, port in servers:
        try:
            reply = _ask(host, port, {**request, "user": _user(), "host": socket.gethostname()})
        except (OSError, FormatError):
            status = _failed(_connect_error("rlm", port))
            continue
        status = _tell_refusal(reply) or status
    return status


def _tell_refusal(reply: Message) -> int:
    return _failed(f"{text(reply, 'text')} ({number(reply, 'error')})\n") if "error" in reply else 0


def _is_sure(question: str) -> bool:
    try:
        return input(f"{question} [y/n]? ").strip().lower() == "y"
    except EOFError:
        return False


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


def _failed(words: str) -> int:
    """RLM does not document its exit status, so a test can have any."""
    status = os.environ.get("RLM_SIMULATED_STATUS", "1")
    return _say(words, int(status) if status.isdigit() else 1)


def _say(words: str, status: int) -> int:
    sys.stdout.write(words)
    sys.stdout.flush()
    return status


COMMANDS = {
    "rlmstat": _rlmstat,
    "rlmdown": _rlmdown,
    "rlmreread": _rlmreread,
    "rlmswitchr": _rlmswitchr,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
