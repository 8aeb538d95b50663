"""`rlm-ha inspect webhook` as its users run it."""

import pytest

from tests.alerts.payloads import FIRED, alert, body, labelled
from tests.cli.command import CommandLine

MIXED = body(
    alert(),
    labelled(alertname="Watchdog", fingerprint="1"),
    labelled(alertname="DiskFull", fingerprint="2"),
    labelled(alertname="RLMPrimaryServerDown", rlm_action="failover", fingerprint="3"),
    truncatedAlerts=2,
)


async def test_each_alert_is_told_with_what_it_asks_for(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "delivery.json").write_bytes(MIXED)

    ended = await rlm_ha.run("inspect", "webhook", "-j", "delivery.json")

    assert (ended.code, ended.err) == (0, "")
    (delivery,) = ended.document["deliveries"]
    assert (delivery["file"], delivery["error"], delivery["truncated"]) == ("delivery.json", None, 2)
    assert [each["is"] for each in delivery["alerts"]] == [
        "failover",
        "watchdog",
        "ignored",
        "unknown_cluster",
    ]
    first = delivery["alerts"][0]
    assert (first["alertname"], first["cluster"], first["server"]) == ("RLMPrimaryServerDown", "prod", "rlm1")
    assert first["starts_at"] == FIRED.replace(".123", ".123000")


async def test_a_cluster_that_the_daemon_does_not_have_is_said(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "delivery.json").write_bytes(MIXED)

    ended = await rlm_ha.run("inspect", "webhook", "--cluster", "lab", "delivery.json")

    assert ended.code == 0
    assert "names no cluster that is known" in " ".join(ended.out.split())
    assert max(map(len, ended.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"not json", "refused: not JSON"),
        (body(version="3"), "refused: version is '3'"),
        (body(alert(startsAt="soon")), "alerts[0].startsAt: 'soon' is not a time"),
        (b" " * (1024 * 1024 + 1), "refused: larger than 1048576 bytes"),
    ],
)
async def test_what_the_daemon_would_refuse_is_1_with_the_reason(
    rlm_ha: CommandLine, data: bytes, expected: str
) -> None:
    (rlm_ha.home / "delivery.json").write_bytes(data)
    ended = await rlm_ha.run("inspect", "webhook", "delivery.json")
    assert (ended.code, ended.err) == (1, "")
    assert expected in " ".join(ended.out.split())
