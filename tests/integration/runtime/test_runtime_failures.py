"""Whatever goes wrong: a hook that fails fails the session and is recorded; who governs never does."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from atlas_otel import errors, semconv
from atlas_otel.adapters import AdapterError, AdapterTelemetryEvent
from atlas_otel.capture.capture import Capture
from atlas_otel.records.record import encode_record
from atlas_otel.runtime.run import arun, run
from atlas_otel.testing import recording


def closed(run):
    """Every span that was started has ended."""
    return all(span.snapshot() is None for span in run.recorded.running)


# --- the handshake -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"control_loop": "mine"}, "control_loop"),
        ({"supports_stepwise": "perhaps"}, "supports_stepwise"),
        (None, "NoneType"),
    ],
)
async def test_a_wrong_answer_to_the_handshake_fails_the_session_and_names_the_field(agents, hooked, answer, says):
    async def aopen_session(self, **_):
        return answer

    hooked.aopen_session = aopen_session
    agents.put(agent=hooked)
    done = await agents.run()
    assert isinstance(done.error, AdapterError)
    assert isinstance(done.error, RuntimeError)
    assert says in str(done.error)
    assert done.rows.session.status == "failed"
    assert says in done.metadata["failure"]["message"]
    assert closed(done)
    assert hooked.last.names == ["aclose"]


async def test_a_handshake_that_raises_keeps_its_cause(agents, hooked):
    async def aopen_session(self, *, task, metadata, emit_event):
        await emit_event({"event": "error", "payload": "no licence"})
        raise LookupError("no such tenant")

    hooked.aopen_session = aopen_session
    agents.put(agent=hooked)
    done = await agents.run()
    assert isinstance(done.error, AdapterError)
    assert isinstance(done.error.__cause__, LookupError)
    assert done.story == ["ADAPTER_EVENT error", "WORKFLOW_START orchestration", "WORKFLOW_END orchestration"]
    assert done.rows.session.status == "failed"


async def test_a_handshake_that_hangs_times_out(agents, hooked):
    async def aopen_session(self, **_):
        await asyncio.sleep(60)

    hooked.aopen_session = aopen_session
    agents.put(agent=hooked)
    done = await agents.run(orchestration={"handshake_timeout_seconds": 0.05})
    assert "handshake_timeout_seconds" in str(done.error)
    assert isinstance(done.error.__cause__, TimeoutError)
    assert done.rows.session.status == "failed"


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        ({"import_path": "no_such_module_here"}, "there is no module no_such_module_here"),
        ({"attribute": "missing"}, "has no missing"),
        ({"attribute": "number"}, "expected an adapter class"),
        ({"attribute": "empty"}, "neither aexecute nor ainvoke"),
        ({"attribute": "Broken"}, "ValueError: no default"),
        ({"working_directory": "no/such/folder"}, "there is no folder"),
    ],
)
async def test_an_agent_that_cannot_be_made_is_a_failed_session(agents, agent, says):
    class Broken:
        def __init__(self):
            raise ValueError("no default")

    class Empty:
        async def aopen_session(self, **_):
            return {}

    agents.put(number=7, empty=Empty(), Broken=Broken)
    done = await agents.run(agent=agent)
    assert isinstance(done.error, AdapterError)
    assert says in str(done.error)
    assert done.rows.session.status == "failed"


# --- hooks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["aplan", "aexecute", "asynthesize"])
async def test_a_hook_that_raises_fails_the_session_with_its_reason(agents, hooked, hook):
    async def broken(self, *_):
        raise KeyError("the key")

    setattr(hooked, hook, broken)
    agents.put(agent=hooked)
    done = await agents.run(lane="auto")
    assert isinstance(done.error, AdapterError)
    assert isinstance(done.error.__cause__, KeyError)
    assert str(done.error) == f"{hook} of tester failed: KeyError: 'the key'"
    session = done.rows.session
    assert (session.status, session.review_status) == ("failed", "pending")
    assert done.metadata["failure"]["type"] == "KeyError"
    assert closed(done)
    assert hooked.last.names[-1] == "aclose"
    if hook == "aexecute":
        end = done.event("step_1", "TASK_END")
        assert end["data"]["output"]["error"] == {"type": "KeyError", "message": "'the key'"}


async def test_a_failed_session_is_pending_also_where_approval_is_not_required(agents, monkeypatch):
    monkeypatch.setenv("ATLAS_REVIEW_REQUIRE_APPROVAL", "0")
    agents.put(agent=lambda prompt: 1 / 0)
    assert (await agents.run()).rows.session.review_status == "pending"
    agents.put(agent=lambda prompt: "fine")
    approved = (await agents.run()).rows.session
    assert approved.review_status == "approved"
    assert approved.review_notes == "Auto-approved (review gating disabled)."


@pytest.mark.parametrize("hook", ["aplan", "aexecute", "asynthesize"])
async def test_a_hook_that_hangs_is_stopped_by_the_step_timeout(agents, hooked, hook):
    async def hanging(self, *_):
        await asyncio.sleep(60)

    setattr(hooked, hook, hanging)
    agents.put(agent=hooked)
    begun = time.monotonic()
    done = await agents.run(lane="auto", orchestration={"step_timeout_seconds": 0.1})
    assert time.monotonic() - begun < 10
    assert isinstance(done.error, AdapterError)
    assert "step_timeout_seconds" in str(done.error)
    assert done.rows.session.status == "failed"
    assert done.metadata["failure"]["type"] == "TimeoutError"


async def test_a_timeout_of_the_agents_own_is_told_as_its_own(agents):
    def agent(prompt):
        raise TimeoutError("the crawler gave up")

    agents.put(agent=agent)
    done = await agents.run(lane="auto")
    assert "the crawler gave up" in str(done.error)
    assert "step_timeout_seconds" not in str(done.error)


@pytest.mark.parametrize(
    ("hook", "answer", "says"),
    [
        ("aplan", {"steps": [{"id": "x", "description": "d"}]}, "steps.0.id"),
        ("aplan", {"steps": [{"id": 1, "description": "d", "depends_on": [1]}]}, "depend on each other"),
        ("aexecute", {"trace": "only"}, "output"),
        ("aexecute", None, "NoneType"),
        ("asynthesize", None, "None"),
    ],
)
async def test_a_hook_that_answers_out_of_contract_is_an_adapter_error(agents, hooked, hook, answer, says):
    async def wrong(self, *_):
        return answer

    setattr(hooked, hook, wrong)
    agents.put(agent=hooked)
    done = await agents.run(lane="auto")
    assert isinstance(done.error, AdapterError)
    assert says in str(done.error)
    assert done.rows.session.status == "failed"


async def test_cancellation_passes_through_and_is_recorded(agents, hooked):
    started = asyncio.Event()

    async def aexecute(self, *_):
        started.set()
        await asyncio.sleep(60)

    hooked.aexecute = aexecute
    agents.put(agent=hooked)
    with recording() as recorded:
        task = asyncio.ensure_future(arun("the task", config=agents.config(lane="auto")))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        session = recorded.rows().session
        assert session.status == "failed"
        assert session.metadata["failure"]["type"].endswith("CancelledError")
        assert all(span.snapshot() is None for span in recorded.running)
    assert hooked.last.names[-1] == "aclose"


async def test_a_close_that_fails_changes_nothing(agents, hooked):
    async def aclose(self):
        raise OSError("already gone")

    hooked.aclose = aclose
    agents.put(agent=hooked)
    done = await agents.run(lane="auto")
    assert done.error is None
    assert done.rows.session.status == "succeeded"


# --- those who govern --------------------------------------------------------------------------------------------


def raising(**_):
    raise RuntimeError("out of order")


@pytest.mark.parametrize("answer", [raising, lambda **_: "nonsense", lambda **_: time.sleep(1.0)])
async def test_a_teacher_and_a_judge_that_fail_never_fail_the_run(agents, answer):
    agents.put(agent=lambda prompt: "fine", teach=answer, judge=answer)
    name = agents.module.__name__
    teacher = {"type": "python", "import_path": name, "attribute": "teach", "timeout_seconds": 0.1}
    done = await agents.run(
        teacher=teacher,
        adaptive_teaching={
            "mode_override": "paired",
            "reward": {"type": "python", "import_path": name, "attribute": "judge", "timeout_seconds": 0.1},
        },
    )
    assert done.error is None
    assert done.result.final_answer == "fine"
    (attempt,) = done.rows.attempts
    assert attempt.evaluation["validation"]["skipped"] == "teacher_failed"
    assert "valid" not in attempt.evaluation["validation"]
    reward = done.rows.session.reward
    assert (reward["score"], reward["failed"]) == (0.0, True)
    assert done.rows.session.reward_audit[0]["error"]
    assert done.rows.session.reward_stats["uncertainty_mean"] == 1.0


async def test_a_probe_and_a_triage_adapter_that_fail_never_fail_the_run(agents):
    agents.put(agent=lambda prompt: "fine", probe=raising, triage=lambda task, metadata: raising())
    name = agents.module.__name__
    done = await agents.run(
        adaptive_teaching={
            "certify_first_run": False,
            "triage_adapter": f"{name}:triage",
            "probe": {"type": "python", "import_path": name, "attribute": "probe", "fallback_mode": "auto"},
        }
    )
    assert done.result.execution_mode == "auto"
    assert done.event("adaptive_route", "CUSTOM_END")["data"]["output"]["reason"] == "probe_fallback"
    assert done.event("capability_probe", "CUSTOM_END")["data"]["output"] == {"error": "RuntimeError: out of order"}
    triaged = done.event("triage", "CUSTOM_END")["data"]["output"]
    assert (triaged["error"], triaged["fallback"]) == ("RuntimeError: out of order", "default")


async def test_a_triage_adapter_that_is_not_there_falls_back(agents):
    agents.put(agent=lambda prompt: "fine")
    done = await agents.run(adaptive_teaching={"triage_adapter": "no_such_module_here.build"})
    assert done.result.final_answer == "fine"
    assert "no_such_module_here" in done.event("triage", "CUSTOM_END")["data"]["output"]["error"]


# --- telemetry ---------------------------------------------------------------------------------------------------


async def test_events_without_telemetry_stream_are_dropped_counted_and_told_once(agents, hooked, caplog):
    hooked.telemetry = False
    agents.put(agent=hooked)
    with caplog.at_level(logging.WARNING, "atlas_otel"):
        done = await agents.run(lane="auto")
    assert not [p for p in done.payloads if p["event_type"] == "ADAPTER_EVENT"]
    assert done.metadata["adapter_events"] == {"recorded": 0, "dropped": 2, "malformed": 0}
    (told,) = [record for record in caplog.records if "telemetry_stream" in record.getMessage()]
    assert "answer telemetry_stream=True" in told.getMessage()


async def test_malformed_events_are_dropped_counted_and_never_break_the_agent(agents, hooked, caplog):
    async def aexecute(self, *_):
        for event in ({"event": "unknown"}, {}, None, 7, {"event": "progress", "step": "two"}):
            await self.emit(event)
        await self.emit(AdapterTelemetryEvent(event="progress", reason="still here", unit="rows"))
        return "fine"

    hooked.aexecute = aexecute
    agents.put(agent=hooked)
    with caplog.at_level(logging.WARNING, "atlas_otel"):
        done = await agents.run(lane="auto")
    assert done.error is None
    assert done.metadata["adapter_events"] == {"recorded": 2, "dropped": 0, "malformed": 5}
    assert done.payloads[-1]["event_type"] == "WORKFLOW_END"
    kept = [p["data"]["output"] for p in done.payloads if p["event_type"] == "ADAPTER_EVENT"]
    assert kept[-1] == {"event": "progress", "reason": "still here", "unit": "rows"}
    assert len([record for record in caplog.records if "malformed" in record.getMessage()]) == 1


async def test_thousands_of_events_from_many_threads_all_arrive_under_the_step(agents, hooked):
    async def aexecute(self, *_):
        def work(thread):
            for number in range(500):
                asyncio.run(self.emit({"event": "progress", "payload": [thread, number]}))

        # Plain threads that know nothing of the session's context.
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        return "fine"

    hooked.aexecute = aexecute
    agents.put(agent=hooked)
    done = await agents.run(lane="auto")
    step = done.recorded.span("step 1")
    here = [event for event in done.recorded.events if event.span_id == step.span_id and '"progress"' in event.payload]
    assert len(here) == 2000
    assert done.metadata["adapter_events"]["recorded"] == 2001


async def test_an_event_after_the_session_harms_nobody(agents, hooked):
    agents.put(agent=hooked)
    await agents.run(lane="auto")
    await hooked.last.emit({"event": "progress"})


# --- privacy ---------------------------------------------------------------------------------------------------------


async def test_without_content_nothing_said_is_recorded_and_scores_and_verdicts_are(agents):
    agents.put(
        agent=lambda prompt: "SECRET",
        teach=lambda **_: {"valid": False, "reason": "SECRET", "guidance": "SECRET"},
        judge=lambda **_: {"score": 0.5, "rationale": "SECRET", "student_learning": "SECRET"},
    )
    config = agents.config(lane="paired", agent={"system_prompt": "SECRET"}, metadata={"tenant": "SECRET"})
    with recording(capture=Capture(content=False)) as recorded:
        result = await arun("SECRET", config=config)
    assert result.final_answer == "SECRET"
    assert recorded.all
    assert not [record for record in recorded.all if b"SECRET" in encode_record(record)]
    rows = recorded.rows()
    assert rows.session.reward["score"] == 0.5
    assert [attempt.evaluation["validation"]["valid"] for attempt in rows.attempts] == [False, False]
    actors = [span.attributes.get(semconv.ATLAS_ACTOR) for span in recorded.spans]
    assert [actor for actor in actors if actor] == ["teacher", "teacher", "reward"]


# --- calling run -------------------------------------------------------------------------------------------------


async def test_run_inside_an_event_loop_says_to_use_arun(agents):
    with pytest.raises(errors.UsageError, match="arun"):
        run("the task", config=agents.config())


def test_run_outside_one_works(agents):
    agents.put(agent=lambda prompt: "fine")
    with recording():
        assert run("the task", config=agents.config(lane="auto")).final_answer == "fine"


@pytest.mark.parametrize("options", [{}, {"config_path": "a.yaml", "config": {}}])
def test_one_config_is_needed(options):
    with pytest.raises(errors.UsageError, match="either"):
        run("the task", **options)


def test_a_wrong_config_is_a_config_error_before_anything_runs(agents):
    with recording() as recorded, pytest.raises(errors.ConfigError, match="max_retries"):
        run("the task", config=agents.config(orchestration={"max_retries": 5}))
    assert recorded.sessions() == []
