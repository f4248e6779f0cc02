"""``docs/reference/metadata.md`` names what is written, all of it, and nothing else."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.testing import recording
from atlas_otel_exporters import encode

PAGE: Final = (Path(__file__).parents[3] / "docs" / "reference" / "metadata.md").read_text(encoding="utf-8")


def _words(text: str) -> set[str]:
    return set(text.split())


# Contract §1, §2 and §3: what is documented there is not documented again.
CONTRACT_SESSION: Final = _words(
    "session_id status created_at completed_at execution_mode learning_key learning_history adaptive_summary "
    "triage_dossier session_reward reward_summary reward_stats reward_audit student_learning teacher_learning "
    "teacher_notes drift drift_alert review review_status review_notes adapter_capabilities "
    "adapter_capabilities_reported adapter_session token_usage executor_system_prompt ground_truth"
)
CONTRACT_STEP: Final = _words(
    "status reason artifacts deliverable notes result structured_output runtime reasoning tool depends_on "
    "attempt_history executor_system_prompt ground_truth"
)
CONTRACT_EVENT: Final = _words(
    "chat_responses chat_inputs tool_inputs tool_outputs tool_info span_inputs span_outputs provided_metadata "
    "tools_schema source adapter_metadata"
)


def section(title: str) -> str:
    """The part of the page under a heading that holds ``title``."""
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (found,) = [part for part in parts if part.splitlines()[0].startswith(title)]
    return found


def keys(title: str) -> set[str]:
    """What stands in backticks in the first column of a section's tables."""
    first = re.findall(r"^\| (`[^|]+) \|", section(title), flags=re.MULTILINE)
    return {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}


def ours() -> set[str]:
    values = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
    return {value for value in values if value.startswith("atlas.")}


def test_every_attribute_and_event_of_ours_is_described_and_no_other() -> None:
    described = keys("Attributes of spans") | keys("Events of spans")
    assert {name for name in described if name.startswith("atlas.")} == ours()
    assert semconv.EVENT_REWARD in described


@pytest.fixture(scope="module")
def rows() -> Any:
    """The rows of a session in which about everything happens."""
    with recording() as recorded:

        @atlas.tool
        def fails() -> None:
            raise LookupError("nothing there")

        @atlas.llm(model="m", provider="p")
        def stream(messages: list[dict[str, str]]) -> Any:
            yield "a"
            yield "b"

        @atlas.llm(model="m", provider="p")
        def answer(messages: list[dict[str, str]], temperature: float = 0.0) -> Any:
            return {
                "id": "r1",
                "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
                "usage": {"input_tokens": 1},
            }

        with (
            suppress(RuntimeError),
            atlas.using_attributes(user_id="u"),
            atlas.session("outer", name="outer"),
            atlas.session("task", name="all", tags=["t"], metadata={"status": "mine"}, new=True),
        ):
            atlas.set_plan([{"id": 1, "description": "one", "tool": "fails", "depends_on": []}])
            for _ in range(2):
                with suppress(LookupError), atlas.step("one", id=1):
                    atlas.add_guidance("look elsewhere")
                    atlas.set_metadata(mine=1)
                    list(stream([{"role": "user", "content": "x"}]))
                    answer([{"role": "user", "content": "x"}])
                    fails()
            with atlas.agent("sub"):
                atlas.emit_event("progress", {"metadata": {"a": 1}})
            atlas.set_validation(False, reason="no")
            atlas.record_reward(0.5, name="other")
            atlas.record_reward(0.7)
            raise RuntimeError("the end")
        return recorded.rows(recorded.sessions()[1])


def test_every_key_of_the_sessions_metadata_is_the_contracts_the_callers_or_described(rows: Any) -> None:
    found = set(rows.session.metadata)
    assert found - CONTRACT_SESSION - {"mine"} <= keys("Keys of `sessions.metadata`")
    seen = {"trace_id", "trace_ids", "agent_name", "tags", "user_id", "parent_session_id", "failure", "validation"}
    assert seen | {"caller_metadata"} <= found


def test_every_key_of_a_steps_metadata_is_the_contracts_or_described(rows: Any) -> None:
    (step,) = rows.steps
    assert set(step.metadata) - CONTRACT_STEP <= keys("Keys of `step_results.metadata`")
    assert {"attempt_history", "reward_missing", "error"} <= set(step.metadata)
    described = set(re.findall(r"`(\w+)`", section("Keys of `step_results.metadata`"))) | {"attempt", "evaluation"}
    assert {key for entry in step.metadata["attempt_history"] for key in entry} <= described


def test_every_key_of_an_events_metadata_is_the_contracts_or_described(rows: Any) -> None:
    found = {key for row in rows.events for key in json.loads(row.event)["payload"]["metadata"]}
    described = keys("Keys of an event's")
    assert found - CONTRACT_EVENT <= described
    by_others = {"system_instructions", "token_details", "cost_usd"}  # the last is put in as a record is stored
    assert described - found <= by_others, "the session above has all but what other tools write"


def test_every_key_that_a_line_adds_is_described() -> None:
    assert keys("Keys of a line") == {encode.EVENTS_OMITTED, encode.REVISION}
    assert encode.REWARD_MISSING in keys("Keys of `step_results.metadata`")
