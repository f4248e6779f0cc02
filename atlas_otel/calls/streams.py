"""A stream's pieces → the answer that they come to, in the form that the provider gives unstreamed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel.calls.forms import PIECES

if TYPE_CHECKING:
    from collections.abc import Sequence


def join_stream(pieces: Sequence[Any]) -> dict[str, Any] | None:
    """The answer that a stream's pieces (JSON) come to; None where they are of no known form.

    All pieces have to be of one form, but for ``None`` and texts such as ``[DONE]``. What was broken off comes to what
    had come until then.

        join_stream([{"choices": [{"delta": {"content": "Hel"}}]}, {"choices": [{"delta": {"content": "lo"}}]}])
    """
    held = [piece for piece in pieces if piece is not None and piece != "[DONE]"]
    if not held:
        return None
    for is_piece, join in PIECES:
        known = [is_piece(piece) for piece in held]
        if known[0] and all(known):
            return join(held)
        if any(known) and is_piece is PIECES[2][0]:  # the SDK of Anthropic puts events of its own between
            return join([piece for piece, one in zip(held, known, strict=True) if one])
    return None
