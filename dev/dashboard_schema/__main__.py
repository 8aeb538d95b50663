"""`make dashboard-schema`: has the dashboards judged by @grafana/schema, as a schema that knows no other key.

What npm fetches goes to `.cache/dashboard-schema`, by versions and hashes of `package-lock.json`. No script
of a package runs, and nothing of it is kept in the repository.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, ValidationError

from dev.steps import SetupError, run, say
from rlm_exporter.errors import RlmExporterError
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.render.grafana import render_dashboard

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".cache" / "dashboard-schema"
FILES = ("package.json", "package-lock.json", "tsconfig.json", "dashboard.ts")
GENERATOR = "node_modules/ts-json-schema-generator/bin/ts-json-schema-generator.js"


def main() -> int:
    """1 where anything is wrong."""
    try:
        validator = Draft7Validator(schema())
        wrong = 0
        for name, document in documents():
            found = list(problems(validator.iter_errors(document)))
            wrong += len(found)
            say(f"{name}: {'as @grafana/schema has it' if not found else f'{len(found)} problems'}")
            for problem in found:
                say(f"  {problem}")
    except (SetupError, RlmExporterError, OSError) as error:
        print(f"dashboard-schema: {error}", file=sys.stderr)
        return 1
    return 1 if wrong else 0


def schema() -> dict[str, Any]:
    """Made anew each time: the packages are kept."""
    if shutil.which("npm") is None:
        raise SetupError("npm is not on PATH: install Node.js, for this check alone")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(HERE / name, FOLDER / name)
    say("fetching @grafana/schema ...")
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER)
    options = ("--tsconfig", "tsconfig.json", "--type", "Dashboard", "--expose", "none", "--no-top-ref")
    run(["node", GENERATOR, "--path", "dashboard.ts", *options, "--out", "schema.json"], cwd=FOLDER)
    made: dict[str, Any] = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    return made


def documents() -> Iterator[tuple[str, Any]]:
    """The committed dashboards, and those that are rendered of the examples' documents."""
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        yield path.name, json.loads(path.read_text(encoding="utf-8"))
    for dashboard in load_manifests([ROOT / "examples" / "dashboard.yaml"]).dashboards:
        yield f"render dashboard {dashboard.name}", json.loads(render_dashboard(dashboard))


def problems(errors: Iterable[ValidationError]) -> Iterator[str]:
    """What is wrong and where; of a choice of kinds, only what the kind that is meant lacks."""
    for error in errors:
        if not error.context:
            yield f"{error.json_path}: {error.message[:200]}"
            continue
        kinds: dict[Any, list[ValidationError]] = {}
        for each in error.context:
            kinds.setdefault(each.schema_path[0], []).append(each)
        meant = [found for found in kinds.values() if not any(_is_another_kind(each) for each in found)]
        if not meant:
            yield f"{error.json_path}: of no kind that we make"
        for found in meant:
            yield from problems(found)


def _is_another_kind(error: ValidationError) -> bool:
    return bool(error.path) and error.path[-1] == "type" and error.validator == "const"


if __name__ == "__main__":
    sys.exit(main())
