"""The session's own row: its task, its answer, how it went, and the metadata that readers look for (contract §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from atlas_otel import semconv
from atlas_otel.events.metadata import MetadataNote
from atlas_otel.events.reward import RewardNote
from atlas_otel.events.validation import ValidationNote
from atlas_otel.models.evaluation import choose_rewards, mean_and_deviation, reward_statistics, stored_reward, utc_time
from atlas_otel.models.learning_key import learning_key
from atlas_otel.models.rows import ReviewStatus, SessionRow
from atlas_otel.projection import governance
from atlas_otel.projection.speakers import question, reply
from atlas_otel.projection.statements import is_repr

if TYPE_CHECKING:
    from atlas_otel.events.guidance import GuidanceNote
    from atlas_otel.events.note import TargetedNote
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.models.rows import SessionStatus
    from atlas_otel.projection.facts import Facts
    from atlas_otel.projection.node import Node
    from atlas_otel.projection.speakers import Speakers

_REVIEW_STATUSES: Final[tuple[ReviewStatus, ...]] = get_args(ReviewStatus)
DISPLACED: Final = "caller_metadata"
"""Where the caller's metadata stands whose key is one that we compute, or one that governs."""


@dataclass(frozen=True, slots=True)
class TokenTotals:
    """Tokens of all innermost model calls, and how many those are."""

    prompt: int = 0
    completion: int = 0
    total: int = 0
    calls: int = 0
    cached: int | None = None
    """Of the prompt: read from a cache. None where no call said so; so with the next two."""
    cache_write: int | None = None
    reasoning: int | None = None
    """Of the completion."""
    cost_nano_usd: int | None = None
    """Billionths of a US dollar, of those calls whose price is known; None where none is."""
    unpriced: int = 0
    """How many calls have no known price."""

    def cost_to_json(self) -> JsonObject | None:
        """``cost`` (ours); None where nobody looked for prices."""
        known: JsonObject = {} if self.cost_nano_usd is None else {"usd": self.cost_nano_usd / 1e9}
        return known | ({"unknown_calls": self.unpriced} if self.unpriced else {}) or None

    def to_json(self) -> JsonObject:
        """``token_usage`` (contract §2)."""
        details = {
            "cached_tokens": self.cached,
            "cache_write_tokens": self.cache_write,
            "reasoning_tokens": self.reasoning,
        }
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.total,
            "calls": self.calls,
            **{name: number for name, number in details.items() if number is not None},
        }


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What the session's row is made from. ``root`` is None until the session's own span has come.

    ``notes`` are about the session itself; ``guidance`` is all of the session's, its steps' too.
    """

    key: str
    task: str
    root: Node | None
    begin_ns: int
    last_ns: int
    trace_ids: Sequence[str]
    notes: Sequence[TargetedNote]
    guidance: Sequence[GuidanceNote]
    step_scores: Sequence[float]
    tokens: TokenTotals
    governance: TokenTotals = TokenTotals()
    """Tokens of those who govern the run: not the agent's own."""
    span_rewards: Sequence[JsonObject] = ()
    unplaced: Sequence[TargetedNote] = ()
    anomalies: Mapping[str, int] | None = None
    answer: str | None = None
    conversation_id: str | None = None
    over: bool = True
    """False: its root may have ended, but more is expected."""


def session_row(parts: SessionParts) -> SessionRow:
    """The row of ``sessions``."""
    root = parts.root
    status = _status(root) if parts.over else "running"
    created = root.span.start_ns if root is not None else parts.begin_ns
    completed = None if status == "running" else _completed(root, parts.last_ns)
    task = parts.task
    given, governed, claims = _given_metadata(parts)
    chosen = choose_rewards((note.order, note.reward) for note in parts.notes if isinstance(note, RewardNote))
    primary = next(iter(chosen.values()), None)
    reward = stored_reward(chosen)
    stats = reward_statistics(primary) if primary is not None else None
    # The calls that led to the judgements, where a runtime reports them, before the judgements themselves.
    audit = [*_calls(governed.pop("reward_audit", None)), *_audit([*parts.notes, *parts.unplaced])]
    computed: JsonObject = {
        semconv.SESSION_KEY: parts.key,
        "status": status,
        "created_at": utc_time(created).isoformat(),
        "completed_at": None if completed is None else utc_time(completed).isoformat(),
        "learning_key": _learning_key(root, task, given),
        "trace_ids": list(parts.trace_ids),
        "token_usage": parts.tokens.to_json(),
    }
    if parts.governance.calls:
        computed["governance_token_usage"] = parts.governance.to_json()
    costs = (("cost", parts.tokens), ("governance_cost", parts.governance))
    computed |= {name: cost for name, totals in costs if (cost := totals.cost_to_json()) is not None}
    computed |= _about_root(root)
    if root is not None and parts.conversation_id is not None:
        computed["conversation_id"] = parts.conversation_id
    if reward is not None:
        computed["session_reward"] = reward
    if stats is not None:
        computed["reward_stats"] = stats
    if summary := _summary(stats, parts.step_scores):
        computed["reward_summary"] = summary
    if audit:
        computed["reward_audit"] = list(audit)
    if parts.guidance:
        computed["teacher_notes"] = [note.note for note in parts.guidance]
    if verdicts := [note for note in parts.notes if isinstance(note, ValidationNote)]:
        computed["validation"] = max(verdicts, key=lambda note: note.order).verdict
    if parts.span_rewards:
        computed["span_rewards"] = list(parts.span_rewards)
    if parts.anomalies:
        computed["intermediate_step_anomalies"] = dict(parts.anomalies)
    if claims:
        computed[semconv.GOVERNANCE_CLAIMS] = [*sorted(claims)]
    return SessionRow(
        task=task,
        status=status,
        metadata=_joined(given, claims, {**governed, **computed}),
        created_at=utc_time(created),
        completed_at=None if completed is None else utc_time(completed),
        final_answer=parts.answer,
        reward=reward,
        reward_stats=stats,
        reward_audit=audit or None,
        student_learning=_text(given, "student_learning"),
        teacher_learning=_text(given, "teacher_learning"),
        review_status=_review_status(governed),
        review_notes=_text(governed, "review_notes"),
    )


def _joined(given: JsonObject, claims: JsonObject, computed: JsonObject) -> JsonObject:
    """The caller's metadata at the top level beside ours. What we compute wins, since readers rely on it (a caller's
    ``status`` must not make a failed run look well), and what governs is never the caller's; his values are kept under
    ``caller_metadata``."""
    displaced: JsonObject = {
        name: value for name, value in given.items() if name in computed and value != computed[name]
    }
    displaced |= claims
    if DISPLACED in given and displaced:
        displaced[DISPLACED] = given[DISPLACED]
    joined = {**given, **computed}
    if displaced:
        joined[DISPLACED] = displaced
    return joined


def _status(root: Node | None) -> SessionStatus:
    if root is None or root.status == "running":
        return "running"
    return "failed" if root.status == "failed" else "succeeded"


def _completed(root: Node | None, last_ns: int) -> int | None:
    """When a session that is over ended; for one that was abandoned, when it was last heard of."""
    if root is None:
        return None
    return root.span.end_ns if root.span.end_ns is not None else max(last_ns, root.span.start_ns)


def session_task(root: Node | None, who: Speakers) -> str:
    """The session's task: as its span states it, else what it, an agent in it, or a model was asked first.

    Empty until the span has come; ``[not captured]`` where it was kept out of the record.
    """
    if root is None:
        return ""
    if root.facts.task is not None:
        return root.facts.task
    if root.facts.kind == "session" and root.facts.pushed_uuid is None:
        return semconv.NOT_CAPTURED
    first = () if who.first_model is None else (who.first_model,)
    for node in (root, *who.agents, *first):
        if said := question(node.facts):
            return said
    return semconv.NOT_CAPTURED if _silent(root.facts) else ""


def session_answer(root: Node | None, who: Speakers) -> str | None:
    """What the session came to: as its span states it, else the last reply of an agent in it, or of a model.

    What only shows an object (``repr``), or is JSON of nobody's form, counts where there is no reply.
    """
    if root is None:
        return None
    facts = root.facts
    if facts.kind == "session" and facts.pushed_uuid is None:
        return None if facts.output is None or facts.output.text.strip() == "null" else facts.output.plain
    stated = reply(facts)
    if stated and not is_repr(stated):
        return stated
    if root.status != "running":
        last = () if who.last_model is None else (who.last_model,)
        for node in (*reversed(who.agents), *last):
            if (said := reply(node.facts)) and not is_repr(said):
                return said
    if facts.output is not None and facts.output.text.strip() != "null" and facts.kind != "llm":
        return facts.output.plain
    return stated or None


def _silent(facts: Facts) -> bool:
    return facts.input is None and facts.input_messages is None


def _given_metadata(parts: SessionParts) -> tuple[JsonObject, JsonObject, JsonObject]:
    """What was passed, on the root span, then by ``set_metadata``, the later over the earlier: what is anybody's to
    say, what the governed runtime says of its governance, and what others claim of it."""
    given: JsonObject = {}
    governed: JsonObject = {}
    claims: JsonObject = {}
    held = parts.root.facts.metadata if parts.root is not None else None
    said = [(held.value, False)] if held is not None and isinstance(held.value, Mapping) else []
    notes = sorted((one for one in parts.notes if isinstance(one, MetadataNote)), key=lambda one: one.order)
    for values, governs in (*said, *((note.values, note.governed) for note in notes)):
        for name, value in values.items():
            if not governance.is_governance(name):
                given[name] = value
            else:
                (governed if governs else claims)[name] = value
    return given, governed, claims


def _about_root(root: Node | None) -> JsonObject:
    if root is None:
        return {}
    facts = root.facts
    about: JsonObject = {"trace_id": root.span.trace_id, "agent_name": facts.agent_name or facts.name}
    if facts.tags:
        about["tags"] = list(facts.tags)
    if facts.user_id is not None:
        about["user_id"] = facts.user_id
    service = root.span.resource.get(semconv.SERVICE_NAME)
    if isinstance(service, str):
        about["service_name"] = service
    parent = root.span.attributes.get(semconv.ATLAS_PARENT_SESSION_ID)
    if isinstance(parent, str):
        about["parent_session_id"] = parent
    if (failure := root.error_json) is not None:
        about["failure"] = failure
    return about


def _learning_key(root: Node | None, task: str, given: Mapping[str, JsonValue]) -> str:
    facts = root.facts if root is not None else None
    agent = (facts.agent_name or facts.name) if facts is not None else ""
    return learning_key(agent=agent, task=task, tags=facts.tags if facts is not None else (), metadata=given)


def _summary(stats: JsonObject | None, step_scores: Sequence[float]) -> JsonObject | None:
    """``reward_summary``: the session's score, else the average over the steps that were scored."""
    if stats is not None:
        same = ("score_stddev", "uncertainty_mean", "uncertainty_stddev")
        summary: JsonObject = {"score": stats["score"], "count": stats["sample_count"]}
        return summary | {name: stats[name] for name in same if name in stats}
    if not step_scores:
        return None
    average, deviation = mean_and_deviation(step_scores)
    summary = {"average": average, "count": len(step_scores), "score_stddev": deviation}
    return {name: value for name, value in summary.items() if value is not None}


def _calls(value: JsonValue) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _audit(notes: Sequence[TargetedNote]) -> list[JsonObject]:
    """Every judgement of the session in order of time, also those that a later one replaced; and those whose step or
    span isn't here, with the target they named."""
    audit = []
    for note in sorted((one for one in notes if isinstance(one, RewardNote)), key=lambda one: one.order):
        entry = note.reward.to_audit()
        if note.target.step is not None:
            entry["step"] = note.target.step
        if note.target.span_id is not None:
            entry["span_id"] = note.target.span_id
        audit.append(entry)
    return audit


def _text(given: Mapping[str, JsonValue], name: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) else None


def _review_status(given: Mapping[str, JsonValue]) -> ReviewStatus:
    stated = given.get("review_status")
    return stated if stated in _REVIEW_STATUSES else "pending"
