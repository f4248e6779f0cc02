"""A call that is suspended, step by step: what it made current is put back before each step and taken away after.

Coroutines, generators and async generators run in the context of whoever resumes them. Between two steps nothing of
theirs may be current there, and at the next one all of it has to be, whatever was current in between.
"""

from __future__ import annotations

import contextlib
import sys
import types
from typing import TYPE_CHECKING, Any, Final, Protocol

from atlas_otel.tracing.templates import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import CodeType, FrameType

CALL: Final = 0
"""A plain call: current from its beginning to its end."""
STEPS: Final = 1
"""A call that is driven: current while a step of it runs."""
STREAM: Final = 2
"""The same, and its items are its output."""


class Observer(Protocol):
    """What is told how one call went. None of its methods raises."""

    def returned(self, result: object) -> None:
        """The call returned (a generator: its return value). Nothing of it is current any more."""

    def raised(self, error: BaseException) -> None:
        """The call raised. Nothing of it is current any more."""

    def resume(self) -> None:
        """A step is about to run: what was current at the last ``suspend`` is current again."""

    def suspend(self) -> None:
        """A step has run: what was current before it is current again."""

    def share(self) -> None:
        """What the body makes current is for whoever resumes it too: it is a context manager's."""

    def stream(self) -> None:
        """The call gives items: they are its output."""

    def item(self, value: object) -> None:
        """A generator yielded ``value``."""

    def broken_off(self) -> None:
        """A generator was closed by its consumer before it was exhausted."""

    def unawaited(self, result: object) -> None:
        """``result``, which the call returned, was given up before anybody awaited it."""


class Enter(Protocol):
    """Begins the observation of one call. Never raises."""

    def __call__(self, arguments: Mapping[str, Any], mode: int = CALL, /) -> Observer | None:
        """Begin; None leaves the call alone."""


class _Nobody:
    """Observes nothing: a generator that is left alone."""

    def nothing(self, *given: object) -> None:
        """Whatever it is told."""

    returned = raised = resume = suspend = share = stream = item = broken_off = unawaited = nothing


NOBODY: Final = _Nobody()

# Who resumes a generator to run a ``with`` block in what it made current.
_MANAGERS: Final = frozenset(
    {
        contextlib._GeneratorContextManager.__enter__.__code__,
        contextlib._AsyncGeneratorContextManager.__aenter__.__code__,
    }
)


def begin(enter: Enter, arguments: Mapping[str, Any]) -> Observer:
    """Begin the observation of a generator whose first step is about to run."""
    observer = enter(arguments, STREAM)
    return NOBODY if observer is None else shared(observer, sys._getframe(2))


def shared(observer: Observer, resumer: FrameType | None) -> Observer:
    """``observer``, told so where a context manager resumes the generator for the first time, through wrappers of ours
    perhaps."""
    while resumer is not None and resumer.f_code.co_filename == UNSEEN:
        resumer = resumer.f_back
    if resumer is not None and resumer.f_code in _MANAGERS:
        observer.share()
    return observer


def begin_steps(enter: Enter, arguments: Mapping[str, Any]) -> Observer:
    """The same for a generator that is awaited (``types.coroutine``): what it yields is for the event loop."""
    return enter(arguments, STEPS) or NOBODY


def ended(observer: Observer, value: object, closing: bool) -> None:
    """A generator returned; ``closing``: because it was closed."""
    if closing:
        observer.broken_off()
    else:
        observer.returned(value)


def failed(observer: Observer, error: BaseException, closing: bool) -> None:
    """A generator raised; ``closing``: it was being closed."""
    if closing and is_close(error):
        observer.broken_off()
    else:
        observer.raised(error)


def is_close(error: BaseException) -> bool:
    """Whether a generator is being closed."""
    return isinstance(error, GeneratorExit)


class Left:
    """Stands in an async generator's frame. One whose loop was closed under it is collected without being closed, so
    that not even its ``finally`` runs: then this tells the observer that nobody will come back for it."""

    __slots__ = ("observer",)

    def __init__(self, observer: Observer | None) -> None:
        self.observer = observer

    def __del__(self) -> None:
        if self.observer is not None:
            self.observer.broken_off()


def start(body: Any) -> Callable[[None], Any]:
    """The first ``asend`` of an async generator that only its wrapper knows.

    An event loop closes what it has seen begin (``sys.set_asyncgen_hooks``): the wrapper, which closes ``body``. Were
    the loop to close both, one would find the other at it.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _left_to_its_wrapper)
    try:
        first = body.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)
    return lambda _: first


def _left_to_its_wrapper(body: object) -> None:
    """Instead of closing ``body`` as it is collected."""


def unseen(function: Callable[..., Any]) -> None:
    """Make ``function`` one that ``warnings`` and ``logging`` pass over when they look for a caller."""
    code: CodeType = function.__code__
    function.__code__ = code.replace(co_filename=UNSEEN)


@types.coroutine
def drive(observer: Observer, steps: Any) -> Generator[Any, Any, Any]:
    """Await ``steps`` (a coroutine, or a generator that stands for an awaitable), and tell ``observer`` its end."""
    step, value = steps.send, None
    try:
        while True:
            observer.resume()
            waits_for = step(value)
            observer.suspend()
            try:
                value = yield waits_for
            except GeneratorExit:  # as ``await`` does; what was collected before us is closed already
                observer.resume()
                steps.close()
                raise
            except BaseException as error:  # thrown in, and thrown on
                step, value = steps.throw, error
            else:
                step = steps.send
    except StopIteration as stop:
        value = None
        observer.returned(stop.value)
        return stop.value
    except BaseException as error:
        value = None
        observer.raised(error)
        raise


@types.coroutine
def advance(observer: Observer, steps: Any) -> Generator[Any, Any, Any]:
    """Await one step of an async generator. At its end it is for the generator's wrapper to tell ``observer``."""
    step, value = steps.send, None
    try:
        while True:
            observer.resume()
            waits_for = step(value)
            observer.suspend()
            try:
                value = yield waits_for
            except GeneratorExit:
                observer.resume()
                steps.close()
                raise
            except BaseException as error:
                step, value = steps.throw, error
            else:
                step = steps.send
    except StopIteration as stop:
        observer.suspend()
        return stop.value
    finally:
        value = None


unseen(drive)
unseen(advance)

PARTS: Final[Mapping[str, object]] = {
    "advance": advance,
    "drive": drive,
    "ended": ended,
    "failed": failed,
    "failure": BaseException,
    "is_close": is_close,
    "start": start,
    "watch": Left,
}
"""What the templates of all suspended calls take from here."""
