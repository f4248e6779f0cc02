"""Which metadata keys decide whether a session is trusted, exported or trained on (contract §2). Pure.

Only the governed runtime, a reviewer and the reward API write them. The same names from a caller, a foreign span or a
sender are data: the projection keeps them under ``caller_metadata`` and lists them in ``governance_claims``.
"""

from __future__ import annotations

from typing import Final

GOVERNANCE: Final = frozenset(
    {
        "review_status",
        "review_notes",
        "review",
        "drift",
        "drift_alert",
        "reward_summary",
        "session_reward",
        "reward_stats",
        "reward_audit",
        "triage_dossier",
    }
)
_PREFIX: Final = "adapter_capabilities"


def is_governance(name: str) -> bool:
    """Whether a top-level key of a session's metadata governs.

    >>> is_governance("review_status"), is_governance("adapter_capabilities_reported"), is_governance("team")
    (True, True, False)
    """
    return name in GOVERNANCE or name.startswith(_PREFIX)
