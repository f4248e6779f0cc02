"""Sessions, steps and what is reported on them: who belongs to whom, and what is kept."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.process.clock import Clock
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.records.record import RANK_OPEN, SpanRecord
from atlas_otel.testing import FIRST_NS, Recording, recording
from atlas_otel.tracing import refusing, state
from atlas_otel.tracing.reward_records import late_reward_records
from atlas_otel.tracing.session_trust import SessionTrust


@pytest.fixture(params=[True, False], ids=["sdk-spans", "own-spans"])
def atlas_recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    with recording(sdk_spans=request.param) as found:
        yield found


def payloads(recorded: Recording, name: str) -> list[Any]:
    return [json.loads(event.payload) for event in recorded.events if event.name == name]


# --- which step ------------------------------------------------------------------------------------------------------


def identities(recorded: Recording) -> list[tuple[Any, Any, Any]]:
    return [
        (s.attributes[semconv.ATLAS_STEP_ID], s.attributes[semconv.ATLAS_STEP_ATTEMPT], s.name)
        for s in recorded.spans
        if s.kind == "step"
    ]


def test_steps_take_the_given_id_the_planned_one_or_the_next(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"):
        atlas.set_plan(["Collect", "Write", "Write"])
        for description, number in (("Write", None), ("Collect", None), ("Write", None), ("Check", None), ("Write", 2)):
            with atlas.step(description, id=number):
                pass
    assert identities(atlas_recording) == [
        (2, 1, "step 2: Write"),
        (1, 1, "step 1: Collect"),
        (3, 1, "step 3: Write"),
        (4, 1, "step 4: Check"),
        (2, 2, "step 2 (attempt 2): Write"),
    ]


def test_a_loop_without_ids_is_new_steps(atlas_recording: Recording) -> None:
    @atlas.step
    def look_up(word: str) -> str:
        return word

    with atlas.session("t", name="s"):
        for word in "abc":
            look_up(word)
    assert [i[:2] for i in identities(atlas_recording)] == [(1, 1), (2, 1), (3, 1)]


def test_a_step_outside_a_session_has_no_number(atlas_recording: Recording) -> None:
    with atlas.step("alone") as step:
        assert step.id == 0
    (span,) = atlas_recording.spans
    assert span.session_key is None
    assert semconv.ATLAS_STEP_ID not in span.attributes


def test_what_runs_in_a_step_carries_its_number(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s") as s, atlas.step("a", id=7), atlas.tool("inner"):
        pass
    tool = atlas_recording.span("inner")
    assert (tool.attributes[semconv.ATLAS_STEP_ID], tool.attributes[semconv.ATLAS_STEP_ATTEMPT]) == (7, 1)
    assert tool.session_key == s.id


@pytest.mark.parametrize("number", ["1", 1.0, True, -1])
def test_a_step_id_that_is_no_number_is_refused(number: Any) -> None:
    with pytest.raises(TypeError, match="whole number"):
        atlas.step("a", id=number)


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_decorated_session_takes_its_task_from_the_first_argument(atlas_recording: Recording) -> None:
    @atlas.session
    def answer(question: str, depth: int = 1) -> str:
        session = atlas.current_session()
        assert session is not None
        assert session.trace_id == atlas.get_trace_id()
        return "42"

    assert answer("what?") == "42"
    (span,) = atlas_recording.spans
    assert span.name == "invoke_agent answer"
    assert span.attributes[semconv.ATLAS_TASK] == "what?"
    assert span.attributes[semconv.ATLAS_INPUT] == '{"question":"what?","depth":1}'
    assert span.attributes[semconv.ATLAS_OUTPUT] == '"42"'
    assert atlas.current_session() is None


def test_sessions_and_steps_are_recorded_when_they_start(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"), atlas.step("a"):
        open_ones = [r for r in atlas_recording.all if isinstance(r, SpanRecord)]
        assert [(r.kind, r.rank) for r in open_ones] == [("session", RANK_OPEN), ("step", RANK_OPEN)]
        assert open_ones[0].attributes[semconv.ATLAS_TASK] == "t"


def test_a_session_inside_a_session_is_a_sub_agent_unless_new(atlas_recording: Recording) -> None:
    with atlas.session("outer", name="o") as outer:
        with atlas.session("inner", name="i") as inner:
            assert inner.id == outer.id
        with atlas.session("other", name="n", new=True) as other:
            assert other.id != outer.id
            with atlas.step("of the other"):
                pass
    assert atlas_recording.span("invoke_agent i").kind == "agent"
    assert atlas_recording.span("invoke_agent n").attributes[semconv.ATLAS_PARENT_SESSION_ID] == outer.id
    assert atlas_recording.span("of the other").session_key == other.id
    assert atlas_recording.sessions() == [outer.id, other.id]


def test_sessions_at_once_are_kept_apart(atlas_recording: Recording) -> None:
    ready = threading.Barrier(8)

    def run(number: int) -> str:
        with atlas.session(f"task {number}", name="s") as s:
            ready.wait()
            for _ in range(20):
                with atlas.step(f"step of {number}"), atlas.tool("t"):
                    pass
            return s.id

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(run, range(8)))

    async def arun(number: int) -> str:
        async with atlas.session(f"async {number}", name="s") as s:
            for _ in range(20):
                async with atlas.step(f"step of {number}"):
                    await asyncio.sleep(0)
            return s.id

    async def several() -> list[str]:
        return await asyncio.gather(*(arun(n) for n in range(8)))

    keys += asyncio.run(several())
    assert len(set(keys)) == 16
    for number, key in enumerate(keys):
        steps = [s for s in atlas_recording.spans if s.session_key == key and s.kind == "step"]
        assert [s.attributes[semconv.ATLAS_STEP_ID] for s in steps] == list(range(1, 21))
        assert {s.attributes[semconv.ATLAS_STEP_DESCRIPTION] for s in steps} == {f"step of {number % 8}"}


def test_the_session_of_another_process_is_joined_by_baggage(atlas_recording: Recording) -> None:
    state.install(replace(state.current(), trust=SessionTrust("always")))
    token = otel_context.attach(baggage.set_baggage(semconv.ATLAS_SESSION_ID, "elsewhere"))
    try:
        with atlas.step("unnumbered"), atlas.tool("t"):
            atlas.emit_event("seen", {"x": 1})
        with atlas.step("numbered", id=3):
            pass
        with atlas.session("sub", name="s"):
            pass
    finally:
        otel_context.detach(token)
    assert {s.session_key for s in atlas_recording.spans} == {"elsewhere"}
    assert semconv.ATLAS_STEP_ID not in atlas_recording.span("unnumbered").attributes
    assert atlas_recording.span("step 3: numbered").attributes[semconv.ATLAS_STEP_ID] == 3
    assert atlas_recording.span("invoke_agent s").kind == "agent"
    assert [e.session_key for e in atlas_recording.events] == ["elsewhere"]


# --- reporting -------------------------------------------------------------------------------------------------------


def test_reports_go_to_the_named_step_else_the_step_in_force_else_the_session(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"):
        atlas.record_reward(0.1)
        with atlas.step("a", id=1), atlas.tool("inside"):
            atlas.record_reward(0.2, rationale="good")
            atlas.add_guidance("again")
            atlas.set_validation(False, reason="wrong")
        with atlas.step("b", id=2):
            atlas.record_reward(0.3, step=1)
    by_id = {s.span_id: s.name for s in atlas_recording.spans}
    rewards = [e for e in atlas_recording.events if e.name == semconv.EVENT_REWARD]
    assert [by_id[e.span_id] for e in rewards] == ["invoke_agent s", "step 1: a", "step 1: a"]
    assert payloads(atlas_recording, semconv.EVENT_REWARD) == [
        {"name": "reward", "score": 0.1},
        {"name": "reward", "score": 0.2, "rationale": "good"},
        {"name": "reward", "score": 0.3, "target": {"step": 1}},
    ]
    assert payloads(atlas_recording, semconv.EVENT_GUIDANCE) == [{"note": "again"}]
    assert payloads(atlas_recording, semconv.EVENT_VALIDATION) == [{"valid": False, "reason": "wrong"}]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("secret")

    __bool__ = __str__


REFUSED: list[tuple[str, Callable[[], None]]] = [
    *(("a reward's score is a", partial(atlas.record_reward, score)) for score in (float("nan"), float("inf"), "much")),
    ("score is a number, not NoneType", partial(atlas.record_reward, cast(Any, None))),
    ("step is identified by its number, not a str", partial(atlas.record_reward, 1.0, step=cast(Any, "one"))),
    *(("step 1 of the plan", partial(atlas.set_plan, cast(Any, [step]))) for step in ({"id": 1}, 3)),
    ("step 1 of the plan", partial(atlas.set_plan, [{"description": "x", "id": "one"}])),
    ("a plan is a list of steps, not NoneType", partial(atlas.set_plan, cast(Any, None))),
    ("a plan is a list of steps, not str", partial(atlas.set_plan, "do it")),
    ("metadata is a mapping, not int", partial(atlas.set_metadata, cast(Any, 5))),
    ("a report raised RuntimeError", partial(atlas.add_guidance, cast(Any, Unprintable()))),
    ("a report raised RuntimeError", partial(atlas.emit_event, cast(Any, Unprintable()))),
    ("a report raised RuntimeError", partial(atlas.set_validation, cast(Any, Unprintable()))),
]


@pytest.mark.parametrize(("why", "report"), REFUSED)
def test_what_a_report_cannot_mean_is_refused_and_never_raised(
    why: str,
    report: Callable[[], None],
    atlas_recording: Recording,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusing, "_log", QuietLog("atlas_otel.reporting"))
    before = state.absorbed_counts().get("report_refused", 0)
    with atlas.session("t", name="s"):
        report()
    assert state.absorbed_counts()["report_refused"] == before + 1
    assert why in caplog.text
    assert atlas_recording.events == []


def test_attributes_that_are_none_are_refused_and_the_block_runs(atlas_recording: Recording) -> None:
    ran = []
    with atlas.using_attributes(user_id="u", metadata=cast(Any, 5)), atlas.session("t", name="s"):
        ran.append(True)
    assert ran
    assert atlas_recording.spans[0].attributes[semconv.ATLAS_USER_ID] == "u"


def test_a_late_reward_is_a_span_of_its_own_that_names_its_target(atlas_recording: Recording) -> None:
    atlas.record_reward(0.5, session_id="abc", step=2, judge="me")
    atlas.record_reward(0.7, trace_id="0" * 31 + "A", span_id="00000000000000b1", name="second")
    by_key, by_trace = atlas_recording.spans
    assert (by_key.kind, by_key.session_key, by_key.parent_span_id) == ("reward", "abc", None)
    assert by_trace.session_key is None
    assert by_trace.attributes[semconv.ATLAS_TARGET_TRACE_ID] == "0" * 31 + "a"
    assert [e.session_key for e in atlas_recording.events] == ["abc", None]
    assert payloads(atlas_recording, semconv.EVENT_REWARD) == [
        {"name": "reward", "score": 0.5, "judge": "me", "target": {"step": 2}},
        {"name": "second", "score": 0.7, "target": {"span_id": "00000000000000b1"}},
    ]


@pytest.mark.parametrize(
    "ids", [{"trace_id": "xyz"}, {"trace_id": "0" * 32}, {"span_id": "12"}, {"session_id": "a", "step": "1"}]
)
def test_a_target_that_is_none_is_refused(ids: Any, atlas_recording: Recording) -> None:
    atlas.record_reward(0.5, **ids)
    assert atlas_recording.spans == []
    with pytest.raises(atlas.UsageError):
        late_reward_records(0.5, **ids)


def test_events_are_strictly_ordered_also_from_threads(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"):
        context = otel_context.get_current()

        def emit() -> None:
            token = otel_context.attach(context)
            for number in range(200):
                atlas.emit_event("tick", {"n": number})
            otel_context.detach(token)

        threads = [threading.Thread(target=emit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({e.sequence for e in atlas_recording.events}) == 800


def test_using_attributes_reaches_all_spans_below(atlas_recording: Recording) -> None:
    with atlas.using_attributes(user_id="u1", tags=["a"], metadata={"tenant": "acme"}):
        with atlas.using_attributes(tags=["b"]), atlas.session("t", name="s", tags=["c"], metadata={"k": 1}):
            pass
        with atlas.tool("x"):
            pass
    session, tool = atlas_recording.spans
    assert session.attributes[semconv.ATLAS_TAGS] == ["a", "b", "c"]
    assert session.attributes[semconv.ATLAS_USER_ID] == "u1"
    assert json.loads(str(session.attributes[semconv.ATLAS_METADATA])) == {"tenant": "acme", "k": 1}
    assert tool.attributes[semconv.ATLAS_TAGS] == ["a"]


def test_suppressed_code_is_left_alone(atlas_recording: Recording) -> None:
    @atlas.tool
    def tool() -> int:
        return 1

    with atlas.suppress_tracing():
        assert tool() == 1
        with atlas.session("t", name="s") as s:
            s.final_answer = "kept to itself"
    assert atlas_recording.all == []
    assert tool() == 1
    assert len(atlas_recording.spans) == 1


# --- what is captured ------------------------------------------------------------------------------------------------


def test_capture_options(atlas_recording: Recording) -> None:
    @atlas.tool(name="named", capture_output=False, ignore_inputs=["secret"], metadata={"v": 2}, tags=["t"])
    def tool(query: str, secret: str = "s") -> str:
        return "out"

    @atlas.tool(capture_input=False)
    def quiet(query: str) -> str:
        return "out"

    tool("q")
    quiet("q")
    named, silent = atlas_recording.spans
    assert named.name == "execute_tool named"
    assert named.attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] == '{"query":"q"}'
    assert semconv.GEN_AI_TOOL_CALL_RESULT not in named.attributes
    assert named.attributes[semconv.ATLAS_METADATA] == '{"v":2}'
    assert semconv.GEN_AI_TOOL_CALL_ARGUMENTS not in silent.attributes
    assert silent.attributes[semconv.GEN_AI_TOOL_CALL_RESULT] == '"out"'


def test_a_model_call_tells_messages_tokens_and_reasons(atlas_recording: Recording) -> None:
    answer = {
        "id": "r1",
        "model": "m-2026",
        "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    }

    @atlas.llm(model="m", provider="openai")
    def complete(messages: list[dict[str, str]], temperature: float = 0.5) -> dict[str, Any]:
        return answer

    complete([{"role": "user", "content": "hello"}])
    (span,) = atlas_recording.spans
    attributes = span.attributes
    assert span.name == "chat m"
    assert json.loads(str(attributes[semconv.GEN_AI_INPUT_MESSAGES])) == [
        {"role": "user", "parts": [{"type": "text", "content": "hello"}]}
    ]
    assert attributes[semconv.ATLAS_INPUT] == '{"temperature":0.5}'
    assert json.loads(str(attributes[semconv.GEN_AI_OUTPUT_MESSAGES])) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "hi"}], "finish_reason": "stop"}
    ]
    assert attributes[semconv.GEN_AI_RESPONSE_MODEL] == "m-2026"
    assert attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] == ["stop"]
    assert (attributes[semconv.GEN_AI_USAGE_INPUT_TOKENS], attributes[semconv.GEN_AI_USAGE_OUTPUT_TOKENS]) == (3, 4)


def test_what_was_set_on_a_handle_can_be_read_back(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s") as s:
        with atlas.step("a") as step:
            step.output = [1]
        s.final_answer = step.output
    assert (step.output, s.final_answer, s.output, step.input) == ([1], [1], [1], None)
    assert atlas_recording.rows(s.id).session.final_answer == "[1]"


# --- the agent comes first -------------------------------------------------------------------------------------------


class Hostile(SpanProcessor):
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("on_start")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("on_end")


class HostileAnswer:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_guests_that_raise_harm_nobody() -> None:
    with recording(processors=[Hostile()]) as recorded:

        @atlas.llm
        def call() -> Any:
            return HostileAnswer()

        with atlas.session("t", name="s"), atlas.step("a"):
            call()
        assert [s.kind for s in recorded.spans] == ["llm", "step", "session"]
        assert len({s.trace_id for s in recorded.spans}) == 1, "one trace, though no SDK span could be made"
        assert recorded.spans[0].parent_span_id == recorded.spans[1].span_id


def test_a_recorder_that_raises_harms_nobody() -> None:
    class Broken(Recording):
        def span_started(self, span: Any, *, durable: bool) -> None:
            raise RuntimeError

        span_ended = event = span_started  # type: ignore[assignment]

    before = state.install(replace(state.current(), recorder=Broken()))
    try:
        with atlas.session("t", name="s") as s:
            atlas.emit_event("x")
            s.final_answer = "fine"
    finally:
        state.install(before)


@pytest.mark.parametrize("limits", [SpanLimits(max_span_attributes=1, max_events=0, max_span_attribute_length=2)])
def test_absurd_limits_cost_data_in_jaeger_only(limits: SpanLimits) -> None:
    exporter = InMemorySpanExporter()
    with recording(limits=limits, processors=[SimpleSpanProcessor(exporter)]) as recorded:
        with atlas.session("a long task", name="s") as s:
            s.final_answer = "a long answer"
            atlas.emit_event("x", {"y": "z"})
        (span,) = recorded.spans
        assert span.attributes[semconv.ATLAS_TASK] == "a long task"
        assert span.attributes[semconv.ATLAS_OUTPUT] == '"a long answer"'
        assert len(recorded.events) == 1
    (shown,) = exporter.get_finished_spans()
    assert len(shown.attributes or {}) == 1


def test_unsampled_spans_are_recorded(atlas_recording: Recording) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF)
    before = state.install(replace(state.current(), own=None, tracer=provider.get_tracer(semconv.SCOPE_NAME)))
    try:
        with atlas.session("t", name="s"), atlas.step("a"):
            pass
    finally:
        state.install(before)
    step, session = atlas_recording.spans
    assert step.parent_span_id == session.span_id
    assert int(session.trace_id, 16)


def test_what_others_write_on_our_span_is_kept(atlas_recording: Recording) -> None:
    with atlas.session("t", name="s"):
        trace.get_current_span().set_attribute("http.route", "/x")
        trace.get_current_span().add_event("theirs", {"n": 1})
        atlas.emit_event("ours")
    (span,) = atlas_recording.spans
    assert span.attributes["http.route"] == "/x"
    assert [e.name for e in span.events] == ["theirs"]


def test_otel_backends_get_the_events_packed() -> None:
    exporter = InMemorySpanExporter()
    with recording(processors=[SimpleSpanProcessor(exporter)]), atlas.session("t", name="s"):
        for number in range(300):
            atlas.emit_event("tick", {"n": number})
    (span,) = exporter.get_finished_spans()
    packed = json.loads(str((span.attributes or {})[semconv.ATLAS_EVENTS]))
    assert [event[2]["payload"]["n"] for event in packed] == list(range(300))
    assert len(span.events) == 100


def test_before_configure_everything_works_and_nothing_is_kept() -> None:
    with atlas.session("t", name="s") as s, atlas.step("a") as step:
        atlas.emit_event("x")
        assert len(s.id) == 32
        assert step.id == 1
        assert atlas.get_trace_id() is None


def test_names_that_no_sink_takes_and_counts_that_are_none_cost_no_record(atlas_recording: Recording) -> None:
    odd = "a name\ud800\0"
    with atlas.session("t", name=odd), atlas.llm(odd, model=odd, provider=odd) as call:
        call.set_usage(input_tokens=cast("int", "seven"), output_tokens=2)
        atlas.record_reward(0.5, name=odd)
        atlas.emit_event(odd)
    atlas.llm(model="m")(lambda: {"model": odd, "id": odd, "usage": {}})()
    for span in atlas_recording.spans:
        span.name.encode()
        json.dumps(span.attributes, ensure_ascii=False).encode()
    held = next(span for span in atlas_recording.spans if span.kind == "llm")
    assert held.attributes[semconv.GEN_AI_REQUEST_MODEL] == "a name\ufffd\ufffd"
    assert semconv.GEN_AI_USAGE_INPUT_TOKENS not in held.attributes
    assert held.attributes[semconv.GEN_AI_USAGE_OUTPUT_TOKENS] == 2


def test_a_name_is_redacted_where_it_was_given_and_a_functions_own_is_code() -> None:
    asked: list[str] = []

    def redact(text: str, where: str) -> str:
        asked.append(text)
        return text.replace("Alice", "[somebody]")

    exporter = InMemorySpanExporter()
    with recording(capture=Capture(redactor=redact), processors=[SimpleSpanProcessor(exporter)]) as found:

        @atlas.tool
        def look_up() -> None:
            """Its name is its author's."""

        with atlas.session("t", name="of Alice"), atlas.llm("ask Alice", model="tuned for Alice"):
            look_up()
            atlas.emit_event("met Alice")
        atlas.record_reward(1, session_id="1" * 32, name="Alice's")
    names = {span.name for span in found.spans}
    assert names == {
        "invoke_agent of [somebody]", "chat tuned for [somebody]", "execute_tool look_up", "reward [somebody]'s"
    }  # fmt: skip
    assert "look_up" not in asked
    assert "Alice" not in repr((found.spans, found.events))
    assert "Alice" not in "".join(span.to_json() for span in exporter.get_finished_spans())


def test_times_go_on_evenly_where_the_systems_clock_is_set() -> None:
    """Set for a while, or for good; a session counts from one anchor, the next one from the new one."""
    hour, look = 3_600 * 10**9, 2 * 10**8
    passed, off = [0], [0]
    clock = Clock(lambda: FIRST_NS + passed[0] + off[0], lambda: passed[0])

    def pass_time(times: int = 3) -> None:
        for _ in range(times):
            passed[0] += look
            clock.now_ns()

    @atlas.tool
    def work(name: str) -> None:
        pass_time()

    with recording(clock=clock) as recorded:
        for jump in (0, hour, -hour, 0):
            with atlas.session(f"set by {jump}"):
                work("before")
                off[0] = jump
                pass_time()
                atlas.record_reward(1.0)
                work("after")
    sessions = [span for span in recorded.spans if span.kind == "session"]
    tools = [span for span in recorded.spans if span.kind == "tool"]
    assert all(abs(span.end_ns - span.start_ns - 3 * look) < 50 for span in tools if span.end_ns)
    assert all(abs(span.end_ns - span.start_ns - 9 * look) < 50 for span in sessions if span.end_ns)
    jumps = [span.attributes.get("atlas.clock_jump_ns") for span in sessions]
    assert jumps == [None, hour, -2 * hour, hour]
    starts = [span.start_ns - FIRST_NS - number * 9 * look for number, span in enumerate(sessions)]
    assert all(abs(start - expected) < 100 for start, expected in zip(starts, (0, 0, hour, -hour), strict=True))
    for session, event in zip(sessions, recorded.events, strict=True):
        assert session.start_ns < event.sequence < (session.end_ns or 0)


def test_times_that_no_store_holds_are_bounded() -> None:
    clock = Clock(lambda: 2**63 + 10**18, lambda: 7)
    with recording(clock=clock) as recorded, atlas.session("far ahead"):
        atlas.record_reward(1.0)
    (span,), (event,) = recorded.spans, recorded.events
    assert all(0 < time < 2**63 for time in (span.start_ns, span.end_ns or 0, span.version, event.sequence))


def test_nothing_of_a_strangers_object_is_run_whatever_it_is_given_as() -> None:
    """A lazy object that loads when its class is asked for: as argument, task, messages, answer, item and output."""
    loads: list[str] = []

    class Lazy:
        @property
        def __class__(self) -> Any:
            loads.append("class")
            raise RuntimeError

        def __getattr__(self, name: str) -> Any:
            loads.append(name)
            raise RuntimeError

    @atlas.llm(model="m")
    def ask(messages: Any, answer: Any) -> Any:
        return answer

    @atlas.observe
    def stream(value: Any) -> Iterator[Any]:
        yield value

    @atlas.session
    def handle(user: Any) -> Any:
        atlas.emit_event("seen", {"user": user})
        atlas.set_metadata({"user": user})
        ask(user, user)
        ask([user], user)
        list(stream(user))
        with atlas.step("work") as step:
            step.input = step.output = user
        return user

    with recording() as recorded:
        handle(Lazy())
    assert loads == []
    assert len(recorded.spans) == 5
    assert len(recorded.events) == 2
