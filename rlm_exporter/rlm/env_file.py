"""Reads settings out of a file: a shell's or systemd's, PowerShell's, a batch file, /proc/PID/environ."""

import re

from rlm_exporter.rlm.client_env import Setting

_NAME = r"(?P<name>[A-Za-z_][A-Za-z0-9_.-]*+)"
_FORMS = tuple(
    re.compile(form + r"(?P<value>.*+)", re.DOTALL)
    for form in (
        rf"(?:(?:export|declare\s+-x|typeset\s+-x)\s++)?{_NAME}=",
        rf"(?:setenv|SETENV)\s++{_NAME}\s++",
        rf"(?:set|SET|Set)\s++(?P<quote>\"?){_NAME}=",
        rf"(?i:\$env:){_NAME}\s*+=\s*+",
        rf"Environment=(?P<quote>\"?){_NAME}=",
    )
)
_COMMENT = re.compile(r"\s#")


def read_env_file(data: bytes) -> tuple[Setting, ...]:
    """Every assignment, in order; other lines are a script's own business."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", "\n")
    found: list[Setting] = []
    for number, line in enumerate(text.split("\n"), 1):
        setting = _setting(number, line.strip())
        if setting is not None:
            found.append(setting)
    return tuple(found)


def _setting(number: int, line: str) -> Setting | None:
    # systemd's keyword has the form of an assignment itself, so the forms that say more come first
    for form in reversed(_FORMS):
        found = form.fullmatch(line)
        if found is not None:
            quoted = "quote" in form.groupindex and found["quote"]
            value = found["value"].strip()
            return Setting(
                name=found["name"], value=value.removesuffix('"') if quoted else _unquoted(value), line=number
            )
    return None


def _unquoted(value: str) -> str:
    """As a shell takes it: to the closing quote, else without a comment behind it."""
    quote = value[:1]
    if quote in {'"', "'"}:
        return value[1:].partition(quote)[0]
    comment = _COMMENT.search(value)
    return (value[: comment.start()] if comment else value).removesuffix(";").rstrip()
