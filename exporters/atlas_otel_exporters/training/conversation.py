"""Model calls that go on from one another, put together by exact prefix. Pure.

A call belongs to a conversation when what it was given is, message for message, all that stands there, and something
more. What was changed on the way (history compacted, reasoning not sent back, another branch) begins another one: so a
conversation holds for each of its answers exactly what the model was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlas_otel.calls.model_call import Message, Tool
    from atlas_otel_exporters.training.turn import Turn


@dataclass(frozen=True, slots=True)
class Said:
    """A message after the prompt. ``turn``: the call that wrote it; None for what the environment said."""

    message: Message
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a model was first given, and all that was said after, by it and by its environment."""

    prompt: tuple[Message, ...]
    said: tuple[Said, ...]

    @property
    def turns(self) -> Sequence[Turn]:
        """The calls, in their order."""
        return [one.turn for one in self.said if one.turn is not None]

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of it."""
        return (*self.prompt, *(one.message for one in self.said))

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that the last call was offered."""
        return self.turns[-1].call.tools

    def going_on(self, turn: Turn, answer: Message) -> Conversation | None:
        """This one with ``turn`` at its end, where that goes on from it."""
        asked, held = turn.call.messages, self.messages
        if len(asked) <= len(held) or asked[: len(held)] != held or turn.call.tools != self.tools:
            return None
        between = tuple(Said(message) for message in asked[len(held) :])
        return Conversation(self.prompt, (*self.said, *between, Said(answer, turn)))


def conversations(turns: Iterable[Turn]) -> list[Conversation]:
    """The conversations that these calls come to, each call in exactly one, in the order in which they began.

    Calls without an answer or without a prompt are left out: see :class:`CallFilter` for how to count them.
    """
    found: list[Conversation] = []
    for turn in turns:
        answer = turn.answer
        if answer is None or not turn.call.messages or not turn.answered:
            continue
        for number in range(len(found) - 1, -1, -1):
            longer = found[number].going_on(turn, answer)
            if longer is not None:
                found[number] = longer
                break
        else:
            found.append(Conversation(turn.call.messages, (Said(answer, turn),)))
    return found
