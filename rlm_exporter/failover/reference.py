"""Prints the table of rules for `docs/failover.md`: `python -m rlm_exporter.failover.reference`."""

import sys

from rlm_exporter.failover.reasons import RULES, Rule

HEAD = "| # | Rule | When | Then |\n|---|---|---|---|\n"


def rules_table() -> str:
    """The rules in the order in which they are tried."""
    return HEAD + "".join(map(_row, RULES))


def _row(rule: Rule) -> str:
    return f"| {rule.number} | `{rule.reason}` | {rule.when} | {rule.then} |\n"


if __name__ == "__main__":
    sys.stdout.write(rules_table())
