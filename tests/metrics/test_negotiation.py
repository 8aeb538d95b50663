"""Format and encoding are what the client likes best of what we have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.metrics.negotiation import Encoding, negotiate
from rlm_exporter.metrics.text import Format

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        (BROWSER, Format.TEXT),
        (PROMETHEUS_2, Format.OPENMETRICS),
        (PROMETHEUS_3, Format.OPENMETRICS),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", Format.OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', Format.OPENMETRICS),
        ("application/*", Format.OPENMETRICS),
        ("text/*, application/*", Format.TEXT),
        ("application/openmetrics-text, text/plain", Format.OPENMETRICS),
        ("text/plain, application/openmetrics-text", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.4", Format.TEXT),
        ("application/openmetrics-text;q=0, */*", Format.TEXT),
        ("text/plain;q=0, application/openmetrics-text;q=0.001", Format.OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0", Format.TEXT),
        ("application/openmetrics-text;version=0.0.1", Format.TEXT),
        ("application/openmetrics-text;version=nonsense, */*;q=0.1", Format.TEXT),
        ("application/openmetrics-text;q=nan", Format.TEXT),
        ("application/openmetrics-text;q=high", Format.TEXT),
        ("application/openmetrics-text;q=1.5, text/plain", Format.OPENMETRICS),
        ("application/json", Format.TEXT),
        (",;,=;q=", Format.TEXT),
    ],
)
def test_format(accept: str, form: Format) -> None:
    assert negotiate(accept, "").format is form


@pytest.mark.parametrize(
    ("accept_encoding", "encoding"),
    [
        ("", Encoding.IDENTITY),
        ("gzip", Encoding.GZIP),
        ("GZIP", Encoding.GZIP),
        ("x-gzip", Encoding.GZIP),
        ("gzip, deflate, br, zstd", Encoding.GZIP),
        ("*", Encoding.GZIP),
        ("gzip;q=0", Encoding.IDENTITY),
        ("gzip;q=0.0, *", Encoding.IDENTITY),
        ("gzip;q=0.2, identity;q=0.5", Encoding.IDENTITY),
        ("gzip;q=0.5, identity;q=0.5", Encoding.GZIP),
        ("deflate", Encoding.IDENTITY),
        ("identity;q=0, gzip;q=0.1", Encoding.GZIP),
        ("gzip;q=often", Encoding.IDENTITY),
    ],
)
def test_encoding(accept_encoding: str, encoding: Encoding) -> None:
    assert negotiate("", accept_encoding).encoding is encoding


def test_headers_say_what_the_bytes_are() -> None:
    assert negotiate(PROMETHEUS_2, "gzip").headers == {
        "Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "Content-Encoding": "gzip",
        "Vary": "Accept, Accept-Encoding",
    }
    assert "Content-Encoding" not in negotiate("", "").headers


@given(st.text(), st.text())
def test_takes_any_header(accept: str, accept_encoding: str) -> None:
    negotiate(accept, accept_encoding)


@given(st.text(alphabet="*/;,=q.01 gzip text/plain", max_size=80))
def test_takes_headers_that_almost_make_sense(header: str) -> None:
    negotiate(header, header)
