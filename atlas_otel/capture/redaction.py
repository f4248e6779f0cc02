"""What a user does not want to keep is taken out before any sink sees it.

A *redactor* is called with each string that can carry content, and with where it stands
(``atlas.input.messages[0].text``), and returns what to keep. ``redact=`` of ``configure`` is one, or a list of names
in :mod:`~atlas_otel.capture.patterns`.

What is shown to it: every string value; every mapping key but the structural ones of chat messages and of our events
(:data:`MESSAGE_KEYS`, ``catalogue.KEYS``); numbers over eight digits, as text (a card number may be an ``int``): where
the answer differs from what was shown, it takes the number's place. The ids in our own events are not shown. A string
that holds a JSON object or list is redacted inside, and as a string where that found nothing.

It fails closed. Where it raises or answers no string, ``[redaction failed]`` takes the place of the value, and
where it is over its budget of time, ``[withheld: redactor over budget]``; both are counted. The budget is
what one captured value may take, :data:`BUDGET_S` seconds and a microsecond per character; once it is overdrawn, the
rest of the value and all later ones are withheld until the time that was spent is a twentieth of all, so that a slow
redactor cannot stall an agent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from atlas_otel.capture.disguises import undisguised
from atlas_otel.capture.patterns import NAMED, SECRET_KEY
from atlas_otel.capture.truncation import unused
from atlas_otel.capture.value_forms import clean
from atlas_otel.errors import ConfigError
from atlas_otel.events.forms import is_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.capture.patterns import Pattern
    from atlas_otel.models.json_types import JsonValue

Redactor: TypeAlias = "Callable[[str, str], str]"
"""(string, where it stands) → what to keep of it."""

FAILED: Final = "[redaction failed]"
WITHHELD: Final = "[withheld: redactor over budget]"
LOSS_FAILED: Final = "redaction_failed"
LOSS_WITHHELD: Final = "redaction_withheld"

BUDGET_S: Final = 0.25
"""Seconds that a redactor may take for one captured value; ``Limits.redactor_seconds`` sets another."""
_SECONDS_PER_CHARACTER: Final = 1e-6
_REST: Final = 20
_SHOWN_NUMBER: Final = 10**8
_JSON_DEPTH: Final = 4  # JSON in JSON in JSON: deeper is redacted as a string

MESSAGE_KEYS: Final = frozenset(
    {"arguments", "content", "finish_reason", "function", "id", "index", "message", "messages", "name", "output"}
    | {"parts", "response", "result", "role", "status", "text", "tool", "tool_calls", "type"}
)
"""Keys that are no content: a redactor that answers everything with stars leaves messages readable as messages."""


def build_redactor(redact: Redactor | Sequence[str] | None) -> Redactor | None:
    """The redactor that ``redact=`` asks for: a callable as it is, patterns by their names, None for none.

    Raises ConfigError where a name is not known.
    """
    if redact is None or callable(redact):
        return redact
    if isinstance(redact, str) or not isinstance(redact, Sequence):
        raise ConfigError("redact: must be a callable or a list of pattern names")
    names = list(redact)
    unknown = [str(name) for name in names if name not in NAMED]
    if unknown:
        raise ConfigError(f"redact: unknown pattern {', '.join(unknown)}; known are {', '.join(sorted(NAMED))}")
    patterns = tuple(dict.fromkeys(pattern for name in names for pattern in NAMED[name]))
    return PatternRedactor(patterns) if patterns else None


class PatternRedactor:
    """Takes out what any of some patterns finds, also in its other forms (``disguises.py``); with ``password`` among
    them, also what a key names a secret."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = tuple(patterns)
        self._by_key = any(pattern.name == "password" for pattern in patterns)

    def __call__(self, text: str, where: str) -> str:
        """What is kept of ``text``."""
        if self._by_key and text and SECRET_KEY.fullmatch(where.rpartition(".")[2]):
            return text if text == "[redacted:password]" else "[redacted:password]"
        return undisguised(self._plain(text), self._plain)

    def _plain(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.redact(text)
        return text


class Guard:
    """A redactor within its budget, for all threads of a process."""

    def __init__(
        self,
        redactor: Redactor,
        on_loss: Callable[[str], None],
        budget_s: float = BUDGET_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._redactor = redactor
        self._on_loss = on_loss
        self._budget_s = budget_s
        self._clock = clock
        self._closed_until = float("-inf")
        self._mine = threading.local()
        from atlas_otel.events import catalogue  # late: a program without a redactor never needs it

        self.structure = catalogue.STRUCTURE
        self.keys = catalogue.KEYS | MESSAGE_KEYS

    def text(self, text: str, where: str) -> str:
        """What is kept of a string: normalised, and redacted also where it holds JSON."""
        return _Pass(self).text(text, where, _JSON_DEPTH)

    def tree(self, tree: JsonValue, where: str) -> JsonValue:
        """What is kept of a JSON tree."""
        return _Pass(self).tree(tree, where, _JSON_DEPTH)

    def ask(self, text: str, where: str, value: _Pass) -> str:
        """Ask the redactor, unless it has overdrawn its budget."""
        now = self._clock()
        if now < self._closed_until or getattr(self._mine, "busy", False):
            # Busy: the redactor itself called something decorated. To ask it about that would never end.
            self._on_loss(LOSS_WITHHELD)
            return WITHHELD
        self._mine.busy = True
        try:
            kept = self._redactor(text, where)
        except Exception:  # the user's code: what it should have looked at is not kept
            kept = None
        finally:
            self._mine.busy = False
        after = self._clock()
        value.spent += after - now
        value.allowed += len(text) * _SECONDS_PER_CHARACTER
        if value.spent > self._budget_s + value.allowed:
            self._closed_until = after + value.spent * _REST
        if not isinstance(kept, str):
            self._on_loss(LOSS_FAILED)
            return FAILED
        return text if kept == text else clean(kept)


class _Pass:
    """One captured value on its way through a redactor."""

    __slots__ = ("_guard", "allowed", "spent")

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.spent = 0.0
        self.allowed = 0.0

    def text(self, text: str, where: str, depth: int) -> str:
        if depth and text[:1] in ("{", "["):
            try:
                tree = orjson.loads(text)
                kept = self.tree(tree, where, depth - 1)
                if kept != tree:
                    return orjson.dumps(kept).decode()
            except (ValueError, TypeError, RecursionError):
                pass  # no JSON, or nested too deep to be read or written: then it is a string like any other
        return self._guard.ask(text, where, self)

    def tree(self, tree: JsonValue, where: str, depth: int) -> JsonValue:
        if where in self._guard.structure and is_id(tree):
            return tree
        if isinstance(tree, str):
            return self.text(tree, where, depth)
        if isinstance(tree, dict):
            entries: dict[str, JsonValue] = {}
            repeats: dict[str, int] = {}
            for key, value in tree.items():
                kept = key if key in self._guard.keys else self._guard.ask(key, where, self)
                entries[unused(entries, kept, repeats)] = self.tree(value, f"{where}.{key}", depth)
            return entries
        if isinstance(tree, list):
            return [self.tree(value, f"{where}[{index}]", depth) for index, value in enumerate(tree)]
        if isinstance(tree, (int, float)) and abs(tree) >= _SHOWN_NUMBER:
            shown = str(int(tree)) if tree == int(tree) else repr(tree)
            kept = self._guard.ask(shown, where, self)
            return tree if kept == shown else kept
        return tree
