"""Decorated code is the bare code: random programs observe the same of themselves, bare and decorated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import atlas_otel as atlas
from atlas_otel.testing import recording
from tests.support import programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

# How many programs one run tries; `make programs` tries ten thousand.
EXAMPLES = int(os.environ.get("ATLAS_OTEL_PROGRAMS", "300"))


def _bare_nested(number: int) -> int:
    return number + 1


_nested = atlas.tool(_bare_nested)
_ways = {
    "own spans": recording,
    "sdk spans": lambda: recording(sdk_spans=True),
    "suppressed": atlas.suppress_tracing,
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs.programs, decorate=programs.stacks, way=st.sampled_from(sorted(_ways)))
def test_a_program_observes_the_same_bare_and_decorated(program: programs.Program, decorate: Any, way: str) -> None:
    around: Callable[[], AbstractContextManager[Any]] = _ways[way]
    with around():
        bare = programs.run(program, lambda function: function, _bare_nested)
    with around():
        decorated = programs.run(program, decorate, _nested)
    assert decorated == bare
