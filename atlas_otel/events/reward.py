"""``gen_ai.evaluation.result``: a score. ``{"name", "score", "rationale", "judge", "judges", "primary", "raw",
"target"}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.events.forms import is_name, is_number, objects, only
from atlas_otel.events.note import TARGET_KEYS, TARGET_PATHS, EventKind, NoteTarget, TargetedNote
from atlas_otel.models.evaluation import DEFAULT_REWARD_NAME, Reward, finite, judge_entry

if TYPE_CHECKING:
    from atlas_otel.events.note import Order
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.records.json_text import JsonText


@dataclass(frozen=True, slots=True)
class RewardNote(TargetedNote):
    """A score."""

    reward: Reward

    @property
    def called(self) -> str:
        """``reward``."""
        return "reward"

    def said(self) -> object:
        """The reward as it is stored."""
        return self.reward.to_json()


def _read(order: Order, target: NoteTarget, payload: JsonText, *, claimed: bool) -> RewardNote:
    held = payload.object
    name, score, judge, raw = held.get("name"), finite(held.get("score")), held.get("judge"), held.get("raw")
    listed, said, label = held.get("judges"), held.get("rationale"), held.get("label")
    rationale = said if isinstance(said, str) else None
    judges = [entry for one in (listed if isinstance(listed, list) else ()) if (entry := judge_entry(one)) is not None]
    if not judges and isinstance(judge, str) and judge:
        lone: JsonObject = {"identifier": judge, "rationale": rationale}
        if score is not None:
            lone["score"] = score
        judges = [entry for one in (lone,) if (entry := judge_entry(one)) is not None]
    reward = Reward(
        time_ns=order[0],
        name=name if isinstance(name, str) and name else DEFAULT_REWARD_NAME,
        score=score,
        rationale=rationale,
        label=label if isinstance(label, str) else None,
        judges=() if claimed else tuple(judges),
        primary=held.get("primary") is True,
        raw=dict(raw) if isinstance(raw, Mapping) else None,
        claimed=claimed,
        claimed_judges=tuple(judges) if claimed else (),
    )
    return RewardNote(order, target, reward)


def _skeleton(payload: JsonObject) -> JsonObject:
    kept: JsonObject = {semconv.CLAIMED: True} if payload.get(semconv.CLAIMED) is True else {}
    kept |= only(payload, {"name": is_name, "score": is_number, "judge": is_name, "primary": is_number})
    if judges := [_judge(judge) for judge in objects(payload.get("judges"))]:
        kept["judges"] = judges
    if isinstance(raw := payload.get("raw"), dict) and isinstance(raw.get("failed"), bool):
        kept["raw"] = {"failed": raw["failed"]}  # nobody's score: histories leave it out
    return kept


def _judge(judge: JsonObject) -> JsonValue:
    kept = only(judge, {"identifier": is_name, "score": is_number, "uncertainty": is_number, "escalated": is_number})
    numbers = dict.fromkeys(("score", "uncertainty", "temperature"), is_number)
    if samples := [only(sample, numbers) for sample in objects(judge.get("samples"))]:
        kept["samples"] = list(samples)
    return kept


_KEYS: Final = TARGET_KEYS | {"name", "score", "rationale", "judge", "judges", "primary", "raw"}
KIND: Final = EventKind(semconv.EVENT_REWARD, _read, _skeleton, TARGET_PATHS, _KEYS)
