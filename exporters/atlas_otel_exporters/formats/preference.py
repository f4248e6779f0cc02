"""``--format preference``: a better and a worse answer, for preference tuning (DPO and its kin)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas_otel_exporters.training.chat_form import chat_message, chat_messages, chat_tools
from atlas_otel_exporters.training.pairs import attempt_pairs, correction_pairs, sample_pairs, sibling_pairs
from atlas_otel_exporters.training.row_format import RowFormat
from atlas_otel_exporters.training.rows import origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.training.options import RowOptions
    from atlas_otel_exporters.training.pairs import Pair
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Turn


class PreferenceFormat(RowFormat):
    """One row a pair."""

    compares_runs = True
    same_prompt = False
    """Whether the format cannot say that two answers were given to different requests."""

    def __init__(self, options: RowOptions | None = None) -> None:
        super().__init__(options)
        # What was rejected failed, was refused or was scored low: the filters on that are for what is chosen.
        calls = self.options.calls
        self._either_side = replace(calls, only_good=False, valid=None, min_reward=None, max_reward=None)

    def refusal(self, turn: Turn) -> str | None:
        """Why a call stands on no side of a pair."""
        reason = self._either_side.refusal(turn)
        if reason is None and not turn.answered:
            return "never answered"
        if reason is None and not turn.call.messages:
            return "recorded without messages"
        return reason

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The pairs that one session makes."""
        found: list[Pair] = []
        if "attempts" in self.options.pairs:
            found += attempt_pairs(recorded.turns)
        if "samples" in self.options.pairs:
            found += sample_pairs(recorded.turns)
        if "corrections" in self.options.pairs:
            found += correction_pairs(recorded.turns)
        for pair in self._wanted(found):
            yield self.row(pair, revision)

    def rows_of_runs(self, runs: Sequence[Recorded]) -> Iterator[JsonObject]:
        """The pairs that the runs of one task make."""
        if "siblings" in self.options.pairs:
            for pair in self._wanted(sibling_pairs(runs)):
                yield self.row(pair, None)

    def _wanted(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        for pair in pairs:
            reason = self.options.calls.refusal(pair.chosen)
            if reason is None and pair.margin is not None and pair.margin < self.options.min_margin:
                reason = "margin under --min-margin"
            if reason is None and (self.options.same_prompt or self.same_prompt) and pair.prompt_differs:
                reason = "prompts that differ"
            if reason is None:
                yield pair
            else:
                self.left_out[f"pair: {reason}"] += 1

    def row(self, pair: Pair, revision: int | None) -> JsonObject:
        """One pair. ``rejected_prompt`` is null where both answers were given to ``prompt``."""
        chosen, rejected, arguments = pair.chosen, pair.rejected, self.options.arguments
        assert chosen.answer is not None
        assert rejected.answer is not None
        differs = pair.prompt_differs
        return {
            "prompt": chat_messages(chosen.call.messages, arguments),
            "chosen": [chat_message(chosen.answer, arguments)],
            "rejected": [chat_message(rejected.answer, arguments)],
            "prompt_differs": differs,
            "rejected_prompt": chat_messages(rejected.call.messages, arguments) if differs else None,
            "tools": chat_tools(chosen.call.tools) or None,
            "pair_source": pair.source,
            "reward_margin": pair.margin,
            "guidance": list(chosen.attempt.guidance) if chosen.attempt is not None else [],
            "chosen_attempt": None if chosen.attempt is None else chosen.attempt.number,
            "chosen_reward": chosen.reward,
            "rejected_attempt": None if rejected.attempt is None else rejected.attempt.number,
            "rejected_reward": rejected.reward,
            "rejected_session_key": rejected.run.key,
            **origin([chosen], revision),
            "span_ids": [chosen.span_id, rejected.span_id],
            "truncated": chosen.truncated or rejected.truncated,
            "stream_incomplete": chosen.stream_incomplete or rejected.stream_incomplete,
            "unread_parts": chosen.unread_parts + rejected.unread_parts,
        }
