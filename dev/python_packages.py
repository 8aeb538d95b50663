"""Makes `.venv` hold exactly what `requirements.lock` names, and the project itself.

The lock names versions and hashes, never a place: packages come from wherever this machine's pip or uv takes
them.
"""

import hashlib
import importlib.util
import os
import re
import sys
import tomllib
from pathlib import Path

from dev.distribution import Distribution
from dev.indexes import caches, index_settings, pip_config_files, uv_config_files
from dev.steps import SetupError, read_or_empty, remove, run, say

# The Python behind the one that runs this: that may be `.venv`'s own, which we may be about to remove.
BASE_PYTHON = Path(sys.executable).resolve()
LOCK = "requirements.lock"
RUN_LOCK = "packaging/requirements.lock"
"""Of the lock, what an installed daemon needs: packages, images and offline installations are made of it."""
BUILD_LOCK = "packaging/build.lock"
"""Of the lock, what makes the project's own wheel."""

COMPILE = (
    *("--universal", "--python-version", "3.11"),  # for this Python and every newer one
    *("--custom-compile-command", "make lock"),
)
PIP_PACKAGE = "python3-pip-whl"
HOW_TO_HAVE_PIP = "Install python3-venv, or what holds ensurepip here. Then run the same command again."


def provide_packages(*, root: Path, distribution: Distribution) -> None:
    """Make `.venv` fit the lock; do nothing when it does already."""
    stamp = root / ".venv" / "fits"
    wanted = fingerprint(root)
    if read_or_empty(stamp) == wanted:
        return
    uv = provide_uv(root=root, distribution=distribution)
    maker = root / ".venv" / "made-for"
    maker.unlink()  # if this is stopped half way, the next time begins anew
    stamp.unlink(missing_ok=True)
    say("installing Python packages ...")
    env = uv_environment(root)
    into = ("--python", root / ".venv" / "bin" / "python")
    run([uv, "pip", "sync", *into, "--require-hashes", "--no-build", root / LOCK], env=env)
    run([uv, "pip", "install", *into, "--no-deps", "--no-build-isolation", "--editable", root], env=env)
    try:
        run([uv, "pip", "check", *into], env=env)
    except SetupError as error:
        raise SetupError(f"{LOCK} does not fit pyproject.toml; run: make lock\n{error}") from error
    maker.write_text(maker_of(root), encoding="utf-8")
    stamp.write_text(wanted, encoding="utf-8")


def write_lock(*, root: Path, distribution: Distribution, upgrade: bool) -> None:
    """Write the locks after pyproject.toml, for every Python that we support."""
    uv = provide_uv(root=root, distribution=distribution)
    say(f"writing {LOCK}, {RUN_LOCK} and {BUILD_LOCK} ...")
    env = uv_environment(root)
    newest = ["--upgrade"] if upgrade else []
    whole = ["pyproject.toml", "--group", "dev", "--output-file", LOCK, "--generate-hashes"]
    run([uv, "pip", "compile", "--quiet", *COMPILE, *whole, *newest], env=env, cwd=root)
    needed = root / ".cache" / "build.in"
    needed.write_text("\n".join(build_requirements(root)), encoding="utf-8")
    for part, asked in ((RUN_LOCK, ["pyproject.toml", "--extra", "postgresql"]), (BUILD_LOCK, [str(needed)])):
        names = ["--constraint", LOCK, "--no-annotate", "--no-header"]
        chosen = run([uv, "pip", "compile", *COMPILE, *names, *asked], env=env, cwd=root)
        (root / part).write_text(part_of(read_or_empty(root / LOCK), chosen), encoding="utf-8")


def part_of(lock: str, chosen: str) -> str:
    """Return a lock's own lines for the packages that are chosen, so that its parts never differ from it."""
    names = re.findall(r"^([A-Za-z0-9._-]+)==", chosen, re.MULTILINE)
    return "# Part of requirements.lock; made by: make lock\n" + "".join(locked(lock, name) for name in names)


def build_requirements(root: Path) -> list[str]:
    """What makes the wheel, as pyproject.toml says it."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return [str(requirement) for requirement in project["build-system"]["requires"]]


def provide_uv(*, root: Path, distribution: Distribution) -> Path:
    """Return uv in `.venv`; make the environment anew when it is not there or is for another Python."""
    venv = root / ".venv"
    uv = venv / "bin" / "uv"
    if read_or_empty(venv / "made-for") == maker_of(root) and uv.exists():
        return uv
    say("making .venv ...")
    remove(venv)
    run([BASE_PYTHON, "-m", "venv", "--without-pip", venv])
    requirement = root / ".cache" / "uv.lock"
    requirement.write_text(locked(read_or_empty(root / LOCK), "uv"), encoding="utf-8")
    pip = pip_of(root=root, distribution=distribution)
    install = ["install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(requirement)]
    run([venv / "bin" / "python", *pip, *install], env=pip_environment(root))
    (venv / "made-for").write_text(maker_of(root), encoding="utf-8")
    return uv


def pip_of(*, root: Path, distribution: Distribution) -> list[str]:
    """Return the arguments that make `.venv`'s Python run pip: its own, or the distribution's in a wheel."""
    if importlib.util.find_spec("ensurepip") is not None:
        run([root / ".venv" / "bin" / "python", "-m", "ensurepip"], env=pip_environment(root))
        return ["-m", "pip"]
    unpacked = root / ".cache" / "pip"
    wheels = "usr/share/python-wheels/pip-*.whl"
    if not list(unpacked.glob(wheels)):
        fresh = unpacked.with_name("pip.new")
        remove(fresh)
        distribution.unpack([PIP_PACKAGE], into=fresh, otherwise=HOW_TO_HAVE_PIP)
        remove(unpacked)
        fresh.rename(unpacked)
    for wheel in unpacked.glob(wheels):
        return [str(wheel / "pip")]
    raise SetupError(f"The package {PIP_PACKAGE} holds no pip.\n{HOW_TO_HAVE_PIP}")


def maker_of(root: Path) -> str:
    """Name what an environment cannot outlive: its Python and its place."""
    return f"{sys.version}\n{BASE_PYTHON}\n{root}\n"


def fingerprint(root: Path) -> str:
    """Name all that the content of `.venv` depends on."""
    texts = (read_or_empty(root / LOCK), read_or_empty(root / "pyproject.toml"), maker_of(root))
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def locked(lock: str, package: str) -> str:
    """Return the lines of a lock that pin one package, with its hashes."""
    lines = lock.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(f"{package}=="):
            pinned = [line]
            for hashed in lines[number + 1 :]:
                if not hashed.strip().startswith("--hash="):
                    break
                pinned.append(hashed)
            pinned[-1] = pinned[-1].removesuffix("\\").rstrip()
            return "\n".join(pinned) + "\n"
    raise SetupError(f"{LOCK} does not pin {package}. Take the file from the repository again.")


def uv_environment(root: Path) -> dict[str, str]:
    """Return an environment in which uv uses our Python and takes packages from where pip would."""
    env = os.environ | caches(os.environ, instead=root / ".cache")
    env |= index_settings(
        os.environ, pip_files=pip_config_files(os.environ), uv_files=uv_config_files(os.environ)
    )
    return env | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def pip_environment(root: Path) -> dict[str, str]:
    """Return an environment in which pip installs into the Python that runs it."""
    env = os.environ | caches(os.environ, instead=root / ".cache")
    return env | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
