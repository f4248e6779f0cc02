"""What a model gave back, and how several messages become its choices. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from atlas_otel.calls.model_call import Choice, Message, Reasoning, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.calls.model_call import Cut, Part, Tokens, Usage


class Answer(NamedTuple):
    """What a model call gave back. Empty where nothing was said."""

    choices: tuple[Choice, ...] = ()
    model: str | None = None
    response_id: str | None = None
    previous_response_id: str | None = None
    usage: Usage | None = None
    prompt_tokens: Tokens | None = None
    cut: Cut | None = None
    unread: tuple[str, ...] = ()


def finished(
    messages: Sequence[Message], reasons: Sequence[str | None] = (), *, one: bool = False, **more: Any
) -> Answer:
    """The answer that output messages are: each a choice where each says why it ended, else all together one choice
    (``one``: in any case). An answer that came in pieces, in parallel calls, or with its reasoning apart, is one."""
    return Answer(choices_of(messages, reasons, one=one), **more)


def choices_of(
    messages: Sequence[Message], reasons: Sequence[str | None] = (), *, one: bool = False
) -> tuple[Choice, ...]:
    """The choices that output messages are: see :func:`finished`."""
    if not messages:
        return ()
    known = [*reasons, *[None] * (len(messages) - len(reasons))]
    if len(messages) > 1 and (one or not all(known)):
        return (Choice(joined(messages), next((said for said in reversed(known) if said), None)),)
    return tuple(Choice(said, known[number], index=number) for number, said in enumerate(messages))


def joined(messages: Sequence[Message]) -> Message:
    """One message of several that are one answer: a text that goes on in the next one goes on."""
    if len(messages) == 1:
        return messages[0]
    parts: list[Part] = []
    for message in messages:
        first, *rest = message.parts or (None,)
        if first is None:
            continue
        parts[-1:] = _together(parts[-1], first) if parts else [first]
        parts += rest
    marks = [one.unread for one in messages if one.unread is not None]
    return Message(
        messages[-1].role,
        tuple(parts),
        name=next((one.name for one in messages if one.name is not None), None),
        unread=marks[0] if marks else None,
        cut_bytes=sum(one.cut_bytes for one in messages),
    )


def _together(last: Part, following: Part) -> list[Part]:
    if isinstance(last, Text) and isinstance(following, Text):
        return [Text(last.text + following.text, last.citations + following.citations)]
    if isinstance(last, Reasoning) and isinstance(following, Reasoning) and following.id is None:
        return [replace(last, text=last.text + following.text, signature=following.signature or last.signature)]
    return [last, following]
