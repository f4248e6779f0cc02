"""OpenInference: what Arize's instrumentations write (of LangChain, the OpenAI Agents SDK, LlamaIndex, …)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.models.evaluation import DEFAULT_REWARD_NAME, Reward, finite
from atlas_otel.projection.dialects import calling, openinference_messages, reading
from atlas_otel.projection.dialects.indexed import listed, mapping
from atlas_otel.records.json_text import JsonText, dump
from atlas_otel.records.record import STATUS_ERROR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.dialects.reading import Table
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import Attributes, SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "openinference"

_KINDS: Final[Mapping[str, Kind]] = {"LLM": "llm", "TOOL": "tool", "AGENT": "agent"}
"""Any other (chain, retriever, embedding, reranker, guardrail, evaluator, prompt) is a function."""

_TABLE: Final[Table] = {
    semconv.OPENINFERENCE_MODEL: ("model", reading.as_text),
    semconv.OPENINFERENCE_PROVIDER: ("provider", reading.as_text),
    semconv.OPENINFERENCE_FINISH_REASON: ("finish_reasons", reading.as_texts),
    semconv.OPENINFERENCE_TOKENS_PROMPT: ("input_tokens", reading.as_number),
    semconv.OPENINFERENCE_TOKENS_COMPLETION: ("output_tokens", reading.as_number),
    semconv.OPENINFERENCE_TOKENS_TOTAL: ("total_tokens", reading.as_number),
    semconv.OPENINFERENCE_TOKENS_CACHED: ("cached_tokens", reading.as_number),
    semconv.OPENINFERENCE_TOKENS_CACHE_WRITE: ("cache_write_tokens", reading.as_number),
    semconv.OPENINFERENCE_TOKENS_REASONING: ("reasoning_tokens", reading.as_number),
    semconv.OPENINFERENCE_AGENT_NAME: ("agent_name", reading.as_text),
    semconv.SESSION_ID: ("conversation_id", reading.as_text),
    semconv.OPENINFERENCE_TOOL_NAME: ("tool_name", reading.as_text),
    semconv.OPENINFERENCE_TOOL_CALL_ID: ("tool_call_id", reading.as_text),
    semconv.OPENINFERENCE_METADATA: ("metadata", reading.as_json),
    semconv.OPENINFERENCE_TAGS: ("tags", reading.as_texts),
}
_OF_A_CALL: Final = ("input_messages", "output_messages", "finish_reasons", "response_id")
_FALLBACKS: Final[Table] = {
    semconv.OPENINFERENCE_SYSTEM: ("provider", reading.as_text),
    semconv.OPENINFERENCE_TOOL_ID: ("tool_call_id", reading.as_text),
    semconv.OPENINFERENCE_TOOL_CALL_ARGUMENTS: ("input", reading.as_json),
    semconv.OPENINFERENCE_EMBEDDING_MODEL: ("model", reading.as_text),
    semconv.OPENINFERENCE_RERANKER_MODEL: ("model", reading.as_text),
    semconv.OPENINFERENCE_RERANKER_QUERY: ("input", reading.as_string),
}


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries ``openinference.span.kind``; None for any other."""
    attributes = span.attributes
    said = reading.text(attributes, semconv.OPENINFERENCE_KIND)
    if said is None:
        return None
    kind = _KINDS.get(said.upper(), "function")
    fields = reading.collect(attributes, _TABLE, reading.COMMON, _FALLBACKS)
    fields.setdefault("operation", semconv.OPERATION_GRAPH_NODE if _is_graph_node(span, fields) else said.lower())
    for fact, value, mime in (
        ("input", semconv.OPENINFERENCE_INPUT, semconv.OPENINFERENCE_INPUT_TYPE),
        ("output", semconv.OPENINFERENCE_OUTPUT, semconv.OPENINFERENCE_OUTPUT_TYPE),
    ):
        if (payload := _payload(attributes.get(value), attributes.get(mime))) is not None:
            fields[fact] = payload
    if kind == "llm":
        _read_model_call(attributes, fields)
        if _is_a_step(span, fields):
            kind = "function"
    else:
        _read_documents(attributes, fields)
    if kind == "tool":
        _read_tool(fields)
    if kind == "agent" and "agent_name" not in fields:
        nodes = [
            reading.text(attributes, key) for key in (semconv.OPENINFERENCE_NODE_NAME, semconv.OPENINFERENCE_NODE_ID)
        ]
        if named := next(filter(None, nodes), None):
            fields["agent_name"] = named
    tool = fields.pop("tool_name", None) or span.name.removesuffix(".__call__")  # DSPy's spans of tools
    name = {"llm": fields.get("model"), "tool": tool, "agent": fields.get("agent_name")}.get(kind)
    facts = reading.finish(span, fields, kind, name, NAME)
    judged = _evaluations(span)
    return facts._replace(rewards=(*facts.rewards, *judged)) if judged else facts


def _is_a_step(span: SpanRecord, fields: Mapping[str, Any]) -> bool:
    """Whether a span that calls itself a model's has nothing of one: what LlamaIndex does before it calls the model."""
    said = any(key.endswith("_tokens") or key in _OF_A_CALL for key in fields)
    return not said and "output" in fields and span.status != STATUS_ERROR


def _read_tool(fields: dict[str, Any]) -> None:
    """A tool's arguments and result out of what a framework puts around them."""
    given, said = fields.get("input"), fields.get("output")
    held = mapping(given.value) if given is not None else {}
    if held.keys() == {"kwargs"} and isinstance(held["kwargs"], dict):  # LlamaIndex, DSPy
        fields["input"] = JsonText(dump(held["kwargs"]))
    held = mapping(said.value) if said is not None else {}
    data = mapping(held.get("data"))
    if held.get("type") == "tool" and "content" in data:  # LangChain's message: {type: "tool", data: {content, …}}
        fields["output"] = JsonText(dump(data["content"]))
    elif held.keys() == {"id", "name", "response"}:  # Gemini's FunctionResponse
        fields["output"] = JsonText(dump(held["response"]))
    elif held.keys() >= {"blocks", "tool_name", "raw_output"}:  # LlamaIndex's ToolOutput
        fields["output"] = JsonText(dump(held["raw_output"]))


def _is_graph_node(span: SpanRecord, fields: Mapping[str, Any]) -> bool:
    """Whether the span is a run of a LangGraph node, and not something within one."""
    held = fields.get("metadata")
    return held is not None and span.name == mapping(held.value).get(semconv.OPENINFERENCE_METADATA_NODE)


def _payload(value: object, mime: object) -> JsonText | None:
    """``input.value`` or ``output.value``: JSON where its type says so, or where none does and it looks so."""
    if not isinstance(value, str):
        return None if value is None else JsonText(dump(value))
    if mime == "application/json" or (mime is None and value.lstrip()[:1] in ("{", "[")):
        return JsonText(value)
    return JsonText(dump(value))


def _read_model_call(attributes: Attributes, fields: dict[str, Any]) -> None:
    """Messages in place of the raw request and response, which are read where there are no messages or where they have
    more; what else the call was given stands in ``input``."""
    inputs = _spread(attributes, semconv.OPENINFERENCE_INPUT_MESSAGES, "user")
    inputs = inputs or [
        {"role": "user", "content": text}
        for one in listed(attributes, semconv.OPENINFERENCE_PROMPTS)
        if (text := mapping(mapping(one).get("prompt")).get("text")) is not None
    ]
    outputs = _spread(attributes, semconv.OPENINFERENCE_OUTPUT_MESSAGES, "assistant")
    outputs = outputs or [
        {"role": "assistant", "content": text}
        for one in listed(attributes, semconv.OPENINFERENCE_CHOICES)
        if (text := mapping(mapping(one).get("completion")).get("text")) is not None
    ]
    _read_tools(attributes, fields)
    _read_given(inputs, fields, reading.as_json(attributes.get(semconv.OPENINFERENCE_INVOCATION)))
    said = fields.pop("output", None)
    spread = JsonText(dump(outputs)) if outputs else None
    if spread is not None and not (said is not None and openinference_messages.is_poorer_answer(spread, said.value)):
        fields["output_messages"] = spread
    elif said is not None and not calling.read_response(fields, said.value):
        fields["output"] = said


def _read_given(inputs: list[Any], fields: dict[str, Any], invocation: JsonText | None) -> None:
    given = fields.pop("input", None)
    spread = JsonText(dump(inputs)) if inputs else None
    if spread is not None and not (given is not None and openinference_messages.is_poorer(spread, given.value)):
        fields["input_messages"] = spread
        if given is not None and "tool_definitions" not in fields and (tools := mapping(given.value).get("tools")):
            fields["tool_definitions"] = JsonText(dump(tools))
    elif given is not None and not calling.read_request(fields, given.value):
        fields["input"] = given
    if invocation is not None and "input_messages" in fields:
        fields["input"] = invocation


def _spread(attributes: Attributes, prefix: str, role: str) -> list[Any]:
    return [said for one in listed(attributes, prefix) for said in openinference_messages.messages(one, role)]


def _read_tools(attributes: Attributes, fields: dict[str, Any]) -> None:
    tools = [
        JsonText(schema)
        for one in listed(attributes, semconv.OPENINFERENCE_TOOLS)
        if isinstance(schema := mapping(mapping(one).get("tool")).get("json_schema"), str)
    ]
    if tools:
        fields["tool_definitions"] = JsonText(dump(tools))


def _read_documents(attributes: Attributes, fields: dict[str, Any]) -> None:
    """Of a retriever, reranker or embedding that states no input or output: its documents and texts."""
    for fact, prefix in (
        ("input", semconv.OPENINFERENCE_RERANKER_INPUT),
        ("output", semconv.OPENINFERENCE_RERANKER_OUTPUT),
        ("output", semconv.OPENINFERENCE_DOCUMENTS),
    ):
        if fact not in fields and (documents := listed(attributes, prefix)):
            fields[fact] = JsonText(dump([mapping(one).get("document", one) for one in documents]))
    if "input" not in fields and (embeddings := listed(attributes, semconv.OPENINFERENCE_EMBEDDINGS)):
        texts = [mapping(mapping(one).get("embedding")).get("text") for one in embeddings]
        fields["input"] = JsonText(dump(texts))


def _evaluations(span: SpanRecord) -> tuple[Reward, ...]:
    """``evaluations.<n>.evaluation.*``: scores that somebody put on the span itself."""
    found = []
    for place, one in enumerate(listed(span.attributes, semconv.OPENINFERENCE_EVALUATIONS)):
        fields = mapping(mapping(one).get("evaluation"))
        if "score" not in fields and "label" not in fields:
            continue
        found.append(
            Reward(
                # No time is given; apart by a nanosecond, several keep their order.
                time_ns=(span.end_ns or span.start_ns) + place,
                name=reading.as_text(fields.get("name")) or DEFAULT_REWARD_NAME,
                score=finite(fields.get("score")),
                label=reading.as_text(fields.get("label")),
                rationale=reading.as_text(fields.get("explanation")),
            )
        )
    return tuple(found)
