"""Whatever a file holds, it is a configuration or a list of sentences, and soon."""

import time
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_exporter.errors import ManifestError
from rlm_exporter.manifest.load import MANIFEST_SCHEMA, parse_manifests
from tests.manifest.manifests import PAGE

SECONDS = 5
"""Far above what any of these texts takes, so that a busy machine fails nothing."""

KEYS = sorted({key for part in MANIFEST_SCHEMA["$defs"].values() for key in part.get("properties", {})})
WORDS = [
    *KEYS,
    *[
        "rlm",
        "licensing.vantage.com/v1",
        "LicenseServer",
        "ExporterConfig",
        "rlm-ha/v1",
        "Dashboard",
        "dashboard.vantage.com/v1",
        "rlm_server_up == 0",
        "rate(x[5m]",
        "{{server}}",
        "{{$labels.server}}",
        "spec",
        "highAvailability",
    ],
    *["primary", "isvPorts", "rlm1.example.com", "[::1]", "::1", "30s", "5053", "true", "on", "~", "", "<<"],
    *[
        "unix:/run/x",
        "https://lb:8404/stats",
        "https://[",
        "Europe/Berlin",
        "../etc/passwd",
        "\ud800",
        "\0",
        "é",
    ],
]
SCALARS = st.one_of(
    st.sampled_from(WORDS), st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=20)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
    ),
    max_leaves=20,
)
PLACES = [
    (section, key)
    for section in (
        "primary",
        "healthCheck",
        "failover",
        "loadBalancer",
        "highAvailability",
        "metadata",
        "spec",
    )
    for key in KEYS
]


def answered(text: str | bytes) -> None:
    """Read it; anything but an answer or a ManifestError is a defect."""
    began = time.monotonic()
    problems = told(text)
    assert time.monotonic() - began < SECONDS
    assert problems is None or problems
    for problem in problems or ():
        assert problem.startswith("f.yaml")
        assert "\n" not in problem
        problem.encode("utf-8")


def told(text: str | bytes) -> tuple[str, ...] | None:
    try:
        parse_manifests(text, "f.yaml")
    except ManifestError as error:
        return error.problems
    return None


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    answered(text)


@given(st.binary())
def test_any_bytes_are_answered(raw: bytes) -> None:
    answered(raw)


@given(st.text(alphabet="ab:-?[]{}&*!|>'\"%@`#,<~ \n\t\\0x", max_size=60))
def test_any_heap_of_yaml_signs_is_answered(text: str) -> None:
    answered(text)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.integers(min_value=0, max_value=len(PAGE)),
    st.integers(min_value=0, max_value=40),
    st.text(max_size=10),
)
def test_any_change_of_a_valid_manifest_is_answered(start: int, length: int, text: str) -> None:
    answered(PAGE[:start] + text + PAGE[start + length :])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_at_any_place_is_answered(place: tuple[str, str], value: Any) -> None:
    section, key = place
    document = yaml.safe_load(PAGE)
    spec = document["spec"]
    spec["loadBalancer"] = {"host": "rlm-lb", "haproxy": [{"name": "lb1", "url": "unix:/run/x"}]}
    spec["highAvailability"]["primary"]["isvPorts"] = {"siemens": 5055}
    found = {
        "spec": spec,
        "metadata": document["metadata"],
        "highAvailability": spec["highAvailability"],
        "primary": spec["highAvailability"]["primary"],
        "loadBalancer": spec["loadBalancer"],
        **spec["monitoring"],
    }[section]
    found[key] = value

    answered(yaml.safe_dump(document, allow_unicode=True))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(WORDS), VALUES))
def test_any_settings_are_answered(spec: dict[str, Any]) -> None:
    document = {"apiVersion": "rlm-ha/v1", "kind": "ExporterConfig", "spec": spec}

    answered(f"{PAGE}---\n{yaml.safe_dump(document, allow_unicode=True)}")
