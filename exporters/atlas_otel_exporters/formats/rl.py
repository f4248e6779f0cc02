"""``--format rl``: prompt, completion and reward of each step, for training on rewards.

A step's reward is its own where somebody gave one, else the session's; ``reward_source`` says which. A step with
neither is left out: nobody should train on a zero that no one gave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel_exporters.formats.attempts import attempts, prompt
from atlas_otel_exporters.formats.messages import message
from atlas_otel_exporters.formats.naming import session_score, source
from atlas_otel_exporters.json_text import dump, load_object
from atlas_otel_exporters.rewards import step_score

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel_exporters.stored import StoredSession


def rl_lines(session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
    """The session's rewarded steps, in order."""
    whole = session_score(session)
    tried = attempts(session)
    for index, step in enumerate(session.steps):
        own = step_score(load_object(step.evaluation), load_object(step.metadata))
        score = own if own is not None else whole
        if score is None or not step.output:
            continue
        of_step = [attempt for attempt in tried if attempt.step_id == step.step_id]
        # A note that came after the last attempt was no part of what it was asked.
        told = of_step[-1].guidance if of_step else step.guidance
        yield dump(
            {
                "prompt": prompt(session, step.step_id, session.steps[:index], told),
                "completion": [message("assistant", step.output)],
                "reward": score,
                "reward_source": "step" if own is not None else "session",
                "session_reward": whole,
                "step_id": step.step_id,
                "attempts": step.attempts,
                **source(session, [attempt.span_id for attempt in of_step], revision),
            }
        )
