"""Model calls that two instrumentations saw: a framework's own span, and one of a model's SDK below or beside it.

Two spans are taken for one call where one is within the other (or both hang under the same span, since some frameworks
never make theirs current, and the times are within each other), they come from different instrumentations (or one
writes the same call twice, the inner one saying the same or nothing), and whatever both say agrees: model, outcome, the
response's id, else what was said or how many tokens it took. Of several calls below one, a client's retries, at most
one is the call itself; the others are calls of their own. Pure.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.projection.messages import messages_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_otel.models.json_types import JsonValue
    from atlas_otel.projection.facts import Facts
    from atlas_otel.projection.tree import SpanKey, SpanTree
    from atlas_otel.records.json_text import JsonText
    from atlas_otel.records.record import SpanRecord

_ENCLOSING: Final = frozenset({"llm", "tool", "agent", "session"})
_LOOK_BACK: Final = 64
"""How many calls that began before another one are compared with it, where no span tells which encloses it."""


class Call(NamedTuple):
    """One model call, as one instrumentation saw it."""

    span: SpanRecord
    facts: Facts


class _Compared(NamedTuple):
    outer: Call
    inner: Call
    one: bool
    agreed: bool | None


class Doubles:
    """The calls of one session that are seen again. ``tree`` and ``facts`` are kept up by whoever asks."""

    def __init__(self, tree: SpanTree, facts: Mapping[SpanKey, Facts]) -> None:
        self._tree = tree
        self._facts = facts
        self._scopes: dict[SpanKey, str] = {}
        self._compared: dict[tuple[SpanKey, SpanKey], _Compared] = {}
        self._inner: defaultdict[SpanKey, list[SpanKey]] = defaultdict(list)
        self._nested = False
        """Whether a call was ever seen within a call."""
        self.outer: dict[SpanKey, SpanKey] = {}
        """Each span that is a call seen again → the outermost span of that call."""

    def update(self, touched: Iterable[SpanKey]) -> set[SpanKey]:
        """Look again, where model calls are among ``touched``; the spans of which something else is true now."""
        calls = False
        for key in touched:
            if self._facts[key].kind == "llm":
                self._scopes[key] = self._tree.spans[key].scope
                calls = True
                self._nested = self._nested or self._around(key) is not None
            else:
                calls = self._scopes.pop(key, None) is not None or calls
        if not calls or not (self.outer or self._nested or len(set(self._scopes.values())) > 1):
            return set()
        before, self.outer = self.outer, self._pairs()
        self._inner.clear()
        for inner in sorted(self.outer, key=self._by_start):
            self._inner[self.outer[inner]].append(inner)
        changed = {key for key in before.keys() | self.outer.keys() if before.get(key) != self.outer.get(key)}
        return changed | {held[key] for held in (before, self.outer) for key in changed if key in held}

    def is_seen_again(self, key: SpanKey) -> bool:
        """Whether a span is a call that others saw too."""
        return bool(self._inner.get(key))

    def completed(self, key: SpanKey) -> Facts:
        """The facts of a call, with what only those that saw it again know of it.

        Its tokens are those that the innermost saw: a framework may say what all tries took together.
        """
        facts = self._facts[key]
        for inner in self._inner.get(key, ()):
            other = self._facts[inner]
            facts = facts._replace(usage=other.usage or facts.usage)
            gaps = {name: getattr(other, name) for name in _GAPS if not getattr(facts, name) and getattr(other, name)}
            gaps |= {
                name: getattr(other, name)
                for name in _FULLEST
                if _is_fuller(getattr(other, name), getattr(facts, name))
            }
            facts = facts._replace(**gaps) if gaps else facts
        return facts

    def _pairs(self) -> dict[SpanKey, SpanKey]:
        groups: defaultdict[tuple[SpanKey, str], list[SpanKey]] = defaultdict(list)
        beside: list[SpanKey] = []
        for key in sorted(self._scopes, key=self._by_start):
            around = self._around(key)
            if around is None:
                beside.append(key)
            elif self._compare(around, key).one:
                groups[around, self._scopes[key]].append(key)
        pairs = {}
        for (around, _), inner in groups.items():
            proven = [key for key in inner if self._compare(around, key).agreed]
            if proven or len(inner) == 1:
                pairs[(proven or inner)[-1]] = around
        pairs |= self._pairs_beside(beside)
        return {inner: _outermost(pairs, inner) for inner in pairs}

    def _around(self, key: SpanKey) -> SpanKey | None:
        """The call that encloses this one, with nothing between them that calls a model for itself."""
        around = self._tree.nearest(key, lambda above: self._facts[above].kind in _ENCLOSING)
        return around if around is not None and self._facts[around].kind == "llm" else None

    def _pairs_beside(self, calls: list[SpanKey]) -> dict[SpanKey, SpanKey]:
        """Of calls that no other one encloses; in order of time."""
        starts = [self._tree.spans[key].start_ns for key in calls]
        pairs: dict[SpanKey, SpanKey] = {}
        taken: set[tuple[SpanKey, str]] = set()
        for key in calls:
            under, scope = self._tree.parent(key), self._scopes[key]
            last = bisect_right(starts, self._tree.spans[key].start_ns)
            if under is None:
                continue
            for other in reversed(calls[max(0, last - _LOOK_BACK) : last]):
                if other == key or other in pairs or (other, scope) in taken or self._scopes[other] == scope:
                    continue
                if under not in self._tree.ancestors(other) or not self._is_within(other, key):
                    continue
                compared = self._compare(other, key)
                if compared.one and compared.agreed:
                    pairs[key] = other
                    taken.add((other, scope))
                    break
        return pairs

    def _is_within(self, outer: SpanKey, inner: SpanKey) -> bool:
        """Whether both are over, and ``inner`` was while ``outer`` was."""
        ends = self._tree.spans[inner].end_ns, self._tree.spans[outer].end_ns
        return ends[0] is not None and ends[1] is not None and ends[0] <= ends[1]

    def _compare(self, outer: SpanKey, inner: SpanKey) -> _Compared:
        calls = [Call(self._tree.spans[key], self._facts[key]) for key in (outer, inner)]
        held = self._compared.get((outer, inner))
        if held is None or held.outer.facts is not calls[0].facts or held.inner.facts is not calls[1].facts:
            agreed = agreement(*calls)
            held = _Compared(calls[0], calls[1], agreed is not False and is_one_call(*calls), agreed)
            self._compared[outer, inner] = held
        return held

    def _by_start(self, key: SpanKey) -> tuple[int, SpanKey]:
        return (self._tree.spans[key].start_ns, key)


_GAPS: Final = (
    "model", "provider", "input_messages", "output_messages", "system_instructions", "tool_definitions",
    "finish_reasons", "response_id",
)  # fmt: skip
_FULLEST: Final = ("input_messages", "output_messages", "tool_definitions")


def _is_fuller(one: JsonText | None, other: JsonText | None) -> bool:
    """Whether one says more than the other: by how many messages (or tools), then by how many parts they hold."""
    return one is not None and other is not None and _fullness(one) > _fullness(other)


def _fullness(text: JsonText) -> tuple[int, int]:
    listed = text.value if isinstance(text.value, list) else []
    return len(listed), sum(
        len(parts) for one in listed if isinstance(one, dict) and isinstance(parts := one.get("parts"), list)
    )


def is_one_call(outer: Call, inner: Call) -> bool:
    """Whether ``inner`` may be ``outer``, as another instrumentation saw it."""
    begun, ended = outer.span.start_ns, outer.span.end_ns
    if inner.span.start_ns < begun:
        return False
    if outer.span.scope == inner.span.scope and not (_is_silent(inner.facts) or agreement(outer, inner)):
        return False  # one instrumentation writes a call twice only where it is the same to the word
    if ended is not None and inner.span.start_ns > ended:
        return False
    if (inner.facts.error is not None) != (outer.facts.error is not None):
        return False  # a try that failed, of a call that succeeded after all
    first, second = outer.facts.model, inner.facts.model
    return first is None or second is None or _is_one_model(first, second)


def _is_silent(facts: Facts) -> bool:
    return facts.input_messages is None and facts.output_messages is None and facts.usage is None


def agreement(outer: Call, inner: Call) -> bool | None:
    """Whether what both say of the response agrees; None where there is nothing that both say."""
    ids = [call.facts.response_id for call in (outer, inner)]
    if all(ids):
        return bool(ids[0] == ids[1])
    compared = []
    said = [_said(call.facts) for call in (outer, inner)]
    if all(said):
        compared.append(said[0] == said[1])
    used = [(call.facts.usage.input_tokens, call.facts.usage.output_tokens) for call in (outer, inner)
            if call.facts.usage is not None]  # fmt: skip
    if len(used) == 2 and None not in (*used[0], *used[1]):
        compared.append(used[0] == used[1])
    return any(compared) if compared else None


def _is_one_model(one: str, other: str) -> bool:
    """``openai/gpt-4o`` is ``gpt-4o`` is ``gpt-4o-2024-08-06``, but not ``gpt-4o-mini``."""
    short, long = sorted((_bare(one), _bare(other)), key=len)
    return long == short or (long.startswith(short) and _VERSION.fullmatch(long, len(short)) is not None)


_VERSION: Final = re.compile(r"[-@:](?:\d{3,8}|\d{4}-\d\d(?:-\d\d)?|\d\d-\d\d|latest|preview|v\d+)(?:[-:@.]\w+)*")
"""What may follow a model's name and leave it the same model: a date, a number of a version, ``latest``."""


def _bare(model: str) -> str:
    """Without the provider in front (``openai/…``, ``openai:…``); what follows a colon may be a size or a version."""
    name = model.lower().rpartition("/")[2]
    before, colon, rest = name.partition(":")
    return rest if colon and rest[:1].isalpha() and rest != "latest" and not any(c.isdigit() for c in before) else name


def _said(facts: Facts) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the model answered: texts, and tools with their arguments, in one form."""
    return [
        (
            message.text.strip(),
            [(call.name, _canonical(call.arguments)) for call in message.tool_calls],
        )
        for message in messages_of(facts.output_messages)
    ]


def _canonical(value: JsonValue) -> str:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    return json.dumps(value, sort_keys=True, default=str)


def _outermost(pairs: Mapping[SpanKey, SpanKey], key: SpanKey) -> SpanKey:
    seen = {key}
    while (above := pairs.get(key)) is not None and above not in seen:
        seen.add(above)
        key = above
    return key
