"""The command line `rlm-ha`: the tree of commands. What a command needs is imported when it runs."""

import io
import sys

import click

from rlm_exporter import __version__
from rlm_exporter.cli.inspect import inspect_group
from rlm_exporter.cli.lazy import LazyCommand, LazyGroup
from rlm_exporter.cli.manners import Manners
from rlm_exporter.cli.program import Program, explainer
from rlm_exporter.cli.shell_words import add_shells

_HERE = __name__

_UPDATE_HEALTH = "Report what another monitor sees."
_DEPLOY = "Have the clusters of a manifest looked after."

EPILOG = """\b
Exit codes: 0 done, 1 failed or unhealthy, 2 usage, 3 not found,
4 refused as unsafe, 5 the daemon or a backend cannot be reached.

\b
Completion in bash (zsh and fish likewise), for ~/.bashrc:
  eval "$(rlm-ha completion bash)"
"""


def _license_servers() -> dict[str, click.Command]:
    return {
        "list": LazyCommand(f"{_HERE}.license_servers:list_command", "Show all clusters, a line for each."),
        "status": LazyCommand(
            f"{_HERE}.license_servers:status_command", "Show a whole cluster on one screen."
        ),
        "deploy": LazyCommand(f"{_HERE}.deploy:deploy_command", _DEPLOY),
        "remove": LazyCommand(f"{_HERE}.deploy:remove_command", "Look after a deployed cluster no more."),
        "update-health": LazyCommand(
            f"{_HERE}.update_health:update_health_command", _UPDATE_HEALTH, hidden=True
        ),
    }


def _commands() -> dict[str, click.Command]:
    status = f"{_HERE}.license_servers:status_command"
    update_health = f"{_HERE}.update_health:update_health_command"
    return {
        "license-servers": LazyGroup(commands=_license_servers(), help="License servers and their clusters."),
        "alerts": LazyGroup(
            commands={
                "send": LazyCommand(f"{_HERE}.alerts:send_command", "Send an alert to the configured sinks."),
                "list": LazyCommand(f"{_HERE}.alerts:list_command", "Show what was sent, and who took it."),
            },
            help="Alerts that people are to get.",
        ),
        "licenses": LazyGroup(
            commands={
                "primary": LazyCommand(f"{_HERE}.licenses:primary_command", "Print the host that is active."),
                "monitor": LazyCommand(
                    f"{_HERE}.monitor:monitor_command", "Show what is seen of the servers, and each change."
                ),
                "failover": LazyCommand(
                    f"{_HERE}.licenses:failover_command", "Move the clients to another server."
                ),
                "switchover": LazyCommand(
                    f"{_HERE}.licenses:switchover_command", "Move them in a planned way."
                ),
                "failback": LazyCommand(
                    f"{_HERE}.licenses:failback_command", "Move them back to the preferred server."
                ),
                "pause": LazyCommand(f"{_HERE}.licenses:pause_command", "Hold back automatic moves."),
                "resume": LazyCommand(f"{_HERE}.licenses:resume_command", "End a pause."),
                "ack": LazyCommand(f"{_HERE}.licenses:ack_command", "Say that you have seen what was done."),
                "maintenance": LazyCommand(
                    f"{_HERE}.licenses:maintenance_command", "Take a server out, or give it back."
                ),
                "update-health": LazyCommand(update_health, _UPDATE_HEALTH),
                "seats": LazyCommand(f"{_HERE}.seats:seats_command", "Show which seats are free."),
                "release": LazyCommand(f"{_HERE}.release:release_command", "Take one seat back."),
                "usage": LazyCommand(f"{_HERE}.usage:usage_command", "Show what was used, and by whom."),
                "who": LazyCommand(f"{_HERE}.usage:who_command", "Show who held seats, and for how long."),
                "denials": LazyCommand(f"{_HERE}.denials:denials_command", "Show who was refused, and why."),
                "expiring": LazyCommand(
                    f"{_HERE}.expiring:expiring_command", "Show which licenses end soon."
                ),
                "report": LazyCommand(f"{_HERE}.report:report_command", "Show all of it, and draw pictures."),
                "whatif": LazyCommand(
                    f"{_HERE}.usage:what_if_command", "Show what another number of seats would do."
                ),
                "config": LazyCommand(
                    f"{_HERE}.tune:config_command", "Show or change how a cluster is looked after."
                ),
                "optimize": LazyCommand(
                    f"{_HERE}.tune:optimize_command", "Show or change how clients are led."
                ),
                "export": LazyCommand(f"{_HERE}.deploy:export_command", "Print a cluster's manifest."),
                "import": LazyCommand(f"{_HERE}.deploy:import_command", "Take an exported manifest back."),
                "deploy": LazyCommand(f"{_HERE}.deploy:deploy_command", _DEPLOY, hidden=True),
                "events": LazyCommand(f"{_HERE}.licenses:events_command", "Show the journal of a cluster."),
                "status": LazyCommand(status, "Show a whole cluster on one screen.", hidden=True),
            },
            help="Who serves licenses, and who is to.",
        ),
        "license": LazyGroup(
            commands={"server": LazyGroup(commands=_license_servers(), help="Same as license-servers.")},
            help="Same as license-servers.",
            hidden=True,
        ),
        "cluster": LazyGroup(
            commands={
                "config": LazyGroup(
                    commands={
                        "update": LazyCommand(
                            f"{_HERE}.cluster_config:update_command", "Set which license servers jobs get."
                        ),
                        "show": LazyCommand(
                            f"{_HERE}.cluster_config:show_command",
                            "Show what jobs get, or print it for them.",
                        ),
                    },
                    help="What jobs get into their environment.",
                ),
            },
            help="The compute cluster's side.",
        ),
        "watch": LazyCommand(f"{_HERE}.watch:watch_command", "Show a cluster live on one screen."),
        "serve": LazyCommand(
            f"{_HERE}.serve:serve_command", "Run the daemon: exporter, webhook receiver, controller."
        ),
        "health": LazyCommand(
            f"{_HERE}.health:health_command", "Tell by the exit code whether the daemon answers."
        ),
        "check": LazyCommand(f"{_HERE}.check:check_command", "Check manifests and configuration."),
        "inspect": inspect_group(),
        "render": LazyGroup(
            commands={
                "haproxy": LazyCommand(f"{_HERE}.render:haproxy_command", "The haproxy.cfg of a balancer."),
                "client-env": LazyCommand(
                    f"{_HERE}.render_client_env:client_env_command", "RLM_LICENSE and its like, for clients."
                ),
                "systemd": LazyCommand(
                    f"{_HERE}.render_systemd:systemd_command", "Units of RLM and of our daemon."
                ),
                "install": LazyCommand(
                    f"{_HERE}.render_install:install_command", "A script that installs a vendor's RLM."
                ),
                "rlm-args": LazyCommand(
                    f"{_HERE}.render_rlm_args:rlm_args_command", "An rlm.conf as the command line of rlm."
                ),
                "nfs": LazyCommand(f"{_HERE}.render_nfs:nfs_command", "A read-only share of license files."),
                "prometheus": LazyCommand(
                    f"{_HERE}.render_monitoring:prometheus_command", "A prometheus.yml, with the rules."
                ),
                "alertmanager": LazyCommand(
                    f"{_HERE}.render_monitoring:alertmanager_command", "An alertmanager.yml with our route."
                ),
                "slurm": LazyCommand(
                    f"{_HERE}.render_client_env:slurm_command",
                    "A TaskProlog with the same, for Slurm's jobs.",
                ),
                "dashboard": LazyCommand(
                    f"{_HERE}.render_dashboard:dashboard_command", "A dashboard's document, for Grafana."
                ),
                "rules": LazyCommand(
                    f"{_HERE}.render_dashboard:rules_command", "A dashboard's alerts, for Prometheus."
                ),
            },
            help="Files for others, made from the manifest.",
        ),
        "doctor": LazyCommand(
            f"{_HERE}.doctor:doctor_command", "Say what is wrong with a site, and what to do."
        ),
        "sync": LazyGroup(
            commands={
                "licenses": LazyCommand(
                    f"{_HERE}.sync:licenses_command", "Bring the master license files to every server."
                ),
            },
            help="The same files on every server.",
        ),
        "ship-log": LazyCommand(
            f"{_HERE}.ship_log:ship_log_command", "Bring a report log to the daemon, from a license host."
        ),
        "db": LazyGroup(
            commands={
                "upgrade": LazyCommand(
                    f"{_HERE}.db:upgrade_command", "Bring the journal's tables to this version."
                ),
                "prune": LazyCommand(
                    f"{_HERE}.db_prune:prune_command", "Delete usage and denials of long ago."
                ),
            },
            help="The journal's database.",
        ),
        "backup": LazyCommand(f"{_HERE}.backup:backup_command", "Save what a cluster is made of."),
        "restore": LazyCommand(f"{_HERE}.restore:restore_command", "Put a backup back, step by step."),
        "drill": LazyCommand(
            f"{_HERE}.drill:drill_command", "Test a cluster, up to a real failover and back."
        ),
        "client-test": LazyCommand(
            f"{_HERE}.client_test:client_test_command", "Show how long clients wait when a host is dead."
        ),
        "demo": LazyCommand(f"{_HERE}.demo:demo_command", "Show the whole thing on this machine."),
        "simulate": LazyGroup(
            commands={
                "server": LazyCommand(f"{_HERE}.simulate:server_command", "Run a simulated RLM server."),
                "clients": LazyCommand(f"{_HERE}.simulate:clients_command", "Run a fleet of clients."),
                "rlmutil": LazyCommand(f"{_HERE}.simulate:rlmutil_command", "Ask a simulated server."),
                "control": LazyCommand(f"{_HERE}.simulate:control_command", "Make a simulated server ill."),
            },
            help="RLM servers and clients that are not real.",
        ),
        "compat": LazyGroup(
            commands={
                "install": LazyCommand(
                    f"{_HERE}.compat:install_command", "Take the calls of scripts that say vantage."
                ),
            },
            help="For scripts that call another program.",
        ),
        "completion": LazyCommand(
            f"{_HERE}.completion:completion_command", "Complete our commands in bash, zsh or fish."
        ),
    }


def build_program() -> Program:
    """The whole tree of commands."""
    program = Program(commands=_commands(), help="Keeps RLM license servers available.")
    program.epilog = EPILOG
    click.version_option(__version__, prog_name="rlm-ha", message="%(prog)s %(version)s")(program)
    return program


def main() -> None:
    """The console script; ends by SystemExit."""
    manners = Manners()
    sys.excepthook = explainer(manners)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a letter of somebody's reason shows `?`, and the rest of the answer.
        sys.stdout.reconfigure(errors="replace")
    add_shells()
    build_program()(prog_name="rlm-ha", obj=manners)
