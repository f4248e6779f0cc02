"""What a reviewer asks of one session beside its answer: why it failed, what was said of it, what is unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg.rows import class_row

from atlas_otel.models.evaluation import score_of
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import statement
from atlas_otel_exporters.naming import row_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.json_types import JsonObject

LEAST_PEERS: Final = 5
"""Fewer sessions of a learning key tell nothing of what is usual."""
_SPREADS: Final = 2.0
_TIMES: Final = 3.0
_MOSTLY: Final = 0.8


class Peers(NamedTuple):
    """The other ended sessions of the same learning key, the newest 200 at most; None where none has the value."""

    sessions: int = 0
    succeeded: int = 0
    scored: int = 0
    score_mean: float | None = None
    score_stddev: float | None = None
    seconds_median: float | None = None
    tokens_median: float | None = None


class ReviewDetail(NamedTuple):
    """``failure``: the error that ended the session. ``guidance``: each note with its step. ``unusual``: in words."""

    failure: str | None
    rationale: str | None
    judges: list[str]
    guidance: list[tuple[int, str]]
    attempts: dict[int, list[str]]
    """By step: what became of each attempt that failed or was rejected."""
    unusual: list[str]


class _Row(NamedTuple):
    metadata: JsonObject | None
    reward: JsonObject | None
    status: str
    seconds: float | None
    guidance: list[list[Any]]
    sessions: int
    succeeded: int
    scored: int
    score_mean: float | None
    score_stddev: float | None
    seconds_median: float | None
    tokens_median: float | None


def review_detail(database_url: str, name: int | str) -> ReviewDetail:
    """Of one session, by number or key. Raises UsageError where there is none, StoreError where it cannot be read."""
    with connect(database_url) as connection, translating(database_url), quiet(), connection.transaction():
        (session_id,) = row_ids(connection, [name])
        with connection.cursor(row_factory=class_row(_Row)) as cursor:
            row = cursor.execute(statement("reviewed_detail", __package__), {"id": session_id}).fetchone()
        assert row is not None  # it was found in this transaction
        steps = connection.execute(statement("reviewed_steps", __package__), {"id": session_id}).fetchall()
    metadata, reward = row.metadata or {}, row.reward or {}
    failure = metadata.get("failure")
    peers = Peers(*row[5:])
    return ReviewDetail(
        _failure(failure) if isinstance(failure, dict) else None,
        _text(reward.get("rationale")),
        list(_judges(reward)),
        [(int(step), str(note)) for step, note in row.guidance],
        {step[0]: said for step in steps if (said := list(_attempts(step[4])))},
        list(unusual(row.status, score_of(reward), row.seconds, _tokens(metadata), metadata, peers)),
    )


def unusual(
    status: str, score: float | None, seconds: float | None, tokens: float | None, metadata: JsonObject, peers: Peers
) -> Iterator[str]:
    """What sets a session apart from others of its learning key, or by itself, one line each. Pure.

    >>> list(unusual("succeeded", 0.2, 9.0, 100, {}, Peers(10, 10, 10, 0.8, 0.1, 3.0, 90)))
    ['reward 0.20, where 10 others have 0.80 ± 0.10']
    """
    if peers.sessions >= LEAST_PEERS:
        if status == "failed" and peers.succeeded >= _MOSTLY * peers.sessions:
            yield f"failed, where {peers.succeeded} of {peers.sessions} others succeeded"
        if peers.scored >= LEAST_PEERS and score is not None and peers.score_mean is not None:
            spread = max(peers.score_stddev or 0.0, 0.01)
            if abs(score - peers.score_mean) > _SPREADS * spread:
                usual = f"{peers.score_mean:.2f} ± {peers.score_stddev or 0:.2f}"
                yield f"reward {score:.2f}, where {peers.scored} others have {usual}"
        if seconds is not None and peers.seconds_median and seconds > _TIMES * peers.seconds_median:
            yield f"took {seconds:.1f} s, where others take {peers.seconds_median:.1f} s"
        if tokens is not None and peers.tokens_median and tokens > _TIMES * peers.tokens_median:
            yield f"{tokens:,.0f} tokens, where others take {peers.tokens_median:,.0f}"
    if isinstance(claims := metadata.get("governance_claims"), list) and claims:
        yield f"its caller tried to set {', '.join(map(str, claims))}"
    if isinstance(anomalies := metadata.get("intermediate_step_anomalies"), dict) and anomalies:
        yield "steps that fit no open one: " + ", ".join(f"{kind} ({number})" for kind, number in anomalies.items())


def _failure(failure: JsonObject) -> str:
    return ": ".join(str(part) for part in (failure.get("type"), failure.get("message")) if part)


def _judges(reward: JsonObject) -> Iterator[str]:
    judges = reward.get("judges")
    for judge in judges if isinstance(judges, list) else ():
        if isinstance(judge, dict) and (why := _text(judge.get("rationale"))):
            score = judge.get("score")
            shown = f" {score:.2f}" if isinstance(score, (int, float)) else ""
            yield f"{judge.get('identifier') or 'judge'}{shown}: {why}"


def _attempts(metadata: JsonObject) -> Iterator[str]:
    history = metadata.get("attempt_history")
    for entry in history if isinstance(history, list) else ():
        if not isinstance(entry, dict):
            continue
        evaluation, error = entry.get("evaluation"), entry.get("error")
        validation = evaluation.get("validation") if isinstance(evaluation, dict) else None
        rejected = isinstance(validation, dict) and validation.get("valid") is False
        why = _text(validation.get("reason")) if isinstance(validation, dict) else None
        if rejected:
            yield f"attempt {entry.get('attempt')} rejected" + (f": {why}" if why else "")
        elif isinstance(error, dict):
            yield f"attempt {entry.get('attempt')} failed: {_failure(error)}"


def _tokens(metadata: JsonObject) -> float | None:
    usage = metadata.get("token_usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return float(total) if isinstance(total, (int, float)) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
