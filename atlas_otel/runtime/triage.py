"""The dossier of a task: what is known of it before it begins, made by a triage adapter or from the metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atlas_otel.runtime.advisor import call, unanswered, within

Severity: TypeAlias = Literal["low", "moderate", "high", "critical"]
_TIMEOUT_S = 30.0


class Risk(BaseModel):
    """Something that may go wrong."""

    category: str = "general"
    description: str
    severity: Severity = "moderate"


class Signal(BaseModel):
    """Something observed."""

    name: str
    value: Any = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    annotation: str | None = None


class TriageDossier(BaseModel):
    """What a triage adapter answers (contract §5, "Triage")."""

    model_config = ConfigDict(extra="allow")

    task: str
    summary: str
    risks: list[Risk] = Field(default_factory=list)
    signals: list[Signal] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    persona_references: list[dict[str, Any]] = Field(default_factory=list)
    embeddings: dict[str, Any] = Field(default_factory=dict)
    fingerprint_hint: str | None = None


TriageAdapter: TypeAlias = Callable[[str, "dict[str, Any] | None"], Any]


class Triaged(NamedTuple):
    """A dossier, who made it, and what went wrong where the default one had to."""

    dossier: TriageDossier
    adapter: str
    error: str | None


def default_dossier(task: str, metadata: Mapping[str, Any]) -> TriageDossier:
    """A dossier of what the metadata says: ``summary``, ``tags``, ``risks``, ``signals``, ``fingerprint_hint``.

    What does not fit is left out; the rest of the metadata is kept as it is.
    """
    summary = metadata.get("summary") or metadata.get("description") or task
    tags = metadata.get("tags") or []
    hint = metadata.get("fingerprint_hint")
    used = {"summary", "description", "tags", "risks", "signals", "fingerprint_hint"}
    return TriageDossier(
        task=task,
        summary=str(summary),
        risks=_valid(Risk, metadata.get("risks"), "description"),
        signals=_valid(Signal, metadata.get("signals"), "name"),
        tags=[str(tag) for tag in ([tags] if isinstance(tags, str) else tags) if str(tag).strip()]
        if isinstance(tags, (str, list, tuple, set))
        else [],
        metadata={str(key): value for key, value in metadata.items() if key not in used},
        fingerprint_hint=hint if isinstance(hint, str) else None,
    )


def _valid(model: type[Any], values: object, text_field: str) -> list[Any]:
    found = []
    for value in values if isinstance(values, (list, tuple)) else ():
        try:
            found.append(model.model_validate({text_field: value} if isinstance(value, str) else value))
        except ValidationError:
            continue
    return found


async def triage(adapter: TriageAdapter | None, name: str, task: str, metadata: Mapping[str, Any]) -> Triaged:
    """The adapter's dossier; the default one where there is no adapter, or where it fails or answers nonsense."""
    if adapter is None:
        return Triaged(default_dossier(task, metadata), "default", None)
    try:
        answer = await within(_TIMEOUT_S, call(adapter, task, dict(metadata)))
        if isinstance(answer, BaseModel):  # one of the Atlas SDK's own
            answer = answer.model_dump()
        return Triaged(TriageDossier.model_validate(answer), name, None)
    except Exception as error:  # a guest: the run goes on with the default dossier, and the record says why
        return Triaged(default_dossier(task, metadata), name, unanswered("triage", error))
