"""Whatever is counted as absorbed can be told to a person."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import atlas_otel
from atlas_otel.delivery.causes import meaning

PACKAGE = Path(str(atlas_otel.__file__)).parent
COUNTED = re.compile(r"absorbed\(\s*f?\"([a-z_]+)|^LOSS_[A-Z]+: Final = \"([a-z_]+)", re.MULTILINE)
CAUSES = sorted({a or b for file in PACKAGE.rglob("*.py") for a, b in COUNTED.findall(file.read_text("utf-8"))})
INTERNAL = {"drain", "drain_start", "end", "enter", "error", "on_end", "on_start", "project", "recorder", "set_aside"}
INTERNAL |= {"span_started", "store", "store_close", "store_open"}
"""Defects of ours: nothing that a user could do but report them."""


def test_the_causes_are_found() -> None:
    assert {"redaction_failed", "capture_failed", "event_outside_session", "after_session", "enter"} <= set(CAUSES)


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_says_what_to_do(cause: str) -> None:
    said = meaning(cause)
    assert ("report it" in said) == (cause in INTERNAL | {"export"}), (cause, said)
    assert len(said) < 200
