"""What a tool may ask of the run it works in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel import ExecutionContext, IntermediateStepPayload, IntermediateStepType
from atlas_otel.testing import recording


def test_it_knows_the_session_the_step_and_the_metadata() -> None:
    with (
        recording() as recorded,
        atlas.using_attributes(metadata={"b": 2}),
        atlas.session("t", metadata={"a": 1}) as session,
    ):
        context = ExecutionContext.get()
        assert (context.session_id, context.step_id, context.attempt) == (session.id, None, None)
        atlas.set_metadata(c=3)
        context.metadata["d"] = {"n": 4}
        assert dict(context.metadata) == {"a": 1, "b": 2, "c": 3, "d": {"n": 4}}
        assert context.metadata.setdefault("a", 9) == 1
        del context.metadata["b"]
        assert (len(context.metadata), "b" in ExecutionContext.get().metadata) == (3, False)
        with atlas.step("Look", id=3), atlas.session("other", new=True):
            assert dict(ExecutionContext.get().metadata) == {"b": 2}
        with atlas.step("Look", id=3):
            assert (ExecutionContext.get().step_id, ExecutionContext.get().attempt) == (3, 2)
    stored = recorded.rows(session.id).session.metadata
    assert {key: stored[key] for key in "abcd"} == {"a": 1, "b": 2, "c": 3, "d": {"n": 4}}


def test_its_manager_is_the_sessions() -> None:
    with recording() as recorded, atlas.session("t") as session:
        manager = ExecutionContext.get().intermediate_step_manager
        seen: list[Any] = []
        manager.subscribe(seen.append)
        for kind in (IntermediateStepType.TOOL_START, IntermediateStepType.TOOL_END):
            ExecutionContext.get().intermediate_step_manager.push_intermediate_step(
                IntermediateStepPayload(event_type=kind, UUID="u", name="look")
            )
        assert [step.parent_id for step in seen] == [session.span_id] * 2
        with atlas.session("other", new=True):
            assert ExecutionContext.get().intermediate_step_manager is not manager
    assert recorded.span("execute_tool look").attributes["atlas.session.id"] == session.id


def test_outside_of_a_session_it_is_empty() -> None:
    context = ExecutionContext.get()
    context.metadata["a"] = 1
    assert (context.session_id, context.step_id, dict(context.metadata)) == (None, None, {})
    assert context.intermediate_step_manager is ExecutionContext.get().intermediate_step_manager


def test_a_governed_run_tells_its_adapter_what_was_agreed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "asking_agent.py").write_text(
        """
from atlas_otel import ExecutionContext
seen = []
class Agent:
    async def aopen_session(self, *, task, metadata=None, emit_event=None):
        return {"control_loop": "self", "supports_stepwise": False, "telemetry_stream": True}
    async def aplan(self, task, metadata=None):
        return {"steps": []}
    async def aexecute(self, task, plan, step, metadata=None):
        seen.append(dict(ExecutionContext.get().metadata))
        return {"trace": "t", "output": "o"}
    async def asynthesize(self, task, plan, step_results, metadata=None):
        return "done"
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = {
        "agent": {
            "type": "python",
            "name": "a",
            "import_path": "asking_agent",
            "attribute": "Agent",
            "behavior": "self",
        },
        "adaptive_teaching": {"enabled": True, "mode_override": "auto"},
    }
    with recording():
        asyncio.run(atlas.arun("t", config=config, session_metadata={"tenant": "acme"}))
    import asking_agent  # type: ignore[import-not-found]

    (metadata,) = asking_agent.seen
    assert metadata["adapter_capabilities"]["control_loop"] == "self"
    assert metadata["adapter_capabilities_reported"]["telemetry_stream"] is True
    assert metadata["tenant"] == "acme"
