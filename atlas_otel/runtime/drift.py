"""Whether a reward is unlike the earlier ones of the same learning key. Pure (contract §5, "Drift")."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.config import DriftConfig
    from atlas_otel.models.json_types import JsonObject

MAD_TO_DEVIATION: Final = 1.4826
"""For normally distributed values, the standard deviation is this times the median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a value lies from a baseline. None where the baseline does not say: it is empty, or all alike."""

    delta: float | None
    z: float | None
    mad_z: float | None


def deviation(value: float | None, baseline: Sequence[float]) -> Deviation:
    """``value`` against ``baseline``: from its mean, in standard deviations, and from its median, in scaled MADs."""
    if value is None or not baseline:
        return Deviation(None, None, None)
    mean, spread, middle = fmean(baseline), pstdev(baseline), median(baseline)
    mad = median(abs(one - middle) for one in baseline) * MAD_TO_DEVIATION
    return Deviation(
        value - mean,
        (value - mean) / spread if spread else None,
        (value - middle) / mad if mad else None,
    )


def assess(
    config: DriftConfig,
    *,
    score: float,
    uncertainty: float | None,
    scores: Sequence[float],
    uncertainties: Sequence[float],
    learning_key: str,
) -> JsonObject:
    """``drift`` as the session's metadata holds it; ``alert`` says whether the session needs a look.

    ``scores`` and ``uncertainties`` are of the last ``window`` sessions of the key.
    """
    scores, uncertainties = scores[: config.window], uncertainties[: config.window]
    of_score, of_uncertainty = deviation(score, scores), deviation(uncertainty, uncertainties)
    measures = {
        "score_z": of_score.z,
        "score_mad_z": of_score.mad_z,
        "uncertainty_z": of_uncertainty.z,
        "uncertainty_mad_z": of_uncertainty.mad_z,
    }
    reason: str | None = "insufficient_baseline"
    alert = False
    if len(scores) >= max(config.min_baseline, 1):
        over = [name for name, value in measures.items() if value is not None and abs(value) > config.z_threshold]
        alert, reason = bool(over), over[0] if over else None
    return {
        "alert": alert,
        "reason": reason,
        "score_delta": of_score.delta,
        "uncertainty_delta": of_uncertainty.delta,
        **measures,
        "threshold": config.z_threshold,
        "window": config.window,
        "learning_key": learning_key,
        "baseline": {
            "sample_count": len(scores),
            "score_mean": fmean(scores) if scores else None,
            "score_median": median(scores) if scores else None,
            "score_stddev": pstdev(scores) if scores else None,
            "uncertainty_mean": fmean(uncertainties) if uncertainties else None,
            "uncertainty_median": median(uncertainties) if uncertainties else None,
            "uncertainty_stddev": pstdev(uncertainties) if uncertainties else None,
        },
    }
