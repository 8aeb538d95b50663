"""No fault without a test that brings it about, and no such test without somebody who judges its history."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.fault_cases import CASES

HERE = Path(__file__).parent


def marked_tests() -> Iterator[tuple[str, int, ast.AST]]:
    """Name, number of the case and code of every test that is marked; a test may show several cases."""
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.case":
                        yield f"{path.name}::{node.name}", int(ast.literal_eval(mark.args[0])), node


def calls(code: ast.AST) -> set[str]:
    """The names of what is called in it."""
    return {ast.unparse(node.func) for node in ast.walk(code) if isinstance(node, ast.Call)}


def judges() -> set[str]:
    """`check_history`, and whatever in these tests calls it."""
    found = {"check_history"}
    for path in HERE.glob("test_*.py"):
        functions = (
            n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.FunctionDef)
        )
        found |= {each.name for each in functions if "check_history" in calls(each)}
    return found


def test_every_fault_has_a_test() -> None:
    shown = {case for _, case, _ in marked_tests()}
    assert shown == set(CASES)


def test_every_test_of_a_fault_has_its_history_judged() -> None:
    judge = judges()
    unjudged = [name for name, _, code in marked_tests() if not calls(code) & judge]
    assert unjudged == []
