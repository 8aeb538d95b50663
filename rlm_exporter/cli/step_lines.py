"""Shows an operation's steps on stderr as they happen."""

import os
from typing import TextIO

import click

from rlm_exporter.cli.answers import OperationView, StepView
from rlm_exporter.cli.phrases import between
from rlm_exporter.cli.printable import printable

_COLOURS = {"done": "green", "partial": "yellow", "skipped": "yellow", "failed": "red"}
_CLEAR_LINE = "\r\x1b[K"


class StepLines:
    """A line for each step that ended; on a terminal the running one too, until its end replaces it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._is_coloured = self._is_live and not os.environ.get("NO_COLOR")
        self._shown = 0
        self._is_half = False

    def show(self, operation: OperationView) -> None:
        """Print what is new in it."""
        for step in operation.steps:
            if step.number <= self._shown:
                continue
            if step.outcome is None:
                self._print_running(step)
                return
            self._print_ended(step)
            self._shown = step.number

    def tell(self, text: str) -> None:
        """A sentence between the steps."""
        self._finish_half()
        self._write(f"{printable(text)}\n")

    def close(self) -> None:
        """Leave no half line behind."""
        self._finish_half()

    def _print_running(self, step: StepView) -> None:
        if self._is_live and not self._is_half:
            self._write(f"  {_name(step)} ...")
            self._is_half = True

    def _print_ended(self, step: StepView) -> None:
        self._finish_half()
        outcome = step.outcome or ""
        took = "" if step.done_at is None else f" in {between(step.intent_at, step.done_at)}"
        detail = f": {step.detail}" if step.detail else ""
        word = click.style(outcome, fg=_COLOURS.get(outcome)) if self._is_coloured else outcome
        self._write(f"  {_name(step)} {word}{took}{printable(detail)}\n")

    def _finish_half(self) -> None:
        if self._is_half:
            self._write(_CLEAR_LINE)
            self._is_half = False

    def _write(self, text: str) -> None:
        # Not by click.echo, which takes the clearing of the line away with the colours.
        self._stream.write(text)
        self._stream.flush()


def _name(step: StepView) -> str:
    return printable(f"{step.step:<12} {step.target}")
