"""Certificates of the tests' keys."""

import ssl
from pathlib import Path

TLS = Path(__file__).parents[1] / "data" / "tls"


def der(name: str) -> bytes:
    """The certificate of a PEM file, in DER."""
    text = (TLS / name).read_text(encoding="ascii")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    block = text.partition(begin)[2].partition(end)[0]
    return ssl.PEM_cert_to_DER_cert(f"{begin}{block}{end}")
