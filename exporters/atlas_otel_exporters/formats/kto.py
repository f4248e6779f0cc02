"""``--format kto``: an answer and whether it was good, for unpaired preference tuning (KTO)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from atlas_otel_exporters.training.chat_form import chat_message, chat_messages, chat_tools
from atlas_otel_exporters.training.row_format import RowFormat
from atlas_otel_exporters.training.rows import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Turn


class KtoFormat(RowFormat):
    """One row a model call that somebody judged: by a verdict on its attempt, else by its reward."""

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The judged calls, in order."""
        for turn in recorded.turns:
            label, source = self._label(turn)
            if label is None or turn.answer is None:
                self.left_out["judged by nobody"] += 1
                continue
            yield {
                "prompt": chat_messages(turn.call.messages, self.options.arguments),
                "completion": [chat_message(turn.answer, self.options.arguments)],
                "label": label,
                "label_source": source,
                "tools": chat_tools(turn.call.tools) or None,
                **origin([turn], revision),
            }

    def _label(self, turn: Turn) -> tuple[bool | None, Literal["verdict", "reward"] | None]:
        passed = None if turn.attempt is None else turn.attempt.passed
        if turn.span_reward is None and passed is not None:
            return passed, "verdict"
        if turn.reward is None:
            return None, None
        return turn.reward >= self.options.label_threshold, "reward"
