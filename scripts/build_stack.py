"""Build Jaeger and the Collector from their Go modules, once for each user, and print where they are as JSON.

    python scripts/build_stack.py        → {"jaeger": "/…/jaeger-v1.76.0", "collector": "/…/otelcol-3f2a…"}

Exit codes: 0, both are there; 69, they can't be built here (no Go, no module proxy), with the reason on stderr;
1, a build failed. The binaries are kept in ``$ATLAS_OTEL_STACK_DIR``, else ``$XDG_CACHE_HOME/atlas-otel/stack``, else
``~/.cache/atlas-otel/stack``, under names that change with what they were built from.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "collector" / "builder.yaml"
JAEGER_MODULE = "github.com/jaegertracing/jaeger"
# v1.76.0 and v2.13.0 are two tags of one commit. A v2 tag can't be asked for: the module's path has no "/v2".
JAEGER_VERSION = "v1.76.0"
BUILDER_MODULE = "go.opentelemetry.io/collector/cmd/builder"
UNAVAILABLE = 69


class Unavailable(Exception):
    """This machine lacks what a build needs; the message says what."""


class BuildFailed(Exception):
    """The sources were all there, and did not compile."""


def cache_dir() -> Path:
    """Where the binaries are kept."""
    if chosen := os.environ.get("ATLAS_OTEL_STACK_DIR"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atlas-otel" / "stack"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _run(command: Sequence[str | Path], error: type[Exception], *, cwd: Path) -> str:
    """Run ``command``; what it printed, or ``error`` with the end of what it complained about."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if not line.startswith("go: downloading")]
        raise error(f"{Path(command[0]).name} {command[1]}: " + "\n".join(said[-5:]))
    return done.stdout


def _go() -> str:
    if go := shutil.which("go"):
        return go
    raise Unavailable("Go is not installed (no `go` on PATH)")


def _module(go: str, module: str, version: str, work: Path, folder: str) -> Path:
    """A copy of a module's sources, fetched and checked against Go's checksum database.

    Building in it lets the module's own go.mod and go.sum pin everything below it.
    """
    fetched = _run([go, "mod", "download", "-json", f"{module}@{version}"], Unavailable, cwd=work)
    answer: dict[str, Any] = json.loads(fetched)
    copy = shutil.copytree(answer["Dir"], work / folder, copy_function=shutil.copyfile)
    for parent, _, _ in os.walk(copy):
        Path(parent).chmod(0o755)  # as cached, folders are read-only: nobody could delete the copy
    return copy


def _compile(go: str, source: Path, package: str, target: Path, mod: str = "readonly") -> None:
    """Fetch all that ``package`` imports, which may be refused; then compile it, which may not."""
    _run([go, "list", f"-mod={mod}", "-deps", package], Unavailable, cwd=source)
    options = [f"-mod={mod}", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w"]
    _run([go, "build", *options, "-o", target, package], BuildFailed, cwd=source)


def _build_jaeger(target: Path, work: Path) -> None:
    go = _go()
    _compile(go, _module(go, JAEGER_MODULE, JAEGER_VERSION, work, "jaeger"), "./cmd/jaeger", target)


def _go_mod(manifest: dict[str, Any]) -> str:
    """The go.mod of the generated Collector: its components, and the core that runs them, at the manifest's versions.

    The builder would write one too, and then tidy it, which asks for modules that only its components' tests import.
    """
    core = f"v{manifest['dist']['version']}"
    modules = [f"go.opentelemetry.io/collector/otelcol {core}", f"go.opentelemetry.io/collector/service {core}"]
    for kind in ("receivers", "processors", "exporters", "extensions", "providers"):
        modules += [component["gomod"] for component in manifest[kind]]
    return "module otelcol-atlas\n\ngo 1.25\n\n" + "".join(f"require {module}\n" for module in modules)


def _build_collector(target: Path, work: Path) -> None:
    """Let the official builder generate a Collector from the manifest; then compile it."""
    go = _go()
    manifest = yaml.safe_load(MANIFEST.read_text())
    _compile(go, _module(go, BUILDER_MODULE, f"v{manifest['dist']['version']}", work, "builder"), ".", work / "ocb")
    source = work / "collector"
    manifest["dist"].update(output_path=str(source), module="otelcol-atlas")
    (work / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    only_generate = ["--skip-get-modules", "--skip-compilation"]
    _run([work / "ocb", *only_generate, "--config", work / "manifest.yaml"], BuildFailed, cwd=work)
    (source / "go.mod").write_text(_go_mod(manifest))
    _compile(go, source, ".", target, mod="mod")


def binaries() -> dict[str, Path]:
    """Where both binaries are, built first where they are not there yet. Raises Unavailable or BuildFailed."""
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    manifest = hashlib.sha256(MANIFEST.read_bytes()).hexdigest()[:12]
    wanted = {
        "jaeger": (cache / f"jaeger-{JAEGER_VERSION}", _build_jaeger),
        "collector": (cache / f"otelcol-{manifest}", _build_collector),
    }
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once would only starve each other
        for name, (target, build) in wanted.items():
            if target.exists():
                continue
            _say(f"building {name} into {target} (once; minutes)…")
            began = time.monotonic()
            with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as work:
                built = Path(work) / target.name
                build(built, Path(work))
                built.replace(target)
            _say(f"built {name} in {time.monotonic() - began:.0f} s")
    return {name: target for name, (target, _) in wanted.items()}


def main() -> int:
    """Print where the binaries are; the exit code."""
    try:
        found = binaries()
    except Unavailable as why:
        _say(f"The stack can't be built here: {why}")
        return UNAVAILABLE
    except BuildFailed as why:
        _say(f"The stack does not build: {why}")
        return 1
    print(json.dumps({name: str(path) for name, path in found.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
