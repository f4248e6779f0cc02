"""What an agent says of its run while it runs: plan, rewards, guidance, validation, events, metadata.

Each is one event record, on its way at once. A reward, guidance or validation goes to the step that is named, else to
the step in force, else to the session. Nothing here raises: what cannot mean anything (a NaN score, a plan's step
without a description) is refused, with a line in the log (``refusing.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, SupportsIndex

from opentelemetry import context as otel_context

from atlas_otel import semconv
from atlas_otel.errors import UsageError
from atlas_otel.events.runtime_metadata import RUNTIME
from atlas_otel.tracing import state
from atlas_otel.tracing.context import Frame, activate, current_frame, restore, with_frame
from atlas_otel.tracing.event_text import event_payload, event_shown
from atlas_otel.tracing.late_reward import record_late
from atlas_otel.tracing.refusing import REFUSING, outside_session
from atlas_otel.tracing.whole_number import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlas_otel.records.record import AttributeValue, EventRecord
    from atlas_otel.tracing.context import SpanInForce


def set_plan(steps: Sequence[str | Mapping[str, Any]] | Mapping[str, Any], *, execution_mode: str = "stepwise") -> None:
    """Set the session's plan.

    A later plan replaces an earlier one; steps that ran keep their numbers. A plan that cannot be read is refused, with
    a line in the log.

    Args:
        steps: Descriptions; or steps ``{id, description, tool, tool_params, depends_on}``, numbered from 1 where they
            have no id; or a whole plan ``{"steps": [...], "execution_mode": ...}``.
        execution_mode: ``stepwise`` or ``single_shot``.

    Example:
        >>> with atlas.session("Count the files"):
        ...     atlas.set_plan(["Collect", {"description": "Count", "tool": "wc", "depends_on": [1]}])
    """
    with REFUSING:
        _set_plan(steps, execution_mode)


def _set_plan(steps: Sequence[str | Mapping[str, Any]] | Mapping[str, Any], execution_mode: str) -> None:
    if isinstance(steps, Mapping):
        execution_mode = str(steps.get("execution_mode", execution_mode))
    listed = steps.get("steps", ()) if isinstance(steps, Mapping) else steps
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        raise UsageError(f"a plan is a list of steps, not {type(listed).__name__}")
    plan = [_plan_step(number, step) for number, step in enumerate(listed, start=1)]
    session = current_frame().session
    if session is not None:
        session.plan({step["id"]: str(step["description"]) for step in plan})
    # The plan is the session's, wherever in it it was made.
    _report(
        session.root if session is not None else None,
        semconv.EVENT_PLAN,
        {"steps": plan, "execution_mode": execution_mode},
        {semconv.ATLAS_PLAN_STEPS: len(plan)},
    )


def _plan_step(number: int, step: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(step, str):
        step = {"description": step}
    try:
        return {
            "id": int(step.get("id", number)),
            "description": str(step["description"]),
            "tool": step.get("tool"),
            "tool_params": step.get("tool_params"),
            "depends_on": list(step.get("depends_on") or ()),
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(
            f"step {number} of the plan: expected a description or a mapping with one and a whole-number id"
        ) from None


def record_reward(
    score: float,
    *,
    rationale: str | None = None,
    step: SupportsIndex | None = None,
    attempt: SupportsIndex | None = None,
    session_id: str | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    name: str = "reward",
    judge: str | None = None,
    judges: Sequence[Mapping[str, Any]] = (),
    primary: bool = False,
    raw: Mapping[str, Any] | None = None,
) -> None:
    """Record a score for a step, a span or the session.

    Inside a session it goes to the step that is named, else to the step in force, else to the session. It may also come
    late and from another process: name the session or its trace, and in it a step or a span. Several names may be
    scored; of one name the latest counts. The session's reward is the ``primary`` one, else the one named ``reward``,
    else the latest. A score that is no finite number is refused, with a line in the log.

    Args:
        score: A finite number.
        rationale: Why.
        step: The step's number in the plan.
        attempt: Which attempt at the step, from 1; None: the one in force, else the latest.
        session_id: The session's key, for a late reward.
        trace_id: The session's trace, 32 hex digits, for a late reward.
        span_id: One span, 16 hex digits: of the session in force, or of the one named, for a late reward.
        name: What is scored.
        judge: Who scored.
        judges: All who scored, each ``{identifier, score, rationale, ...}``; kept whole.
        primary: This name is the session's reward.
        raw: What the judge said; kept whole.

    Example:
        >>> with atlas.session("t") as session, atlas.step("Look", id=1):
        ...     atlas.record_reward(0.5, rationale="half of it")
        >>> atlas.record_reward(1.0, session_id=session.id, name="solved", primary=True)
    """
    with REFUSING:
        payload: dict[str, Any] = {"name": name, "score": finite_score(score)}
        optional = {"rationale": rationale, "judge": judge, "judges": list(judges), "raw": raw}
        payload.update({key: value for key, value in optional.items() if value})
        if primary:
            payload["primary"] = True
        shown: dict[str, AttributeValue] = {
            semconv.GEN_AI_EVALUATION_NAME: name,
            semconv.GEN_AI_EVALUATION_SCORE: payload["score"],
        }
        span = _hex("span_id", span_id, 16) if span_id is not None else None
        if session_id is None and trace_id is None:
            _report_on_target(semconv.EVENT_REWARD, payload, step, attempt, shown, span=span)
            return
        target: dict[str, Any] = {"step": _step_number(step)} if step is not None else {}
        target |= {"attempt": _attempt_number(attempt)} if attempt is not None else {}
        target |= {"span_id": span} if span is not None else {}
        if target:
            payload["target"] = target
        record_late(
            payload,
            shown,
            session_key=session_id,
            trace_id=_hex("trace_id", trace_id, 32) if trace_id is not None else None,
            span_id=span,
        )


def check_reward(
    score: float, *, step: SupportsIndex | None = None, trace_id: str | None = None, span_id: str | None = None
) -> None:
    """Raise the UsageError that :func:`record_reward` would only log: for whoever is no agent."""
    finite_score(score)
    if step is not None:
        _step_number(step)
    if trace_id is not None:
        _hex("trace_id", trace_id, 32)
    if span_id is not None:
        _hex("span_id", span_id, 16)


def _hex(what: str, value: str, digits: int) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    if len(text) != digits or not all(c in "0123456789abcdef" for c in text) or not int(text, 16):
        raise UsageError(f"{what} must be {digits} hex digits, as Jaeger shows it")
    return text


def _step_number(step: object) -> int:
    number = whole_number(step)
    if number is None:
        raise UsageError(f"a step is identified by its number, not a {type(step).__name__}")
    return number


def _attempt_number(attempt: object) -> int:
    number = whole_number(attempt)
    if number is None:
        raise UsageError(f"an attempt is identified by its number, not a {type(attempt).__name__}")
    return number


def finite_score(score: float) -> float:
    """``score`` as a float; UsageError where it is not a finite number (contract §2: numbers or absent)."""
    if isinstance(score, bool) or not isinstance(score, (int, float)):
        try:
            score = float(score)  # numpy's numbers
        except (TypeError, ValueError):
            raise UsageError(f"a reward's score is a number, not {type(score).__name__}") from None
    if not math.isfinite(score):
        raise UsageError(f"a reward's score is a finite number, not {score}")
    return float(score)


def add_guidance(note: str, *, step: SupportsIndex | None = None, attempt: SupportsIndex | None = None) -> None:
    """Record a teacher's note, such as one that precedes a retry.

    Args:
        note: The note.
        step: The step's number in the plan; None: the step in force, else the session.
        attempt: Which attempt at the step, from 1.

    Example:
        >>> with atlas.session("t"), atlas.step("Look", id=1):
        ...     atlas.add_guidance("Check the newest first.")
    """
    with REFUSING:
        _report_on_target(semconv.EVENT_GUIDANCE, {"note": str(note)}, step, attempt, {})


def set_validation(
    valid: bool | Mapping[str, Any],
    *,
    step: SupportsIndex | None = None,
    attempt: SupportsIndex | None = None,
    **details: Any,
) -> None:
    """Record whether a step's result holds.

    Args:
        valid: True or False, or a mapping with ``valid`` in it.
        step: The step's number in the plan; None: the step in force, else the session.
        attempt: Which attempt at the step, from 1.
        **details: Kept beside the verdict.

    Example:
        >>> with atlas.session("t"), atlas.step("Look", id=1):
        ...     atlas.set_validation(False, reason="two rows are missing")
    """
    with REFUSING:
        verdict = dict(valid) if isinstance(valid, Mapping) else {"valid": bool(valid)}
        payload = {**verdict, **details}
        shown: dict[str, AttributeValue] = {semconv.ATLAS_VALIDATION_VALID: bool(payload.get("valid"))}
        _judge(payload, step, attempt)
        _report_on_target(semconv.EVENT_VALIDATION, payload, step, attempt, shown)


def _judge(verdict: Mapping[str, Any], step: SupportsIndex | None, attempt: SupportsIndex | None) -> None:
    """Tell the attempt that a verdict is about, while it runs: one that is rejected has failed."""
    frame = current_frame()
    number = whole_number(step) if step is not None else None
    if step is None:
        judged = frame.step
    else:
        judged = frame.session.latest(number) if frame.session is not None and number is not None else None
    if judged is None or judged.identity is None or verdict.get("valid") is None:
        return
    if attempt is not None and whole_number(attempt) != judged.identity.number:
        return
    if verdict["valid"]:
        judged.judged(None)
        return
    why = next((said for key in _REASONS if isinstance(said := verdict.get(key), str) and said), "")
    judged.judged(state.current().capture.text(why, semconv.ATLAS_VALIDATION_REASON) or "")


_REASONS: Final = ("reason", "rationale", "guidance", "message", "error")


def emit_event(name: str, payload: Any = None, *, opening: bool = False) -> None:
    """Record something the agent reports while it works, on the span in force (``ADAPTER_EVENT``, contract §1).

    Args:
        name: What kind of event.
        payload: Any value; it is captured as any other.
        opening: It belongs to the adapter's handshake, before the session's workflow (contract §5).

    Example:
        >>> with atlas.session("t"):
        ...     atlas.emit_event("progress", {"done": 3, "of": 10})
    """
    with REFUSING:
        frame = current_frame()
        event: dict[str, Any] = {"name": str(name), "payload": payload}
        if opening:
            event["opening"] = True
        _report(frame.span, semconv.EVENT_ADAPTER, event, {semconv.ATLAS_NAME: str(name)})


def set_metadata(
    metadata: Mapping[str, Any] | None = None, /, *, step: SupportsIndex | None = None, **more: Any
) -> None:
    """Merge into the session's metadata, or into a step's.

    Args:
        metadata: A mapping.
        step: The step's number in the plan; None: the session.
        **more: More entries.

    Example:
        >>> with atlas.session("t"):
        ...     atlas.set_metadata({"tenant": "acme"}, ticket=17)
    """
    with REFUSING:
        if metadata is not None and not isinstance(metadata, Mapping):
            raise UsageError(f"metadata is a mapping, not {type(metadata).__name__}")
        _set_metadata({**(metadata or {}), **more}, step)


def set_runtime_metadata(metadata: Mapping[str, Any]) -> None:
    """What a governed run says of itself: as :func:`set_metadata`, but where content is not captured, the numbers and
    enumerations in it pass (``privacy_runtime``). Not for callers: of their metadata nothing does."""
    _set_metadata(dict(metadata), None, {"source": RUNTIME})


def _set_metadata(
    payload: dict[str, Any], step: SupportsIndex | None, by: Mapping[str, Any] = MappingProxyType({})
) -> None:
    frame = current_frame()
    if step is not None:
        _report_on_target(semconv.EVENT_METADATA, {"metadata": payload}, step, None, {})
        return
    if frame.session is not None:
        frame.session.metadata.update(payload)
    root = frame.session.root if frame.session is not None else None
    _report(root, semconv.EVENT_METADATA, {"metadata": payload, **by}, {})


@contextmanager
def using_attributes(
    *,
    user_id: str | None = None,
    tags: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Put a user, tags and metadata on every span of ours that starts in the block.

    Args:
        user_id: The user.
        tags: Added to those of enclosing blocks.
        metadata: Merged into that of enclosing blocks.

    Example:
        >>> with atlas.using_attributes(user_id="u-1", tags=["beta"]), atlas.session("t"):
        ...     pass
    """
    frame = current_frame()
    before = frame.inherited or {}
    inherited = dict(before)
    with REFUSING:
        if user_id is not None:
            inherited["user_id"] = str(user_id)
        if tags:
            inherited["tags"] = [*before.get("tags", ()), *tags]
        if metadata:
            inherited["metadata"] = {**before.get("metadata", {}), **metadata}
    context = with_frame(Frame(*frame[:3], inherited), otel_context.get_current())
    token = activate(context)
    try:
        yield
    finally:
        restore(token, context)


def _report_on_target(
    name: str,
    payload: dict[str, Any],
    step: SupportsIndex | None,
    attempt: SupportsIndex | None,
    shown: dict[str, AttributeValue],
    *,
    span: str | None = None,
) -> None:
    """On the named step's span where this process knows it, else on the session's with the target in the payload."""
    frame = current_frame()
    session = frame.session
    active = frame.step or (session.root if session is not None else None) or frame.span
    which = {"attempt": _attempt_number(attempt)} if attempt is not None else {}
    if step is not None:
        number = _step_number(step)
        payload["target"] = {"step": number, **which}
        shown = {**shown, semconv.ATLAS_STEP_ID: number}
        latest = session.latest(number) if session is not None else None
        active = latest or (session.root if session is not None else None) or active
    elif which:
        payload["target"] = which
    if span is not None:
        payload["target"] = {**payload.get("target", {}), "span_id": span}
    _report(active, name, payload, shown)


def _report(
    active: SpanInForce | None, name: str, payload: Mapping[str, Any], shown: Mapping[str, AttributeValue]
) -> EventRecord | None:
    parts = state.current()
    if not parts.enabled and state.listener is None:
        return None
    if active is None:
        outside_session(name)
        return None
    try:
        text = event_payload(parts, name, payload)
        return active.report(name, text, event_shown(parts, text, shown))
    except Exception:
        state.absorbed("event")
        return None
