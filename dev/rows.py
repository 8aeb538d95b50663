"""What of the guide is tried by which tests: `make rows` prints it, docs/guide.md has it.

A test that tries something the guide names carries `@pytest.mark.row(N)`; the numbers are those below.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROWS: Mapping[int, str] = {
    1: "the manifest's form and name",
    2: "`type: rlm`, and no other",
    3: "active-passive: one server serves",
    4: "primary, secondary and backup, in this order",
    5: "the health check: interval, timeout, retries, web",
    6: "failover: automatic, threshold, cooldown",
    7: "the features that servers must have",
    8: "`license-servers deploy`",
    9: "`license-servers status --show-ha`",
    10: "`licenses primary`",
    11: "`licenses failover --to`",
    12: "`licenses monitor --follow --include-web`",
    13: "the license file",
    14: "installing RLM",
    15: "`rlm.conf`",
    16: "the systemd unit",
    17: "enabling and starting it",
    18: "installing HAProxy",
    19: "HAProxy's global and default settings",
    20: "frontends for the license, ISV and web ports",
    21: "the backend of the license servers",
    22: "the backend of the web interfaces",
    23: "HAProxy's statistics",
    24: "what clients have in their environment",
    25: "`cluster config update`",
    26: "license files on NFS: the server",
    27: "license files on NFS: the clients",
    28: "the table `rlm_usage_log`",
    29: "its indexes",
    30: "the view `rlm_current_usage`",
    31: "the health check script",
    32: "`licenses update-health`",
    33: "the failover script",
    34: "steering HAProxy",
    35: "telling others of a move",
    36: "`alerts send`",
    37: "`licenses config`",
    38: "`licenses optimize`",
    39: "the dashboard's panels",
    40: "their legends and time ranges",
    41: "the alert about healthy servers",
    42: "the alert about web interfaces",
    43: "the backup",
    44: "`licenses export`",
    45: "recovery in five steps",
    46: "the test of high availability",
    47: "what a client waits for a dead server of its list",
    48: "faults that show only in production",
}

TESTS = Path("tests")


def marked(root: Path) -> dict[int, list[str]]:
    """The tests of each row, as `FILE::NAME`, sorted."""
    found: dict[int, set[str]] = {row: set() for row in ROWS}
    for path in sorted((root / TESTS).rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, row in _marks(tree):
            found.setdefault(row, set()).add(f"{path.relative_to(root)}::{name}")
    return {row: sorted(tests) for row, tests in sorted(found.items())}


def _marks(tree: ast.Module) -> Iterator[tuple[str, int]]:
    of_all = [row for mark in _of_module(tree) for row in _rows_of(mark)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            rows = [row for decorator in node.decorator_list for row in _rows_of(decorator)]
            yield from ((node.name, row) for row in (*of_all, *rows))


def _of_module(tree: ast.Module) -> Iterator[ast.expr]:
    """What `pytestmark` says of all tests of a file."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else (node.value,)


def _rows_of(node: ast.expr) -> Iterator[int]:
    """`pytest.mark.row(7)`; an f-string or a variable would hide what is tried."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "pytest.mark.row":
        return
    for argument in node.args:
        yield int(ast.literal_eval(argument))


def as_table(found: Mapping[int, list[str]]) -> str:
    """In Markdown: how many tests each row has, and in which files."""
    lines = ["| | The guide's | Tests | In |", "|---:|---|---:|---|"]
    for row, tests in found.items():
        files = sorted({test.partition("::")[0].removeprefix("tests/") for test in tests})
        shown = ", ".join(f"`{name}`" for name in files[:3])
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        lines.append(f"| {row} | {ROWS.get(row, '?')} | {len(tests)} | {shown}{more} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print every test by row; 1 where a row has none. `--table` prints the table alone."""
    found = marked(Path())
    if "--table" in sys.argv[1:]:
        sys.stdout.write(as_table(found))
        return 0
    for row, tests in found.items():
        sys.stdout.write(f"{row:2} {ROWS.get(row, '?')}\n" + "".join(f"     {test}\n" for test in tests))
    without = [row for row, tests in found.items() if not tests]
    sys.stdout.write(f"{len(found) - len(without)} of {len(found)} rows have a test\n")
    return 1 if without else 0


if __name__ == "__main__":
    sys.exit(main())
