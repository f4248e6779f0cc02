"""OpenInference: what Arize's instrumentations write (of LangChain, the OpenAI Agents SDK, LlamaIndex, …)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.models.evaluation import DEFAULT_REWARD_NAME, Reward, finite
from atlas_otel.projection.dialects import calling, reading
from atlas_otel.projection.dialects.indexed import listed, mapping, sequence
from atlas_otel.records.json_text import JsonText, dump

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
    else:
        _read_documents(attributes, fields)
    if kind == "tool" and (answer := _tool_answer(fields.get("output"))) is not None:
        fields["output"] = answer
    if kind == "agent" and "agent_name" not in fields:
        nodes = [
            reading.text(attributes, key) for key in (semconv.OPENINFERENCE_NODE_NAME, semconv.OPENINFERENCE_NODE_ID)
        ]
        if named := next(filter(None, nodes), None):
            fields["agent_name"] = named
    tool = fields.pop("tool_name", None)
    name = {"llm": fields.get("model"), "tool": tool, "agent": fields.get("agent_name")}.get(kind)
    facts = reading.finish(span, fields, kind, name, NAME)
    judged = _evaluations(span)
    return facts._replace(rewards=(*facts.rewards, *judged)) if judged else facts


def _tool_answer(output: JsonText | None) -> JsonText | None:
    """What a LangChain tool returned, out of the message that carries it: ``{type: "tool", data: {content, …}}``."""
    held = mapping(output.value) if output is not None else {}
    data = mapping(held.get("data"))
    return JsonText(dump(data["content"])) if held.get("type") == "tool" and "content" in data else None


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
    """Messages in place of the raw request and response, which are read where there are no messages; what else the call
    was given stands in ``input``."""
    inputs = [_message(one, "user") for one in listed(attributes, semconv.OPENINFERENCE_INPUT_MESSAGES)]
    inputs = inputs or [
        {"role": "user", "content": text}
        for one in listed(attributes, semconv.OPENINFERENCE_PROMPTS)
        if (text := mapping(mapping(one).get("prompt")).get("text")) is not None
    ]
    outputs = [_message(one, "assistant") for one in listed(attributes, semconv.OPENINFERENCE_OUTPUT_MESSAGES)]
    outputs = outputs or [
        {"role": "assistant", "content": text}
        for one in listed(attributes, semconv.OPENINFERENCE_CHOICES)
        if (text := mapping(mapping(one).get("completion")).get("text")) is not None
    ]
    _read_tools(attributes, fields)
    invocation = reading.as_json(attributes.get(semconv.OPENINFERENCE_INVOCATION))
    given = fields.pop("input", None)
    if inputs:
        fields["input_messages"] = JsonText(dump(inputs))
    elif given is not None and not calling.read_request(fields, given.value):
        fields["input"] = given
    if invocation is not None and "input_messages" in fields:
        fields["input"] = invocation
    said = fields.pop("output", None)
    if outputs:
        fields["output_messages"] = JsonText(dump(outputs))
    elif said is not None and not calling.read_response(fields, said.value):
        fields["output"] = said


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


def _message(held: object, role: str) -> dict[str, Any]:
    """A message in OpenAI's form, whose contents may be parts of any provider's."""
    fields = mapping(mapping(held).get("message"))
    calls = []
    for one in sequence(fields.get("tool_calls")):
        call = mapping(mapping(one).get("tool_call"))
        calls.append({"id": call.get("id"), "function": mapping(call.get("function"))})
    if "function_call_name" in fields:
        function = {"name": fields["function_call_name"], "arguments": fields.get("function_call_arguments_json")}
        calls.append({"id": None, "function": function})
    contents = [_content(mapping(one).get("message_content")) for one in sequence(fields.get("contents"))]
    content = contents or fields.get("content")
    said = {
        "role": fields.get("role", role),
        "content": content,
        "tool_calls": calls or None,
        "tool_call_id": fields.get("tool_call_id"),
        "name": fields.get("name"),
        "reasoning_content": fields.get("reasoning_content"),
    }
    return {key: value for key, value in said.items() if value is not None or key == "content"}


def _content(held: object) -> dict[str, Any]:
    fields = mapping(held)
    kind, text = fields.get("type"), fields.get("text")
    if kind in (None, "text"):
        return {"type": "text", "text": text}
    if kind in ("reasoning", "thinking"):
        said = {"type": "reasoning", "content": text or fields.get("reasoning") or fields.get("thinking") or ""}
        return {**said, **({"signature": fields["signature"]} if isinstance(fields.get("signature"), str) else {})}
    url = next((found for one in fields.values() if (found := _url(one)) is not None), None)
    if isinstance(url, str):
        return (
            {"type": "image_url", "image_url": {"url": url}}
            if kind == "image"
            else {"type": "uri", "modality": kind, "uri": url}
        )
    return dict(fields)


def _url(value: object) -> object:
    inner = mapping(value)
    return inner.get(
        "url", next((one["url"] for one in inner.values() if isinstance(one, dict) and "url" in one), None)
    )


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
