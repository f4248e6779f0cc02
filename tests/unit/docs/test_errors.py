"""docs/reference/errors.md and docs/troubleshooting.md: every error has its row, its exit code and its section."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from atlas_otel import errors

DOCS = Path(__file__).parents[3] / "docs"
ERRORS = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
SECTIONS = {
    re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
    for heading in re.findall(r"^## (.+)$", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
}
CLASSES = [held for name, held in vars(errors).items() if name in errors.__all__ and inspect.isclass(held)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_has_a_section_and_a_row(error: type[errors.AtlasOtelError]) -> None:
    assert error.topic in SECTIONS
    if error is not errors.AtlasOtelError:
        (row,) = re.findall(rf"^\| `{error.__name__}` \|.*$", ERRORS, re.MULTILINE)
        assert f"| {error.exit_code} |" in row
        assert f"../troubleshooting.md#{error.topic})" in row
