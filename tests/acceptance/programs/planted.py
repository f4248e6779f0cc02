"""An agent with a secret in every place that can hold one.

    planted.py SECRET GUEST_FILE LOG_FILE

What a processor handed to ``configure`` sees goes to GUEST_FILE, and what loggers say to LOG_FILE. Each ``plant_…`` is
one kind of place.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import decimal
import enum
import json
import logging
import os
import pathlib
import sys
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

import atlas_otel as atlas

SECRET, guest_file, log_file = sys.argv[1:4]
logging.basicConfig(level=logging.DEBUG, filename=log_file)


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
    # With nobody else looking, our spans are not the SDK's: another way to the exporter.
    span_processors=[] if os.environ.get("PLANTED_ALONE") else [Guest()],
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


@dataclasses.dataclass
class Held:
    value: str
    deeper: dict[str, Any]


class Odd:
    """Not JSON-like: all that can be said of it is what it says of itself."""

    def __repr__(self) -> str:
        return f"Odd({SECRET})"


class Kind(enum.Enum):
    SECRET = SECRET


def plant_values() -> None:
    """Arguments of many types, and what a generator leaves behind."""
    coded = [SECRET.encode(), bytearray(SECRET.encode()), SECRET.encode("utf-16"), pathlib.Path("/home", SECRET)]
    shaped = [Held(SECRET, {SECRET: [SECRET]}), Odd(), Kind.SECRET, {SECRET}, frozenset([SECRET]), (SECRET,)]
    wrapped = [json.dumps({"a": json.dumps([SECRET])}), f"https://u:{SECRET}@h/{SECRET}?q={SECRET}#{SECRET}"]
    look_up(SECRET, {"values": [*coded, *shaped, *wrapped, RuntimeError(SECRET), decimal.Decimal(1), lambda: SECRET]})

    @atlas.llm(model="m")
    def parts(prompt: str):
        yield SECRET[:20]
        yield SECRET[20:]

    list(parts(SECRET))
    next(iter(parts(SECRET)))  # abandoned


def plant_errors() -> None:
    """Causes, contexts, notes, groups, and what ends a program."""

    @atlas.tool
    def broken(how: str) -> None:
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                raise LookupError(f"no {SECRET}") from error
        except LookupError as error:
            if hasattr(error, "add_note"):
                error.add_note(f"a note on {SECRET}")
            if how == "group" and sys.version_info >= (3, 11):
                raise ExceptionGroup(SECRET, [error, ValueError(SECRET)]) from None  # noqa: F821
            if how == "exit":
                raise SystemExit(SECRET) from error
            if how == "cancelled":
                raise asyncio.CancelledError(SECRET) from error
            raise RuntimeError(SECRET, {"and": SECRET}) from error

    for how in ("chain", "group", "exit", "cancelled"):
        with contextlib.suppress(BaseException):
            broken(how)


def plant_steps() -> None:
    """Intermediate steps as they are pushed: paired, streamed, late, without a beginning, with fields of their own."""
    manager = atlas.IntermediateStepManager()
    types = atlas.IntermediateStepType
    seen: list[Any] = []
    subscription = manager.subscribe(seen.append)

    def push(kind: Any, uuid: str, **fields: Any) -> None:
        data = {"input": {"q": SECRET}, "output": [SECRET], "chunk": SECRET, SECRET: SECRET}
        more = {
            "chat_inputs": [{"role": "user", "content": SECRET}],
            "provided_metadata": {SECRET: SECRET},
            "x": SECRET,
        }
        manager.push_intermediate_step(
            atlas.IntermediateStepPayload.model_validate(
                {"event_type": kind, "UUID": uuid, "name": "pushed", "tags": [SECRET], "data": data, "metadata": more,
                 "of_its_own": {SECRET: SECRET}, **fields}
            )
        )  # fmt: skip

    for kind in ("LLM", "TOOL", "FUNCTION", "TASK", "CUSTOM", "SPAN", "WORKFLOW"):
        push(types[f"{kind}_START"], f"u-{kind}")
    push(types.LLM_NEW_TOKEN, "u-LLM")
    push(types.SPAN_CHUNK, "u-SPAN")
    push(types.ADAPTER_EVENT, "u-event", data={"output": {"event": "progress", "reason": SECRET, "payload": SECRET}})
    for kind in ("WORKFLOW", "SPAN", "CUSTOM", "TASK", "FUNCTION", "TOOL", "LLM"):
        push(types[f"{kind}_END"], f"u-{kind}", usage_info={"prompt_tokens": 3, "what": SECRET})
        push(types[f"{kind}_END"], f"late-{kind}")  # without a beginning
    push(types.TOOL_START, "u-open")  # without an end
    subscription.unsubscribe()


def plant_nonsense() -> None:
    """What is refused, and said so in the log."""
    wrong: Any = SECRET
    for name in ("trace_id", "span_id"):  # first: the log takes one line a minute, and these are what is told of
        atlas.record_reward(0.5, **{name: wrong})
    atlas.set_plan(wrong)
    atlas.set_plan([{"id": wrong, "description": SECRET}, {SECRET: SECRET}])
    atlas.set_plan({"steps": [{"description": SECRET, "depends_on": [SECRET]}], "execution_mode": SECRET})
    atlas.set_metadata(wrong)
    for fields in ({"score": wrong}, {"step": wrong}, {"trace_id": wrong}, {"span_id": wrong}):
        atlas.record_reward(**{"score": 0.5, "rationale": SECRET, **fields})
    atlas.set_validation(wrong)
    atlas.add_guidance(Odd())  # type: ignore[arg-type]
    atlas.emit_event("odd", Odd())


def plant_on_our_spans() -> None:
    """What other instrumentations and people write on spans that are ours, through OpenTelemetry's interface."""
    with atlas.step("theirs"):
        span = trace.get_current_span()
        span.set_attribute("theirs", SECRET)
        span.set_attributes(
            {"more": [SECRET], SECRET: 1, "gen_ai.input.messages": SECRET, "url.full": f"http://{SECRET}"}
        )
        span.add_event("theirs", {"text": SECRET})
        span.add_event(f"said {SECRET}")
        span.record_exception(ValueError(SECRET), {"why": SECRET})
        span.add_link(SpanContext(2, 2, True, TraceFlags(1)), {"why": SECRET})
        span.set_status(Status(StatusCode.ERROR, SECRET))
        span.update_name(f"renamed {SECRET}")


def plant_names() -> None:
    """Names that are no names, and what a model's answer says of itself."""
    name = f"for {SECRET} of https://example.org"
    with atlas.session(SECRET, name=name):
        for block in (atlas.tool(name), atlas.agent(name), atlas.observe(name), atlas.step(name, name=name)):
            with block:
                atlas.emit_event(name, name)
                atlas.record_reward(0.5, name=name, judge=name)
        with atlas.llm(name, model=name, provider=name) as call:
            call.set_usage(input_tokens=SECRET, output_tokens=2)  # type: ignore[arg-type]

        @dataclasses.dataclass
        class Answer:
            model: str = name
            id: str = name
            stop_reason: str = name
            content: str = name
            usage: Any = None

        choices = [{"finish_reason": name, "message": {"role": name, "content": name}}]
        for answer in (
            Answer(usage={"input_tokens": 1, SECRET: SECRET}),
            {"model": name, "id": name, "usage": {}, "choices": choices},
        ):
            atlas.llm(model="m")(lambda answer: answer)(answer)
        with contextlib.suppress(Exception):
            atlas.tool(lambda: (_ for _ in ()).throw(type(name, (Exception,), {})()))()


tracer = trace.get_tracer("some.library", "1.0", attributes={"built": SECRET, SECRET: 1})
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
    plant_values()
    plant_errors()
    plant_steps()
    plant_nonsense()
    plant_on_our_spans()
    session.final_answer = f"the answer is {SECRET}"
try:
    with atlas.session(f"fail on {SECRET}", name="agent"), atlas.step(SECRET):
        raise RuntimeError(SECRET)
except RuntimeError:
    pass
plant_names()
late: dict[str, Any] = {"judges": [{"identifier": "j", "rationale": SECRET, SECRET: SECRET}], "raw": {SECRET: [SECRET]}}
atlas.record_reward(0.9, rationale=f"late: {SECRET}", session_id=key, **late)
atlas.record_reward(0.8, rationale=SECRET, session_id=key, step=1, name="style", judge="a person", **late)
atlas.record_reward(0.7, session_id=key, name=f"{SECRET} of https://example.org")
atlas.record_reward(0.7, session_id=f"{SECRET} of https://example.org")
plant_steps()  # outside of any session
telemetry.flush(float(os.environ.get("PLANTED_FLUSH_S", "20")))
