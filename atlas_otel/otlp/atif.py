"""Trajectories in the Agent Trajectory Interchange Format (ATIF, up to 1.7) → records. Pure.

A trajectory is a trace: its root the agent, each of the agent's steps a model call that was given all that came before,
each of its tool calls a tool with what was observed. Steps without a time follow the one before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.otlp.console import kept_attributes
from atlas_otel.otlp.json import object_of, objects, text
from atlas_otel.otlp.plain import any_id, time_ns
from atlas_otel.otlp.spans import Decoded, NotASpan, RawSpan, Receiver
from atlas_otel.records.json_text import dump
from atlas_otel.records.record import SpanEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.attributes import Keeper

_SCOPE: Final = "atif"
_PREFIX: Final = "ATIF-v"
_ROLES: Final = {"system": "system", "user": "user", "agent": "assistant"}


def is_atif(value: Mapping[str, Any]) -> bool:
    """Whether an object is a trajectory."""
    return text(value.get("schema_version")).startswith(_PREFIX) and isinstance(value.get("steps"), list)


def decode_atif(trajectories: Iterable[object], capture: Capture) -> Decoded:
    """The records of trajectories."""
    receiver = Receiver(capture)
    receiver.begin_resource({})
    receiver.begin_scope(_SCOPE)
    for one in trajectories:
        try:
            for span in _Trajectory(object_of(one), receiver.keeper).spans():
                receiver.add(span)
        except NotASpan as reason:
            receiver.refuse(str(reason))
    return receiver.decoded()


class _Trajectory:
    def __init__(self, held: Mapping[str, Any], keeper: Keeper) -> None:
        self._held, self._keeper = held, keeper
        self._agent = object_of(held.get("agent"))
        named = text(held.get("trajectory_id")) or text(held.get("session_id")) or dump(held)
        self._trace = any_id(f"{_SCOPE}:{named}", 32)
        self._root = any_id(f"{self._trace}:root", 16)
        self._now = 0
        self._messages: list[dict[str, Any]] = []

    def spans(self) -> Iterator[RawSpan]:
        """The spans of the steps, then the root's. Raises NotASpan for a time that is none."""
        steps = list(objects(self._held.get("steps")))
        times = [at for step in steps if (at := time_ns(step.get("timestamp")))]
        self._now = began = min(times, default=1)
        for number, step in enumerate(steps, start=1):
            role = _ROLES.get(text(step.get("source")), "user")
            said = _said(step, role)
            if role == "assistant" and not step.get("is_copied_context"):
                yield from self._of_agent(step, said, number)
            self._messages += [said, *_answers(step)]
        yield self._span(
            self._root,
            "",
            f"invoke_agent {text(self._agent.get('name'))}".strip(),
            began,
            {
                semconv.GEN_AI_OPERATION_NAME: "invoke_agent",
                semconv.GEN_AI_AGENT_NAME: self._agent.get("name"),
            },
            self._rewards(),
        )

    def _of_agent(self, step: Mapping[str, Any], said: dict[str, Any], number: int) -> Iterator[RawSpan]:
        began = self._now
        self._now = max(self._now + 1, time_ns(step.get("timestamp")))
        metrics = object_of(step.get("metrics"))
        model = text(step.get("model_name")) or text(self._agent.get("model_name"))
        span_id = any_id(f"{self._trace}:{number}", 16)
        yield self._span(
            span_id,
            self._root,
            f"chat {model}".strip(),
            began,
            {
                semconv.GEN_AI_OPERATION_NAME: "chat",
                semconv.GEN_AI_REQUEST_MODEL: model,
                semconv.GEN_AI_INPUT_MESSAGES: dump(self._messages),
                semconv.GEN_AI_OUTPUT_MESSAGES: dump([said]),
                semconv.GEN_AI_TOOL_DEFINITIONS: self._agent.get("tool_definitions"),
                semconv.GEN_AI_USAGE_INPUT_TOKENS: metrics.get("prompt_tokens"),
                semconv.GEN_AI_USAGE_OUTPUT_TOKENS: metrics.get("completion_tokens"),
                semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: metrics.get("cached_tokens"),
            },
        )
        observed = {text(one.get("source_call_id")): one for one in _results(step)}
        for call in objects(step.get("tool_calls")):
            call_id, name = text(call.get("tool_call_id")), text(call.get("function_name"))
            began, self._now = self._now, self._now + 1
            result = observed.get(call_id)
            yield self._span(
                any_id(f"{span_id}:{call_id}", 16),
                self._root,
                f"execute_tool {name}",
                began,
                {
                    semconv.GEN_AI_OPERATION_NAME: "execute_tool",
                    semconv.GEN_AI_TOOL_NAME: name,
                    semconv.GEN_AI_TOOL_CALL_ID: call_id,
                    semconv.GEN_AI_TOOL_CALL_ARGUMENTS: dump(call.get("arguments") or {}),
                    semconv.GEN_AI_TOOL_CALL_RESULT: None if result is None else _text(result.get("content")),
                },
            )

    def _rewards(self) -> list[SpanEvent]:
        score = object_of(self._held.get("extra")).get("reward")
        if isinstance(score, bool) or not isinstance(score, (int, float)):
            return []
        said = {semconv.GEN_AI_EVALUATION_NAME: "reward", semconv.GEN_AI_EVALUATION_SCORE: score}
        return [SpanEvent(semconv.EVENT_REWARD, self._now, kept_attributes(said, self._keeper))]

    def _span(
        self,
        span_id: str,
        parent: str,
        name: str,
        began: int,
        attributes: Mapping[str, object],
        events: Iterable[SpanEvent] = (),
    ) -> RawSpan:
        given = {key: value for key, value in attributes.items() if value is not None and value != ""}
        kept = kept_attributes(given, self._keeper)
        return RawSpan(self._trace, span_id, parent, name, 0, began, self._now, kept, list(events), [], 0, "")


def _said(step: Mapping[str, Any], role: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if thought := text(step.get("reasoning_content")):
        parts.append({"type": "reasoning", "content": thought})
    parts += _parts(step.get("message"))
    for call in objects(step.get("tool_calls")):
        arguments = text(object_of(call.get("extra")).get("arguments_text")) or dump(call.get("arguments") or {})
        named = {"id": call.get("tool_call_id"), "name": call.get("function_name")}
        parts.append({"type": "tool_call", **named, "arguments": arguments})
    return {"role": role, "parts": parts}


def _answers(step: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for result in _results(step):
        response = {"id": result.get("source_call_id"), "response": _text(result.get("content"))}
        yield {"role": "tool", "parts": [{"type": "tool_call_response", **response}]}


def _results(step: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(objects(object_of(step.get("observation")).get("results")))


def _parts(content: object) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    found: list[dict[str, Any]] = []
    for part in objects(content):
        source = object_of(part.get("source"))
        if source:
            found.append(
                {"type": "uri", "modality": "image", "mime_type": source.get("media_type"), "uri": source.get("path")}
            )
        else:
            found.append({"type": "text", "content": text(part.get("text"))})
    return found


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(said for part in objects(content) if (said := text(part.get("text"))))
