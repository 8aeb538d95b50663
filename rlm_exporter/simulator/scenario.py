"""A server's plan as a document: read from one YAML or JSON file, and handed to an ISV server's process."""

import json
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.expiry import parse_expiry
from rlm_exporter.rlm.status import Permanent
from rlm_exporter.simulator.fields import Fields, Value
from rlm_exporter.simulator.licenses import licensed_products
from rlm_exporter.simulator.plan import (
    MIN_REMOVE_SECONDS,
    NEW_AT_EACH_START,
    Counting,
    IsvPlan,
    ProductPlan,
    ReportFormat,
    ReportLogPlan,
    Reservation,
    ServerPlan,
    StandbyPlan,
    decimal_version,
    expiry_text,
)
from rlm_exporter.simulator.style import Style

_NEVER: date | Permanent = Permanent.PERMANENT

_A_WORD = "a word without blanks, colons and commas"

EXAMPLE = """\
name: rlm1                    # how it calls itself in every reply
host: 127.0.0.1               # where it listens
port: 5053
web_port: 5054                # leave it out for no web interface
# web_certificate: rlm1.pem   # with its key: HTTPS, as RLM 16 has it
style: 15.2-pool              # 9.1, 12.2, 15.2, 16.1; -pool: pools' numbers
host_line: license.example.com  # clients get it, else the name they used
isvs:
  - name: acme
    port: 49152               # 0: another one at each start
    report_log:               # format: or std, small
      {path: acme.rl, format: detailed, append: true}
    pools:
      - {product: solver, version: 3.0, count: 40, expires: 31-jan-2027}
      - {product: solver, version: 3.0, count: 10}   # a second pool of it
      - {product: paint, version: 7.1, count: 5, share: uh} # by user and host
      - product: mesher
        version: 2.0
        count: 3
        reserve: [{count: 2, user: alice}, {count: 1, host: ws7}]
      - {product: viewer, version: 1.0, count: uncounted} # or unlimited
      - {product: tokens, version: 1.0, count: 100}
      - {product: optimizer, version: 1.0, takes: tokens, each: 25}
    licenses: licenses        # more pools, from the *.lic of a folder
standby: {primary: 5053@127.0.0.2, poll: 30}   # pools while that one is away
begins: 2026-12-31 23:58:00   # what its clock shows at the start
dlog: rlm1.dlog
ledger: rlm1.ledger
control: rlm1.control
"""


def load_scenario(path: Path) -> Mapping[str, Value]:
    """The document in a file; FormatError if it is none. YAML takes long to import, so JSON goes without."""
    text = path.read_text(encoding="utf-8")
    try:
        document = json.loads(text) if path.suffix == ".json" else _yaml(text, path)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise FormatError(f"{path}: keys and values expected, such as `name: rlm1`")
    return document


def _yaml(text: str, path: Path) -> Value:
    import yaml  # noqa: PLC0415 - see load_scenario

    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts
    except yaml.YAMLError as error:
        raise FormatError(f"{path}: {error}") from error


def read_server(document: Mapping[str, Value], *, folder: Path) -> ServerPlan:
    """The plan; relative paths are of `folder`. FormatError names every problem with its key."""
    problems: list[str] = []
    plan = _server(Fields(document, "", problems, folder))
    _raise(problems)
    return plan


def read_isv(document: Mapping[str, Value], *, folder: Path) -> IsvPlan:
    """One ISV server's part of a plan; FormatError as above."""
    problems: list[str] = []
    plan = _isv(Fields(document, "", problems, folder))
    _raise(problems)
    return plan


def _raise(problems: list[str]) -> None:
    if problems:
        raise FormatError("\n".join(problems))


def _server(fields: Fields) -> ServerPlan:
    web_port = fields.port("web_port", 0, least=0)
    standby = fields.part("standby")
    plan = ServerPlan(
        name=fields.text("name"),
        host=fields.text("host", "127.0.0.1"),
        port=fields.port("port", 5053),
        web_port=web_port or None,
        web_certificate=fields.path("web_certificate") if "web_certificate" in fields else None,
        style=fields.parsed("style", Style, Style.V12, f"one of {', '.join(Style)}"),
        host_line=fields.text("host_line", ""),
        isvs=tuple(_isv(one) for one in fields.parts("isvs")),
        standby=None if standby is None else _standby(standby),
        begins=fields.parsed("begins", _moment, None, "a local time such as 2026-12-31 23:58:00"),
        control=fields.path("control") if "control" in fields else None,
        ledger=fields.path("ledger") if "ledger" in fields else None,
        dlog=fields.path("dlog") if "dlog" in fields else None,
    )
    fields.end()
    if len({isv.name for isv in plan.isvs}) != len(plan.isvs):
        fields.complain("isvs", "every name once")
    return plan


def _moment(text: str) -> datetime | None:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(text)
    return moment


def _standby(fields: Fields) -> StandbyPlan:
    host, port = fields.parsed("primary", _endpoint, ("", 0), "PORT@HOST", must=True)
    plan = StandbyPlan(host=host, port=port, poll=fields.parsed("poll", _positive, 30.0, "seconds above 0"))
    fields.end()
    return plan


def _endpoint(text: str) -> tuple[str, int]:
    port, _, host = text.partition("@")
    if not host or not 1 <= int(port) <= 65535:
        raise ValueError(text)
    return host, int(port)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError(text)
    return number


def _isv(fields: Fields) -> IsvPlan:
    log = fields.part("report_log")
    name = fields.parsed("name", _word, "", _A_WORD, must=True)
    plan = IsvPlan(
        name=name,
        port=fields.port("port", NEW_AT_EACH_START, least=0),
        products=_products(fields, isv=name),
        report_log=None if log is None else _report_log(log),
    )
    fields.end()
    return plan


def _products(fields: Fields, *, isv: str) -> tuple[ProductPlan, ...]:
    pools = tuple(_product(one) for one in fields.parts("pools"))
    if "licenses" not in fields:
        return pools
    return (*pools, *licensed_products(fields.path("licenses"), isv=isv))


def _report_log(fields: Fields) -> ReportLogPlan:
    plan = ReportLogPlan(
        path=fields.path("path"),
        append=fields.parsed("append", _flag, False, "true or false"),
        format=fields.parsed("format", ReportFormat, ReportFormat.STD, f"one of {', '.join(ReportFormat)}"),
    )
    fields.end()
    return plan


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _product(fields: Fields) -> ProductPlan:
    takes = fields.text("takes", "")
    counting, count = (Counting.TOKEN, 0) if takes else _count(fields)
    plan = ProductPlan(
        product=fields.parsed("product", _word, "", _A_WORD, must=True),
        version=fields.parsed("version", _version, "1.0", "a decimal number such as 3.0"),
        count=count,
        counting=counting,
        expires=fields.parsed("expires", _expiry, _NEVER, "31-jan-2027 or permanent"),
        share=fields.parsed("share", _share, "", "letters of u, h and i"),
        reservations=tuple(_reservation(one) for one in fields.parts("reserve")),
        takes=takes,
        each=fields.number("each", 1, least=1),
        min_remove=fields.number("min_remove", MIN_REMOVE_SECONDS),
    )
    fields.end()
    return plan


def _count(fields: Fields) -> tuple[Counting, int]:
    text = fields.text("count", "")
    if text in (Counting.UNCOUNTED, Counting.UNLIMITED):
        return Counting(text), 0
    if text.isascii() and text.isdigit() and len(text) < 16:
        return Counting.COUNTED, int(text)
    fields.complain("count", "a whole number, uncounted or unlimited expected")
    return Counting.COUNTED, 0


def _word(text: str) -> str:
    if not text or set(text) & set(" \t\n,:"):
        raise ValueError(text)
    return text


def _version(text: str) -> str:
    try:
        decimal_version(text)
    except ArgumentTypeError as error:
        raise ValueError(text) from error
    return text


def _expiry(text: str) -> date | Permanent:
    expires = parse_expiry(text)
    if expires is None:
        raise ValueError(text)
    return expires


def _share(text: str) -> str:
    if not set(text) <= set("uhi"):
        raise ValueError(text)
    return text


def _reservation(fields: Fields) -> Reservation:
    plan = Reservation(
        count=fields.number("count", least=1), user=fields.text("user", ""), host=fields.text("host", "")
    )
    fields.end()
    return plan


def isv_document(plan: IsvPlan) -> dict[str, Value]:
    """The document that `read_isv` reads back."""
    document: dict[str, Value] = {
        "name": plan.name,
        "port": plan.port,
        "pools": [_product_document(product) for product in plan.products],
    }
    if plan.report_log is not None:
        log = plan.report_log
        document["report_log"] = {
            "path": str(log.path.absolute()),
            "append": str(log.append).lower(),
            "format": log.format.value,
        }
    return document


def _product_document(plan: ProductPlan) -> dict[str, Value]:
    counted = plan.counting is Counting.COUNTED
    document: dict[str, Value] = {
        "product": plan.product,
        "version": plan.version,
        "count": str(plan.count) if counted else plan.counting.value,
        "expires": expiry_text(plan.expires),
        "share": plan.share,
        "reserve": [{"count": one.count, "user": one.user, "host": one.host} for one in plan.reservations],
        "each": plan.each,
        "min_remove": plan.min_remove,
    }
    if plan.counting is Counting.TOKEN:
        del document["count"]
        document["takes"] = plan.takes
    return document
