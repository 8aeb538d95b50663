"""What a person is told about ssh's complaints. Real ones are in tests/sync/test_over_ssh.py."""

import pytest

from rlm_exporter.ssh import advice, complaints


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "in between"),
        ("No ED25519 host key is known\nHost key verification failed.\nConnection closed", "connect once"),
        ("rlm@rlm1: Permission denied (publickey).\nConnection closed", "no key was taken"),
        ("ssh: connect to host rlm1 port 22: Connection timed out", "is the machine up"),
        ('write remote "/opt/rlm/.a.lic.rlm-ha-new": Failure', "disk full"),
        ("client_loop: send disconnect: Broken pipe", "connection was lost"),
    ],
)
def test_the_first_cause_is_what_is_told_about(said: str, what: str) -> None:
    assert what in (advice(said) or "")


@pytest.mark.parametrize(
    "said", ["", "find: /opt/rlm: Permission denied", 'remote open "/a.lic": Permission denied', "tar: x"]
)
def test_what_speaks_for_itself_gets_no_advice(said: str) -> None:
    assert advice(said) is None


def test_news_are_no_complaints() -> None:
    said = (
        "Connected to rlm1.\nremote delete /a/.b: No such file or directory\n\n stat remote: No such file\n"
    )
    assert complaints(said) == ["stat remote: No such file"]
