"""Which reader a message belongs to, in order: the forms that tell themselves most surely come first. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from atlas_otel.calls import conventions, openai_chat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlas_otel.calls.model_call import Message

Is: TypeAlias = "Callable[[Mapping[str, Any]], bool]"
Read: TypeAlias = "Callable[[Mapping[str, Any], str], Sequence[Message]]"

FORMS: Final[Sequence[tuple[Is, Read]]] = (
    (conventions.is_message, conventions.read_message),
    (openai_chat.is_message, openai_chat.read_message),
)
