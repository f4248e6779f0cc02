"""An agent with a secret in every place that can hold one.

    planted.py SECRET GUEST_FILE

What a processor handed to ``configure`` sees goes to GUEST_FILE.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

import atlas_otel as atlas

SECRET, guest_file = sys.argv[1:3]
logging.basicConfig(level=logging.DEBUG)


class Guest(SpanProcessor):
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self._write(span)

    def on_end(self, span: ReadableSpan) -> None:
        self._write(span)

    def _write(self, span: Any) -> None:
        with open(guest_file, "a") as file:  # noqa: PTH123
            file.write(span.to_json() + str(dict(span.resource.attributes)) + span.name + "\n")


redact: Any = None
if os.environ.get("PLANTED_REDACT") == "callable":

    def redact(text: str, where: str) -> str:
        return text.replace(SECRET, "[hidden]")


elif os.environ.get("PLANTED_REDACT"):
    redact = os.environ["PLANTED_REDACT"].split(",")
telemetry = atlas.configure(
    "planted",
    console=True,
    redact=redact,
    capture_content=False if os.environ.get("PLANTED_OFF") else None,
    metadata={"caller": SECRET, SECRET: 1},
    span_processors=[Guest()],
)


@atlas.tool
def look_up(query: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"found": query, query: [query]}


@atlas.tool
def fails(query: str) -> None:
    raise ValueError(f"no such thing as {query}")


@atlas.llm(model="m")
def chat(messages: list[dict[str, str]]) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": f"it is {messages[-1]['content']}"}}]}


@atlas.llm(model="m")
async def stream(prompt: str):
    yield f"a {prompt}"
    yield SECRET


@atlas.observe
def other(value: str) -> str:
    return value


async def streamed() -> None:
    async for _ in stream(f"say {SECRET}"):
        pass


tracer = trace.get_tracer("some.library")
with atlas.session(
    f"find {SECRET}", name="agent", metadata={"note": SECRET, SECRET: SECRET}, tags=[SECRET, "plain"]
) as session:
    key = session.id
    with atlas.using_attributes(user_id=SECRET, tags=[f"t-{SECRET}"], metadata={"m": {"deep": [SECRET]}}):
        atlas.set_plan([f"look for {SECRET}", {"description": SECRET, "tool": "look_up", "tool_params": {"q": SECRET}}])
        with atlas.step(f"look for {SECRET}") as step:
            look_up(SECRET, {"k": {SECRET: [SECRET, b"x", object()]}})
            try:
                fails(SECRET)
            except ValueError:
                logging.getLogger("agent").debug("it failed")
            step.output = {"answer": SECRET}
            atlas.add_guidance(f"try {SECRET}")
            atlas.set_validation(False, reason=SECRET, detail={"of": SECRET})
            atlas.record_reward(
                0.5,
                rationale=SECRET,
                judges=[{"identifier": "j", "score": 0.1, "rationale": SECRET}],
                raw={"r": SECRET},
            )
    chat([{"role": "user", "content": f"what is {SECRET}?"}])
    asyncio.run(streamed())
    other(SECRET)
    atlas.emit_event("progress", {"text": SECRET, SECRET: {"x": SECRET}})
    atlas.set_metadata(found=SECRET)
    link = Link(SpanContext(1, 1, True, TraceFlags(1)), {"why": SECRET})
    with tracer.start_as_current_span(
        f"GET /users/{SECRET}",
        links=[link],
        attributes={
            "url.full": f"https://u:{SECRET}@example.org/{SECRET}?k={SECRET}",
            "http.url": f"https://example.org/?k={SECRET}",
            "db.statement": f"SELECT '{SECRET}'",
            "db.query.text": f"SELECT '{SECRET}'",
            "gen_ai.input.messages": json.dumps([{"role": "user", "content": SECRET}]),
            "gen_ai.request.model": f"model {SECRET} of https://example.org",
            "input.value": SECRET,
            f"llm.prompts.0.{SECRET}": SECRET,
            "many": [SECRET, SECRET],
        },
    ) as span:
        span.add_event(f"said {SECRET}", {"text": SECRET})
        span.record_exception(RuntimeError(f"broken by {SECRET}"))
        span.set_status(Status(StatusCode.ERROR, f"broken by {SECRET}"))
    with tracer.start_as_current_span(SECRET):
        pass
    session.final_answer = f"the answer is {SECRET}"
try:
    with atlas.session(f"fail on {SECRET}", name="agent"), atlas.step(SECRET):
        raise RuntimeError(SECRET)
except RuntimeError:
    pass
atlas.record_reward(0.9, rationale=f"late: {SECRET}", session_id=key)
telemetry.flush(float(os.environ.get("PLANTED_FLUSH_S", "20")))
