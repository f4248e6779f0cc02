"""``--format openai`` and ``openai-preference``: files that OpenAI's fine-tuning takes, and who takes the same.

A line holds what the file format knows and nothing else: where it comes from stands in a dataset's row index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.calls.openai_form import is_written
from atlas_otel_exporters.formats.preference import PreferenceFormat
from atlas_otel_exporters.training.chat_form import chat_message, chat_tools
from atlas_otel_exporters.training.conversation import conversations
from atlas_otel_exporters.training.openai_rules import plain, refusal
from atlas_otel_exporters.training.row_format import RowFormat, made_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.training.conversation import Conversation
    from atlas_otel_exporters.training.pairs import Pair
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Turn


class OpenAIFormat(RowFormat):
    """One line a conversation; ``weight`` is 1 on what a model wrote in it, 0 on answers that stood in the request."""

    joins_conversations = True

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The conversations that the file format can hold."""
        for conversation in conversations(recorded.turns):
            messages = [*_weighted(conversation)]
            tools = chat_tools(conversation.tools)
            if (reason := refusal(messages, tools)) is not None:
                self.left_out[f"not for OpenAI: {reason}"] += len(conversation.turns)
                continue
            yield {"messages": list(messages), **_tools(tools), **made_of(*conversation.turns)}


class OpenAIPreferenceFormat(PreferenceFormat):
    """One line a pair of answers to one request: the file format has no place for a second one."""

    same_prompt = True

    def refusal(self, turn: Turn) -> str | None:
        """Beside what no pair takes: what the file format cannot hold."""
        reason = super().refusal(turn)
        if reason is not None or turn.answer is None:
            return reason
        messages = [plain(chat_message(one, "text")) for one in filter(is_written, (*turn.call.messages, turn.answer))]
        refused = refusal(messages, chat_tools(turn.call.tools))
        return None if refused is None else f"not for OpenAI: {refused}"

    def row(self, pair: Pair, revision: int | None) -> JsonObject:
        """One pair, whose answers were given to one request."""
        chosen, rejected = pair.chosen.answer, pair.rejected.answer
        assert chosen is not None
        assert rejected is not None
        asked: list[JsonValue] = [
            plain(chat_message(one, "text")) for one in pair.chosen.call.messages if is_written(one)
        ]
        return {
            "input": {"messages": asked, **_tools(chat_tools(pair.chosen.call.tools))},
            "preferred_output": [plain(chat_message(chosen, "text"))],
            "non_preferred_output": [plain(chat_message(rejected, "text"))],
            **made_of(pair.chosen, pair.rejected),
        }


def _weighted(conversation: Conversation) -> Iterator[JsonObject]:
    for message in filter(is_written, conversation.prompt):
        yield _with_weight(plain(chat_message(message, "text")), 0)
    for spoken in conversation.spoken:
        if is_written(spoken.message):
            yield _with_weight(plain(chat_message(spoken.message, "text")), int(spoken.turn is not None))


def _with_weight(message: JsonObject, weight: int) -> JsonObject:
    return {**message, "weight": weight} if message["role"] == "assistant" else message


def _tools(tools: list[JsonValue]) -> JsonObject:
    return {"tools": tools, "parallel_tool_calls": True} if tools else {}
