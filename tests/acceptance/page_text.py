"""What the manual's page prints for its readers to run: scripts, commands, a manifest.

With RLM_HA_PAGE they are read from the page's own file, byte for byte. Otherwise they are ours, which make
the same calls of the same programs.
"""

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

HEALTH_CHECK = "rlm-ha-health-check.sh"
FAILOVER = "rlm-automated-failover.sh"
BACKUP = "rlm-ha-backup.sh"
HA_TEST = "test-rlm-ha.sh"

_HOSTS = "rlm1.vantage.com rlm2.vantage.com rlm3.vantage.com"
_ASK = """\
#!/bin/bash
license() { timeout 10 /opt/rlm/bin/rlmutil rlmstat "${@:2}" -c "5053@$1" >/dev/null 2>&1; }
web() { timeout 10 curl -k -s "https://$1:5054/" >/dev/null 2>&1; }
"""

_OURS = {
    HEALTH_CHECK: f"""{_ASK}
good=() bad=()
for host in {_HOSTS}; do
    if ! license "$host"; then bad+=("$host (license)")
    elif ! web "$host"; then bad+=("$host (web)")
    else good+=("$host"); fi
done
[ ${{#good[@]}} -gt 0 ] || {{ echo "CRITICAL"; exit 1; }}
vantage licenses update-health rlm-ha-cluster \\
    --healthy-servers "${{good[*]}}" --failed-servers "${{bad[*]}}"
exit 0
""",
    FAILOVER: f"""{_ASK}
active=rlm1.vantage.com failed=0
say() {{ echo "$1" | tee -a /var/log/rlm/failover.log; }}
while true; do
    if license "$active" && web "$active"; then
        failed=0
    else
        failed=$((failed + 1))
    fi
    if [ $failed -ge 3 ]; then
        for host in rlm2.vantage.com rlm3.vantage.com; do
            license "$host" && web "$host" || continue
            curl -X POST "http://rlm-lb.vantage.com:8404/admin?stats" --data "action=disable&server=rlm1"
            vantage licenses failover rlm-ha-cluster --to "$host"
            say "Failover completed to $host"
            active=$host failed=0
            break
        done
    fi
    if [ $failed -ge 3 ]; then
        say "CRITICAL"
        vantage alerts send critical \\
            --message "RLM HA cluster: No healthy servers available" --component licensing
    fi
    sleep 60
done
""",
    BACKUP: f"""#!/bin/bash
to=/backup/rlm-ha/$(date +%Y%m%d-%H%M%S)
mkdir -p "$to"
for host in {_HOSTS}; do
    ssh "$host" "tar -czf /tmp/backup.tar.gz /opt/rlm/licenses/"
    scp "$host:/tmp/backup.tar.gz" "$to/$host-backup.tar.gz"
done
cp /etc/haproxy/haproxy.cfg "$to/"
vantage licenses export rlm-ha-cluster >"$to/vantage-ha-config.yaml"
""",
    HA_TEST: f"""{_ASK}
tell() {{ if "${{@:2}}"; then echo "  ✓ $1"; else echo "  ✗ $1"; fi; }}
for host in {_HOSTS}; do tell "$host" license "$host"; done
for host in {_HOSTS}; do tell "$host web" web "$host"; done
tell "Load balancer" license rlm-lb.vantage.com
tell "License checkout" license rlm-lb.vantage.com -f
""",
}

_COMMANDS = """\
vantage license-servers deploy rlm-ha-cluster.yaml
vantage license-servers status rlm-ha-cluster --show-ha
vantage licenses primary rlm-ha-cluster
vantage licenses failover rlm-ha-cluster --to rlm2.vantage.com
vantage licenses monitor rlm-ha-cluster --follow --include-web
vantage cluster config update --license-servers "5053@rlm-lb.vantage.com" \\
  --license-failover-enabled true --license-redundancy-mode active-passive
vantage licenses config rlm-ha-cluster --load-balancing intelligent --session-affinity true \\
  --health-check-interval 30s --failover-detection fast
vantage licenses optimize rlm-ha-cluster --strategy geographic --prefer-local-server true \\
  --connection-pooling enabled --max-connections-per-server 200
"""


def script(name: str) -> str:
    """A script, which the page's file has under a comment with its path."""
    page = _page()
    if page is None:
        return _OURS[name]
    (found,) = [block for block in _blocks(page, "bash") if f"/{name}" in block.split("\n", maxsplit=2)[1]]
    return found


def commands() -> list[str]:
    """The lines that call `vantage` and are not part of a script, as they are printed, in that order."""
    page = _page()
    blocks = [_COMMANDS] if page is None else _blocks(page, "bash")
    text = "\n".join(block for block in blocks if not block.startswith("#!"))
    return re.findall(r"^vantage (?:.*\\\n)*.*$", text, flags=re.MULTILINE)


def manifest() -> str:
    """The cluster of three servers."""
    page = _page()
    if page is None:
        example = (ROOT / "examples" / "rlm-ha-cluster.yaml").read_text(encoding="utf-8")
        return example.replace("example.com", "vantage.com")
    (found,) = [block for block in _blocks(page, "yaml") if "kind: LicenseServer" in block]
    return found


def _page() -> str | None:
    path = os.environ.get("RLM_HA_PAGE")
    return None if path is None else Path(path).read_text(encoding="utf-8")


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
