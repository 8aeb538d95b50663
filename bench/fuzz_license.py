"""Feeds the readers of license files and client settings mangled files until the time is over.

    python -m bench.fuzz_license --seconds 180

Seeds are the files of the tests. Exit code 1 and the text that breaks a promise: an error that is not
FormatError, a line outside the file, a time beyond what the size explains.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from random import Random

from bench.mangle import fuzz, mangle
from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.client_env import read_client_env
from rlm_exporter.rlm.client_findings import find_client_faults
from rlm_exporter.rlm.env_file import read_env_file
from rlm_exporter.rlm.license_compare import compare
from rlm_exporter.rlm.license_failover import failover_grants
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_findings import find_faults
from rlm_exporter.rlm.license_list import ListKind, read_license_path
from rlm_exporter.rlm.license_values import LicenseKind

_DATA = Path(__file__).parent.parent / "tests" / "data" / "license"
LICENSES = tuple(path.read_bytes() for path in sorted(_DATA.glob("*.lic")))
SETTINGS = (
    b'export RLM_LICENSE="5053@a:5053@[2001:db8::1]:C:\\a.lic:/opt/"\nRLM_CONNECT_TIMEOUT=-8\n',
    b"setenv siemens_LICENSE 5053@2001:db8::1:5053@b\nRLM_PATH_RANDOMIZE=1\nSIEMENS_LICENSE_FILE=5053@c\n",
    b"Environment=RLM_LICENSE=<LICENSE a b 1.0>;5053@a;;$X;x@y\n",
)
TOKENS = (
    b'"', b"\\", b"\\\n", b"\n", b"\r\n", b"\r", b" ", b"\t", b"#", b"=", b"@", b":", b";", b"<", b">", b"[",
    b"HOST ", b"\nISV ", b"\nLICENSE a b 1.0 permanent 5 ", b"\nUPGRADE ", b"CUSTOMER ", b"sig=", b"SIGN=",
    b"]", b"port=", b"'",
    b"_primary_server=localhost", b"rlm_failover", b"permanent", b"1-jan-2027", b"99999", b"\xa0",
    b"\xef\xbb\xbf",
    b"\xff\xfe", b"\0", b"\xe4", b"\xd9\xa1", b"::", b"%a%", b"$X",
)  # fmt: skip
_DAY = date(2027, 6, 15)


def check_license(data: bytes) -> None:
    """Read, judge and compare; AssertionError where something is not as it must be."""
    try:
        file = parse_license_file(data)
    except FormatError:
        return
    findings = find_faults(file, as_of=_DAY, strict=True, balancers=("lb.example.com",))
    lines = [each.line for group in (file.hosts, file.isvs, file.licenses, findings) for each in group]
    assert all(1 <= line <= max(file.lines, 1) for line in lines), "a line outside the file"  # noqa: S101
    for each in file.licenses:
        assert (each.count is None) is not (each.kind is LicenseKind.COUNTED), "a count of nothing"  # noqa: S101
    assert not compare([("a", file), ("b", file)]), "a file that differs from itself"  # noqa: S101
    failover_grants(file)


def check_settings(data: bytes) -> None:
    """Read and judge settings, and the whole as one list."""
    find_client_faults(read_client_env(read_env_file(data)))
    for item in read_license_path(data.decode("utf-8", "replace")).items:
        assert (item.endpoint is None) is not (item.kind is ListKind.SERVER), "a server without a place"  # noqa: S101


def _maker(seeds: Sequence[bytes]) -> Callable[[Random], bytes]:
    return lambda chance: mangle(chance.choice(seeds), TOKENS, chance)


def main() -> int:
    """Run until the time is over or a promise is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="the same number gives the same run")
    options = parser.parse_args()
    checks = [(check_license, _maker(LICENSES)), (check_settings, _maker(SETTINGS))]
    return fuzz(checks, seconds=options.seconds, number=options.seed)


if __name__ == "__main__":
    sys.exit(main())
