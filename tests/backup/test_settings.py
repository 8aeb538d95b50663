"""The settings of a backup: every problem with its place."""

from datetime import timedelta

import pytest

from rlm_exporter.backup.members import Role
from rlm_exporter.backup.settings import parse_settings
from rlm_exporter.errors import ManifestError

WHOLE = b"""\
apiVersion: rlm-ha/v1
kind: Backup
metadata: {name: site}
spec:
  into: /var/backups/rlm-ha
  keep: {count: 14, age: 90d}
  store: sqlite:////var/lib/rlm-ha/journal.db
  servers:
    rlm1: &server
      ssh: root@rlm1.example.com
      paths: [/opt/rlm/licenses, /opt/rlm/rlm.conf]
      mounts: [/opt/rlm/shared]
      start: [systemctl, start, rlm-ha]
    rlm2:
      <<: *server
      ssh: root@rlm2.example.com
  balancers:
    lb1: {paths: [/etc/haproxy/haproxy.cfg], reload: [systemctl, reload, haproxy]}
"""


def test_a_whole_document_is_read() -> None:
    read = parse_settings(WHOLE, "backup.yaml")

    assert (read.cluster, read.keep_count, read.keep_age) == ("site", 14, timedelta(days=90))
    assert [(each.key, each.ssh) for each in read.members] == [
        ("servers/rlm1", "root@rlm1.example.com"),
        ("servers/rlm2", "root@rlm2.example.com"),
        ("balancers/lb1", None),
    ]
    assert read.of(Role.SERVER)[1].start == ("systemctl", "start", "rlm-ha")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"into: /var", b"intoo: /var", "backup.yaml:5: spec.intoo: unknown key; did you mean into?"),
        (b"[/opt/rlm/licenses,", b"[/,", "spec.servers.rlm1.paths[0]: is the whole machine"),
        (b"[/opt/rlm/licenses,", b"[/opt/../etc,", "goes up by `..`"),
        (b"root@rlm1.example.com", b"-oProxyCommand=x", "is no destination of ssh"),
        (b"[/opt/rlm/licenses,", b"[licenses,", "backup.yaml:11: spec.servers.rlm1.paths[0]"),
        (b"start: [", b"command: [", "has ssh and command; keep the one"),
        (b"count: 14", b"count: 0", "0 is out of range; write a number from 1 to 10000"),
        (b"kind: Backup", b"kind: Bakup", "is not supported; write Backup"),
        (b"kind: Backup", b"kind: [", "not YAML"),
        (WHOLE, b"", "one document of kind Backup is wanted here"),
        (WHOLE, b"\xff", "backup.yaml:1: is not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: bytes, new: bytes, said: str) -> None:
    with pytest.raises(ManifestError) as raised:
        parse_settings(WHOLE.replace(old, new), "backup.yaml")
    assert said in str(raised.value)
