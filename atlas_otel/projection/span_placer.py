"""Each span in its place: which one is the session, what each is in it, whose content it is. Kept up as spans come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.models.plan import StepAttempt
from atlas_otel.models.rows import Quiescence
from atlas_otel.projection.dialects import facts_of
from atlas_otel.projection.dialects.genai_events import with_events
from atlas_otel.projection.doubling import Doubles
from atlas_otel.projection.node import Node
from atlas_otel.projection.pace import at_once
from atlas_otel.projection.speakers import Speakers, speakers
from atlas_otel.projection.trace_sessions import TELLING
from atlas_otel.projection.tree import SpanTree
from atlas_otel.records.record import RANK_ENDED_OTLP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.projection.facts import Facts
    from atlas_otel.projection.node import Owner
    from atlas_otel.projection.pace import Pace
    from atlas_otel.projection.tree import SpanKey
    from atlas_otel.records.json_text import JsonText
    from atlas_otel.records.record import EventRecord, SpanRecord
    from atlas_otel.semconv import Kind

_OPERATION_PLAN: Final = "plan"
_CALLS: Final = frozenset({"llm", "tool"})


class SpanPlacer:
    """The spans of one session as nodes. :meth:`update` derives again what new records touched, and nothing else."""

    def __init__(self, pace: Pace = at_once) -> None:
        self._pace = pace
        self.tree = SpanTree()
        self.facts: dict[SpanKey, Facts] = {}
        self.nodes: dict[SpanKey, Node] = {}
        self._doubles = Doubles(self.tree, self.facts)
        self.groups: dict[Owner, set[SpanKey]] = {}
        """Whose content which spans are."""
        self.root: SpanKey | None = None
        self.foreign = False
        """Whether the session is another instrumentation's: none of ours encloses it."""
        self._said: dict[SpanKey, dict[int, EventRecord]] = {}
        self._sessions: set[SpanKey] = set()
        self._conversations: set[SpanKey] = set()
        self._declared: set[SpanKey] = set()
        self._tops: set[SpanKey] = set()
        self._cut: set[SpanKey] = set()
        self._trace_ids: set[str] = set()
        self._extent: tuple[int, int] | None = None

    def hear(self, event: EventRecord) -> None:
        """Add what was said in a model call and came apart from its span, which is then to be put in (again)."""
        self._said.setdefault((event.trace_id, event.span_id), {})[event.sequence] = event

    def update(
        self, spans: Iterable[SpanRecord], session_key: str | None, *, still: bool = True
    ) -> tuple[set[SpanKey], set[Owner]]:
        """Put ``spans`` in; the spans whose place was derived again, and the owners between which one went over.

        ``still``: the parent of another instrumentation's outermost span, where it is not here, is not to be expected.
        """
        touched, moving = set(), set()
        for span in self._pace(spans):
            said = self._said.get(span.key)
            facts = facts_of(with_events(span, said.values()) if said else span)
            touched.add(span.key)
            if span.key in self._cut or self._seen_from_below(span.key) != _seen_from_below(span, facts):
                moving.add(span.key)
            self._extend(self.tree.spans.get(span.key), span)
            self._trace_ids.add(span.trace_id)
            self.tree.put(span)
            self.facts[span.key] = facts
            _keep(self._sessions, span.key, facts.kind == "session")
            _keep(self._conversations, span.key, facts.conversation_id is not None)
            # A late reward names the session that it is for, and proves nothing of whose that is.
            _keep(self._declared, span.key, facts.declared_session is not None and facts.kind != "reward")
        # What hangs below a span that only went on, or ended, stays as it is.
        touched |= self.tree.with_descendants(moving)
        for key in touched:
            _keep(self._tops, key, self.tree.parent(key) is None)
        touched |= self._doubles.update(touched)
        root, foreign = self._find_root(session_key, still=still)
        if (root, foreign) != (self.root, self.foreign):
            # Roles hang on which span is the session. It is known early, as sessions are recorded when they start.
            self.root, self.foreign = root, foreign
            touched = set(self.tree.spans)
        return touched, self._derive(touched)

    @property
    def root_node(self) -> Node | None:
        """The session's own span; None until it has come."""
        return self.nodes[self.root] if self.root is not None else None

    @property
    def awaits(self) -> Quiescence:
        """How quiet it must be before these spans mean that the session is over.

        A process records its spans in the order in which they end: its root in process is its last. Over OTLP each
        sender brings its part when it likes. And of a trace of others, whose spans are recorded when they end, the
        outermost comes last: what is outermost meanwhile is not the session, unless its parent never comes.
        """
        span = self.tree.spans[self.root] if self.root is not None else None
        if self.foreign and (span is None or span.parent_span_id is not None):
            return Quiescence.EXPIRED
        return Quiescence.QUIET if span is not None and span.rank == RANK_ENDED_OTLP else Quiescence.ACTIVE

    def is_over(self, quiescence: Quiescence) -> bool:
        """Whether the session is over, given how quiet it is."""
        root = self.root_node
        return root is not None and root.status != "running" and quiescence >= self.awaits

    @property
    def begin_ns(self) -> int:
        """When the first span started."""
        return self._from_to()[0]

    @property
    def last_ns(self) -> int:
        """When the last span ended, or was last seen running."""
        return self._from_to()[1]

    def _from_to(self) -> tuple[int, int]:
        if self._extent is None:
            spans = self.tree.spans.values()
            first = min((span.start_ns for span in spans), default=0)
            self._extent = first, max(map(_seen_ns, spans), default=0)
        return self._extent

    def _extend(self, before: SpanRecord | None, after: SpanRecord) -> None:
        if self._extent is None:
            return
        first, last = self._extent
        start_ns, seen_ns = after.start_ns, _seen_ns(after)
        if before is not None and (before.start_ns == first < start_ns or _seen_ns(before) == last > seen_ns):
            self._extent = None  # it may have been the only one that reached so far
        else:
            self._extent = min(first, start_ns), max(last, seen_ns)

    @property
    def trace_ids(self) -> list[str]:
        """The traces that the session's spans are in."""
        return sorted(self._trace_ids)

    @property
    def speakers(self) -> Speakers:
        """Who was asked and who answered, in a session of another instrumentation; nobody in one of ours."""
        return speakers(self.nodes, self.tree, self.root) if self.foreign else Speakers()

    @property
    def conversation_id(self) -> str | None:
        """What the root calls the conversation, else what the first span does that says so."""
        root = self.root_node
        if root is not None and root.facts.conversation_id is not None:
            return root.facts.conversation_id
        first = min(self._conversations, key=self._by_start, default=None)
        return self.facts[first].conversation_id if first is not None else None

    def is_doubled(self, key: SpanKey) -> bool:
        """Whether a model call stands for itself although others are below it: one of those is the same call."""
        return self._doubles.is_seen_again(key)

    def _find_root(self, session_key: str | None, *, still: bool) -> tuple[SpanKey | None, bool]:
        own = [
            key
            for key in self._sessions
            if self.facts[key].declared_session in (session_key, None)
            and self.tree.nearest(key, lambda above: above in self._sessions) is None
        ]
        if own:
            return min(own, key=self._by_start), False
        if self._declared:
            return None, False  # the session's own span is still to come
        tops = [key for key in self._tops if self._tells(key)]
        whole = [key for key in tops if self.tree.spans[key].parent_span_id is None]
        return min(whole or (tops if still else ()), key=self._by_start, default=None), bool(tops)

    def _by_start(self, key: SpanKey) -> tuple[int, SpanKey]:
        return (self.tree.spans[key].start_ns, key)

    def _tells(self, key: SpanKey) -> bool:
        """Whether an agent or a model call is here or below."""
        return any(self.facts[below].kind in TELLING for below in self.tree.walk([key]))

    @property
    def calls_outside_steps(self) -> bool:
        """Whether the session itself called a model or a tool, outside any step."""
        return any(self.nodes[key].role in _CALLS for key in self.groups.get(None, ()))

    def _role(self, key: SpanKey) -> Kind:
        facts = self.facts[key]
        if key == self.root:
            # A call that nothing encloses is a session, and must not be lost as the call that it is.
            return facts.kind if self.foreign and facts.kind in _CALLS else "session"
        if facts.kind == "session":
            return "agent"
        if self._is_seen_again(key):
            return "function"
        if not self.foreign:
            return facts.kind
        if facts.operation == semconv.OPERATION_GRAPH_NODE:
            # The nodes of a graph within a node are that step's own business.
            return "function" if self.tree.nearest(key, self._is_graph_node) is not None else "step"
        if facts.kind == "agent":
            return "function" if self._is_agent_again(key) else "step"
        return "step" if facts.operation == _OPERATION_PLAN else facts.kind

    def _is_seen_again(self, key: SpanKey) -> bool:
        """Whether a call of a model or a tool is another one, as another instrumentation sees it: an agent's call of a
        tool on an MCP server is also its client's and its server's. The outermost has the arguments and the result."""
        if self.facts[key].kind != "tool":
            return key in self._doubles.outer
        around = self.tree.nearest(key, lambda above: self.facts[above].kind in ("tool", "llm", "agent", "session"))
        if around is None or self.facts[around].kind != "tool":
            return False
        same = self.facts[around].name == self.facts[key].name
        return same and self.tree.spans[around].scope != self.tree.spans[key].scope

    def _is_agent_again(self, key: SpanKey) -> bool:
        """Whether an agent's span is the one right above it, as another instrumentation, or the same one in another
        form, sees it: a sub-agent of the same name is written as the agent is."""
        above = self.tree.parent(key)
        if above is None:
            return False
        one, other = self.facts[above], self.facts[key]
        if one.kind == "agent" and self._is_turn_again(one, other):
            return True
        forms = (one.dialect, self.tree.spans[above].scope), (other.dialect, self.tree.spans[key].scope)
        return one.kind == "agent" and one.name == other.name and forms[0] != forms[1]

    def _is_turn_again(self, outer: Facts, inner: Facts) -> bool:
        """Whether two spans of one instrumentation are one agent's turn: two of its methods, given the same."""
        names = {outer.name, outer.agent_name} & {inner.name, inner.agent_name}
        given = outer.input is not None and outer.input == inner.input
        return bool(names - {None}) and outer.dialect == inner.dialect and given

    def _is_graph_node(self, key: SpanKey) -> bool:
        return self.facts[key].operation == semconv.OPERATION_GRAPH_NODE

    def _derive(self, touched: set[SpanKey]) -> set[Owner]:
        shifted: set[Owner] = set()
        for key in self._from_the_top(touched):
            before = self.nodes.get(key)
            node = self.nodes[key] = self._place(key)
            if before is not None and before.owner != node.owner:
                self.groups[before.owner].discard(key)
                shifted.update((before.owner, node.owner))
            self.groups.setdefault(node.owner, set()).add(key)
        return shifted

    def _seen_from_below(self, key: SpanKey) -> tuple[object, ...] | None:
        span = self.tree.spans.get(key)
        return None if span is None else _seen_from_below(span, self.facts[key])

    def _from_the_top(self, touched: set[SpanKey]) -> list[SpanKey]:
        """Parents before children. A cycle, which only forged records have, is cut above its smallest span."""
        self._cut -= touched
        waiting = [key for key in touched if self.tree.parent(key) not in touched]
        ordered: list[SpanKey] = []
        seen = set(waiting)
        left = iter(touched)
        while True:
            while waiting:
                key = waiting.pop()
                ordered.append(key)
                for child in self.tree.children(key):
                    if child in touched and child not in seen:
                        seen.add(child)
                        waiting.append(child)
            if len(ordered) == len(touched):
                return ordered
            entry = self._smallest_of_cycle(next(key for key in left if key not in seen))
            self._cut.add(entry)
            seen.add(entry)
            waiting.append(entry)

    def _smallest_of_cycle(self, key: SpanKey) -> SpanKey:
        """``key`` is in a cycle or below one."""
        seen = {key}
        while (above := self.tree.parent(key)) is not None and above not in seen:
            seen.add(above)
            key = above
        if above is None:
            return key
        cycle = [above]
        while (key := self.tree.parent(cycle[-1]) or above) != above:
            cycle.append(key)
        return min(cycle)

    def _offered(self, key: SpanKey) -> JsonText | None:
        """The tools of the agent around a model call: they were offered to it."""
        agent = self.tree.nearest(key, lambda above: self.facts[above].kind == "agent")
        return self.facts[agent].tool_definitions if agent is not None else None

    def _place(self, key: SpanKey) -> Node:
        span, facts, role = self.tree.spans[key], self._doubles.completed(key), self._role(key)
        if role == "llm" and facts.tool_definitions is None:
            facts = facts._replace(tool_definitions=self._offered(key))
        parent_key = None if key in self._cut else self.tree.parent(key)
        parent = self.nodes.get(parent_key) if parent_key is not None else None
        owner: Owner = None
        depth = 0
        if role == "step":
            owner = key
        elif parent is not None and parent_key is not None:
            owner = parent.owner
            depth = 0 if parent.role in ("step", "session") else parent.depth + 1
        stamped = facts.step_id is not None and facts.step_attempt is not None
        if stamped and role not in ("step", "session") and not _is_span(owner):
            owner = StepAttempt(facts.step_id or 0, facts.step_attempt or 0)
        actor = span.attributes.get(semconv.ATLAS_ACTOR)
        if not isinstance(actor, str):
            actor = parent.actor if parent is not None else None
        return Node(span, facts, role, owner, parent_key, depth, actor)


def _seen_from_below(span: SpanRecord, facts: Facts) -> tuple[object, ...]:
    """All of a span that the places and events of its descendants are made from."""
    return (
        *(span.parent_span_id, span.scope, span.attributes.get(semconv.ATLAS_ACTOR)),
        *(facts.kind, facts.name, facts.agent_name, facts.dialect, facts.operation),
        *((facts.input, facts.tool_definitions) if facts.kind == "agent" else ()),
        *(facts.pushed_uuid, facts.step_id, facts.step_attempt),
    )


def _seen_ns(span: SpanRecord) -> int:
    return span.end_ns or span.start_ns


def _is_span(owner: Owner) -> bool:
    return owner is not None and not isinstance(owner, StepAttempt)


def _keep(keys: set[SpanKey], key: SpanKey, wanted: bool) -> None:
    if wanted:
        keys.add(key)
    else:
        keys.discard(key)
