"""Messages as people pass them to a model, whatever stands in them."""

from __future__ import annotations

import pytest

from atlas_otel.calls.chat import to_convention


@pytest.mark.parametrize("calls", [5, "search", {"name": "search"}])
def test_tool_calls_that_are_no_list_stay_as_they_are(calls: object) -> None:
    (message,) = to_convention([{"role": "assistant", "content": "one moment", "tool_calls": calls}])
    assert message["parts"] == [{"type": "text", "content": "one moment"}]
    assert message["tool_calls"] == calls


@pytest.mark.parametrize("calls", [[], (), None])
def test_no_tool_calls_leave_nothing(calls: object) -> None:
    (message,) = to_convention([{"role": "assistant", "content": "done", "tool_calls": calls}])
    assert message == {"role": "assistant", "parts": [{"type": "text", "content": "done"}]}
