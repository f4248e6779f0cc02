"""Every instrumentation that is installed, by OpenTelemetry's own loader; what the program instruments is left to it.

Two instrumentations of one library record each call twice, and an instrumentor takes no second ``instrument()``: where
the program asks for one that was loaded already, or for another one of the same library, the loaded one goes first.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.tracing import state

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOADER: Final = "opentelemetry.instrumentation.auto_instrumentation._load"
_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_INSTALLED: Final = ("no installed version was found", "found: None", 'found: "None"')


class Instrumenting:
    """What was instrumented ahead of the program, and what could not be."""

    def __init__(self) -> None:
        self.skipped: list[str] = []
        """Instrumentations that were not loaded, and why, one line each."""
        self.left: list[str] = []
        """Those that were taken back, since the program has its own."""
        self._loading = False
        self._loaded: list[Any] = []

    def load(self) -> None:
        """Instrument what is installed. What an instrumentor raises costs that one; never raises."""
        try:
            from opentelemetry.instrumentation.auto_instrumentation import initialize
            from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
        except ImportError:  # then no instrumentation is installed either: each of them needs this
            return
        self._give_way(BaseInstrumentor)
        logger = logging.getLogger(_LOADER)
        level, listener = logger.level, _Listener(self.skipped, logger.getEffectiveLevel())
        logger.addFilter(listener)
        logger.setLevel(logging.DEBUG)
        self._loading = True
        try:
            initialize()
        finally:
            self._loading = False
            logger.setLevel(level)
            logger.removeFilter(listener)

    def _give_way(self, base: Any) -> None:
        instrument = base.instrument

        @functools.wraps(instrument)
        def instrument_for_the_program(instrumentor: Any, **kwargs: Any) -> Any:
            if not self._loading:
                self._take_back(instrumentor)
            done = instrument(instrumentor, **kwargs)
            if self._loading and getattr(instrumentor, "is_instrumented_by_opentelemetry", True):
                self._loaded.append(instrumentor)
            return done

        base.instrument = instrument_for_the_program

    def _take_back(self, instrumentor: Any) -> None:
        """Undo what was loaded for the libraries of an instrumentor that the program is about to use."""
        try:
            libraries = set(_libraries(instrumentor))
            for loaded in [one for one in self._loaded if one is instrumentor or libraries & set(_libraries(one))]:
                self._loaded.remove(loaded)
                loaded.uninstrument()
                self.left.append(type(loaded).__qualname__)
        except Exception:  # the program's own instrumentation goes on
            state.absorbed("uninstrument")


def _libraries(instrumentor: Any) -> Iterator[str]:
    """The packages that an instrumentor is for."""
    for requirement in instrumentor.instrumentation_dependencies():
        if found := _PACKAGE.match(requirement):
            yield re.sub(r"[-_.]+", "-", found[0]).lower()


class _Listener(logging.Filter):
    """Keeps what the loader says of instrumentations that it skips; lets pass what would have passed without us."""

    def __init__(self, skipped: list[str], level: int) -> None:
        super().__init__()
        self._skipped = skipped
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        failed = record.levelno >= logging.WARNING
        # Older loaders say at DEBUG that a library has another version than the one that is instrumented.
        if (failed or "DependencyConflict" in said) and not any(missing in said for missing in _NOT_INSTALLED):
            error = record.exc_info[1] if record.exc_info else None
            self._skipped.append(said if error is None else f"{said}: {type(error).__name__}: {error}")
        return record.levelno >= self._level and not failed
