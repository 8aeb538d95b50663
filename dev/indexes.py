"""Where this machine takes Python packages from: uv does not read pip's configuration, so it is told."""

import configparser
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

UV_CHOICES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_CONFIG_FILE")


def index_settings(
    environ: Mapping[str, str], *, pip_files: Sequence[Path], uv_files: Sequence[Path]
) -> dict[str, str]:
    """Return pip's choice of indexes as variables for uv; none where uv was given its own choice."""
    options = pip_options(environ, pip_files)
    settings: dict[str, str] = {}
    if "SSL_CERT_FILE" not in environ:
        # As pip does it: the machine's own certificates, or those that pip was given.
        settings |= {"SSL_CERT_FILE": options["cert"]} if "cert" in options else {"UV_SYSTEM_CERTS": "1"}
    if any(name in environ for name in UV_CHOICES) or any(file.is_file() for file in uv_files):
        return settings
    if "index-url" in options:
        settings["UV_DEFAULT_INDEX"] = options["index-url"]
    if "extra-index-url" in options:
        settings["UV_INDEX"] = " ".join(options["extra-index-url"].split())
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip's way; the hashes of the lock make it safe
    if "find-links" in options:
        settings["UV_FIND_LINKS"] = ",".join(options["find-links"].split())
    if "trusted-host" in options:
        settings["UV_INSECURE_HOST"] = " ".join(options["trusted-host"].split())
    return settings


def pip_options(environ: Mapping[str, str], files: Sequence[Path]) -> dict[str, str]:
    """Return what pip's files and variables say for `pip install`, the later over the earlier."""
    options: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # pip itself will say what is wrong with it
        for section in ("global", "install"):
            if parser.has_section(section):
                options |= dict(parser.items(section))
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            options[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return options


def pip_config_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files that pip reads, in its order."""
    chosen = environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return ()
    home = Path(environ.get("HOME") or "/nonexistent")
    folders = [folder / "pip" for folder in machine_folders(environ)]
    folders += [Path("/etc"), home / ".pip", user_folder(environ, "XDG_CONFIG_HOME", ".config") / "pip"]
    return (*(folder / "pip.conf" for folder in folders), *([Path(chosen)] if chosen else []))


def uv_config_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files in which uv may have been given its own choice."""
    folders = (user_folder(environ, "XDG_CONFIG_HOME", ".config"), *machine_folders(environ), Path("/etc"))
    return tuple(folder / "uv" / "uv.toml" for folder in folders)


def caches(environ: Mapping[str, str], *, instead: Path) -> dict[str, str]:
    """Return cache folders for pip and uv below `instead` where the user's own cannot be written."""
    usual = user_folder(environ, "XDG_CACHE_HOME", ".cache")
    chosen = {}
    for name, tool in (("PIP_CACHE_DIR", "pip"), ("UV_CACHE_DIR", "uv")):
        if name not in environ and not can_be_written(usual / tool):
            chosen[name] = str(instead / f"{tool}-cache")
    return chosen


def can_be_written(folder: Path) -> bool:
    """Tell whether a folder can be written, or made where it does not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def user_folder(environ: Mapping[str, str], variable: str, usual: str) -> Path:
    """Return a folder of the user's by its variable, else by its usual name in the home folder."""
    return Path(environ.get(variable) or Path(environ.get("HOME") or "/nonexistent") / usual)


def machine_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders of configuration for the whole machine."""
    return tuple(Path(folder) for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep))
