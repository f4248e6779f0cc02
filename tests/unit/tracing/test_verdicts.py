"""An attempt that validation rejected is an error with its reason; steps' names are one line, attempts told apart."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.testing import Recording
from atlas_otel.tracing import state


def test_the_rejected_attempt_failed_and_the_next_one_did_not(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"):
        for valid in (False, True):
            with atlas.step("Look\n closely", id=3):
                atlas.set_validation(valid, reason="too far")
    first = atlas_recording.span("step 3: Look closely")
    second = atlas_recording.span("step 3 (attempt 2): Look closely")
    assert (first.status, first.status_message) == (2, "ValidationFailed: too far")
    assert first.attributes[semconv.ERROR_TYPE] == "ValidationFailed"
    assert second.status == 0


def test_the_latest_verdict_counts(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"), atlas.step("Look", id=1):
        atlas.set_validation(False, reason="too far")
        atlas.set_validation({"valid": True})
    assert atlas_recording.span("step 1: Look").status == 0


def test_what_the_attempt_raised_says_more(atlas_recording: Recording) -> None:
    with suppress(LookupError), atlas.session("t", name="s"), atlas.step("Look", id=1):
        atlas.set_validation(False, reason="too far")
        raise LookupError("nothing there")
    assert atlas_recording.span("step 1: Look").status_message == "LookupError: nothing there"


def test_a_verdict_on_another_attempt_or_no_step_fails_nobody(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"):
        atlas.set_validation(False, reason="the session's")
        with atlas.step("Look", id=1):
            pass
        with atlas.step("Look", id=1):
            atlas.set_validation(False, attempt=1)
            atlas.set_validation({"note": "no verdict"})
    assert {span.status for span in atlas_recording.spans} == {0}


def test_a_running_step_is_named_by_its_number(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"), atlas.step("Look", id=1), atlas.tool("see"):
        atlas.set_validation(False, step=1, reason="blind")
    assert atlas_recording.span("step 1: Look").status_message == "ValidationFailed: blind"


def test_names_of_steps_can_be_their_numbers(atlas_recording: Recording) -> None:
    before = state.install(replace(state.current(), step_descriptions=False))
    try:
        with atlas.session("t", name="s"):
            for _ in range(2):
                with atlas.step("A fresh description", id=4):
                    pass
    finally:
        state.install(before)
    assert [span.name for span in atlas_recording.spans if span.kind == "step"] == ["step 4", "step 4 (attempt 2)"]
    assert atlas_recording.spans[0].attributes[semconv.ATLAS_STEP_DESCRIPTION] == "A fresh description"
