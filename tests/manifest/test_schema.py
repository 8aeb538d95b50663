"""The schema is one, and says the same as the model."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from rlm_exporter.manifest.dashboard import (
    AlertCondition,
    AlertSeverity,
    ColorMode,
    GraphMode,
    PanelType,
)
from rlm_exporter.manifest.durations import parse_duration
from rlm_exporter.manifest.formats import FORMATS
from rlm_exporter.manifest.load import MANIFEST_SCHEMA
from rlm_exporter.manifest.model import (
    ClientServers,
    Detection,
    Failback,
    FailoverPolicy,
    HaproxyEndpoint,
    HealthCheckPolicy,
    Hook,
    HttpCall,
    LicenseFetch,
    LicenseSync,
    LoadBalancerSpec,
    LogFormat,
    LogLevel,
    PoolsMissing,
    Privacy,
    Server,
    SettingsFormat,
    Takeover,
    TriggerSource,
)

DEFS = MANIFEST_SCHEMA["$defs"]
SPEC = DEFS["LicenseServer"]["properties"]["spec"]["properties"]
AVAILABILITY = SPEC["highAvailability"]["properties"]
HEALTH = SPEC["monitoring"]["properties"]["healthCheck"]["properties"]
FAILOVER = SPEC["monitoring"]["properties"]["failover"]["properties"]
CLIENTS = SPEC["clientSettings"]["properties"]
DASHBOARD = DEFS["Dashboard"]["properties"]["spec"]["properties"]
PANEL = DASHBOARD["panels"]["items"]["properties"]
ALERT = DASHBOARD["alerts"]["items"]["properties"]
SETTINGS = DEFS["ExporterConfig"]["properties"]["spec"]["properties"]


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every subschema, and every other mapping in between."""
    if isinstance(schema, dict):
        yield schema
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from parts(value)


def test_it_is_a_schema_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(MANIFEST_SCHEMA)


def test_no_mapping_takes_keys_that_nobody_knows() -> None:
    mappings = [part for part in parts(MANIFEST_SCHEMA) if part.get("type") == "object"]

    assert len(mappings) > 10
    for mapping in mappings:
        free = mapping["additionalProperties"]
        assert free is False or "propertyNames" in mapping


def test_every_format_has_its_check_and_every_check_a_format() -> None:
    used = {part["format"] for part in parts(MANIFEST_SCHEMA) if isinstance(part.get("format"), str)}

    assert used == FORMATS.keys()


def test_defaults_are_those_of_the_model() -> None:
    server = Server(name="", role="", host="")
    health, failover = HealthCheckPolicy(), FailoverPolicy()
    haproxy, balancer = HaproxyEndpoint(name="", url=""), LoadBalancerSpec(host="")
    hook = Hook(call=HttpCall(url=""))
    alert = AlertCondition(name="", condition="", severity=AlertSeverity.INFO, message="")

    for schema, key, default in (
        (DEFS["server"]["properties"], "port", server.port),
        (DEFS["server"]["properties"], "webPort", server.web_port),
        (DEFS["loadBalancer"]["properties"], "port", balancer.port),
        (DEFS["loadBalancer"]["properties"], "webFollows", balancer.web_follows),
        (DEFS["haproxy"]["properties"], "backend", haproxy.backend),
        (HEALTH, "retries", health.retries),
        (HEALTH, "checkWeb", health.check_web),
        (HEALTH, "webRequired", health.web_required),
        (HEALTH, "webTls", health.web_tls),
        (FAILOVER, "automatic", failover.automatic),
        (FAILOVER, "threshold", failover.threshold),
        (FAILOVER, "detection", failover.detection),
        (FAILOVER, "poolsMissing", failover.pools_missing),
        (FAILOVER, "quarantine", failover.quarantine),
        (DEFS["hook"]["properties"], "retries", hook.retries),
        (DEFS["fence"]["properties"], "retries", hook.retries),
    ):
        assert schema[key]["default"] == default
    for schema, key, duration in (
        (HEALTH, "interval", health.interval),
        (HEALTH, "timeout", health.timeout),
        (FAILOVER, "cooldown", failover.cooldown),
        (DEFS["hook"]["properties"], "timeout", hook.timeout),
        (DEFS["fence"]["properties"], "timeout", hook.timeout),
        (DEFS["licenseFiles"]["properties"], "timeout", LicenseFetch(command=()).timeout),
        (DEFS["licenseSync"]["properties"], "timeout", LicenseSync(folder="").timeout),
        (ALERT, "for", alert.wait),
    ):
        assert parse_duration(schema[key]["default"]) == duration


def test_a_fence_is_a_hook_or_rlmdown() -> None:
    fence, hook = DEFS["fence"], DEFS["hook"]
    without = {key: value for key, value in fence["properties"].items() if key != "rlmdown"}
    assert without == hook["properties"]
    assert fence["oneOf"] == [*hook["oneOf"], {"required": ["rlmdown"]}]


def test_choices_are_those_of_the_model() -> None:
    for schema, choices in (
        (AVAILABILITY["takeover"], Takeover),
        (AVAILABILITY["failback"], Failback),
        (FAILOVER["detection"], Detection),
        (FAILOVER["poolsMissing"], PoolsMissing),
        (FAILOVER["triggers"]["items"], TriggerSource),
        (CLIENTS["files"]["items"]["properties"]["format"], SettingsFormat),
        (CLIENTS["servers"], ClientServers),
        (SETTINGS["logFormat"], LogFormat),
        (SETTINGS["logLevel"], LogLevel),
        (SETTINGS["usage"]["properties"]["privacy"], Privacy),
        (PANEL["type"], PanelType),
        (PANEL["visualization"]["properties"]["colorMode"], ColorMode),
        (PANEL["visualization"]["properties"]["graphMode"], GraphMode),
        (ALERT["severity"], AlertSeverity),
    ):
        assert schema["enum"] == [choice.value for choice in choices]
