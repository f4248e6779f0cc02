"""``--format rl``: what a model was asked, what it and its environment said, and what that was worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.calls.openai_form import is_written
from atlas_otel_exporters.training.advantage import GroupStatistics, reward_group
from atlas_otel_exporters.training.chat_form import chat_message, chat_messages, chat_tools
from atlas_otel_exporters.training.conversation import conversations
from atlas_otel_exporters.training.row_format import RowFormat
from atlas_otel_exporters.training.rows import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.conversation import Conversation, Spoken
    from atlas_otel_exporters.training.options import RowOptions
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Turn


class RlFormat(RowFormat):
    """One row a conversation of an attempt at a step, or of a whole session. Without a reward there is no row."""

    def __init__(self, options: RowOptions | None = None) -> None:
        super().__init__(options)
        self._statistics = GroupStatistics() if self.options.normalise == "group" else None

    @property
    def reads_twice(self) -> bool:
        """An advantage is known when all rewards of its group are."""
        return self._statistics is not None

    def learn(self, session: StoredSession) -> None:
        """Take the session's rewards into their groups."""
        if self._statistics is not None:
            for _, _, conversation in self._units(self.read(session, count=False)):
                reward = self.reward(conversation)
                group = reward_group(conversation.turns[-1], self.options.unit)
                if reward is not None and group is not None:
                    self._statistics.add(group, reward)

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The rewarded conversations, in order."""
        for number, of_number, conversation in self._units(recorded):
            reward = self.reward(conversation)
            if reward is None:
                self.left_out["without a reward"] += len(conversation.turns)
                continue
            yield (
                {**self.row(conversation), "conversation": number, "conversations": of_number}
                | origin(conversation.turns, revision)
                | self._rewarded(conversation, reward)
            )

    def _units(self, recorded: Recorded) -> Iterator[tuple[int, int, Conversation]]:
        groups: dict[object, list[Turn]] = {}
        for turn in recorded.turns:
            attempt = turn.attempt if self.options.unit == "attempt" else None
            groups.setdefault(None if attempt is None else (attempt.step, attempt.number), []).append(turn)
        for turns in groups.values():
            found = conversations(turns)
            for number, conversation in enumerate(found, start=1):
                yield number, len(found), conversation

    def reward(self, conversation: Conversation) -> float | None:
        """What the row was worth: the session's score for a whole session, else the last call's nearest."""
        last = conversation.turns[-1]
        return last.run.reward if self.options.unit == "session" else _of_attempt(last)

    def _rewarded(self, conversation: Conversation, reward: float) -> JsonObject:
        last = conversation.turns[-1]
        group = reward_group(last, self.options.unit)
        own = self.options.unit == "attempt" and last.attempt is not None and last.attempt.reward is not None
        return {
            "reward": reward,
            "reward_source": "step" if own else "session",
            "advantage": self._statistics.advantage(group, reward) if self._statistics and group else None,
            "reward_group": group,
        }

    def row(self, conversation: Conversation) -> JsonObject:
        """Prompt and completion, with whose each message of the completion is."""
        arguments = self.options.arguments
        spoken = [one for one in conversation.spoken if is_written(one.message)]
        return {
            "prompt": chat_messages(conversation.prompt, arguments),
            "completion": [chat_message(one.message, arguments) for one in spoken],
            "turns": [_turn(one) for one in spoken],
            "tools": chat_tools(conversation.tools) or None,
        }


def _of_attempt(turn: Turn) -> float | None:
    """The attempt's reward, else the session's: a score of one call is that turn's, not the attempt's."""
    if turn.attempt is not None and turn.attempt.reward is not None:
        return turn.attempt.reward
    return turn.run.reward


def _turn(spoken: Spoken) -> JsonValue:
    turn = spoken.turn
    if turn is None:
        return {"by": "environment", "span_id": None, "reward": None, "step_reward": None}
    step_reward = None if turn.attempt is None else turn.attempt.reward
    return {"by": "model", "span_id": turn.span_id, "reward": turn.span_reward, "step_reward": step_reward}
