"""What was recorded of one session, as a tree of steps, tools and model calls for a person to read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel import semconv
from atlas_otel.models.evaluation import score_of
from atlas_otel.projection.span_placer import SpanPlacer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.models.rows import SessionRows
    from atlas_otel.projection.node import Node
    from atlas_otel.projection.tree import SpanKey
    from atlas_otel.records.record import RecordSet


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One span in its place. ``duration_ms`` is None while it runs, ``score`` where nobody judged it.

    ``input`` and ``output`` are text where the value was text, else JSON. ``cost_usd`` is None where no price is known,
    and ``cost_unknown`` true where one was looked for. ``valid``, ``reason``, ``rationale`` and ``guidance`` are what
    was said of an attempt at a step; the guidance led to the next attempt.
    """

    kind: str
    name: str
    status: str
    trace_id: str
    span_id: str
    start_ns: int
    duration_ms: float | None = None
    error: str = ""
    model: str | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    cost_unknown: bool = False
    first_chunk_s: float | None = None
    score: float | None = None
    rationale: str = ""
    valid: bool | None = None
    reason: str = ""
    guidance: tuple[str, ...] = ()
    input: str = ""
    output: str = ""
    children: list[TreeNode] = field(default_factory=list)

    def to_json(self) -> JsonObject:
        """The node and all below it, with what is not known left out."""
        found: dict[str, JsonValue] = {
            "kind": self.kind,
            "name": self.name,
            "status": self.status,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "duration_ms": self.duration_ms,
            "error": self.error or None,
            "model": self.model,
            "tokens": self.tokens,
            "cost_usd": self.cost_usd,
            "cost_unknown": self.cost_unknown or None,
            "time_to_first_chunk_s": self.first_chunk_s,
            "score": self.score,
            "rationale": self.rationale or None,
            "valid": self.valid,
            "reason": self.reason or None,
            "guidance": list(self.guidance) or None,
            "input": self.input or None,
            "output": self.output or None,
        }
        known: JsonObject = {key: value for key, value in found.items() if value is not None}
        known["children"] = [child.to_json() for child in self.children]
        return known

    def walk(self, depth: int = 0) -> Iterator[tuple[int, TreeNode]]:
        """This node and all below it, in the order in which they began, each with its depth."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


def session_tree(records: RecordSet, rows: SessionRows | None, session_key: str) -> list[TreeNode]:
    """The session's spans as trees: one where all have come, more where parents are missing.

    What was said of attempts and of the session comes from ``rows``.
    """
    placer = SpanPlacer()
    placer.update(records.spans.values(), session_key)
    below: dict[SpanKey | None, list[Node]] = {}
    for node in placer.nodes.values():
        below.setdefault(node.parent, []).append(node)
    verdicts = _verdicts(rows)
    return [_grow(node, below, verdicts) for node in _in_order(below.get(None, []))]


def _in_order(nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (node.span.start_ns, node.span.key))


def _grow(node: Node, below: dict[SpanKey | None, list[Node]], verdicts: dict[object, _Verdict]) -> TreeNode:
    span, facts = node.span, node.facts
    attempt = (facts.step_id, facts.step_attempt) if node.role == "step" else None
    said = verdicts.get("session" if node.role == "session" else attempt, _Verdict())
    return TreeNode(
        kind=node.role,
        name=_name(node),
        status=node.status,
        trace_id=span.trace_id,
        span_id=span.span_id,
        start_ns=span.start_ns,
        duration_ms=round((span.end_ns - span.start_ns) / 1e6, 3) if span.end_ns is not None else None,
        error=node.error_text,
        model=facts.model,
        tokens=facts.usage.total if facts.usage is not None else None,
        cost_usd=cost if isinstance(cost := span.attributes.get(semconv.ATLAS_COST_USD), float) else None,
        cost_unknown=span.attributes.get(semconv.ATLAS_COST_UNKNOWN) is True,
        first_chunk_s=first
        if isinstance(first := span.attributes.get(semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK), float)
        else None,
        **said._asdict(),
        input=facts.input.plain if facts.input is not None else "",
        output=facts.output.plain if facts.output is not None else "",
        children=[_grow(child, below, verdicts) for child in _in_order(below.get(span.key, []))],
    )


def _name(node: Node) -> str:
    facts = node.facts
    if node.role != "step" or facts.step_id is None:
        return facts.name
    again = f" (attempt {facts.step_attempt})" if (facts.step_attempt or 1) > 1 else ""
    return f"{facts.step_id}. {facts.step_description or facts.name}{again}"


class _Verdict(NamedTuple):
    """What was said of the session, or of an attempt at a step."""

    score: float | None = None
    rationale: str = ""
    valid: bool | None = None
    reason: str = ""
    guidance: tuple[str, ...] = ()


def _verdicts(rows: SessionRows | None) -> dict[object, _Verdict]:
    if rows is None:
        return {}
    found: dict[object, _Verdict] = {"session": _verdict({"reward": rows.session.reward})}
    for attempt in rows.attempts:
        found[attempt.step_id, attempt.attempt] = _verdict(attempt.evaluation or {})
    for step in rows.steps:
        history = step.metadata.get("attempt_history")
        for entry in history if isinstance(history, list) else []:
            notes = entry.get("guidance") if isinstance(entry, dict) else None
            if isinstance(entry, dict) and isinstance(notes, list):
                key = step.step_id, entry.get("attempt")
                guidance = tuple(note for note in notes if isinstance(note, str))
                found[key] = found.get(key, _Verdict())._replace(guidance=guidance)
    return found


def _verdict(evaluation: JsonObject) -> _Verdict:
    validation, reward = evaluation.get("validation"), evaluation.get("reward")
    valid = validation.get("valid") if isinstance(validation, dict) else None
    reason = validation.get("reason") if isinstance(validation, dict) else None
    score = score_of(reward)
    rationale = reward.get("rationale") if isinstance(reward, dict) and score is not None else None
    return _Verdict(
        score,
        rationale if isinstance(rationale, str) else "",
        valid if isinstance(valid, bool) else None,
        reason if isinstance(reason, str) else "",
    )
