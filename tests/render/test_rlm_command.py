import pytest

from rlm_exporter.render.rlm_command import Effect, RlmOptions, judge, options_from, warnings
from rlm_exporter.rlm.rlm_conf import RlmConfKey, parse_rlm_conf

pytestmark = pytest.mark.row(15)

WHOLE = """\
LICENSE_PATH /srv/rlm/lic
LOG_FILE /srv/rlm/log/rlm.log
LOG_LEVEL 3
WEB_INTERFACE_ENABLE 1
WEB_INTERFACE_PORT 6054
WEB_INTERFACE_HTTPS 1
WEB_INTERFACE_CERT /srv/rlm/tls/a.pem
WEB_INTERFACE_KEY /srv/rlm/tls/a.key
REDUNDANT_SERVER_ENABLE 1
REDUNDANT_HEARTBEAT_INTERVAL 20
REDUNDANT_FAILOVER_TIMEOUT 50
REDUNDANT_SYNC_INTERVAL 60
CONNECTION_TIMEOUT 300
MAX_CONNECTIONS 400
THREAD_POOL_SIZE 20
"""
BECAME = (
    ("LICENSE_PATH", Effect.RLM, "-c /srv/rlm/lic"),
    ("LOG_FILE", Effect.RLM, "-dlog +/srv/rlm/log/rlm.log"),
    ("LOG_LEVEL", Effect.NONE, None),
    ("WEB_INTERFACE_ENABLE", Effect.RLM, None),
    ("WEB_INTERFACE_PORT", Effect.RLM, "-ws 6054"),
    ("WEB_INTERFACE_HTTPS", Effect.RLM, None),
    ("WEB_INTERFACE_CERT", Effect.RLM, "-sslcert /srv/rlm/tls/a.pem"),
    ("WEB_INTERFACE_KEY", Effect.RLM, "-sslpriv /srv/rlm/tls/a.key"),
    ("REDUNDANT_SERVER_ENABLE", Effect.MONITOR, "spec.highAvailability.enabled: true"),
    ("REDUNDANT_HEARTBEAT_INTERVAL", Effect.MONITOR, "spec.monitoring.healthCheck.interval: 20s"),
    ("REDUNDANT_FAILOVER_TIMEOUT", Effect.MONITOR, "spec.monitoring.failover.threshold: 3"),
    ("REDUNDANT_SYNC_INTERVAL", Effect.MONITOR, "licenseFiles of each server"),
    ("CONNECTION_TIMEOUT", Effect.BALANCER, "timeout client 1d, timeout server 1d"),
    ("MAX_CONNECTIONS", Effect.BALANCER, "spec.tuning.maxConnectionsPerServer: 400"),
    ("THREAD_POOL_SIZE", Effect.NONE, None),
)


def options(text: str) -> RlmOptions:
    return options_from(parse_rlm_conf(text.encode()))


def test_every_setting_becomes_what_it_can() -> None:
    verdicts = judge(parse_rlm_conf(WHOLE.encode()))
    assert tuple((each.key.value, each.effect, each.becomes) for each in verdicts) == BECAME
    assert {each.key for each in verdicts} == set(RlmConfKey)
    assert [each.line for each in verdicts] == list(range(1, 16))
    assert all(each.note for each in verdicts)


def test_the_command_has_exactly_the_options_that_the_settings_became() -> None:
    told = [word for _, effect, became in BECAME if effect is Effect.RLM for word in (became or "").split()]
    assert list(options(WHOLE).arguments()) == told


def test_an_empty_file_leaves_everything_to_rlm() -> None:
    assert options("").arguments() == ()


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("WEB_INTERFACE_ENABLE 0\nWEB_INTERFACE_PORT 6054\n", ("-nows",)),
        ("WEB_INTERFACE_CERT /a.pem\n", ()),
        ("WEB_INTERFACE_CERT /a.pem\nWEB_INTERFACE_KEY /a.key\nWEB_INTERFACE_HTTPS 0\n", ()),
        ("WEB_INTERFACE_CERT /a.pem\nWEB_INTERFACE_KEY /a.key\nWEB_INTERFACE_ENABLE no\n", ("-nows",)),
        (
            "WEB_INTERFACE_CERT /a.pem\nWEB_INTERFACE_KEY /a.key\n",
            ("-sslcert", "/a.pem", "-sslpriv", "/a.key"),
        ),
    ],
)
def test_tls_and_port_of_the_web_interface_come_only_where_they_can_work(
    text: str, arguments: tuple[str, ...]
) -> None:
    assert options(text).arguments() == arguments
    told = [each.becomes for each in judge(parse_rlm_conf(text.encode())) if each.becomes is not None]
    assert " ".join(told) == " ".join(arguments)


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("REDUNDANT_FAILOVER_TIMEOUT 90\n", 3),
        ("REDUNDANT_FAILOVER_TIMEOUT 90\nREDUNDANT_HEARTBEAT_INTERVAL 60\n", 2),
        ("REDUNDANT_FAILOVER_TIMEOUT 5\n", 1),
    ],
)
def test_a_timeout_is_as_many_checks_as_it_takes(text: str, threshold: int) -> None:
    verdict = judge(parse_rlm_conf(text.encode()))[0]
    assert verdict.becomes == f"spec.monitoring.failover.threshold: {threshold}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("LOG_LEVEL 3\n", "LICENSE_PATH is missing"),
        ("WEB_INTERFACE_CERT /a.pem\n", "WEB_INTERFACE_CERT stands alone"),
        ("WEB_INTERFACE_HTTPS 1\n", "WEB_INTERFACE_HTTPS without certificate and key"),
        ("WEB_INTERFACE_HTTPS 0\n", "RLM 16 serves HTTPS all the same"),
    ],
)
def test_what_is_missing_is_told(text: str, told: str) -> None:
    assert any(told in each for each in warnings(parse_rlm_conf(text.encode())))


def test_a_whole_file_lacks_nothing() -> None:
    assert list(warnings(parse_rlm_conf(WHOLE.encode()))) == []
