"""MLflow's traces over OTLP, or imported from its JSON: ``mlflow.span*``, every value JSON text. Pure.

Names: mlflow.tracing.constant (3.x). What an integration of MLflow's recorded of a model call is the SDK's own request
and response. Under ``MLFLOW_ENABLE_OTEL_GENAI_SEMCONV`` the spans carry the conventions' names as well: those win.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.calls.messages import read_messages
from atlas_otel.calls.usage import read_usage
from atlas_otel.projection.dialects import calling, genai
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import Attributes, SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "mlflow"

_KINDS: Final[Mapping[str, Kind]] = {"LLM": "llm", "CHAT_MODEL": "llm", "TOOL": "tool", "AGENT": "agent"}
"""Any other (CHAIN, RETRIEVER, PARSER, EMBEDDING, RERANKER, MEMORY, TASK, WORKFLOW, GUARDRAIL, …) is a function."""


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries ``mlflow.spanType``; None for any other."""
    attributes = span.attributes
    said = _text(attributes, semconv.MLFLOW_SPAN_TYPE)
    if said is None:
        return None
    kind = _KINDS.get(said.upper(), "function")
    fields = genai.fields_of(span)
    fields.setdefault("operation", said.lower())
    for fact, key in (
        ("model", semconv.MLFLOW_MODEL),
        ("provider", semconv.MLFLOW_PROVIDER),
        ("conversation_id", semconv.MLFLOW_SESSION),
        ("user_id", semconv.MLFLOW_USER),
    ):
        if (text := _text(attributes, key)) is not None:
            fields.setdefault(fact, text)
    given, returned = (_value(attributes, key) for key in (semconv.MLFLOW_INPUTS, semconv.MLFLOW_OUTPUTS))
    if kind == "llm":
        calling.put_usage(fields, read_usage(calling.opened(_plain(_value(attributes, semconv.MLFLOW_USAGE)))))
        _read_call(attributes, fields, given, returned)
    else:
        fields |= {fact: held for fact, held in (("input", given), ("output", returned)) if held is not None}
    if kind == "tool":
        fields.setdefault("tool_name", span.name)
    elif kind == "agent":
        fields.setdefault("agent_name", span.name)
    return genai.named(span, fields, kind, NAME)


def _read_call(
    attributes: Attributes, fields: dict[str, Any], given: JsonText | None, returned: JsonText | None
) -> None:
    if (tools := _value(attributes, semconv.MLFLOW_CHAT_TOOLS)) is not None:
        fields.setdefault("tool_definitions", tools)
    if given is not None and not calling.read_request(fields, given.value):
        fields.setdefault("input", given)
    if returned is not None and not calling.read_response(fields, returned.value):
        fields.setdefault("output", returned)
    # Before 3.2, an attribute of its own held the messages and the answer in one list.
    said = _value(attributes, semconv.MLFLOW_CHAT_MESSAGES)
    if said is not None and isinstance(said.value, list):
        last = read_messages(said).items[-1:]
        answered = bool(last) and last[0].role == "assistant"
        fields.setdefault("input_messages", JsonText(dump(said.value[:-1] if answered else said.value)))
        if answered:
            fields.setdefault("output_messages", JsonText(dump(said.value[-1:])))


def _value(attributes: Attributes, key: str) -> JsonText | None:
    value = attributes.get(key)
    if value is None:
        return None
    held = JsonText(value) if isinstance(value, str) else JsonText(dump(value))
    return held if held.valid else JsonText(dump(held.text))


def _plain(held: JsonText | None) -> Any:
    return held.value if held is not None else None


def _text(attributes: Attributes, key: str) -> str | None:
    """A text, which MLflow writes as JSON, and exporters of it plainly."""
    value = _plain(_value(attributes, key))
    return value if isinstance(value, str) and value else None
