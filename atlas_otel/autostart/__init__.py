"""Recording for programs that know nothing of us: ``atlas-otel exec`` puts this folder on their path.

The full processor and our own OTLP export come first, then every instrumentation that is installed, by OpenTelemetry's
own loader. A tracer provider that the program sets is adopted, and what it instruments itself is left to it. Nothing
here raises into the program, or writes to its standard output; what could not be done is said on stderr, once, at its
end.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER: Final = str(Path(__file__).parent)
_PATH: Final = "PYTHONPATH"
_DEFAULTS: Final[Mapping[str, str]] = {
    # Messages on the spans: the conventions' older form puts them into log records, which are no part of a trace.
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    # Nobody else's set-up of the SDK: ours is in place. The loader takes the one of this name, and there is none.
    "OTEL_PYTHON_CONFIGURATOR": "atlas",
}


def environment(present: Mapping[str, str], given: Mapping[str, str | None]) -> dict[str, str]:
    """The environment of a program that is to be recorded: ``present`` with ``given`` (unless None), and this folder
    first on the path. What is set already for the instrumentations stays. Pure."""
    made = {**_DEFAULTS, **present, **{name: value for name, value in given.items() if value is not None}}
    if made.get("ATLAS_OTEL_CAPTURE_CONTENT", "").strip().lower() in ("0", "false", "no", "off"):
        made["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "NO_CONTENT"
    made[_PATH] = os.pathsep.join([FOLDER, *_others(made.get(_PATH, ""))])
    return made


def start(shadowing: str) -> None:
    """Record this process, then run the ``sitecustomize`` that the one at ``shadowing`` hides, if there is one."""
    # What is started meanwhile must not start all this again; what the program starts later, should.
    path = os.environ.get(_PATH)
    os.environ[_PATH] = os.pathsep.join(_others(path or ""))
    try:
        _record()
    except Exception as error:  # the program comes first
        logging.getLogger("atlas_otel").warning("not recording: %s", error)
    finally:
        if path is not None:
            os.environ[_PATH] = path
    _run_hidden(Path(shadowing).parent)


def _record() -> None:
    from atlas_otel import pipeline
    from atlas_otel.autostart.instrumenting import Instrumenting
    from atlas_otel.autostart.report import report_at_exit

    telemetry = pipeline.configure_ahead()
    instrumenting = Instrumenting()
    report_at_exit(telemetry, instrumenting)
    instrumenting.load()


def _run_hidden(folder: Path) -> None:
    name = "sitecustomize"
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != folder.resolve()]
    spec = PathFinder.find_spec(name, elsewhere)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)


def _others(path: str) -> Iterator[str]:
    return (entry for entry in path.split(os.pathsep) if entry and entry != FOLDER)
