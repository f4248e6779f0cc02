"""The capability probe: how sure we may be that the agent does this task alone (contract §5, "Decision")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, Field

from atlas_otel.models.config import Lane  # noqa: TC001 - pydantic reads it
from atlas_otel.models.evaluation import finite
from atlas_otel.runtime import prompts
from atlas_otel.runtime.advisor import Advisor, Question, unanswered, within
from atlas_otel.runtime.lanes import LANES, ProbeAnswer

if TYPE_CHECKING:
    from atlas_otel.models.config import ProbeConfig
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.triage import TriageDossier


class ProbeReply(BaseModel):
    """What the probe's model answers."""

    mode: Lane | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    reason: str | None = None


class Probed(NamedTuple):
    """The answer, or what went wrong."""

    answer: ProbeAnswer | None
    error: str | None

    def to_json(self) -> JsonObject:
        """The probe event's output."""
        if self.answer is None:
            return {"error": self.error}
        return {"mode": self.answer.mode, "confidence": self.answer.confidence, "raw": self.answer.raw}


def question(task: str, dossier: TriageDossier, history: JsonObject, config: ProbeConfig) -> Question:
    """What the probe is asked: the task, its dossier, and the newest ``evidence_limit`` sessions."""
    entries = history.get("entries")
    newest = entries[-config.evidence_limit :] if isinstance(entries, list) else []
    facts = {
        "task": task,
        "dossier": dossier.model_dump(exclude_defaults=True),
        "learning_history": {**history, "entries": newest, "count": len(newest)},
    }
    return Question("probe", "probe", prompts.PROBE, facts, ProbeReply)


def read_answer(answer: object) -> ProbeAnswer:
    """A probe's answer. A mode that there is not counts as none. Raises ValueError for what is no mapping."""
    values = answer.model_dump() if isinstance(answer, BaseModel) else answer
    if not isinstance(values, Mapping):
        raise ValueError(f"expected {{mode, confidence}}, got {type(answer).__name__}")
    mode, confidence = values.get("mode"), finite(values.get("confidence"))
    if confidence is not None and not 0 <= confidence <= 1:
        raise ValueError(f"expected a confidence from 0 to 1, got {confidence:g}")
    lane = next((lane for lane in LANES if lane == mode), None)
    return ProbeAnswer(lane, confidence, {str(key): value for key, value in values.items()})


async def probe(advisor: Advisor, asked: Question, timeout_s: float) -> Probed:
    """Ask. A probe that fails, hangs or answers nonsense gives no answer, and the record says why."""
    try:
        return Probed(read_answer(await within(timeout_s, advisor.ask(asked))), None)
    except Exception as error:  # a guest: the fallback lane is taken
        return Probed(None, unanswered("probe", error))
