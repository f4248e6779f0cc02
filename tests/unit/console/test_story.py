"""Records told as happenings, and happenings as the lines of contract §5."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import atlas_otel as atlas
from atlas_otel.console.coloured import RichView
from atlas_otel.console.lines import SHOWN, lines, one_line
from atlas_otel.console.plain_text import clean
from atlas_otel.console.story import MAX_SESSIONS, Happening, Reported, Story, TaskEnded
from atlas_otel.testing import recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.records.record import Record


def told(records: Sequence[Record]) -> list[Happening]:
    story = Story()
    return [happening for record in records for happening in story.tell(record)]


def printed(records: Sequence[Record]) -> list[str]:
    """The lines, with times taken out."""
    text = "\n".join(line for happening in told(records) for line in lines(happening))
    text = re.sub(r"\(\d{4}-\d\d-\d\d [^)]*\)", "(TIME)", text)
    return re.sub(r"\d+\.\d\ds", "Ns", re.sub(r"\d+ms", "Nms", text)).splitlines()


def run_everything() -> list[Record]:
    with recording() as recorded:

        @atlas.tool
        def look() -> None:
            raise LookupError("no such thing")

        @atlas.llm(model="m")
        def say(messages: list[dict[str, str]]) -> dict[str, object]:
            return {"role": "assistant", "content": "x", "usage": {"input_tokens": 3, "output_tokens": 2}}

        with atlas.session("Find\nit", name="agent", metadata={"execution_mode": "coach"}) as session:
            atlas.set_plan(["Look", "Write"])
            for attempt in (1, 2):
                try:
                    with atlas.step("Look", id=1):
                        atlas.emit_event("env_action", {"reason": "because", "payload": {"a": 1}, "step": 1})
                        if attempt == 1:
                            look()
                        atlas.set_validation(True, reason="found it")
                except LookupError:
                    atlas.add_guidance("Look\nelsewhere", step=1)
            with atlas.step("Write") as step:
                say([{"role": "user", "content": "x"}])
                atlas.set_validation(False, rationale="too short")
                step.output = "x"
            atlas.set_validation(True, step=2, reason="long enough after all")
            atlas.record_reward(0.2, name="style")
            atlas.record_reward(0.9, judges=[{"identifier": "j", "score": 0.9, "samples": [{}, {}, {}]}])
            atlas.record_reward(0.1, step=1)
            session.final_answer = {"found": True}
        return list(recorded.all)


def test_a_whole_run_in_the_contracts_lines() -> None:
    assert printed(run_everything()) == [
        "=== Atlas task started: Find it (TIME) ===",
        "Plan | 2 steps",
        "  1. Look",
        "  2. Write",
        'ADAPTER env_action | step=1 | reason=because | data={"a":1}',
        "STEP 1: Look | actor=student | attempt=1 | validation=ERROR (LookupError: no such thing)",
        "STEP 1: Look | actor=teacher | attempt=1 | guidance=Look elsewhere",
        'ADAPTER env_action | step=1 | reason=because | data={"a":1}',
        "STEP 1: Look | actor=student | attempt=2 | validation=PASS (found it) | duration=Nms",
        "STEP 2: Write | actor=student | attempt=1 | validation=FAIL (too short) | duration=Nms",
        "STEP 2: Write | actor=student | attempt=1 | validation=PASS (long enough after all)",
        "=== Atlas task completed in Ns ===",
        '{"found":true}',
        "Summary | execution_mode=coach | total_runtime=Ns | judge_calls=3 | attempts=3 | reward=0.90",
    ]


def test_a_failed_run_says_why() -> None:
    with recording() as recorded:
        with pytest.raises(ValueError, match="broken"), atlas.session("Do it", name="agent"):  # noqa: PT012
            atlas.add_guidance("for the session")
            raise ValueError("broken\x1b[31m")
        assert printed(recorded.all) == [
            "=== Atlas task started: Do it (TIME) ===",
            "TASK | actor=teacher | guidance=for the session",
            "=== Atlas task failed after Ns: ValueError: broken\ufffd[31m ===",
            "Summary | total_runtime=Ns | judge_calls=0 | attempts=0",
        ]


@pytest.mark.parametrize(
    ("rewards", "shown"),
    [
        ([], None),
        ([(0.1, {"name": "a"}), (0.2, {"name": "b"})], 0.2),
        ([(0.3, {}), (0.2, {"name": "b"})], 0.3),
        ([(0.3, {}), (0.4, {"name": "a", "primary": True}), (0.5, {})], 0.4),
    ],
)
def test_the_sessions_reward_is_the_one_that_is_stored(rewards: list, shown: float | None) -> None:
    with recording() as recorded:
        with atlas.session("Do it", name="agent"):
            for score, options in rewards:
                atlas.record_reward(score, **options)
        (ended,) = [happening for happening in told(recorded.all) if isinstance(happening, TaskEnded)]
        assert ended.reward == shown
        assert (recorded.rows().session.reward or {}).get("score") == shown


def test_tokens_and_attempts_are_those_that_are_stored() -> None:
    (ended,) = [happening for happening in told(run_everything()) if isinstance(happening, TaskEnded)]
    assert (ended.tokens, ended.attempts, ended.judge_calls) == (5, 3, 3)


@pytest.mark.parametrize("payload", [None, "text", 7, [1], {}, {"free": "form"}, {"reason": 3, "payload": None}])
def test_an_adapter_reports_whatever_it_likes(payload: object) -> None:
    with recording() as recorded:
        with atlas.session("Do it", name="agent"):
            atlas.emit_event("odd\nname", payload)
        (reported,) = [happening for happening in told(recorded.all) if isinstance(happening, Reported)]
        (line,) = lines(reported)
        assert line.startswith("ADAPTER odd name")


@given(st.data())
def test_any_order_and_any_part_of_the_records_is_told_without_an_error(data: st.DataObject) -> None:
    records = run_everything()
    some = data.draw(st.lists(st.sampled_from(records), max_size=2 * len(records)))
    for happening in told(some):
        for line in lines(happening):
            assert "\n" not in line


@given(st.text(max_size=3 * SHOWN))
def test_a_line_is_one_short_line_that_no_terminal_obeys(text: str) -> None:
    line = one_line(text)
    assert len(line) <= SHOWN
    assert len(line.splitlines()) <= 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", clean(text))


def test_sessions_that_never_end_are_forgotten() -> None:
    story = Story()
    with recording() as recorded:
        for _ in range(MAX_SESSIONS + 10):
            opened = atlas.session("open", name="agent")
            opened.__enter__()
            for record in recorded.all[-1:]:
                list(story.tell(record))
            opened.__exit__(None, None, None)
        assert len(story._sessions) == MAX_SESSIONS


def rich_text(records: Sequence[Record], **options: object) -> str:
    stream = io.StringIO()
    view = RichView(
        lambda trace_id: f"http://jaeger/{trace_id}", Console(file=stream, width=200, highlight=False, **options)
    )
    for happening in told(records):
        view.show(happening)
    return stream.getvalue()


def test_at_a_terminal_calls_are_shown_too_and_no_markup_is_read() -> None:
    text = rich_text(run_everything(), force_terminal=True, color_system="truecolor")
    assert "\x1b[" in text
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    for part in ("▶ Find it", "tool look", "LookupError: no such thing", "llm m", "5 tokens", "reward 0.90"):
        assert part in plain
    assert "✘ 1 Look  ERROR" in plain
    assert "✔ 1 Look (attempt 2)  PASS  found it" in plain
    assert "http://jaeger/00000000000000000000000000000001" in plain
    with recording() as recorded:
        with atlas.session("[bold red]literally[/bold red] [/oops]", name="agent"):
            pass
        assert "[bold red]literally[/bold red] [/oops]" in rich_text(recorded.all)


def test_several_sessions_at_once_say_whose_line_it_is() -> None:
    with recording(new_key=iter(["aaaaaaaa", "bbbbbbbb"]).__next__) as recorded:
        with atlas.session("first", name="a"), atlas.session("second", name="b", new=True), atlas.step("inner"):
            pass
        text = rich_text(recorded.all)
    assert "\nbbbbbb " in text
    assert "aaaaaa " not in text.splitlines()[0]


def test_a_terminal_without_these_signs_gets_what_it_can_show() -> None:
    with recording() as recorded:
        with atlas.session("日本語 naïve", name="agent") as session:
            session.final_answer = "日本語"
        raw = io.BytesIO()
        view = RichView(lambda trace_id: None, Console(file=io.TextIOWrapper(raw, encoding="latin-1"), width=200))
        for happening in told(recorded.all):
            view.show(happening)
        view._console.file.flush()
    shown = raw.getvalue().decode("latin-1")
    assert "> ??? naïve" in shown
    assert "+ completed in" in shown
