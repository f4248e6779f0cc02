"""``--format preference``: a rejected and a chosen answer to the same step, for preference tuning (DPO and its kin).

A line is made of a step's last attempt that passed and each earlier one that failed: rejected by the validation, or
ended by an error. Where nobody validated, an attempt after a failed one that did not fail itself counts as passed.
Pairs without an answer on both sides, or with the same one, are left out.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from atlas_otel_exporters.formats.attempts import attempts, prompt
from atlas_otel_exporters.formats.messages import message
from atlas_otel_exporters.formats.naming import source
from atlas_otel_exporters.json_text import dump

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel_exporters.stored import StoredSession


def preference_lines(session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
    """The session's pairs, by step."""
    tried = sorted(attempts(session), key=lambda attempt: (attempt.step_id, attempt.number))
    for step_id, group in groupby(tried, key=lambda attempt: attempt.step_id):
        of_step = list(group)
        chosen = next((attempt for attempt in reversed(of_step) if attempt.passed is not False), None)
        if chosen is None:
            continue
        before = [step for step in session.steps if step.step_id < step_id]
        for rejected in of_step:
            if rejected.passed is not False or rejected.number >= chosen.number:
                continue
            if not rejected.output or not chosen.output or rejected.output == chosen.output:
                continue
            yield dump(
                {
                    # Both were asked this; what the chosen one was told besides stands under guidance.
                    "prompt": prompt(session, step_id, before, rejected.guidance),
                    "chosen": [message("assistant", chosen.output)],
                    "rejected": [message("assistant", rejected.output)],
                    "guidance": chosen.guidance,
                    "step_id": step_id,
                    "chosen_attempt": chosen.number,
                    "rejected_attempt": rejected.number,
                    **source(session, [chosen.span_id, rejected.span_id], revision),
                }
            )
