"""A decorated agent that does a bit of everything, so that its trace can be read. Prints where to look, as JSON."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from opentelemetry import trace

import atlas_otel as atlas
from atlas_otel import IntermediateStepManager, IntermediateStepPayload

CHUNKS = 300
atlas.configure("stack-agent")


@atlas.tool
def search(query: str) -> list[str]:
    if query == "nothing":
        raise LookupError("no such note")
    return ["first", "second"]


@atlas.llm(model="my-model", provider="my-provider")
def complete(messages: list[dict[str, str]]) -> dict[str, object]:
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    return {"choices": [{"message": {"role": "assistant", "content": "It is done."}}], "usage": usage}


@atlas.llm(model="my-model", provider="my-provider")
def stream(messages: list[dict[str, str]]) -> Iterator[str]:
    for number in range(CHUNKS):
        yield f"word {number} "


def push_chunks() -> None:
    manager = IntermediateStepManager()
    for kind in ["LLM_START", *["LLM_NEW_TOKEN"] * CHUNKS, "LLM_END"]:
        manager.push_intermediate_step(IntermediateStepPayload(UUID="pushed", event_type=kind, name="pushed"))


@atlas.session
def answer(question: str) -> str:
    atlas.set_plan(["Look it up", "Answer"])
    with atlas.step("Look it up", id=1):
        search("otters")
        with contextlib.suppress(LookupError):
            search("nothing")
        atlas.set_validation(False, reason="no source")
        atlas.add_guidance("cite the source")
    with atlas.step("Look it up", id=1):
        atlas.emit_event("env_action", {"opened": ["library"]})
    with atlas.step("Answer", id=2):
        complete([{"role": "user", "content": "x" * 100_000}])
        list(stream([{"role": "user", "content": "Tell me more."}]))
        push_chunks()
        atlas.record_reward(0.5, rationale="fine")
    session = atlas.current_session()
    assert session is not None
    root = trace.get_current_span().get_span_context().span_id
    where = {"session": session.id, "trace": session.trace_id, "root": f"{root:016x}", "url": atlas.get_trace_url()}
    print(json.dumps(where))
    told.update(where)
    return "done"


told: dict[str, str] = {}
answer("What is there?")
atlas.record_reward(0.75, rationale="looked at again", trace_id=told["trace"], span_id=told["root"])
