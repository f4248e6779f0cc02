"""A page over a database with recorded runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.page import Page, record_runs


@pytest.fixture
def page(database_url: str, tmp_path: Path) -> Iterator[Page]:
    """Ada's page, over four sessions."""
    record_runs(database_url)
    opened = Page(database_url, datasets=tmp_path / "datasets", jaeger_url="http://jaeger.test:16686")
    yield opened
    opened.close()
