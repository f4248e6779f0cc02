"""Record an LLM agent's run once, as OpenTelemetry spans: see it in Jaeger, query it in Postgres, train on it as JSONL.

::

    import atlas_otel as atlas

    atlas.configure("release-notes", database_url="embedded")

    @atlas.tool
    def search(query: str) -> list[str]: ...

    @atlas.session
    async def answer(question: str) -> str: ...

Names are loaded when they are first used, so that a decorated program imports little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from atlas_otel.capture.forms import register_form
    from atlas_otel.errors import AtlasOtelError, ConfigError, UsageError
    from atlas_otel.models.intermediate_step import (
        IntermediateStep,
        IntermediateStepPayload,
        IntermediateStepType,
    )
    from atlas_otel.pipeline import Telemetry, configure, flush, shutdown
    from atlas_otel.runtime.run import RunResult, arun, run
    from atlas_otel.steps.execution_context import ExecutionContext
    from atlas_otel.steps.manager import IntermediateStepManager
    from atlas_otel.tracing.decorators import (
        agent,
        current_session,
        current_step,
        get_trace_id,
        get_trace_url,
        llm,
        observe,
        session,
        step,
        tool,
    )
    from atlas_otel.tracing.handles import Observation, Session, Step
    from atlas_otel.tracing.reporting import (
        add_guidance,
        emit_event,
        record_reward,
        set_metadata,
        set_plan,
        set_validation,
        using_attributes,
    )
    from atlas_otel.tracing.suppression import suppress_tracing

__version__: Final = "0.1.0"

_HOMES: Final = {
    "capture.forms": ("register_form",),
    "errors": ("AtlasOtelError", "ConfigError", "UsageError"),
    "steps.execution_context": ("ExecutionContext",),
    "tracing.handles": ("Observation", "Session", "Step"),
    "tracing.decorators": (
        "agent",
        "current_session",
        "current_step",
        "get_trace_id",
        "get_trace_url",
        "llm",
        "observe",
        "session",
        "step",
        "tool",
    ),
    "models.intermediate_step": ("IntermediateStep", "IntermediateStepPayload", "IntermediateStepType"),
    "pipeline": ("Telemetry", "configure", "flush", "shutdown"),
    "tracing.reporting": (
        "add_guidance",
        "emit_event",
        "record_reward",
        "set_metadata",
        "set_plan",
        "set_validation",
        "using_attributes",
    ),
    "runtime.run": ("RunResult", "arun", "run"),
    "steps.manager": ("IntermediateStepManager",),
    "tracing.suppression": ("suppress_tracing",),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AtlasOtelError",
    "ConfigError",
    "ExecutionContext",
    "IntermediateStep",
    "IntermediateStepManager",
    "IntermediateStepPayload",
    "IntermediateStepType",
    "Observation",
    "RunResult",
    "Session",
    "Step",
    "Telemetry",
    "UsageError",
    "__version__",
    "add_guidance",
    "agent",
    "arun",
    "configure",
    "current_session",
    "current_step",
    "emit_event",
    "flush",
    "get_trace_id",
    "get_trace_url",
    "llm",
    "observe",
    "record_reward",
    "register_form",
    "run",
    "session",
    "set_metadata",
    "set_plan",
    "set_validation",
    "shutdown",
    "step",
    "suppress_tracing",
    "tool",
    "using_attributes",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
