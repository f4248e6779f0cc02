"""Agents, teachers and judges that a config can name, and a run of one of them with what was recorded of it."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import dataclass, field
from typing import Any

import pytest

from atlas_otel.adapters import AdapterCapabilities, AgentAdapter
from atlas_otel.models.rows import SessionRows
from atlas_otel.runtime.run import RunResult, arun
from atlas_otel.testing import Recording, recording
from tests.support.chat_server import chat_server, serving

MODULE = "agents_of_the_test"


@dataclass
class Run:
    """One governed run, over."""

    recorded: Recording
    result: RunResult | None = None
    error: BaseException | None = None

    @property
    def rows(self) -> SessionRows:
        return self.recorded.rows()

    @property
    def metadata(self) -> dict[str, Any]:
        return self.rows.session.metadata

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(event.event)["payload"] for event in self.rows.events]

    @property
    def story(self) -> list[str]:
        """The events' types and names, without those that only repeat what stands in rows."""
        repeated = {"metadata", "plan", "validation", "guidance"}
        return [f"{p['event_type']} {p['name']}" for p in self.payloads if p["name"] not in repeated]

    def event(self, name: str, kind: str) -> dict[str, Any]:
        (found,) = [p for p in self.payloads if p["name"] == name and p["event_type"] == kind]
        return found


@dataclass
class Agents:
    """A module of this test's own, and runs of what is put there."""

    module: types.ModuleType
    base: dict[str, Any] = field(default_factory=dict)

    def put(self, **objects: Any) -> None:
        for name, value in objects.items():
            setattr(self.module, name, value)

    def config(self, attribute: str = "agent", **sections: Any) -> dict[str, Any]:
        agent = {"type": "python", "name": "tester", "import_path": MODULE, "attribute": attribute}
        agent.update(sections.pop("agent", {}))
        made: dict[str, Any] = {"agent": agent}
        if hasattr(self.module, "teach"):
            made["teacher"] = {"type": "python", "import_path": MODULE, "attribute": "teach"}
        made["adaptive_teaching"] = dict(sections.pop("adaptive_teaching", {}))
        if hasattr(self.module, "judge"):
            judge = {"type": "python", "import_path": MODULE, "attribute": "judge"}
            made["adaptive_teaching"].setdefault("reward", judge)
        if "lane" in sections:
            made["adaptive_teaching"]["mode_override"] = sections.pop("lane")
        return {**made, **sections}

    async def run(self, task: str = "the task", attribute: str = "agent", **sections: Any) -> Run:
        metadata = sections.pop("session_metadata", None)
        with recording() as recorded:
            run = Run(recorded)
            try:
                run.result = await arun(task, config=self.config(attribute, **sections), session_metadata=metadata)
            except BaseException as error:
                run.error = error
        return run


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> Agents:
    module = types.ModuleType(MODULE)
    monkeypatch.setitem(sys.modules, MODULE, module)
    return Agents(module)


class Hooked(AgentAdapter):
    """Every hook, each noting how it was called. What it answers can be set on the class made from it."""

    control_loop = "self"
    stepwise = False
    telemetry = True
    steps: Any = None
    outputs: tuple[Any, ...] = ("the output",)

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        type(self).last = self

    async def aopen_session(self, *, task, metadata=None, emit_event=None):
        self.emit = emit_event
        self.calls.append(("aopen_session", {"task": task, "metadata": metadata}))
        await emit_event({"event": "progress", "payload": {"phase": "open"}})
        return AdapterCapabilities(
            control_loop=self.control_loop, supports_stepwise=self.stepwise, telemetry_stream=self.telemetry
        )

    async def aplan(self, task, metadata=None):
        self.calls.append(("aplan", metadata))
        return {"steps": self.steps or []}

    async def aexecute(self, task, plan, step, metadata=None):
        before = sum(name == "aexecute" for name, _ in self.calls)
        self.calls.append(("aexecute", metadata))
        await self.emit({"event": "env_action", "payload": {"n": before}, "step": step["id"]})
        output = self.outputs[min(before, len(self.outputs) - 1)]
        return {"trace": f"trace {before}", "output": output, "metadata": {"status": "ok"}, "deliverable": output}

    async def asynthesize(self, task, plan, step_results, metadata=None):
        self.calls.append(("asynthesize", metadata))
        return f"synthesized {len(step_results)}"

    async def aclose(self):
        self.calls.append(("aclose", {}))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


@pytest.fixture
def hooked() -> type[Hooked]:
    """A fresh class, so that what a test sets on it is its own."""
    return type("Hooked", (Hooked,), {})


# --- servers: real HTTP, without a key -----------------------------------------------------------------------------


@pytest.fixture(name="serving")
def _serving():
    """``with serving(handle) as url``."""
    return serving


@pytest.fixture(name="chat_server")
def _chat_server():
    """``with chat_server(answer) as server``."""
    return chat_server
