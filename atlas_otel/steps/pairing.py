"""Which open step a pushed event belongs to. Pure.

A START opens a step, its END closes it. What fits no open step is kept too, with a mark:

=====================  ================================================================
``second_start``       a START whose UUID has started before
``end_without_start``  an END whose UUID never started
``second_end``         an END whose UUID has ended before
``chunk_without_start``, ``chunk_after_end``
``other_category``     an END of another category than its START: it ends the step
=====================  ================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from atlas_otel.models.intermediate_step import IntermediateStepState, IntermediateStepType
from atlas_otel.records.json_text import dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.intermediate_step import IntermediateStepCategory, IntermediateStepPayload

Anomaly = Literal[
    "second_start", "end_without_start", "second_end", "chunk_without_start", "chunk_after_end", "other_category"
]
"""Why a pushed event fits no open step."""

T = TypeVar("T")


class StepPairing(Generic[T]):
    """Pairs events by UUID, never by a stack: interleaved and parallel steps come out right.

    ``T`` is what stands for an open step. Of ended steps the latest ``remembered`` are known; what comes for an older
    one is as if it had never started.
    """

    def __init__(self, remembered: int) -> None:
        self._known: dict[str, tuple[T, IntermediateStepCategory]] = {}
        self._ended: dict[str, None] = {}
        """In the order of their ends."""
        self._remembered = remembered

    def place(self, payload: IntermediateStepPayload) -> tuple[T | None, Anomaly | None]:
        """The step that an event belongs to, where it has one, and what is odd about it. An END closes the step; for a
        START without either, the caller makes the step and calls :meth:`opened`."""
        known = self._known.get(payload.UUID)
        if payload.event_type is IntermediateStepType.ADAPTER_EVENT:
            return None, None
        state = payload.event_state
        if known is None:
            if state is IntermediateStepState.START:
                return None, None
            return None, "end_without_start" if state is IntermediateStepState.END else "chunk_without_start"
        step, category = known
        if state is IntermediateStepState.START:
            return step, "second_start"
        ended = payload.UUID in self._ended
        if state is IntermediateStepState.CHUNK:
            return step, "chunk_after_end" if ended else None
        if ended:
            return step, "second_end"
        self._ended[payload.UUID] = None
        if len(self._ended) > self._remembered:
            oldest = next(iter(self._ended))
            del self._ended[oldest], self._known[oldest]
        return step, None if payload.event_category is category else "other_category"

    def opened(self, payload: IntermediateStepPayload, step: T) -> None:
        """A START has made ``step``."""
        self._known[payload.UUID] = (step, payload.event_category)

    def find(self, step_uuid: str) -> T | None:
        """The step with this UUID, open or ended."""
        known = self._known.get(step_uuid)
        return known[0] if known is not None else None

    def still_open(self) -> list[T]:
        """The steps that have no END."""
        return [step for key, (step, _) in self._known.items() if key not in self._ended]


def step_text(step: Mapping[str, object], anomaly: Anomaly | None) -> str:
    """The payload of a step's event record: the step as JSON, with its mark beside it."""
    return dump(step if anomaly is None else {**step, "anomaly": anomaly})
