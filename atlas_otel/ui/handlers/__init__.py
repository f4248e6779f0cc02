"""What each operation does, by its id: one module a tag of the description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.ui.handlers import bulk, comparing, datasets, plotting, queue, reviewing, setup, transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.ui.asking import Answered, Ask

HANDLERS: Final[Mapping[str, Callable[[Ask], Answered]]] = {
    **setup.HANDLERS,
    **queue.HANDLERS,
    **transcript.HANDLERS,
    **reviewing.HANDLERS,
    **bulk.HANDLERS,
    **plotting.HANDLERS,
    **comparing.HANDLERS,
    **datasets.HANDLERS,
}
