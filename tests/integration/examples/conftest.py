"""What the examples' tests share: the environments of others, and the atlas-otel under test for them to import."""

from __future__ import annotations

from tests.integration.frameworks.conftest import atlas_path

__all__ = ["atlas_path"]
