"""The sheet that lies in a backup for people: `cluster-info.txt`. Pure."""

from rlm_exporter.backup.contents import Contents

STEPS = (
    "Restore each server from backup",
    "Verify NFS mounts",
    "Start RLM services in order",
    "Update load balancer configuration",
    "Test failover functionality",
)
"""The way back, in this order."""


def cluster_info(contents: Contents) -> str:
    """Who was there, who served, what is missing, and the way back."""
    servers = [name.removeprefix("servers/") for name in contents.members if name.startswith("servers/")]
    balancers = [
        name.removeprefix("balancers/") for name in contents.members if name.startswith("balancers/")
    ]
    host = f" ({contents.active_host})" if contents.active_host else ""
    lines = [
        "RLM HA Cluster Backup",
        f"Date: {contents.made_at.isoformat(timespec='seconds')}",
        f"Cluster: {contents.cluster}",
        f"Servers: {' '.join(servers)}",
        f"Primary: {contents.active or 'not known'}{host}",
        f"Epoch: {'not known' if contents.epoch is None else contents.epoch}",
        f"Load Balancer: {' '.join(balancers) or 'none saved'}",
        f"Configuration: {_count(contents)}; links were followed, so these are the files and not the links",
        *(f"Missing: {each}" for each in contents.missing),
        *(f"Left out, a private key: {each}" for each in contents.left_out),
        *(f"Note: {each}" for each in contents.notes),
        "",
        "# Recovery Instructions",
        *(f"{number}. {step}" for number, step in enumerate(STEPS, start=1)),
        "",
        "`rlm-ha restore THIS --plan` says what each would do, `--apply` does it.",
        "",
    ]
    return "\n".join(lines)


def _count(contents: Contents) -> str:
    files = sum(entry.kind == "file" for entry in contents.entries)
    return "1 file" if files == 1 else f"{files} files"
