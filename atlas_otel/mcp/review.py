"""What an assistant may decide where it was allowed to: each decision says in its note that an agent made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from atlas_otel_exporters.review import add_note, decide

if TYPE_CHECKING:
    from atlas_otel_exporters.review import Decision

MARK: Final = "[by an agent]"
ASSISTANT: Final = "assistant"


@dataclass(frozen=True)
class ReviewTools:
    """Review over one database."""

    url: str

    def approve(self, session: str, reason: str) -> dict[str, Any]:
        """Approve a session: it is exported for training from now on. The reason becomes its review note."""
        return self._decide(session, "approved", reason)

    def quarantine(self, session: str, reason: str) -> dict[str, Any]:
        """Quarantine a session: it is kept out of training. The reason becomes its review note."""
        return self._decide(session, "quarantined", reason)

    def note(self, session: str, text: str) -> dict[str, Any]:
        """Write a review note on a session, and leave its review status as it is."""
        (noted,) = add_note(self.url, [session], f"{MARK} {text}", reviewer=ASSISTANT, via="assistant")
        return {"session": noted.id, "review_status": noted.review_status, "notes": noted.review_notes}

    def _decide(self, session: str, decision: Decision, reason: str) -> dict[str, Any]:
        (decided,) = decide(self.url, [session], decision, note=f"{MARK} {reason}", reviewer=ASSISTANT, via="assistant")
        return {"session": decided.id, "review_status": decided.review_status, "notes": decided.review_notes}
