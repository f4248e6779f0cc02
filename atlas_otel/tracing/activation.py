"""When a span is current: for a whole call, or step by step with all that the code inside made current itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.tracing.context import activate, current_context, left_behind, restore

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context


class Activation:
    """A context that is current while code runs, and what that code makes of it."""

    __slots__ = ("_around", "_inside", "_token", "context")

    context: Context
    """What is current when the code begins."""
    _token: Token[Context] | None
    _inside: Context | None
    """What was current at the last ``suspend``."""
    _around: Context | None
    """What was current when it began, where what it makes current is shared."""

    def enter(self, *, context: Context | None = None) -> None:
        """Make it current."""
        self._token = activate(self.context if context is None else context)

    def leave(self) -> None:
        """Make what was current before current again. What the code inside made current and left so (a token that it
        keeps for a later detach) stays current, as it does without us."""
        token = self._token
        if token is None:
            return
        inside = token.var.get()
        restored = restore(token, self.context)
        self._token = None  # only now: where a signal's handler raises before, it can be left again
        if restored and (inside is not self.context or self._around is not None):
            around = current_context() if self._around is None else self._around
            activate(left_behind(inside, self.context, around))

    def share(self) -> None:
        """The code inside runs for a ``with`` block: what it makes current is so in the block."""
        self._around = current_context()

    def resume(self) -> None:
        """Make what was current at the last ``suspend`` current again."""
        self._token = activate(self._inside or self.context)

    def suspend(self) -> None:
        """Make what was current before current again, and remember what is current now."""
        token = self._token
        if token is None:
            return
        self._token = None
        inside = self._inside = token.var.get()
        if restore(token) and self._around is not None:
            activate(left_behind(inside, self.context, self._around, frames=True))
