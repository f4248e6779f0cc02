"""What a step or a session was judged to be: rewards with their judges, validations, and their statistics.

The stored shapes are the contract's (§2, §3): a score is a finite number or absent, never null or text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from statistics import mean, pstdev
from typing import TYPE_CHECKING, Final, TypeAlias

from atlas_otel import semconv

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue

DEFAULT_REWARD_NAME: Final = "reward"
"""The name of a reward that was given none."""
_Weight: TypeAlias = tuple[bool, tuple[int, str]]
"""Whether it is no mere claim, and its order."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def finite(value: object) -> float | None:
    """``value`` as a finite float, where it is a number or a text that says one; else None.

    >>> finite("0.5"), finite(1), finite(True), finite("high"), finite(float("nan"))
    (0.5, 1.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def score_of(reward: object) -> float | None:
    """The score that somebody gave; None where nobody did.

    Nobody did where there is no reward, where its score is no finite number, and where a runtime that left the step
    unjudged wrote a placeholder (``skipped``, in it or in its ``raw``; contract §5).

    >>> score_of({"score": 0.5})
    0.5
    >>> score_of({"score": 0.0, "raw": {"skipped": "no judge"}}) is None
    True
    """
    if not isinstance(reward, Mapping):
        return None
    raw = reward.get("raw")
    if reward.get("skipped") or (isinstance(raw, Mapping) and raw.get("skipped")):
        return None
    return finite(reward.get("score"))


def utc_time(time_ns: int) -> datetime:
    """Unix nanoseconds as an aware datetime, cut to microseconds; clamped to the years that a datetime can hold."""
    try:
        return _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc) if time_ns > 0 else datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Reward:
    """One score that somebody gave, under a name, at ``time_ns`` (Unix nanoseconds)."""

    time_ns: int
    name: str = DEFAULT_REWARD_NAME
    score: float | None = None
    rationale: str | None = None
    label: str | None = None
    judges: tuple[JsonObject, ...] = ()
    primary: bool = False
    raw: JsonObject | None = None
    claimed: bool = False
    """A sender reported it over OTLP: it yields to any that the reward API or the runtime gave, and names no judges."""
    claimed_judges: tuple[JsonObject, ...] = ()

    def to_json(self) -> JsonObject:
        """The stored mapping: ``score`` (where there is one), ``judges``, ``rationale``, ``name``, and what else the
        judge's own mapping (``raw``) held."""
        stored: JsonObject = {} if self.raw is None else {k: v for k, v in self.raw.items() if k != "score"}
        if self.score is not None:
            stored["score"] = self.score
        stored["name"] = self.name
        stored["rationale"] = self.rationale
        stored["judges"] = list(self.judges)
        if self.label is not None:
            stored["label"] = self.label
        if self.claimed_judges:
            stored["source"] = semconv.SOURCE_SENDER
            stored["claimed_judges"] = list(self.claimed_judges)
        return stored

    def to_audit(self) -> JsonObject:
        """The reward as an entry of ``reward_audit``: with its time, and whether it was meant to be the primary one."""
        return {**self.to_json(), "timestamp": utc_time(self.time_ns).isoformat(), "primary": self.primary}


def judge_entry(value: JsonValue) -> JsonObject | None:
    """A judge's entry in the contract's form; None where ``value`` is no mapping. Keys that it has besides are kept."""
    if not isinstance(value, Mapping):
        return None
    entry: JsonObject = {k: v for k, v in value.items() if k not in ("score", "samples")}
    entry.setdefault("identifier", "judge")
    if (score := finite(value.get("score"))) is not None:
        entry["score"] = score
    entry.setdefault("rationale", None)
    entry.setdefault("principles", [])
    samples = value.get("samples")
    entry["samples"] = [_sample(one) for one in samples] if isinstance(samples, Sequence) else []
    entry.setdefault("escalated", False)
    entry.setdefault("escalation_reason", None)
    return entry


def _sample(value: JsonValue) -> JsonValue:
    if not isinstance(value, Mapping):
        return value
    kept: JsonObject = {}
    for name, held in value.items():
        if name not in ("score", "uncertainty"):
            kept[name] = held
        elif (number := finite(held)) is not None:
            kept[name] = number
    return kept


def choose_rewards(rewards: Iterable[tuple[tuple[int, str], Reward]]) -> dict[str, Reward]:
    """The reward in force under each name, the primary one first.

    ``rewards`` come with their order, (time, id): the latest of a name wins. Primary is the name that was flagged so
    last; else the unnamed reward; else the name that was scored last. What a sender claims counts only where nobody
    who may judge gave that name, or any primary one.
    """
    latest: dict[str, tuple[_Weight, Reward]] = {}
    flagged: tuple[_Weight, str] | None = None
    for placed, reward in rewards:
        order = (not reward.claimed, placed)
        held = latest.get(reward.name)
        if held is None or order > held[0]:
            latest[reward.name] = (order, reward)
        if reward.primary and (flagged is None or order > flagged[0]):
            flagged = (order, reward.name)
    if not latest:
        return {}
    judged = {name: held for name, held in latest.items() if not held[1].claimed}
    among = judged or latest
    if flagged is not None and flagged[1] in among:
        first = flagged[1]
    elif DEFAULT_REWARD_NAME in among:
        first = DEFAULT_REWARD_NAME
    else:
        first = max(among, key=lambda name: (among[name][1].score is not None, among[name][0]))
    return {first: latest[first][1]} | {name: latest[name][1] for name in sorted(latest) if name != first}


def stored_reward(chosen: Mapping[str, Reward]) -> JsonObject | None:
    """The contract's reward mapping for the rewards in force (primary first): the others under ``rewards``, by name."""
    if not chosen:
        return None
    primary = next(iter(chosen.values()))
    stored = primary.to_json()
    if len(chosen) > 1:
        stored["rewards"] = {name: reward.to_json() for name, reward in chosen.items()}
    return stored


def reward_statistics(reward: Reward) -> JsonObject | None:
    """``reward_stats`` of a reward (contract §5): over its judges' samples, else over its judges, else over itself.

    None where there is no score. Deviations are of the population. Uncertainties are absent where no judge gave any.
    """
    if reward.score is None:
        return None
    samples = [sample for judge in reward.judges for sample in _mappings(judge.get("samples"))]
    scored = _numbers(samples, "score") or _numbers(reward.judges, "score") or [reward.score]
    average, deviation = mean_and_deviation(scored)
    stats: JsonObject = {
        "score": reward.score,
        "score_mean": average,
        "score_stddev": deviation,
        "sample_count": len(scored),
        "timestamp": utc_time(reward.time_ns).isoformat(),
    }
    uncertain = _numbers(samples, "uncertainty") or _numbers(reward.judges, "uncertainty")
    if uncertain:
        stats["uncertainty_mean"], stats["uncertainty_stddev"] = mean_and_deviation(uncertain)
        stats["best_uncertainty"] = min(uncertain)
    return {name: value for name, value in stats.items() if value is not None}


def mean_and_deviation(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and population standard deviation of at least one number; None where a float cannot hold it."""
    if len(values) == 1:  # the usual case; exact sums take fifty times as long
        return values[0], 0.0
    try:
        return mean(values), pstdev(values)
    except OverflowError:
        return None, None


def _mappings(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _numbers(entries: Iterable[Mapping[str, JsonValue]], name: str) -> list[float]:
    return [number for entry in entries if (number := finite(entry.get(name))) is not None]
