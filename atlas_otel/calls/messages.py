"""Messages in any provider's form → :class:`~atlas_otel.calls.model_call.Message`. Pure; never raises.

Each message is read for itself, since histories mix forms: a list may begin with dicts of OpenAI's and go on with what
an SDK or LangChain gave. What is no message is kept whole and marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.calls import conventions, forms, marks, openai_responses, sharing
from atlas_otel.calls.answer import joined
from atlas_otel.calls.model_call import Cut, Message, Text, Unknown
from atlas_otel.records import lenient_json
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonValue

_HOLDERS: Final = ("messages", "input_messages", "contents", "chat_history", "input")
"""Keys of an object that holds messages and is none itself."""
NO_MESSAGE: Final = "no message in any known form"
CUT_JSON: Final = "the JSON text breaks off"
NOT_RECORDED: Final = "nothing of it was recorded"
TOO_DEEP: Final = "nested too deep to be read"


class Messages(NamedTuple):
    """What was read. ``cut`` says what a limit left out of the list; a message says itself what is wrong with it."""

    items: tuple[Message, ...] = ()
    cut: Cut | None = None


def read_messages(value: object, *, role: str = "user") -> Messages:
    """The messages in ``value``: a list of them, one of them, an object that holds them, or a text, said by ``role``.

    A :class:`~atlas_otel.records.json_text.JsonText` is opened, also where it is cut: what can be read of it is, and
    the rest is one message that is marked ``unread``. A text is what ``role`` said, whatever it looks like. Nothing
    (None, an empty list or text) is no messages.

        read_messages([{"role": "user", "content": "hi"}]).items[0].text   # "hi"
    """
    if isinstance(value, JsonText):
        return value.once(f"messages of {role}", lambda text: _of_text(text, role))
    if isinstance(value, str):
        return Messages((_marked(Message(role, (Text(value),))),) if value else ())
    if value is None:
        return Messages()
    if isinstance(value, dict):
        held = None if is_message(value) else next((value[key] for key in _HOLDERS if key in value), None)
        if held is not None:
            return read_messages(held, role=role)
    return _of_list(value if isinstance(value, (list, tuple)) else [value], role)


def _of_text(text: JsonText, role: str) -> Messages:
    if text.valid:
        return read_messages(text.value, role=role)
    if text.text.lstrip()[:1] in ("[", "{"):
        return _of_broken(text.text, role)
    return read_messages(text.text, role=role)


def is_message(value: object) -> bool:
    """Whether a mapping is a message in a form that is known."""
    return isinstance(value, dict) and any(is_form(value) for is_form, _ in forms.MESSAGES)


def read_message(value: JsonValue, role: str = "user") -> tuple[Message, ...]:
    """The message that ``value`` is; several where a provider puts answers of several tools into one."""
    if isinstance(value, str):
        return (_marked(Message(role, (Text(value),))),)
    if isinstance(value, dict):
        if (plain := conventions.plain_message(value)) is not None:
            return (plain,)
        for is_form, read in forms.MESSAGES:
            if is_form(value):
                try:
                    found = read(value, role)
                except RecursionError:  # parts within parts, deeper than anybody writes them
                    return (unread(None, TOO_DEEP, role),)
                if found:
                    return tuple(map(_marked, found))
    elif isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(one, str) for one in value):
        return (
            _marked(Message(sharing.role_of({"role": value[0]}, role), (Text(str(value[1])),))),
        )  # ["user", "text"]
    return (unread(value, NO_MESSAGE, role),)


def unread(value: JsonValue, reason: str, role: str) -> Message:
    """A message that could not be read, kept whole."""
    said_by = value.get("role") if isinstance(value, dict) else None
    kind = "text" if isinstance(value, str) else type(value).__name__
    return Message(said_by if isinstance(said_by, str) and said_by else role, (Unknown(kind, value),), unread=reason)


def _of_broken(text: str, role: str) -> Messages:
    """Messages out of JSON text that breaks off or goes wrong; a text that was no JSON was said."""
    head = text.lstrip()[:80].replace(" ", "")
    found = lenient_json.pieces(text)
    if found is None or not (any(map(is_message, found.items)) or head.startswith('[{"')):
        said = not (head.startswith('{"') and ('"role":' in head or '"parts":' in head))
        return Messages((_marked(Message(role, (Text(text),))) if said else unread(text, CUT_JSON, role),))
    read = _of_list(found.items, role)
    return Messages((*read.items, unread(found.rest, CUT_JSON, _role_in(found.rest, role))), read.cut)


def _role_in(rest: str, role: str) -> str:
    """Who said what is left of a cut message, where its beginning says so."""
    for known in ("system", "assistant", "tool", "user"):
        if f'"role":"{known}"' in rest[:64].replace(" ", ""):
            return known
    return role


def _of_list(values: Any, role: str) -> Messages:
    """One message after the other; Responses has the parts of one turn as items beside each other."""
    items: list[Message] = []
    cut = None
    item = False
    if len(values) == 1 and isinstance(values[0], list) and any(map(is_message, values[0])):
        values = values[0]  # LangChain's batches of one
    for one in values:
        if (left_out := marks.left_out(one)) is not None:
            cut = left_out
        elif one is not None:
            found = read_message(one, role)
            apart = isinstance(one, dict) and "role" not in one and openai_responses.is_item(one)
            turn = items[-1] if items and (apart or item) and items[-1].role == "assistant" else None
            if turn is not None and found[0].role == "assistant":
                items[-1:] = [joined((turn, found[0])), *found[1:]]
            else:
                items += found
            item = apart
    return Messages(tuple(items), cut)


def _marked(message: Message) -> Message:
    """The message, with what limits took out of it counted."""
    missing = marks.missing_in(message.parts)
    return message if not missing else marks.cut(message, missing)
