"""What a person reads where packages cannot be fetched."""

from pathlib import Path

import pytest

from dev.distribution import Distribution
from dev.steps import SetupError

APT_WITHOUT_NETWORK = """\
#!/bin/sh
case "$*" in
  *update) echo "Ign: lists"; echo "W: Temporary failure resolving" ;;
  *) echo "E: Unable to locate package haproxy"; exit 100 ;;
esac
"""


def unpack(folder: Path) -> None:
    distribution = Distribution(folder / "apt")
    distribution.unpack(["haproxy"], into=folder / "root", otherwise="Install haproxy yourself.")


def test_says_what_to_do_where_there_is_no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"no apt-get on this machine.\nInstall haproxy yourself."):
        unpack(tmp_path)


def test_tells_why_even_when_apt_calls_an_update_without_a_network_a_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("apt-get", "dpkg-deb"):
        (tmp_path / name).write_text(APT_WITHOUT_NETWORK)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError) as raised:
        unpack(tmp_path)
    assert str(raised.value).splitlines() == [
        "apt-get ended with 100:",
        "  E: Unable to locate package haproxy",
        "  W: Temporary failure resolving",
        "Install haproxy yourself.",
    ]
