"""Where the daemon is and which token opens it: from flags, the environment and profiles.toml."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.errors import ApiError

DEFAULT_URL = "http://127.0.0.1:10053"
DEFAULT_PROFILE = "default"
"""Used without `--profile`, if it is there."""

_TOKEN = re.compile(r"[\x21-\x7e]+")
_PROFILE_KEYS = frozenset({"url", "token_file"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One daemon's address, without a slash at its end, and the token for it."""

    url: str
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One table of profiles.toml."""

    url: str | None = None
    token_file: Path | None = None


def choose_connection(
    *, url: str | None, profile: str | None, environ: Mapping[str, str], profiles: Path
) -> Connection:
    """The flag wins over the environment, the environment over the profile.

    A profile's token is for the profile's own address: with an address from elsewhere it stays unread.
    Raises ApiError with the exit code for wrong usage.
    """
    chosen = read_profile(profiles, profile)
    given = url or environ.get("RLM_HA_URL") or None
    address = checked_url(given or chosen.url or DEFAULT_URL)
    is_profiles = given is None or chosen.url is None or checked_url(chosen.url) == address
    return Connection(
        url=address, token=read_token(environ, token_file=chosen.token_file if is_profiles else None)
    )


def read_profile(path: Path, name: str | None) -> Profile:
    """The named profile, or the one called `default`; an empty one where neither is asked for nor there."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(f"{path}: {error}") from error
    table = document.get(name or DEFAULT_PROFILE)
    if table is None and name is None:
        return Profile()
    if not isinstance(table, dict):
        known = ", ".join(sorted(document)) or "none"
        raise _wrong(f"{path}: no profile [{name or DEFAULT_PROFILE}]; known profiles: {known}")
    return _profile(path, name or DEFAULT_PROFILE, table)


def _profile(path: Path, name: str, table: dict[str, object]) -> Profile:
    for key, value in table.items():
        if key not in _PROFILE_KEYS:
            raise _wrong(f"{path}: [{name}] {key}: unknown; a profile has url and token_file")
        if not isinstance(value, str):
            raise _wrong(f'{path}: [{name}] {key}: write it as text: {key} = "VALUE"')
    url, token_file = table.get("url"), table.get("token_file")
    return Profile(
        url=str(url) if url is not None else None,
        # A relative path is meant from the file that it stands in.
        token_file=path.parent / Path(str(token_file)).expanduser() if token_file is not None else None,
    )


def checked_url(url: str) -> str:
    """The address as requests are built from it. Raises ApiError for one that cannot be one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = None
    if parts is None or not usable:
        raise _wrong(f"{url!r} is not an address of a daemon; write it like {DEFAULT_URL}")
    if parts.username is not None or parts.query or parts.fragment:
        # Not shown: what stands before the @ may be a secret.
        raise _wrong(
            "the daemon's address has a user, a query or a fragment; the token comes from RLM_HA_TOKEN_FILE"
        )
    return url.rstrip("/")


def read_token(environ: Mapping[str, str], *, token_file: Path | None) -> str | None:
    """The token itself. Errors name the place it came from, never what stood there."""
    if token := environ.get("RLM_HA_TOKEN"):
        return _checked_token(token, "RLM_HA_TOKEN")
    if named := environ.get("RLM_HA_TOKEN_FILE"):
        token_file = Path(named)
    if token_file is None:
        return None
    try:
        return _checked_token(token_file.read_text(encoding="utf-8"), str(token_file))
    except UnicodeDecodeError:
        raise _wrong(f"{token_file}: not a token: printable ASCII without spaces is expected") from None
    except OSError as error:
        raise _wrong(f"{token_file}: the token cannot be read: {error.strerror}") from error


def _checked_token(text: str, place: str) -> str:
    token = text.strip()
    if _TOKEN.fullmatch(token) is None:
        raise _wrong(f"{place}: not a token: one line of printable ASCII without spaces is expected")
    return token


def _wrong(message: str) -> ApiError:
    return ApiError(message, status=None, exit_code=ExitCode.USAGE)
