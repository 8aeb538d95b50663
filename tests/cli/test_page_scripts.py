"""The shell scripts of the manual's page with the real daemon behind them: their calls work as printed.

With RLM_HA_PAGE, the scripts are read from the page's own file; otherwise shorter ones of ours are run, that
make the same calls.
"""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.cli.command import ROOT, CommandLine, Ended, end_of
from tests.cli.site import Site
from tests.ports import free_port

NAME = "rlm-ha-cluster"

OURS = {
    "rlm-ha-health-check.sh": """\
SERVERS=("a" "b")
good=() bad=()
for host in "${SERVERS[@]}"; do
    if ! /opt/rlm/bin/rlmutil rlmstat -c "5053@$host" >/dev/null 2>&1; then bad+=("$host (license)")
    elif ! curl -s "https://$host:5054/"; then bad+=("$host (web)")
    else good+=("$host"); fi
done
[ ${#good[@]} -gt 0 ] || exit 1
vantage licenses update-health rlm-ha-cluster --healthy-servers "${good[*]}" --failed-servers "${bad[*]}"
""",
    "rlm-automated-failover.sh": """\
failover_to_backup() { vantage licenses failover rlm-ha-cluster --to "$1"; }
# Main monitoring loop
exit 1
""",
}
"""Scripts that make the same calls."""


@pytest.fixture
def site(tmp_path: Path, rlm_ha: CommandLine) -> Site:
    """The page's cluster: its name, and one port for all hosts."""
    return Site(tmp_path, rlm_ha, name=NAME, port=free_port(["127.0.0.1", "127.0.0.2"]))


def script(name: str) -> str:
    """A script that the page prints, found by its own comment; ours where there is no page."""
    path = os.environ.get("RLM_HA_PAGE")
    if path is None:
        return OURS[name]
    page = Path(path).read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if f"/{name}" in block.split("\n", maxsplit=2)[1]]
    return str(found)


def on(site: Site, text: str, folder: Path) -> str:
    """The script with the addresses of this machine: what a reader of the page would fill in too."""
    hosts = " ".join(f'"{server.host}"' for server in (site.rlm1, site.rlm2))
    text = re.sub(r"^SERVERS=\(.*\)$", f"SERVERS=({hosts})", text, flags=re.MULTILINE)
    text = re.sub(r"^CURRENT_PRIMARY=.*$", f'CURRENT_PRIMARY="{site.rlm1.host}"', text, flags=re.MULTILINE)
    text = re.sub(
        r"^BACKUP_SERVERS=\(.*\)$", f'BACKUP_SERVERS=("{site.rlm2.host}")', text, flags=re.MULTILINE
    )
    return text.replace("/opt/rlm/bin/rlmutil", str(site.rlmutil)).replace("5053@", f"{site.rlm1.port}@")


async def run(site: Site, text: str, folder: Path, *, web_up: bool = True) -> Ended:
    """Run a script with our program under the page's name for it, and a web interface as told."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    for name, body in {
        "vantage": f'exec {sys.executable} -m rlm_exporter.cli "$@"',
        "curl": f"exit {0 if web_up else 7}",
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        text,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "RLM_HA_URL": site.url,
        },
        cwd=folder,
    )
    return await end_of(process)


def reported(ended: Ended) -> dict[str, set[tuple[str, str]]]:
    """(component, state) of each server's reports, in the status."""
    return {
        server["name"]: {(each["component"], each["state"]) for each in server["external"]}
        for server in ended.document["servers"]
    }


@pytest.mark.row(31)
@pytest.mark.row(32)
async def test_the_health_check_script_reports_what_it_sees(site: Site, tmp_path: Path) -> None:
    text = on(site, script("rlm-ha-health-check.sh"), tmp_path)
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            well = await run(site, text, tmp_path)
            assert (well.code, well.err) == (0, "")
            assert f"{NAME}: heard " in well.out
            status = await site.run("license-servers", "status", NAME, "-j")
            assert reported(status) == {"rlm1": {("server", "up")}, "rlm2": {("server", "up")}}
            (shown,) = status.document["servers"][0]["external"]
            assert (shown["source"], shown["age_seconds"] < 60) == ("external", True)

            site.rlm2.kill()
            await site.until(lambda ended: ended.document["servers"][1]["license"]["state"] == "down")
            one_down = await run(site, text, tmp_path)
            assert (one_down.code, one_down.err) == (0, "")
            status = await site.run("license-servers", "status", NAME, "-j")
            assert reported(status) == {"rlm1": {("server", "up")}, "rlm2": {("license", "down")}}

            # The script knows no healthy server then, and does not call at all.
            no_web = await run(site, text, tmp_path, web_up=False)
            assert no_web.code == 1
            assert reported(await site.run("license-servers", "status", NAME, "-j")) == reported(status)


@pytest.mark.row(33)
async def test_the_failover_script_moves_by_its_own_call(site: Site, tmp_path: Path) -> None:
    """Of the script only the function that moves is run: the daemon takes the place of its loop."""
    whole = on(site, script("rlm-automated-failover.sh"), tmp_path)
    function = whole.split("# Main monitoring loop")[0].replace("/var/log/rlm/failover.log", "failover.log")
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            moved = await run(site, f'{function}\nfailover_to_backup "{site.rlm2.host}"\n', tmp_path)
            assert moved.code == 0, moved.err
            assert "rlm2 is active (operation " in moved.out
            assert (await site.run("licenses", "primary", NAME)).out == f"{site.rlm2.host}\n"
