"""What an agent plugs in with: a handshake and three hooks (contract §5). ``docs/adapters.md`` shows how.

An adapter written for the Atlas SDK's handshake runs here after its import lines are changed to this module.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from atlas_otel.errors import AdapterError
from atlas_otel.models.adapter import AdapterCapabilities, AdapterTelemetryEvent, Plan, Step, StudentStepResult

__all__ = [
    "AdapterCapabilities",
    "AdapterError",
    "AdapterEventEmitter",
    "AdapterTelemetryEvent",
    "AgentAdapter",
    "Plan",
    "Step",
    "StudentStepResult",
]

AdapterEventEmitter: TypeAlias = Callable[[AdapterTelemetryEvent | Mapping[str, Any]], Awaitable[None]]
"""What ``aopen_session`` is given: ``await emit_event({"event": "progress", "payload": …})``. It never raises."""


class AgentAdapter:
    """An agent, as Atlas sees it. Override what the agent does itself; the rest stays with Atlas.

    An object need not inherit from this class: the methods it has are used. ``aclose``, where it has one, is called
    when the session is over.

    Example:
        >>> from atlas_otel.adapters import AdapterCapabilities, AgentAdapter
        >>> class Adder(AgentAdapter):
        ...     async def aopen_session(self, *, task, metadata=None, emit_event=None):
        ...         return AdapterCapabilities(control_loop="self", supports_stepwise=False)
        ...
        ...     async def aplan(self, task, metadata=None):
        ...         return {"steps": [{"id": 1, "description": "Add"}]}
        ...
        ...     async def aexecute(self, task, plan, step, metadata=None):
        ...         return {"trace": "2 + 2 = 4", "output": "Four."}
        ...
        ...     async def asynthesize(self, task, plan, step_results, metadata=None):
        ...         return step_results[-1]["output"]
        >>> import sys, types
        >>> sys.modules["my_adapter"] = types.SimpleNamespace(Adder=Adder)
        >>> agent = {"type": "python", "name": "adder", "import_path": "my_adapter", "attribute": "Adder"}
        >>> atlas.run("What is 2 + 2?", config={"agent": agent}, stream_progress=False).final_answer
        'Four.'
    """

    async def aopen_session(
        self, *, task: str, metadata: dict[str, Any] | None = None, emit_event: AdapterEventEmitter | None = None
    ) -> AdapterCapabilities | dict[str, Any]:
        """Begin a session; answer what the adapter can do."""
        return AdapterCapabilities()

    async def aplan(self, task: str, metadata: dict[str, Any] | None = None) -> Plan | dict[str, Any]:
        """The plan for ``task``. Raises AdapterError unless overridden."""
        raise AdapterError(f"{type(self).__name__} has no aplan")

    async def aexecute(
        self, task: str, plan: dict[str, Any], step: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> StudentStepResult | dict[str, Any]:
        """One attempt at ``step``; ``metadata["guidance"]`` holds what the teacher said of earlier ones.

        Raises AdapterError unless overridden.
        """
        raise AdapterError(f"{type(self).__name__} has no aexecute")

    async def asynthesize(
        self,
        task: str,
        plan: dict[str, Any],
        step_results: list[dict[str, Any]],
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """The final answer. Raises AdapterError unless overridden."""
        raise AdapterError(f"{type(self).__name__} has no asynthesize")

    async def ainvoke(self, prompt: str, metadata: dict[str, Any] | None = None) -> str:
        """Answer a prompt: all that a stateless agent needs. Raises AdapterError unless overridden."""
        raise AdapterError(f"{type(self).__name__} has no ainvoke")
