"""Model calls that go on from one another, put together. Pure.

A call belongs to a conversation when what it was given begins with all that is said there (:mod:`.said`), whatever its
form. Where the server keeps what came before, it names the response that it goes on from, or begins with the tools that
the last answer called or with their results. Where an instrumentation saw less of the last answer than of the history
(Ollama's calls), or the other way round (OpenLIT's), the fuller one stands. What was changed on the way (history
compacted, another branch) begins another conversation. Each answer stands as the model wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel_exporters.training.said import fuller, goes_on, said_in

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

    def more_in(self, turn: Turn, asked: Sequence[Said]) -> _More | None:
        """What was said between this and an answer of ``turn``; None where that does not go on from here."""
        given = turn.call.messages
        if turn.call.tools and self.tools and turn.call.tools != self.tools:
            return None
        if goes_on(self.said, asked) and (first_new := _first_new(given, asked, len(self.said))) is not None:
            return _More(given[first_new:])
        named = turn.call.previous_response_id
        if named is not None and named == self.last.call.response_id:
            return _More(_without_system(given))
        count, answer = self._by_its_answer(given, asked)
        if count is not None:
            first_new = _first_new(given, asked, count)
            return None if first_new is None else _More(given[first_new:], answer)
        return _More(_without_system(given)) if self._is_answered(asked) else None

    def _by_its_answer(self, given: Sequence[Message], asked: Sequence[Said]) -> tuple[int | None, Message | None]:
        """Where what is new begins, of a history that has the last answer in another form: all of it, at the beginning
        of what a server keeps the rest of; or less or more of it, as an instrumentation saw it here or there."""
        last = self.spoken[-1].message
        whole = said_in([last])
        if last.tool_calls and goes_on(whole, asked):
            return len(whole), None
        before = len(self.said) - len(whole)
        if not goes_on(self.said[:before], asked):
            return None, None
        held = [one for one in asked[before:] if one.by == last.role]
        held = held[: next((n for n, one in enumerate(held) if one.at != held[0].at), len(held))]
        after = asked[before + len(held) : before + len(held) + 1]
        if not held or not after or after[0].kind != "result":
            return None, None
        answer = fuller(last, given[held[0].at])
        return (None, None) if answer is None else (before + len(held), answer)

    def _is_answered(self, asked: Sequence[Said]) -> bool:
        """Whether the messages begin with the results of the tools that the last answer called, by their ids: the
        server keeps what was said before."""
        ids = {call.id for call in self.spoken[-1].message.tool_calls if call.id is not None}
        first = next((one for one in asked if one.by != "system"), None)
        return first is not None and first.kind == "result" and first.id in ids


class _More(NamedTuple):
    """How a call goes on. ``answer``: the last answer in the form of the history, where that has more of it."""

    messages: tuple[Message, ...]
    answer: Message | None = None


def _first_new(given: Sequence[Message], asked: Sequence[Said], count: int) -> int | None:
    """The first message after so many things that were said; None where it holds the end of those too."""
    # Results that stand side by side are in the order of their ids: the first of them need not be the first sent.
    first_new = min((one.at for one in asked[count:]), default=len(given))
    return None if any(one.at >= first_new for one in asked[:count]) else first_new


def _without_system(messages: Iterable[Message]) -> tuple[Message, ...]:
    return tuple(one for one in messages if one.role not in ("system", "developer"))


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
        earlier, more = max(reached, key=_nearness, default=(None, _More(())))
        if earlier is not None and earlier.choice == 0:
            found.remove(earlier)
        before = () if earlier is None else (*_spoken(earlier, more.answer), *map(Spoken, more.messages))
        prompt = turn.call.messages if earlier is None else earlier.prompt
        for number, choice in enumerate(turn.call.choices):
            spoken = (*(before if number == 0 else map(_history, before)), Spoken(choice.message, turn))
            said = tuple(said_in((*prompt, *(one.message for one in spoken))))
            tools = turn.call.tools or (earlier.tools if earlier is not None else ())
            found.append(Conversation(prompt, spoken, said, tools, number))
    return found


def _nearness(reached: tuple[Conversation, _More]) -> tuple[bool, int]:
    """The conversation whose last answer is the history's own goes before one where only its form is taken for it."""
    conversation, more = reached
    return more.answer is None, len(conversation.said)


def _spoken(earlier: Conversation, answer: Message | None) -> tuple[Spoken, ...]:
    """All that was said after the prompt, the last answer in its fullest form."""
    if answer is None:
        return earlier.spoken
    return (*earlier.spoken[:-1], Spoken(answer, earlier.spoken[-1].turn))


def _history(spoken: Spoken) -> Spoken:
    """The same as part of what the model was given: its answer stands in another conversation."""
    return Spoken(spoken.message)
