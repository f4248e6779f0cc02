"""What a span of ours is called, decorated or pushed: after the GenAI conventions where they have a name. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.records.record import AttributeValue

LONGEST_DESCRIPTION: Final = 120
"""Characters of a step's description that its span's name shows."""

_OPERATIONS: Final[Mapping[str, tuple[str, str | None]]] = {
    "tool": (semconv.OPERATION_EXECUTE_TOOL, semconv.GEN_AI_TOOL_NAME),
    "llm": (semconv.OPERATION_CHAT, None),
    "agent": (semconv.OPERATION_INVOKE_AGENT, semconv.GEN_AI_AGENT_NAME),
    "session": (semconv.OPERATION_INVOKE_AGENT, semconv.GEN_AI_AGENT_NAME),
}


def span_name(kind: str, subject: str, attributes: dict[str, AttributeValue]) -> str:
    """The name of a span about ``subject`` (a tool, a model, an agent); its operation is set among ``attributes``.

    >>> span_name("tool", "search", {})
    'execute_tool search'
    """
    if kind not in _OPERATIONS:
        return subject
    operation, key = _OPERATIONS[kind]
    attributes[semconv.GEN_AI_OPERATION_NAME] = operation
    if key is not None:
        attributes[key] = subject
    return f"{operation} {subject}"


def step_name(step: int | None, description: str | None, attempt: int = 1) -> str:
    """The name of a step's span, on one line. ``step`` None: only another process knows its number.

    >>> step_name(3, "Count the files"), step_name(None, "Count"), step_name(3, None)
    ('step 3: Count the files', 'step: Count', 'step 3')
    >>> step_name(3, "Count\\nthe files", attempt=2)
    'step 3 (attempt 2): Count the files'
    """
    named = "step" if step is None else f"step {step}"
    if attempt > 1:
        named = f"{named} (attempt {attempt})"
    if description is None:
        return named
    shown = description[:LONGEST_DESCRIPTION]
    return f"{named}: {shown if shown.isprintable() else ' '.join(shown.split())}"
