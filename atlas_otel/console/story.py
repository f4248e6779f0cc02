"""What happened, one thing at a time: records in the order in which they were made → what a person is told. Pure.

A :class:`Story` keeps what it needs of each running session (its steps, verdicts and rewards), bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from atlas_otel import semconv
from atlas_otel.events.adapter_event import AdapterNote
from atlas_otel.events.catalogue import read_note
from atlas_otel.events.guidance import GuidanceNote
from atlas_otel.events.metadata import MetadataNote
from atlas_otel.events.plan import PlanNote
from atlas_otel.events.reward import RewardNote
from atlas_otel.events.validation import ValidationNote
from atlas_otel.models.evaluation import DEFAULT_REWARD_NAME
from atlas_otel.records.json_text import JsonText, dump
from atlas_otel.records.record import STATUS_ERROR, EventRecord, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.events.note import NoteTarget
    from atlas_otel.models.evaluation import Reward
    from atlas_otel.models.json_types import JsonValue
    from atlas_otel.records.record import Record

Verdict: TypeAlias = Literal["PASS", "FAIL", "ERROR"]
MAX_SESSIONS: Final = 1000
"""Sessions told of at a time: those that never end (their process is another one) are forgotten, oldest first."""
MAX_OPEN: Final = 10_000
"""Spans of one session that are known to run at once: of more, some lines are not indented."""
_CALLS: Final = ("tool", "llm", "agent")


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A session began."""

    session: str
    task: str
    time_ns: int
    name: str = field(default="", compare=False)
    """The agent's."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The session has a plan: (id, description) of each step."""

    session: str
    steps: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class ShownAttempt:
    """Which attempt at which step; ``step`` is None where only another process knows its number."""

    step: int | None
    number: int
    description: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """An attempt at a step began."""

    session: str
    attempt: ShownAttempt
    depth: int = field(default=0, compare=False)
    """How many steps and calls enclose it; so with the others."""


@dataclass(frozen=True, slots=True)
class StepJudged:
    """An attempt ended, or was judged after its end (then there is no duration). ``verdict`` None: nobody judged it."""

    session: str
    attempt: ShownAttempt
    verdict: Verdict | None
    reason: str
    duration_ms: float | None
    depth: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A tool, model or sub-agent call began."""

    session: str
    kind: str
    name: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A tool, model or sub-agent call ended."""

    session: str
    kind: str
    name: str
    duration_ms: float
    error: str
    tokens: int | None
    depth: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Guided:
    """A teacher's note on an attempt, or on the session (``attempt`` None)."""

    session: str
    attempt: ShownAttempt | None
    note: str


@dataclass(frozen=True, slots=True)
class Reported:
    """The agent's adapter reported something; ``data`` is JSON text."""

    session: str
    event: str
    step: int | None
    reason: str
    data: str


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A session ended. ``error`` is empty where it went well; ``reward`` None where nobody gave one."""

    session: str
    trace_id: str
    seconds: float
    error: str
    answer: str
    execution_mode: str
    judge_calls: int
    attempts: int
    tokens: int
    reward: float | None


Happening: TypeAlias = (
    "TaskStarted | Planned | StepStarted | StepJudged | CallStarted | CallEnded | Guided | Reported | TaskEnded"
)


@dataclass(slots=True)
class _Session:
    """What is remembered of a running session."""

    root: str
    descriptions: dict[int, str] = field(default_factory=dict)
    attempts: dict[str, ShownAttempt] = field(default_factory=dict)
    """By the id of the attempt's span."""
    running: dict[str, ShownAttempt] = field(default_factory=dict)
    verdicts: dict[str, tuple[bool, str]] = field(default_factory=dict)
    open: dict[str, tuple[str | None, bool]] = field(default_factory=dict)
    """Of each span that runs: its parent, and whether a line tells of it."""
    rewards: list[Reward] = field(default_factory=list)
    judge_calls: int = 0
    tokens: int = 0
    mode: str = ""

    def depth(self, span: SpanRecord) -> int:
        """How many steps and calls that have a line enclose a span."""
        found, seen = 0, {span.span_id}
        parent = span.parent_span_id
        while parent is not None and parent not in seen and (held := self.open.get(parent)) is not None:
            seen.add(parent)
            parent = held[0]
            found += held[1]
        return found

    def attempt_of(self, event: EventRecord, target: NoteTarget) -> tuple[str, ShownAttempt] | None:
        """The attempt that an event is about, and its span; None: the session."""
        if target.session:
            return None
        if target.step is None:
            span = target.span_id or event.span_id
            found = self.attempts.get(span)
            return (span, found) if found is not None else None
        wanted = [
            (span, attempt)
            for span, attempt in self.attempts.items()
            if attempt.step == target.step and target.attempt in (None, attempt.number)
        ]
        if wanted:
            return wanted[-1]
        return "", ShownAttempt(target.step, target.attempt or 1, self.descriptions.get(target.step, ""))

    def reward(self) -> float | None:
        """The session's reward: the primary one, else the one of the plain name, else the latest."""
        scored = [reward for reward in self.rewards if reward.score is not None]
        named = [reward for reward in scored if reward.name == DEFAULT_REWARD_NAME]
        for group in ([reward for reward in scored if reward.primary], named, scored):
            if group:
                return group[-1].score
        return None


class Story:
    """Turns records into happenings."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def tell(self, record: Record) -> Iterator[Happening]:
        """What ``record`` adds to what was told before."""
        if record.session_key is None:
            return
        if isinstance(record, EventRecord):
            known = self._sessions.get(record.session_key)
            if known is not None:
                yield from self._event(known, record.session_key, record)
        elif record.kind == "session":
            yield from self._session(record, record.session_key)
        elif (known := self._sessions.get(record.session_key)) is not None:
            yield from self._inside(known, record, record.session_key)

    def _inside(self, known: _Session, span: SpanRecord, key: str) -> Iterator[Happening]:
        if not span.ended and len(known.open) < MAX_OPEN:
            known.open.setdefault(span.span_id, (span.parent_span_id, span.kind == "step" or span.kind in _CALLS))
        if span.kind == "step":
            yield from self._step(known, span, key)
        elif span.kind in _CALLS:
            if span.ended:
                yield self._call(known, span, key)
            else:
                yield CallStarted(key, span.kind or "", _called(span), known.depth(span))
        if span.ended:
            known.open.pop(span.span_id, None)

    def _session(self, span: SpanRecord, key: str) -> Iterator[Happening]:
        if key not in self._sessions:
            self._sessions[key] = _Session(span.span_id)
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
            task = _text(span, semconv.ATLAS_TASK) or semconv.NOT_CAPTURED
            yield TaskStarted(key, task, span.start_ns, _text(span, semconv.GEN_AI_AGENT_NAME))
        known = self._sessions[key]
        held = JsonText(_text(span, semconv.ATLAS_METADATA) or "{}").value
        if isinstance(held, Mapping):
            known.mode = _string(held.get("execution_mode")) or known.mode
        if not span.ended:
            return
        del self._sessions[key]
        yield TaskEnded(
            session=key,
            trace_id=span.trace_id,
            seconds=_duration_ms(span) / 1000,
            error=_error(span),
            answer=_string(JsonText(_text(span, semconv.ATLAS_OUTPUT) or "null").value),
            execution_mode=known.mode,
            judge_calls=known.judge_calls,
            attempts=len(known.attempts),
            tokens=known.tokens,
            reward=known.reward(),
        )

    def _step(self, known: _Session, span: SpanRecord, key: str) -> Iterator[Happening]:
        attempt = known.attempts.get(span.span_id)
        if attempt is None:
            step, number = span.attributes.get(semconv.ATLAS_STEP_ID), span.attributes.get(semconv.ATLAS_STEP_ATTEMPT)
            attempt = ShownAttempt(
                step if isinstance(step, int) else None,
                number if isinstance(number, int) else 1,
                _text(span, semconv.ATLAS_STEP_DESCRIPTION),
            )
            known.attempts[span.span_id] = known.running[span.span_id] = attempt
            yield StepStarted(key, attempt, known.depth(span))
        if not span.ended:
            return
        known.running.pop(span.span_id, None)
        valid, reason = known.verdicts.get(span.span_id, (None, ""))
        # A rejected attempt is marked as an error too: the verdict says more.
        if valid is not False and (error := _error(span)):
            yield StepJudged(key, attempt, "ERROR", error, None, known.depth(span))
            return
        yield StepJudged(key, attempt, _VERDICTS[valid], reason, _duration_ms(span), known.depth(span))

    def _call(self, known: _Session, span: SpanRecord, key: str) -> CallEnded:
        counts = [
            span.attributes.get(name)
            for name in (semconv.GEN_AI_USAGE_INPUT_TOKENS, semconv.GEN_AI_USAGE_OUTPUT_TOKENS)
        ]
        numbers = [count for count in counts if isinstance(count, int)]
        tokens = sum(numbers) if numbers and span.kind == "llm" else None
        known.tokens += tokens or 0
        kind, depth = span.kind or "", known.depth(span)
        return CallEnded(key, kind, _called(span), _duration_ms(span), _error(span), tokens, depth)

    def _event(self, known: _Session, key: str, event: EventRecord) -> Iterator[Happening]:
        note = read_note(event)
        if isinstance(note, PlanNote):
            known.descriptions = {step.id: step.description for step in note.plan.steps}
            yield Planned(key, tuple(known.descriptions.items()))
        elif isinstance(note, MetadataNote):
            known.mode = _string(note.values.get("execution_mode")) or known.mode
        elif isinstance(note, RewardNote):
            known.judge_calls += sum(_samples(judge) for judge in note.reward.judges)
            if known.attempt_of(event, note.target) is None:
                known.rewards.append(note.reward)
        elif isinstance(note, GuidanceNote):
            about = known.attempt_of(event, note.target)
            yield Guided(key, about[1] if about is not None else None, note.note)
        elif isinstance(note, ValidationNote):
            about = known.attempt_of(event, note.target)
            if about is None:
                return
            span, attempt = about
            valid, reason = note.verdict.get("valid") is True, _reason(note.verdict)
            known.verdicts[span] = (valid, reason)
            if span not in known.running:
                yield StepJudged(key, attempt, _VERDICTS[valid], reason, None)
        elif isinstance(note, AdapterNote):
            yield _reported(known, key, note)


_VERDICTS: Final[Mapping[bool | None, Verdict | None]] = {True: "PASS", False: "FAIL", None: None}
_ENVELOPE: Final = frozenset({"event", "payload", "reason", "step", "timestamp", "metadata"})


def _reported(known: _Session, key: str, note: AdapterNote) -> Reported:
    """An adapter event (contract §5); its payload may be the envelope, or anything."""
    step = next((attempt.step for attempt in reversed(known.running.values())), None)
    reason, data = "", note.content
    if isinstance(data, Mapping) and data and _ENVELOPE.issuperset(data):
        stated = data.get("step")
        step = stated if isinstance(stated, int) else step
        reason, data = _string(data.get("reason")), data.get("payload")
    return Reported(key, note.name, step, reason, "" if data is None else dump(data))


def _called(span: SpanRecord) -> str:
    names = (semconv.GEN_AI_TOOL_NAME, semconv.GEN_AI_REQUEST_MODEL, semconv.GEN_AI_AGENT_NAME, semconv.ATLAS_NAME)
    return next((text for text in (_text(span, key) for key in names) if text), span.name)


def _reason(payload: Mapping[str, JsonValue]) -> str:
    for name in ("reason", "rationale", "explanation", "feedback"):
        if text := _string(payload.get(name)):
            return text
    return ""


def _samples(judge: Mapping[str, JsonValue]) -> int:
    samples = judge.get("samples")
    return len(samples) if isinstance(samples, list) and samples else 1


def _text(span: SpanRecord, key: str) -> str:
    value = span.attributes.get(key)
    return value if isinstance(value, str) else ""


def _string(value: JsonValue) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value)


def _error(span: SpanRecord) -> str:
    if span.status != STATUS_ERROR:
        return ""
    return span.status_message or _text(span, semconv.ERROR_TYPE) or "failed"


def _duration_ms(span: SpanRecord) -> float:
    return ((span.end_ns or span.start_ns) - span.start_ns) / 1e6
