"""A scenario's file says all that a server can be, and every mistake in it is named."""

import json
from datetime import date, datetime
from pathlib import Path

import pytest

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.status import Permanent
from rlm_exporter.simulator.plan import Counting, ReportFormat, Reservation
from rlm_exporter.simulator.scenario import EXAMPLE, isv_document, load_scenario, read_isv, read_server
from rlm_exporter.simulator.style import Style


def test_the_example_of_the_help_uses_every_key(tmp_path: Path) -> None:
    path = tmp_path / "rlm1.yaml"
    path.write_text(EXAMPLE.replace("# web_certificate:", "web_certificate:"), encoding="utf-8")
    plan = read_server(load_scenario(path), folder=tmp_path)

    assert (plan.name, plan.host, plan.port, plan.web_port) == ("rlm1", "127.0.0.1", 5053, 5054)
    assert plan.web_certificate == tmp_path / "rlm1.pem"
    assert (plan.style, plan.host_line) == (Style.V15_POOL, "license.example.com")
    assert plan.standby is not None
    assert (plan.standby.host, plan.standby.port, plan.standby.poll) == ("127.0.0.2", 5053, 30.0)
    assert plan.begins == datetime(2026, 12, 31, 23, 58)  # noqa: DTZ001 - the server's local time
    assert (plan.dlog, plan.ledger, plan.control) == tuple(
        tmp_path / f"rlm1.{word}" for word in ("dlog", "ledger", "control")
    )
    [isv] = plan.isvs
    assert (isv.name, isv.port) == ("acme", 49152)
    assert isv.report_log is not None
    assert (isv.report_log.format, isv.report_log.append) == (ReportFormat.DETAILED, True)
    solver, second, paint, mesher, viewer, tokens, optimizer = isv.products
    assert (solver.version, solver.count, solver.expires) == ("3.0", 40, date(2027, 1, 31))
    assert (second.product, second.expires) == ("solver", Permanent.PERMANENT)
    assert paint.share == "uh"
    assert mesher.reservations == (Reservation(count=2, user="alice"), Reservation(count=1, host="ws7"))
    assert (viewer.counting, tokens.count) == (Counting.UNCOUNTED, 100)
    assert (optimizer.counting, optimizer.takes, optimizer.each) == (Counting.TOKEN, "tokens", 25)


def test_an_isv_servers_part_can_be_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "rlm1.yaml"
    path.write_text(EXAMPLE, encoding="utf-8")
    [isv] = read_server(load_scenario(path), folder=tmp_path).isvs

    assert read_isv(json.loads(json.dumps(isv_document(isv))), folder=Path("/elsewhere")) == isv


def test_json_does_as_well(tmp_path: Path) -> None:
    path = tmp_path / "rlm1.json"
    path.write_text(
        json.dumps({"name": "rlm1", "isvs": [{"name": "a", "report_log": {"path": "x", "append": True}}]})
    )
    [isv] = read_server(load_scenario(path), folder=tmp_path).isvs

    assert isv.report_log is not None
    assert isv.report_log.append


def test_every_mistake_is_named_with_its_key() -> None:
    document = {
        "port": 70000,
        "style": "17",
        "standby": {"primary": "rlm1", "poll": 0},
        "begins": "tomorrow",
        "colour": "blue",
        "isvs": [
            {
                "name": "a",
                "pools": [
                    {"product": "x y", "count": "many", "version": "one", "expires": "never", "share": "z"},
                    {"product": "x", "count": 1, "reserve": [{"count": 0}], "min_remove": -1},
                ],
                "report_log": {"format": "long"},
            },
            {"name": "a"},
            7,
        ],
    }
    with pytest.raises(FormatError) as raised:
        read_server(document, folder=Path())

    assert sorted(line.partition(": ")[0] for line in str(raised.value).splitlines()) == [
        "begins",
        "colour",
        "isvs",
        "isvs[0].pools[0].count",
        "isvs[0].pools[0].expires",
        "isvs[0].pools[0].product",
        "isvs[0].pools[0].share",
        "isvs[0].pools[0].version",
        "isvs[0].pools[1].min_remove",
        "isvs[0].pools[1].reserve[0].count",
        "isvs[0].report_log.format",
        "isvs[0].report_log.path",
        "isvs[2]",
        "name",
        "port",
        "standby.poll",
        "standby.primary",
        "style",
    ]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.yaml", "name: [", "a.yaml: "),
        ("a.yaml", "- 1", "keys and values expected"),
        ("a.yaml", "", "keys and values expected"),
        ("a.json", "{", "a.json: "),
    ],
)
def test_a_file_that_is_no_document_is_named(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    with pytest.raises(FormatError, match=complaint):
        load_scenario(path)


def test_license_files_of_a_folder_make_pools_and_all_their_seats_count(tmp_path: Path) -> None:
    folder = tmp_path / "licenses"
    document = {"name": "rlm1", "isvs": [{"name": "acme", "port": 0, "licenses": "licenses"}]}
    assert read_server(document, folder=tmp_path).isvs[0].products == ()
    folder.mkdir()
    text = "HOST rlm1 ANY\nISV acme\nLICENSE ACME solver 3.0 1-jan-2030 20 sig=1\n"
    text += "LICENSE acme x 1.0 permanent 5 sig=bad\n"
    (folder / "a.lic").write_text(text + "LICENSE other y 1.0 permanent 5 sig=1\n")
    (folder / "b.lic").write_text(text)
    (folder / ".a.lic.rlm-ha-before").write_text(text)
    (folder / "c.lic").write_bytes(b"\0")

    products = read_server(document, folder=tmp_path).isvs[0].products

    assert [(each.product, each.version, each.count) for each in products] == [("solver", "3.0", 20)] * 2
