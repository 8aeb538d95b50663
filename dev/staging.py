"""Lays out an installed daemon below a folder: what packages for Debian and for RHEL are made of.

`python3 -m dev.staging FOLDER`. The Python that runs this is the one that the daemon will have, at the same
place: take the distribution's own. Nothing in the tree names the folder that it was made in.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from dev.python_packages import BASE_PYTHON, BUILD_LOCK, RUN_LOCK
from dev.steps import SetupError, run, say

ROOT = Path(__file__).resolve().parent.parent
HOME = Path("usr/lib/rlm-ha-exporter")
"""The virtual environment, below the folder; it belongs to the package, and nobody adds to it."""

PYTHON_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
CONFIG = Path("etc/rlm-ha")
DOC = Path("usr/share/doc/rlm-ha-exporter")
COMPLETIONS = {
    "bash": Path("usr/share/bash-completion/completions/rlm-ha"),
    "zsh": Path("usr/share/zsh/vendor-completions/_rlm-ha"),
    "fish": Path("usr/share/fish/vendor_completions.d/rlm-ha.fish"),
}
EXECUTABLE = 0o755
READABLE = 0o644


def main(arguments: list[str]) -> int:
    """Stage below the folder that is named; an exit code."""
    if len(arguments) != 1:
        print("usage: python3 -m dev.staging FOLDER", file=sys.stderr)
        return 2
    try:
        stage(Path(arguments[0]).absolute())
    except (SetupError, OSError) as error:
        print(f"staging: {error}", file=sys.stderr)
        return 1
    return 0


def stage(into: Path) -> None:
    """Fill the folder, which has to be empty or absent."""
    if into.exists() and any(into.iterdir()):
        raise SetupError(f"{into} is not empty; name another folder, or empty it.")
    refuse_another_python(BASE_PYTHON)
    with tempfile.TemporaryDirectory(prefix="rlm-ha-staging-") as work:
        install_packages(into, Path(work))
    clean_environment(into)
    add_files(into)
    settle_modes(into)
    refuse_traces(into)


def refuse_another_python(python: Path) -> None:
    """A package can only depend on the Python that its distribution has."""
    if python.parent not in {Path("/usr/bin"), Path("/bin")}:
        raise SetupError(
            f"{python} is not the distribution's own Python, which a package has to depend on.\n"
            f"Name it: make PYTHON=/usr/bin/python3 ..."
        )


def install_packages(into: Path, work: Path) -> None:
    """Make the virtual environment: locked packages, and the project's wheel made by locked ones."""
    builder, home = work / "builder", into / HOME
    say("making the wheel ...")
    make_builder(builder)
    pip(builder, "install", "--require-hashes", "--only-binary", ":all:", "--requirement", ROOT / BUILD_LOCK)
    wheels = work / "wheels"
    # It is run in the clone: pyproject.toml names all that goes in.
    run(
        [builder / "bin" / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", wheels],
        cwd=ROOT,
        env=settled_environment(),
    )
    say(f"installing the packages of {RUN_LOCK} ...")
    run([BASE_PYTHON, "-m", "venv", "--without-pip", "--symlinks", home])
    install = ("--python", home / "bin" / "python", "install", "--no-compile", "--no-deps")
    locked = ("--require-hashes", "--only-binary", ":all:", "--requirement", ROOT / RUN_LOCK)
    pip(builder, *install, *locked)
    pip(builder, *install, "--no-index", *wheels.glob("*.whl"))
    pip(builder, "--python", home / "bin" / "python", "check")


def make_builder(builder: Path) -> None:
    """An environment with pip."""
    try:
        run([BASE_PYTHON, "-m", "venv", builder])
    except SetupError as error:
        raise SetupError(
            f"{error}\nInstall {PYTHON_NAME}-venv, or what holds ensurepip and pip here."
        ) from error


def pip(builder: Path, *arguments: str | Path) -> None:
    """Run the builder's pip, on itself or on another environment."""
    env = settled_environment() | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    run([builder / "bin" / "python", "-m", "pip", "--quiet", *arguments], env=env)


def clean_environment(into: Path) -> None:
    """Leave of the virtual environment what runs, with paths as they are once it is installed."""
    home = into / HOME
    shutil.rmtree(home / "include", ignore_errors=True)
    (home / ".gitignore").unlink(missing_ok=True)
    shutil.rmtree(home / "bin")
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(f"/usr/bin/{PYTHON_NAME}")
    write(
        home / "bin" / "rlm-ha",
        f"#!/{HOME}/bin/python3 -I\nfrom rlm_exporter.cli import main\n\nmain()\n",
        mode=EXECUTABLE,
    )
    version = ".".join(str(part) for part in sys.version_info[:3])
    write(
        home / "pyvenv.cfg",
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n",
    )
    for packages in home.glob("lib/python*/site-packages"):
        for compiled in [*packages.rglob("__pycache__")]:
            shutil.rmtree(compiled)  # pip leaves some of what it looked into
        for traces in packages.glob("*.dist-info"):
            # The package manager keeps the list of files; pip's would name scripts that are not there.
            (traces / "RECORD").unlink(missing_ok=True)
            (traces / "direct_url.json").unlink(missing_ok=True)
    command = into / "usr" / "bin" / "rlm-ha"
    command.parent.mkdir(parents=True)
    command.symlink_to("../lib/rlm-ha-exporter/bin/rlm-ha")


def add_files(into: Path) -> None:
    """All that is not Python; what we can render is rendered by the program that is installed."""
    python = (into / HOME / "bin" / "python3", "-B")
    program = (*python, "-I", "-m", "rlm_exporter.cli")
    say("rendering the unit, completions and the manual page ...")
    write(into / "usr/lib/systemd/system/rlm-ha.service", run([*program, "render", "systemd", "rlm-ha"]))
    for shell, path in COMPLETIONS.items():
        write(into / path, run([*program, "completion", shell]))
    page = run([*python, "-m", "dev.man_page", made_on()], cwd=ROOT)
    write(into / "usr/share/man/man1/rlm-ha.1", page)
    for source, target in {
        "packaging/rlm-ha-exporter.sysusers": Path("usr/lib/sysusers.d/rlm-ha-exporter.conf"),
        "packaging/rlm-ha.env": CONFIG / "rlm-ha.env",
        "packaging/settings.yaml": CONFIG / "settings.yaml",
        "README.md": DOC / "README.md",
    }.items():
        write(into / target, (ROOT / source).read_text(encoding="utf-8"))
    for folder in ("docs", "examples"):
        shutil.copytree(ROOT / folder, into / DOC / folder, ignore=shutil.ignore_patterns("pictures"))


def settle_modes(into: Path) -> None:
    """The same modes whatever the umask was. Who the group of /etc/rlm-ha is, a package says itself."""
    programs = (into / HOME / "bin", into / DOC / "examples" / "hooks")
    for path in (into, *into.rglob("*")):
        if not path.is_symlink():
            path.chmod(EXECUTABLE if path.is_dir() or path.parent in programs else READABLE)
    (into / CONFIG).chmod(0o750)
    for path in (into / CONFIG).iterdir():
        path.chmod(0o640)


def refuse_traces(into: Path) -> None:
    """A path of the building machine in a package works nowhere else."""
    needles = tuple(str(path).encode() for path in (into, ROOT))
    found = [
        str(path.relative_to(into))
        for path in into.rglob("*")
        if path.is_file() and not path.is_symlink() and any(needle in path.read_bytes() for needle in needles)
    ]
    if found:
        raise SetupError(f"These files name the folder that they were made in: {', '.join(sorted(found))}")


def settled_environment() -> dict[str, str]:
    """With the time of what is built, so that building again gives the same bytes, and nothing compiled."""
    return os.environ | {"SOURCE_DATE_EPOCH": str(source_time()), "PYTHONDONTWRITEBYTECODE": "1"}


def source_time() -> int:
    """Seconds: of the last commit, where this is a clone; SOURCE_DATE_EPOCH wins."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    try:
        return int(run(["git", "-C", ROOT, "log", "-1", "--format=%ct"]))
    except (SetupError, ValueError):
        return int((ROOT / "pyproject.toml").stat().st_mtime)


def made_on() -> str:
    """The day of `source_time`."""
    return time.strftime("%Y-%m-%d", time.gmtime(source_time()))


def write(path: Path, text: str, *, mode: int = READABLE) -> None:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
