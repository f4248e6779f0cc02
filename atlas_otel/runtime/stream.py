"""A governed run's own intermediate steps, told to whoever subscribed, as they happen.

What is recorded does not come from here: the spans are. A subscriber gets what the runtime does and what the adapter
emits; what it raises is counted and reaches nobody.
"""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from atlas_otel.semconv import ROOT_STEP
from atlas_otel.tracing.state import absorbed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlas_otel.models.json_types import JsonObject

Category: TypeAlias = Literal["WORKFLOW", "TASK", "FUNCTION", "CUSTOM"]


class Publisher(Protocol):
    """Whoever wants to follow a run: attached before it and detached after it."""

    def attach(self, manager: Any) -> None:
        """Subscribe to ``manager`` (``manager.subscribe(on_next)``)."""

    def detach(self) -> None:
        """The run is over."""


class _Around(NamedTuple):
    uuid: str
    name: str
    outer: _Around | None

    def ancestry(self) -> dict[str, str | None]:
        return {
            "function_id": self.uuid,
            "function_name": self.name,
            "parent_id": self.outer.uuid if self.outer is not None else None,
            "parent_name": self.outer.name if self.outer is not None else None,
        }


_TOP: Final = _Around(ROOT_STEP, ROOT_STEP, None)
_around: ContextVar[_Around] = ContextVar("atlas-otel-run-around", default=_TOP)
_stream: ContextVar[StepStream | None] = ContextVar("atlas-otel-run-stream", default=None)


class StepStream:
    """Publishes to the subscribers of one manager."""

    def __init__(self) -> None:
        from atlas_otel.steps.manager import StepSource

        self.manager = StepSource()

    def publish(self, around: _Around, payload: Mapping[str, Any]) -> None:
        """Build and publish one step; nothing where it cannot be built."""
        from atlas_otel.models.intermediate_step import IntermediateStep

        try:
            step = {"parent_id": around.uuid, "function_ancestry": around.ancestry(), "payload": payload}
            self.manager.publish(IntermediateStep.model_validate(step))
        except Exception:
            absorbed("subscriber")


class PublishedStep:
    """One step, from its start to its end."""

    def __init__(self, category: Category, name: str, step_uuid: str, given: object) -> None:
        self._stream = _stream.get()
        self._category, self._name, self._uuid = category, name, step_uuid
        self._began = time.time()
        self.output: object = None
        if self._stream is None:
            return
        outer = _around.get()
        self._outer = outer
        self._token = _around.set(_Around(step_uuid, name, outer))
        self._publish("START", None, {"input": given})

    def end(self, error: BaseException | None) -> None:
        """The step is over."""
        if self._stream is None:
            return
        _around.reset(self._token)
        failed = {"error": f"{type(error).__name__}: {error}"} if error is not None else None
        self._publish("END", self._began, {"output": failed if failed is not None else self.output})

    def _publish(self, state: str, began: float | None, data: dict[str, Any]) -> None:
        assert self._stream is not None
        payload = {
            "UUID": self._uuid,
            "event_type": f"{self._category}_{state}",
            "name": self._name,
            "span_event_timestamp": began,
            "data": data,
        }
        self._stream.publish(self._outer, payload)


def tell_adapter_event(name: str, envelope: JsonObject, *, opening: bool) -> None:
    """An ``ADAPTER_EVENT`` under the step that is open here."""
    stream = _stream.get()
    if stream is None:
        return
    metadata: JsonObject = {"source": "adapter", "adapter_metadata": envelope.get("metadata") or {}}
    payload: JsonObject = {
        "UUID": uuid.uuid4().hex,
        "event_type": "ADAPTER_EVENT",
        "name": name,
        "data": {"output": envelope},
        "metadata": metadata,
    }
    stream.publish(_TOP if opening else _around.get(), payload)


@contextmanager
def following(publisher: Publisher | None) -> Iterator[None]:
    """Have ``publisher`` follow what runs in the block."""
    if publisher is None:
        yield
        return
    stream = StepStream()
    token = _stream.set(stream)
    try:
        publisher.attach(stream.manager)
    except Exception:
        absorbed("subscriber")
    try:
        yield
    finally:
        _stream.reset(token)
        try:
            publisher.detach()
        except Exception:
            absorbed("subscriber")


def control_event(publisher: Publisher | None, name: str, values: JsonObject) -> None:
    """Tell a publisher that takes such events that the session started or completed."""
    publish = getattr(publisher, "publish_control_event", None)
    if callable(publish):
        try:
            publish(name, values)
        except Exception:
            absorbed("subscriber")
