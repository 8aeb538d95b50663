"""Where `rlm-ha serve` listens, as its users write it."""

import pytest

from rlm_exporter.cli.serve import parse_listen
from rlm_exporter.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:10053", "127.0.0.1", 10053),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("[::1]:10053", "::1", 10053),
        ("localhost:10053", "localhost", 10053),
    ],
)
def test_reads_an_address_to_listen_on(text: str, host: str, port: int) -> None:
    assert parse_listen(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "10053", ":10053", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:10053", "[::1]"]
)
def test_refuses_anything_else_as_a_manifest_does(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--listen: .*; for example 127.0.0.1:10053"):
        parse_listen(text)
