"""The pytest fixture ``atlas_recording``: each test's recording, in memory (``atlas_otel.testing``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.testing import Recording


@pytest.fixture
def atlas_recording() -> Iterator[Recording]:
    """What the test's agent records: real spans with fixed ids and a stepped clock, kept in memory."""
    from atlas_otel.testing import recording

    with recording() as recorded:
        yield recorded
