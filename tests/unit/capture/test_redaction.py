"""Redaction covers everything that can carry content, fails closed, and keeps to its budget."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.capture.redaction import FAILED, WITHHELD, Guard, build_redactor
from atlas_otel.errors import ConfigError

SECRET = "planted-5ecret"


def hide(text: str, where: str) -> str:
    return text.replace(SECRET, "[x]")


def value(capture: Capture, given: object, where: str = "atlas.input") -> Any:
    kept = capture.value(given, where)
    assert kept is not None
    return orjson.loads(kept.json)


def test_a_callable_is_taken_as_it_is_and_names_by_pattern() -> None:
    assert build_redactor(None) is None
    assert build_redactor([]) is None
    assert build_redactor(hide) is hide
    redactor = build_redactor(["email", "card"])
    assert redactor is not None
    assert redactor("a@b.org 4111111111111111", "w") == "[redacted:email] [redacted:card]"


def test_unknown_names_are_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(ConfigError, match=r"unknown pattern emial; known are all, anthropic, .*email"):
        build_redactor(["emial"])
    with pytest.raises(ConfigError, match="list of pattern names"):
        build_redactor("email")
    with pytest.raises(ConfigError, match="list of pattern names"):
        build_redactor(5)  # type: ignore[arg-type]


def test_keys_values_numbers_and_json_in_strings() -> None:
    capture = Capture(redactor=build_redactor(["all"]))
    card = 4111111111111111
    nested = orjson.dumps({"to": ["a@b.org"], "n": card}).decode()
    kept = value(capture, {"a@b.org": "x", "c@d.org": [card, float(card)], "arguments": nested, "n": 12345678901})
    assert kept == {
        "[redacted:email]": "x",
        "[redacted:email]#2": ["[redacted:card]", "[redacted:card]"],
        "arguments": '{"to":["[redacted:email]"],"n":"[redacted:card]"}',
        "n": 12345678901,
    }


def test_a_secret_is_known_by_its_key() -> None:
    capture = Capture(redactor=build_redactor(["password"]))
    kept = value(capture, {"db_password": "x", "headers": {"Authorization": "y"}, "max_tokens": "5", "note": "fine"})
    assert kept["db_password"] == kept["headers"]["Authorization"] == "[redacted:password]"
    assert kept["max_tokens"] == "5"
    assert kept["note"] == "fine"


def test_a_redactor_is_told_where_each_string_stands() -> None:
    seen: list[tuple[str, str]] = []

    def watch(text: str, where: str) -> str:
        seen.append((text, where))
        return text

    capture = Capture(redactor=watch)
    capture.value({"messages": [{"role": "user", "content": "hi"}], "depth": "d"}, "atlas.input")
    capture.text("the task", "atlas.task")
    assert ("hi", "atlas.input.messages[0].content") in seen
    assert ("depth", "atlas.input") in seen
    assert ("the task", "atlas.task") in seen


def test_bytes_that_nobody_can_read_do_not_pass_a_redactor() -> None:
    data = b"\xff" + SECRET.encode()
    assert "base64" in value(Capture(), data)
    assert value(Capture(redactor=hide), data) == {"type": "bytes", "size": len(data)}
    assert value(Capture(redactor=hide), SECRET.encode())["text"] == "[x]"


def test_redaction_comes_before_the_cut() -> None:
    text = "a" * 90 + SECRET + "b" * 200
    kept = Capture(Limits(max_string_bytes=130), redactor=hide).text(text, "w")
    assert kept is not None
    assert "planted" not in kept
    assert "5ecret" not in kept


@pytest.mark.parametrize("answer", [None, 5, b"x"])
def test_an_answer_that_is_no_string_removes_the_value(answer: Any) -> None:
    losses: list[str] = []
    capture = Capture(redactor=lambda text, where: answer, on_loss=losses.append)
    assert value(capture, {"content": SECRET, "id": 5}) == {"content": FAILED, "id": 5}
    assert losses == ["redaction_failed"]


def test_a_redactor_that_raises_removes_the_value_everywhere() -> None:
    losses: list[str] = []

    def broken(text: str, where: str) -> str:
        raise RuntimeError(text)

    capture = Capture(redactor=broken, on_loss=losses.append)
    assert value(capture, [SECRET, {SECRET: SECRET}]) == [FAILED, {FAILED: FAILED}]
    assert capture.text(SECRET, "w") == FAILED
    assert SECRET not in str(capture.attributes({"a": SECRET, "b": [SECRET], "c": f'["{SECRET}"]'}, "span"))
    assert Counter(losses).keys() == {"redaction_failed"}


def test_a_str_subclass_from_a_redactor_is_made_plain() -> None:
    class Odd(str):
        def __str__(self) -> str:
            raise RuntimeError

    assert value(Capture(redactor=lambda text, where: Odd("\0x")), ["a"]) == ["\ufffdx"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_over_its_budget_later_values_are_withheld_until_it_has_paid() -> None:
    clock, losses, cost = Clock(), Counter[str](), [0.3]

    def slow(text: str, where: str) -> str:
        clock.now += cost[0]
        return text

    guard = Guard(slow, lambda cause: losses.update([cause]), budget_s=0.25, clock=clock)
    assert guard.tree(["a", "b", "c"], "w") == ["a", WITHHELD, WITHHELD]
    assert guard.text("d", "w") == WITHHELD
    assert losses == {"redaction_withheld": 3}
    clock.now += 20 * 0.3
    cost[0] = 0.01
    assert guard.tree(["e", "f"], "w") == ["e", "f"]
    assert guard.tree(["x"] * 100, "w") != ["x"] * 100, "each value has one budget for all its strings"


def test_a_long_text_may_take_longer() -> None:
    clock = Clock()

    def linear(text: str, where: str) -> str:
        clock.now += len(text) * 5e-7
        return text

    guard = Guard(linear, lambda cause: None, budget_s=0.25, clock=clock)
    assert guard.tree(["x" * 1_000_000] * 3, "w") == ["x" * 1_000_000] * 3


def test_a_slow_redactor_does_not_stall_the_agent() -> None:
    losses: list[str] = []

    def sleepy(text: str, where: str) -> str:
        time.sleep(0.05)
        return text

    capture = Capture(Limits(redactor_seconds=0.1), redactor=sleepy, on_loss=losses.append)
    start = time.perf_counter()
    for _ in range(50):
        capture.value(["x"] * 100, "w")
    assert time.perf_counter() - start < 3  # promised: a tenth of a second and one call; all of it would be 250 s
    assert losses.count("redaction_withheld") > 4900


def test_a_redactor_that_calls_something_decorated_ends() -> None:
    calls = []

    def reentrant(text: str, where: str) -> str:
        calls.append(text)
        capture.value({"inner": [text, text, text]}, "inner")
        return text

    capture = Capture(redactor=reentrant)
    assert value(capture, ["a", "b"]) == ["a", "b"]
    assert calls == ["a", "b"]


def test_ids_in_our_own_events_are_kept_for_what_refers_to_them() -> None:
    capture = Capture(redactor=lambda text, where: "***")
    kept = value(
        capture,
        {"score": 1, "rationale": "good", "target": {"step": 3, "span_id": "00f067aa0ba902b7"}},
        semconv.EVENT_REWARD,
    )
    assert kept == {"score": 1, "rationale": "***", "target": {"step": 3, "span_id": "00f067aa0ba902b7"}}
    kept = value(capture, {"target": {"span_id": "a@b.org, really"}}, semconv.EVENT_REWARD)
    assert kept == {"target": {"span_id": "***"}}
    assert value(capture, {"target": {"span_id": "00f067aa0ba902b7"}}) == {"target": {"span_id": "***"}}
    attributes = capture.attributes({semconv.ATLAS_SESSION_ID: "0" * 32, "other": "x"}, "span")
    assert attributes[semconv.ATLAS_SESSION_ID] == "0" * 32
    assert attributes["***"] == "***"


TEXT = st.text(max_size=20)
PLANTED = st.builds(lambda a, b: a + SECRET + b, TEXT, TEXT)
TREES = st.recursive(
    PLANTED
    | st.integers()
    | st.none()
    | PLANTED.map(lambda text: orjson.dumps({"k": [text]}).decode())
    | PLANTED.map(str.encode),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLANTED | TEXT, inner, max_size=4) | st.tuples(inner),
    max_leaves=20,
)


@given(TREES, st.integers(0, 400))
def test_a_planted_secret_survives_nowhere(tree: object, limit: int) -> None:
    capture = Capture(Limits(limit, limit * 4), redactor=hide)
    for kept in (capture.value(tree, "w"), capture.unbounded(tree, "w")):
        assert kept is not None
        assert SECRET not in kept.json
    attributes = capture.attributes({"a": tree, SECRET: "b"}, "span")  # type: ignore[dict-item]
    assert SECRET not in orjson.dumps(attributes).decode()
    text = capture.text(str(tree), "w")
    assert text is not None
    assert SECRET not in text


@given(TREES)
def test_a_redactor_that_keeps_everything_changes_nothing(tree: object) -> None:
    plain, shown = Capture(), Capture(redactor=lambda text, where: text)
    assert plain.value(tree, "w") == shown.value(tree, "w")
