import io

import pytest

from rlm_exporter.cli.answers import OperationView
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.step_lines import StepLines
from tests.cli.documents import STEPS, Document, open_operation, operation, step


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


RUNNING = step(1, "apply", done_at=None, outcome=None)


def show(stream: io.StringIO, *documents: Document) -> str:
    lines = StepLines(stream)
    for document in documents:
        lines.show(decode(OperationView, document))
    lines.close()
    return stream.getvalue()


def test_each_step_is_told_once_when_it_ended() -> None:
    text = show(
        io.StringIO(),
        open_operation(RUNNING),
        open_operation(RUNNING),
        open_operation(STEPS[0]),
        open_operation(*STEPS[:2]),
        operation(),
    )
    assert text.splitlines() == [
        "  apply        rlm2 done in 250 ms: lb1, lb2 send to rlm2",
        "  verify       rlm2 done in 250 ms: rlm2 answers through the balancer",
        "  commit       rlm2 done in 250 ms",
    ]


def test_a_terminal_shows_the_running_step_until_its_end_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    text = show(Terminal(), open_operation(RUNNING), open_operation(RUNNING), open_operation(STEPS[0]))
    assert text == (
        "  apply        rlm2 ...\r\x1b[K  apply        rlm2 done in 250 ms: lb1, lb2 send to rlm2\n"
    )


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals_whose_users_want_it(
    no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    assert ("\x1b[32m" in show(Terminal(), open_operation(STEPS[0]))) is coloured
    assert "\x1b" not in show(io.StringIO(), open_operation(STEPS[0]))


def test_no_half_line_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert show(Terminal(), open_operation(RUNNING)).endswith("\r\x1b[K")


def test_a_step_cannot_steer_the_terminal() -> None:
    text = show(io.StringIO(), open_operation(step(1, "apply", detail="\x1b[2Jgone")))
    assert "\x1b" not in text
