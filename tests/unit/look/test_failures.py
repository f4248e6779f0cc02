"""Failures in groups: what varies is left out, and an error that passes through several calls is one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.look.failures import Failure, clusters, innermost, normalised

START = datetime(2026, 11, 1, tzinfo=timezone.utc)


def failure(
    session: int, event_type: str, name: str, message: str, *, uuid: str = "u", parent: str = "p", minute: int = 0
) -> Failure:
    when = START + timedelta(minutes=minute)
    return Failure(session, f"key{session}", when, event_type, name, uuid, parent, "ValueError", message)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("timeout after 30 s", "timeout after 4.5 s"),
        ("no file /tmp/a/b.txt", "no file /var/lib/x"),
        ("no file C:\\Users\\me\\a.txt", "no file D:\\x.txt"),
        ("GET https://a.example/1?q=2 failed", "GET http://b.example/ failed"),
        (
            "request 6f1c2a9b-44d0-4a3e-9c55-0123456789ab refused",
            "request 00000000-44d0-4a3e-9c55-0123456789ab refused",
        ),
        ("object at 0x7f3a11", "object at 0x1"),
        ("since 2026-11-01T10:00:00Z", "since 2026-11-02 11:30:01+00:00"),
        ("rows: -3", "rows: 1,000"),
    ],
)
def test_what_varies_is_left_out(one: str, other: str) -> None:
    assert normalised(one) == normalised(other) != one


@pytest.mark.parametrize(("one", "other"), [("no such column: size", "no such column: path"), ("a/b", "a/c")])
def test_what_says_which_error_it_is_stays(one: str, other: str) -> None:
    assert normalised(one) == one
    assert normalised(other) != normalised(one)


@given(st.text(max_size=400))
def test_a_normalised_message_is_short_and_stays_as_it_is(message: str) -> None:
    once = normalised(message)
    assert len(once) <= 200
    assert "\n" not in once
    assert normalised(normalised(once)) == normalised(once)


def test_an_error_that_passes_through_step_and_session_is_one() -> None:
    tool = failure(1, "TOOL_END", "search", "no", uuid="tool", parent="step")
    step = failure(1, "TASK_END", "Find it", "no", uuid="step", parent="root")
    root = failure(1, "WORKFLOW_END", "agent", "no", uuid="root", parent="none")
    other = failure(1, "TASK_END", "Sum it", "else", uuid="step2", parent="root")
    assert list(innermost([tool, step, other, root])) == [tool, other]
    again = failure(2, "TASK_END", "Find it", "no", uuid="step", parent="root")
    assert list(innermost([tool, again])) == [tool, again], "another session raised this one"


def test_groups_count_sessions_and_keep_the_first_example() -> None:
    found = clusters(
        [
            failure(1, "TOOL_END", "search", "line 3", minute=5),
            failure(1, "TOOL_END", "search", "line 4", minute=1),
            failure(2, "TOOL_END", "search", "line 5", minute=9),
            failure(2, "TOOL_END", "fetch", "line 5"),
        ]
    )
    search, fetch = found
    assert (search.kind, search.name, search.message, search.count, search.sessions) == (
        "tool",
        "search",
        "line <n>",
        3,
        2,
    )
    assert (search.first_seen, search.last_seen) == (START + timedelta(minutes=1), START + timedelta(minutes=9))
    assert (search.example, search.example_session) == ("line 3", 1)
    assert (fetch.count, fetch.sessions) == (1, 1)
