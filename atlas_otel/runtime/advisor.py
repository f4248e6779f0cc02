"""Who is asked: a model, or a Python function in its place. Teacher, judges and probe speak through it alone."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, TypeVar

from atlas_otel.runtime.loading import accepted
from atlas_otel.tracing.state import absorbed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic import BaseModel

T = TypeVar("T")
_CLEANUP_S: Final = 1.0
"""How long a callee that is cancelled has for its cleaning up."""

Actor: TypeAlias = Literal["teacher", "reward", "probe"]
"""On whose behalf a governance call is made (the attribute ``atlas.actor``)."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, in the form for models and in the form for functions."""

    actor: Actor
    phase: str
    """``plan_review``, ``validation``, ``judge``, ``arbiter``, ``probe``."""
    instructions: str
    """What the model is told to do."""
    facts: Mapping[str, Any]
    """What it is to look at: a model gets it as JSON, a function by keyword."""
    answer: type[BaseModel]
    """What a model's answer must be."""
    temperature: float | None = None
    max_tokens: int | None = None


class Advisor(Protocol):
    """Answers questions. Raises whatever goes wrong: the caller goes on without an answer."""

    @property
    def name(self) -> str:
        """Who this is, for the record: the model's name, the function's."""

    async def ask(self, question: Question) -> object:
        """The answer: a ``question.answer`` from a model, anything from a function."""

    async def aclose(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class FunctionAdvisor:
    """A Python function, sync or async. It gets the facts that it takes by keyword; a sync one runs in a thread."""

    name: str
    function: Callable[..., Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    async def ask(self, question: Question) -> object:
        """What the function returns."""
        values = accepted(self.function, {**question.facts, "phase": question.phase, "parameters": self.parameters})
        return await call(self.function, **values)

    async def aclose(self) -> None:
        """Nothing is held."""


async def call(function: Callable[..., Any], /, *args: Any, **values: Any) -> Any:
    """Call what may be sync or async; a sync function runs in a thread, so that it may block."""
    if inspect.iscoroutinefunction(function):
        return await function(*args, **values)
    result = await in_thread(function, *args, **values)
    return await result if inspect.isawaitable(result) else result


async def in_thread(function: Callable[..., Any], /, *args: Any, **values: Any) -> Any:
    """``function`` in a daemon thread of its own, in this context.

    Not ``asyncio.to_thread``: its few threads are shared by all, and the end of the loop and of the process would wait
    for a function that hangs.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def deliver(result: Any, error: BaseException | None) -> None:
        if future.done():  # nobody waits any more
            return
        if error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):  # a future takes none
            future.set_exception(RuntimeError(f"{function!r} raised StopIteration"))
        else:
            future.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(function, *args, **values)
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=work, name="atlas-otel-hook", daemon=True).start()
    return await future


class OutOfTime(TimeoutError):
    """The limit that we set has passed; a ``TimeoutError`` that is none of these is the callee's own."""


async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
    """``awaitable``, for at most ``seconds`` (0 and None: without limit). Raises OutOfTime.

    Not ``asyncio.wait_for``: that waits on for a callee that takes no notice of being cancelled.
    """
    task = asyncio.ensure_future(awaitable)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds or None)
        if done:
            return task.result()
        raise OutOfTime(f"no answer within {seconds:g} seconds")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_CLEANUP_S)
            task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Any]) -> None:
    """What a cancelled callee raises in the end is nobody's any more; asked for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()


def unanswered(actor: Actor | Literal["triage", "history", "adapter_close"], error: Exception) -> str:
    """What went wrong with somebody the run can do without: counted, and in words for the record."""
    absorbed(f"governance_{actor}")
    return f"{type(error).__name__}: {error}"
