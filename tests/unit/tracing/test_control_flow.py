"""Exceptions that are no failure end a span unfailed, and say what they were."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.errors import ConfigError
from atlas_otel.testing import recording
from atlas_otel.tracing.control_flow import is_control_flow


class BubbleUp(Exception):
    pass


class Interrupt(BubbleUp):
    pass


def raises(error: BaseException) -> Any:
    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (Interrupt("a person is asked"), False),
        (BubbleUp(), False),
        (ValueError("a bug"), True),
        (SystemExit(0), False),
        (SystemExit(None), False),
        (SystemExit(3), True),
        (SystemExit("message"), True),
        (click.exceptions.Exit(0), False),
        (click.exceptions.Exit(2), True),
        (click.exceptions.Abort(), True),
        (GeneratorExit(), False),
        (StopIteration(), False),
        (StopAsyncIteration(), False),
        (KeyboardInterrupt(), True),
        (asyncio.CancelledError(), True),
    ],
)
def test_what_fails_a_span(error: BaseException, failed: bool) -> None:
    kind = type(error)
    with recording() as recorded:
        with pytest.raises(kind) as raised:
            atlas.step(expected=(BubbleUp,))(raises(error))()
        assert raised.value is error
        with pytest.raises(kind), atlas.tool("block", expected=BubbleUp):
            raise error
    for span in recorded.spans:
        assert (span.status == 2) is failed
        assert (semconv.ERROR_TYPE in span.attributes) is failed
        assert str(span.attributes.get(semconv.ATLAS_EXPECTED_EXCEPTION, "")).endswith("" if failed else kind.__name__)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with 3.11")
def test_a_group_is_what_is_in_it() -> None:
    group = ExceptionGroup("g", [Interrupt(), ExceptionGroup("h", [BubbleUp()])])  # type: ignore[name-defined] # noqa: F821
    mixed = ExceptionGroup("g", [Interrupt(), ValueError()])  # type: ignore[name-defined] # noqa: F821
    assert is_control_flow(group, (BubbleUp,))
    assert not is_control_flow(mixed, (BubbleUp,))
    assert not is_control_flow(group)


CONFIGURED = """
import atlas_otel as atlas
from atlas_otel.testing import recording

class BubbleUp(Exception):
    pass

@atlas.tool
def asks():
    raise BubbleUp

atlas.configure("expected", expected=(BubbleUp,), console=False)
with recording() as recorded:
    try:
        asks()
    except BubbleUp:
        print(recorded.spans[0].status)
"""


def test_configure_says_it_for_all() -> None:
    # In a process of its own: what configure() puts in place cannot be taken out again.
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "ATLAS_"))}
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURED], env=kept, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "0\n", done.stderr


def test_what_is_no_exception_type_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected= takes exception types"):
        atlas.configure("expected", expected=("Retry",))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected= takes exception types"):
        atlas.tool(expected=3)  # type: ignore[call-overload]


def test_a_generators_return_value_is_part_of_its_output() -> None:
    @atlas.observe
    def words() -> Iterator[str]:
        yield "a"
        yield "b"
        return {"tokens": 2}

    @atlas.observe
    def silent() -> Iterator[str]:
        return "the end"
        yield

    @atlas.llm(model="m")
    def complete(messages: Any) -> Iterator[str]:
        yield "Hello"
        return {"usage": {"input_tokens": 3, "output_tokens": 1}}

    with recording() as recorded:
        assert list(words()) == ["a", "b"]
        assert list(silent()) == []
        list(complete([{"role": "user", "content": "hi"}]))
    first, second, call = recorded.spans
    assert first.attributes[semconv.ATLAS_OUTPUT] == '{"yielded":"ab","returned":{"tokens":2}}'
    assert second.attributes[semconv.ATLAS_OUTPUT] == '"the end"'
    assert call.attributes[semconv.GEN_AI_USAGE_OUTPUT_TOKENS] == 1
    assert '"Hello"' in str(call.attributes[semconv.GEN_AI_OUTPUT_MESSAGES])


def test_a_step_in_a_stream_that_is_broken_off_has_not_failed() -> None:
    @atlas.session
    def run(question: str) -> Iterator[int]:
        with atlas.step("one"):
            yield 1

    with recording() as recorded:
        for _ in run("q"):
            break
        rows = recorded.rows()
    assert [span.status for span in recorded.spans] == [0, 0]
    assert rows.session.status == "succeeded"


def test_a_coroutine_that_is_closed_is_unfailed_as_a_span_and_unfinished_as_a_session() -> None:
    @atlas.session
    async def run(question: str) -> None:
        await asyncio.Event().wait()

    async def start() -> None:
        coroutine = run("q")
        coroutine.send(None)
        coroutine.close()

    with recording() as recorded:
        asyncio.run(start())
        rows = recorded.rows()
    assert recorded.spans[0].status == 0
    assert recorded.spans[0].attributes[semconv.ATLAS_UNFINISHED] == semconv.UNFINISHED_CLOSED
    assert rows.session.status == "failed"
