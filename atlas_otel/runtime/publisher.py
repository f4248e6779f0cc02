"""Following a governed run: its publisher subscribes to the steps of the run's own session.

There is one feed of steps, ``steps.feed``; a publisher hears what a subscriber of ``IntermediateStepManager`` hears.
What a publisher raises is counted and reaches nobody.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from atlas_otel.tracing.state import absorbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.json_types import JsonObject


class Publisher(Protocol):
    """Follows a run: attached before it and detached after it."""

    def attach(self, manager: Any) -> None:
        """Subscribe to ``manager`` (``manager.subscribe(on_next)``)."""

    def detach(self) -> None:
        """The run is over."""


@contextmanager
def following(publisher: Publisher | None, session_key: str) -> Iterator[None]:
    """Have ``publisher`` follow the session with this key, which starts and ends in the block."""
    if publisher is None:
        yield
        return
    from atlas_otel.steps.manager import IntermediateStepManager

    manager = IntermediateStepManager(session_key)
    try:
        publisher.attach(manager)
    except Exception:
        absorbed("subscriber")
    try:
        yield
    finally:
        manager.complete()
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
