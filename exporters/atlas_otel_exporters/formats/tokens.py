"""``--format tokens``: trajectories as the server's own token ids, never tokenised again.

A call goes on from another when its prompt's ids begin with all ids that came before; what stands between is what the
environment said (tools, users), masked 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlas_otel_exporters.training.row_format import RowFormat
from atlas_otel_exporters.training.rows import origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Turn


@dataclass(slots=True)
class _Trajectory:
    prompt: list[int]
    turns: list[Turn] = field(default_factory=list)
    response: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] | None = field(default_factory=list)

    def takes(self, turn: Turn, asked: Sequence[int], written: Sequence[int], scores: Sequence[float] | None) -> bool:
        """Add the call where its prompt goes on from all that is here."""
        held = len(self.prompt) + len(self.response)
        if self.turns and (len(asked) < held or list(asked[:held]) != [*self.prompt, *self.response]):
            return False
        between = list(asked[held:])
        self.response += [*between, *written]
        self.mask += [0] * len(between) + [1] * len(written)
        if self.logprobs is not None:
            # No model scored what the environment said: a number stands there so that the lists are of one length.
            self.logprobs = None if scores is None else [*self.logprobs, *[0.0] * len(between), *scores]
        self.turns.append(turn)
        return True


class TokensFormat(RowFormat):
    """One row a trajectory. Calls whose server gave no ids are left out and counted."""

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The session's trajectories, in the order in which they began."""
        found: list[_Trajectory] = []
        for turn in recorded.turns:
            asked = turn.call.prompt_tokens
            answered = turn.call.choices[0].tokens if turn.call.choices else None
            if asked is None or asked.ids is None or answered is None or answered.ids is None:
                self.left_out["without token ids"] += 1
                continue
            scores = _scores(answered.logprobs, len(answered.ids))
            for trajectory in reversed(found):
                if trajectory.takes(turn, asked.ids, answered.ids, scores):
                    break
            else:
                trajectory = _Trajectory(list(asked.ids))
                trajectory.takes(turn, asked.ids, answered.ids, scores)
                found.append(trajectory)
        for trajectory in found:
            yield {
                "prompt_ids": list(trajectory.prompt),
                "response_ids": list(trajectory.response),
                "loss_mask": list(trajectory.mask),
                "logprobs": None if trajectory.logprobs is None else list(trajectory.logprobs),
                **origin(trajectory.turns, revision),
            }


def _scores(logprobs: Sequence[float | None] | None, length: int) -> list[float] | None:
    if logprobs is None or len(logprobs) != length:
        return None
    known = [score for score in logprobs if score is not None]
    return known if len(known) == length else None
