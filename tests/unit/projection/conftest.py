"""Records made by hand, and strategies for records of whole runs: what the projection is fed in these tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st

from atlas_otel.records.record import Record
from tests.support import runs
from tests.support.runs import Run


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture(scope="session")
def any_records() -> st.SearchStrategy[list[Record]]:
    """Records of one session, as nobody would write them: any tree (cycles too), any snapshots, broken payloads."""
    return runs.any_records()


@pytest.fixture(scope="session")
def new_run() -> Callable[[], Run]:
    return Run
