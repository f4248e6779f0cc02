"""What an adapter negotiates, and the lane that its next task would take: the handshake alone, nothing recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_otel.errors import AtlasOtelError
from atlas_otel.models.learning_key import learning_key
from atlas_otel.runtime import coerce, lanes
from atlas_otel.runtime.history import read_history
from atlas_otel.runtime.run import session_tags
from atlas_otel.runtime.student import HOOKS
from atlas_otel.runtime.telemetry import EventEmitter

if TYPE_CHECKING:
    from atlas_otel.models.adapter import AdapterCapabilities
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.assembly import Assembly
    from atlas_otel.runtime.lanes import LaneDecision


@dataclass(frozen=True, slots=True)
class Description:
    """An adapter, as Atlas sees it."""

    agent: str
    reported: AdapterCapabilities
    effective: AdapterCapabilities
    hooks: tuple[str, ...]
    events_while_opening: int
    decision: LaneDecision
    probed: bool
    """The lane turns on the probe's answer, which is not asked for here."""
    earlier_sessions: int | None
    """Of the same learning key; None: there is no database, or it does not answer."""

    def to_json(self) -> JsonObject:
        """The description as JSON."""
        lane = lanes.lane_of(self.decision)
        rules = lanes.RULES[lane]
        return {
            "agent": self.agent,
            "adapter_capabilities": self.effective.model_dump(),
            "adapter_capabilities_reported": self.reported.model_dump(),
            "hooks": list(self.hooks),
            "events_while_opening": self.events_while_opening,
            "lane": lane,
            "reason": self.reason,
            "plans": rules.plans,
            "validates": rules.validates,
            "retries": rules.retries,
            "earlier_sessions": self.earlier_sessions,
        }

    @property
    def reason(self) -> str:
        """Why that lane."""
        if self.probed:
            return "the capability probe will decide; this is the lane where it gives no answer"
        words = {
            "adaptive_disabled": "adaptive_teaching.enabled is false",
            "mode_override": "adaptive_teaching.mode_override names it",
            "no_learning_history": "it would be the first session of its learning key",
            "probe_disabled": "no capability probe is configured: adaptive_teaching.probe.fallback_mode",
        }
        source, plus, constraint = self.decision.source.partition("+")
        reason = words.get(source, source)
        if plus:
            reason += f"; {constraint}: an adapter that manages itself, not stepwise, stays in a single-shot lane"
        return reason


async def describe(assembly: Assembly, task: str) -> Description:
    """Open a session of the adapter and close it again. Raises AdapterError where the handshake fails."""
    config = assembly.config
    adaptive = config.adaptive_teaching
    student = assembly.student()
    emitter = EventEmitter()
    try:
        reported = await student.open(task, dict(config.metadata), emitter)
    finally:
        await student.close_quietly()
    effective = coerce.effective(reported, config.agent.behavior)
    earlier = await asyncio.to_thread(_count_earlier, assembly, task)
    override = adaptive.mode_override or config.orchestration.forced_mode
    count = earlier or 0
    available = adaptive.probe.llm is not None or adaptive.probe.type == "python"
    decision = lanes.decide(adaptive, override=override, history_count=count, probe=None, probe_available=available)
    return Description(
        config.agent.name,
        reported,
        effective,
        tuple(hook for hook in HOOKS if student.has(hook)),
        emitter.held,
        lanes.constrain(decision, effective),
        available and lanes.needs_probe(adaptive, override=override, history_count=count),
        earlier,
    )


def _count_earlier(assembly: Assembly, task: str) -> int | None:
    config = assembly.config
    if config.storage is None:
        return None
    key = learning_key(
        agent=config.agent.name, task=task, tags=session_tags(config, config.metadata), metadata=config.metadata
    )
    try:
        return len(read_history(config.storage.database_url, key, config.adaptive_teaching.learning_history_limit))
    except AtlasOtelError:
        return None
