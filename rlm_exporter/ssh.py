"""The system's ssh and sftp: how they are called, and what a person can do where they fail (pure).

They ask nobody for anything, and a host whose key is not known is never connected to: whose machine it is can
only be said by somebody who compares the key.
"""

import re

OPTIONS = (
    "-oBatchMode=yes",
    "-oConnectTimeout=10",
    "-oServerAliveInterval=5",
    # The banner of a machine is no complaint, and hosts are made known by people.
    "-oLogLevel=ERROR",
)
FAILED = 255
"""How ssh ends for a reason of its own; every other status is that of the program on the other side."""

_ADVICE = {
    "HOST IDENTIFICATION HAS CHANGED": (
        "the host's key is not the one in known_hosts: somebody may be in between. If the machine was "
        "really replaced, compare `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on it with what ssh "
        "shows, and take the old key out with `ssh-keygen -R HOST`"
    ),
    "Host key verification failed": (
        "the host's key is not in known_hosts: connect once by ssh as the user that rlm-ha runs as, and "
        "compare the fingerprint that it shows with the machine's"
    ),
    r"Permission denied \(": (
        "no key was taken: rlm-ha's user needs one without a passphrase, or an agent, and its public half "
        "in authorized_keys there; `ssh -v` with that user tells which were tried"
    ),
    "Could not resolve hostname": "is the name right, here and in ssh_config, and is there a name server?",
    "Connection refused": "does sshd run there, and on this port?",
    "timed out": "is the machine up, and does a firewall let port 22 through?",
    "subsystem request failed": "sshd there offers no sftp: it needs `Subsystem sftp internal-sftp`",
    r'write remote "[^\n]*": Failure': "is the disk full there, or a quota reached?",
    r'remote rename "[^\n]*": Failure': (
        "the old file stands; the server there may lack `posix-rename`, which replaces a file in one step: "
        "have it allowed, or use `exec`"
    ),
    "Connection closed|Connection reset|Broken pipe|closed by remote host": (
        "the connection was lost; the other side's log (journalctl -u ssh) tells why"
    ),
}
"""What a person can do where these words came; the first that fit."""
_NO_COMPLAINTS = re.compile("Connected to |remote delete .*: No such file or directory")
"""sftp's news, and what it says of a file that we have deleted in case it is there."""


def advice(said: str) -> str | None:
    """What to do about what ssh or sftp said; None where it speaks for itself."""
    for words, what in _ADVICE.items():
        if re.search(words, said):
            return what
    return None


def complaints(said: str) -> list[str]:
    """The lines of it that tell what went wrong."""
    return [line.strip() for line in said.splitlines() if line.strip() and not _NO_COMPLAINTS.match(line)]
