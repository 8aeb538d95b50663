"""The command line of a simulated server."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rlm_exporter.errors import FormatError
from rlm_exporter.simulator.plan import IsvPlan, ServerPlan, parse_isv, parse_port
from rlm_exporter.simulator.scenario import EXAMPLE, load_scenario, read_server
from rlm_exporter.simulator.style import Style

_ABOUT = """\
A simulated RLM server: rlm with its main port and web interface, and one
process per ISV server. Real RLM clients cannot talk to it; `rlm-ha simulate
clients` and `rlm-ha simulate rlmutil` can.
"""
_MORE = f"""\
Your own scenario is one file:

  rlm-ha simulate server --scenario rlm1.yaml &
  rlm-ha simulate rlmutil rlmstat -a -c 5053@127.0.0.1
  rlm-ha simulate clients --server 5053@127.0.0.1 --isv acme \\
      --product solver --holders 3 --record events &
  rlm-ha simulate control rlm1.control no-pools   # ill; `ok` makes it well
  rlm-ha simulate rlmutil rlmreread -q -c 5053@127.0.0.1   # the file changed
  rlm-ha simulate rlmutil rlmdown RLM -q -c 5053@127.0.0.1

The file, with every key there is (JSON does as well; paths are relative to it;
options of the command line come before what it says):

{"".join(f"  {line}" for line in EXAMPLE.splitlines(keepends=True))}
What rlmutil says of itself, and its exit status after a failure, are its own
affair:
  RLM_SIMULATED_VERSION=9.1|12.2|15.2|16.1   RLM_SIMULATED_STATUS=0..255
"""


OPTIONS = (
    *("name", "host", "port", "web_port", "web_certificate", "style"),
    *("host_line", "control", "ledger", "dlog"),
)
"""Those that come before what a scenario says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The plan, and how to read it again."""

    plan: ServerPlan
    reload: Callable[[], ServerPlan]
    tethered: bool


def read_options(argv: Sequence[str]) -> Options:
    """The options; ends the program where they are wrong."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        plan = _plan(given)
    except (FormatError, OSError) as error:
        parser.error(str(error))
    return Options(plan=plan, reload=partial(_plan, given), tethered=given.tethered)


def _plan(given: argparse.Namespace) -> ServerPlan:
    if given.scenario is None:
        return _plan_of_options(given)
    plan = read_server(load_scenario(given.scenario), folder=given.scenario.absolute().parent)
    named = {key: getattr(given, key) for key in OPTIONS if getattr(given, key) is not None}
    return replace(plan, **named, isvs=tuple(given.isv) if given.isv else plan.isvs)


def _plan_of_options(given: argparse.Namespace) -> ServerPlan:
    missing = [f"--{key}" for key in ("name", "host", "port", "isv") if getattr(given, key) is None]
    if missing:
        raise FormatError(f"--scenario, or {', '.join(missing)} as well")
    isvs: list[IsvPlan] = given.isv
    return ServerPlan(
        name=given.name,
        host=given.host,
        port=given.port,
        web_port=given.web_port,
        web_certificate=given.web_certificate,
        isvs=tuple(isvs),
        host_line=given.host_line or "",
        style=given.style or Style.V12,
        control=given.control,
        ledger=given.ledger,
        dlog=given.dlog,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rlm-ha simulate server",
        usage="%(prog)s --scenario FILE [OPTIONS]\n"
        "       %(prog)s --name NAME --host HOST --port PORT --isv ISV ...",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="all of it in one file; see below")
    parser.add_argument("--name", help="the name it gives in every reply, such as rlm1")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=parse_port, help="the main port (rlm's own is 5053)")
    parser.add_argument("--web-port", type=parse_port, help="the web interface; none without this")
    parser.add_argument(
        "--web-certificate", type=Path, metavar="FILE",
        help="PEM file with a certificate and its key, for HTTPS; plain HTTP without this",
    )  # fmt: skip
    parser.add_argument(
        "--isv", action="append", type=parse_isv, metavar="NAME:PORT=PRODUCT:VERSION:COUNT[:EXPIRES],...",
        help="an ISV server; may be repeated; port 0 is another one at each start",
    )  # fmt: skip
    parser.add_argument(
        "--host-line", metavar="NAME",
        help="name of the ISV server's host handed to clients; without it, the name that they used",
    )  # fmt: skip
    parser.add_argument(
        "--style", type=Style, choices=list(Style), metavar="STYLE",
        help=f"whose text: {', '.join(Style)} (-pool: pools with their numbers); {Style.V12} without it",
    )  # fmt: skip
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="unix socket to change the mode by")
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help="JSON lines: checkouts, checkins, denials"
    )
    parser.add_argument("--dlog", type=Path, metavar="FILE", help="debug log; standard error without this")
    parser.add_argument("--tethered", action="store_true", help="stop when standard input is closed")
    return parser
