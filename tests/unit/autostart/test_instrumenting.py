"""Instrumentations that were loaded ahead give way to the program's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pytest
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from atlas_otel.autostart.instrumenting import Instrumenting


class _Counted(BaseInstrumentor):  # type: ignore[misc]
    library = "pip >= 1"

    def instrumentation_dependencies(self) -> Collection[str]:
        return [self.library]

    def _instrument(self, **kwargs: Any) -> None:
        self.given = kwargs

    def _uninstrument(self, **kwargs: Any) -> None:
        self.given = {}


class Loaded(_Counted):
    pass


class Rival(_Counted):
    library = "PIP>=2"


class Unrelated(_Counted):
    library = "setuptools"


@pytest.fixture
def ahead() -> Iterator[Instrumenting]:
    original = BaseInstrumentor.instrument
    ahead = Instrumenting()
    ahead._give_way(BaseInstrumentor)
    ahead._loading = True
    Loaded().instrument(skip_dep_check=True)
    ahead._loading = False
    try:
        yield ahead
    finally:
        BaseInstrumentor.instrument = original
        for one in (Loaded(), Rival(), Unrelated()):
            if one.is_instrumented_by_opentelemetry:
                one.uninstrument()


def test_the_same_instrumentor_takes_what_the_program_gives_it(ahead: Instrumenting) -> None:
    Loaded().instrument(tracer_provider="the program's", skip_dep_check=True)
    assert Loaded().given["tracer_provider"] == "the program's"
    assert ahead.left == ["Loaded"]


def test_another_one_of_the_same_library_replaces_it(ahead: Instrumenting) -> None:
    Unrelated().instrument(skip_dep_check=True)
    assert Loaded().is_instrumented_by_opentelemetry
    Rival().instrument(skip_dep_check=True)
    assert not Loaded().is_instrumented_by_opentelemetry
    assert ahead.left == ["Loaded"]
