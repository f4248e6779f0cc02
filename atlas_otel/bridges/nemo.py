"""NeMo Agent Toolkit (``nvidia-nat-core``): its steps, recorded by us.

::

    from atlas_otel.bridges import nemo

    async with workflow.run(question) as runner:
        with nemo.bridge(runner.context.intermediate_step_manager):
            answer = await runner.result()

Three shapes differ (contract §1): a ``TTC_*`` step becomes a CUSTOM one and keeps its type as ``nat_event_type``; the
tokens in ``usage_info.token_usage`` are also given where the contract has them; ``data.payload`` stays beside the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.bridges.bridge import Bridge, as_step

if TYPE_CHECKING:
    from atlas_otel.bridges.bridge import Stream
    from atlas_otel.models.intermediate_step import IntermediateStep

_NAME: Final = "nemo-agent-toolkit"
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


def bridge(manager_or_stream: Stream) -> Bridge:
    """Follow ``Context.get().intermediate_step_manager``, or a runner's event stream."""
    return Bridge(read, _NAME).follow(manager_or_stream)


def read(foreign: Any) -> IntermediateStep:
    """A step of theirs as ours."""
    fields = foreign.payload.model_dump()
    kind = foreign.payload.event_type.value
    fields["event_type"] = kind
    category, _, moment = kind.partition("_")
    if category == "TTC":
        fields |= {"event_type": f"CUSTOM_{moment}", "nat_event_type": kind}
    if fields.get("framework") is not None:
        fields["framework"] = str(getattr(fields["framework"], "value", fields["framework"]))
    usage = fields.get("usage_info")
    if usage is not None and isinstance(nested := usage.get("token_usage"), dict):
        fields["usage_info"] = {**{name: nested[name] for name in _TOKENS if nested.get(name) is not None}, **usage}
    return as_step(foreign, fields)
