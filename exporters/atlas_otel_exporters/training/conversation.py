"""Model calls that go on from one another, put together. Pure.

A call belongs to a conversation when what it was given begins with all that is said there (:mod:`.said`), whatever its
form, or, where the server keeps what came before, when it names the response that it goes on from or begins with the
tools that the last answer called. What was changed on the way (history compacted,
another branch) begins another one. A conversation has each answer as the model wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_otel_exporters.training.said import goes_on, said_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlas_otel.calls.model_call import Message, Tool
    from atlas_otel_exporters.training.said import Said
    from atlas_otel_exporters.training.turn import Turn


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message after the prompt. ``turn``: the call that wrote it; None for what the environment said."""

    message: Message
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a model was first given, and all that was said after, by it and by its environment.

    ``choice`` is which of its last call's answers it ends with; ``first``: whether it is the first one with its turns.
    """

    prompt: tuple[Message, ...]
    spoken: tuple[Spoken, ...]
    said: tuple[Said, ...]
    tools: tuple[Tool, ...]
    choice: int = 0

    @property
    def turns(self) -> Sequence[Turn]:
        """The calls, in their order."""
        return [one.turn for one in self.spoken if one.turn is not None]

    @property
    def last(self) -> Turn:
        """The call that wrote the last answer."""
        turn = self.spoken[-1].turn
        assert turn is not None
        return turn

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of it."""
        return (*self.prompt, *(one.message for one in self.spoken))

    def more_in(self, turn: Turn, asked: Sequence[Said]) -> tuple[Message, ...] | None:
        """What was said between this and an answer of ``turn``; None where that does not go on from here."""
        given = turn.call.messages
        if turn.call.tools and self.tools and turn.call.tools != self.tools:
            return None
        count = len(self.said)
        if not goes_on(self.said, asked):
            named = turn.call.previous_response_id
            if named is not None and named == self.last.call.response_id:
                return tuple(one for one in given if one.role not in ("system", "developer"))
            # Where the server keeps the thread, a call may begin with the last answer: the tools that it called.
            answer = self.spoken[-1].message
            last = said_in([answer]) if answer.tool_calls else []
            if not last or not goes_on(last, asked):
                return None
            count = len(last)
        # Results that stand side by side are in the order of their ids: the first of them need not be the first sent.
        first_new = min((one.at for one in asked[count:]), default=len(given))
        if any(one.at >= first_new for one in asked[:count]):
            return None  # one message holds the end of what was said and the beginning of what is new
        return given[first_new:]


def conversations(turns: Iterable[Turn]) -> list[Conversation]:
    """The conversations that these calls come to, in the order in which they ended.

    Each call's first answer stands in exactly one of them; each other answer of a call is one of its own. Calls
    without an answer or without messages are left out.
    """
    found: list[Conversation] = []
    for turn in turns:
        if not turn.answered or not turn.call.messages:
            continue
        asked = said_in(turn.call.messages)
        reached = [(one, more) for one in found if (more := one.more_in(turn, asked)) is not None]
        earlier, between = max(reached, key=lambda one: len(one[0].said), default=(None, ()))
        if earlier is not None and earlier.choice == 0:
            found.remove(earlier)
        before = () if earlier is None else (*earlier.spoken, *map(Spoken, between))
        prompt = turn.call.messages if earlier is None else earlier.prompt
        for number, choice in enumerate(turn.call.choices):
            spoken = (*(before if number == 0 else map(_history, before)), Spoken(choice.message, turn))
            said = tuple(said_in((*prompt, *(one.message for one in spoken))))
            tools = turn.call.tools or (earlier.tools if earlier is not None else ())
            found.append(Conversation(prompt, spoken, said, tools, number))
    return found


def _history(spoken: Spoken) -> Spoken:
    """The same as part of what the model was given: its answer stands in another conversation."""
    return Spoken(spoken.message)
