"""The decorators and context managers of the public interface, and what is in force where they are.

Each of :func:`session`, :func:`step`, :func:`tool`, :func:`llm`, :func:`agent` and :func:`observe` is a decorator, bare
or called, for functions, coroutine functions, generators and async generators, and a context manager, sync and async.
All take :class:`Options`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, SupportsIndex, TypedDict, TypeVar, overload

from opentelemetry import trace

from atlas_otel import semconv
from atlas_otel.tracing import state
from atlas_otel.tracing.context import current_frame
from atlas_otel.tracing.handles import Observation, Session, Step
from atlas_otel.tracing.instrument import Instrument
from atlas_otel.tracing.whole_number import given_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from typing_extensions import ParamSpec, Unpack

    from atlas_otel.records.record import AttributeValue

    P = ParamSpec("P")
    R = TypeVar("R")


class Options(TypedDict, total=False):
    """What every decorator and context manager takes, by keyword."""

    name: str | None
    """The span's name; default: the function's."""
    capture_input: bool
    """Whether the arguments are kept (default: yes)."""
    capture_output: bool
    """Whether the result is kept (default: yes)."""
    ignore_inputs: Sequence[str]
    """Parameters that are not kept."""
    output_reducer: Callable[[list[Any]], Any] | None
    """Makes the output of a generator's items; default: text is joined, else the list."""
    expected: type[BaseException] | Sequence[type[BaseException]]
    """Exceptions that are no failure, such as ``(GraphInterrupt, Retry)``: the span ends unfailed, with the exception's
    type as ``atlas.expected_exception``. Those of ``configure(expected=…)`` are none anywhere."""
    metadata: Mapping[str, Any] | None
    """Kept with the span; a session's stands at the top level of ``sessions.metadata``."""
    tags: Sequence[str]
    """Kept with the span."""


def _apply(instrument: Instrument[Any], function: Callable[..., Any] | None) -> Any:
    return instrument if function is None else instrument(function)


def _split(given: Any) -> tuple[Callable[..., Any] | None, str | None]:
    """A bare decorator gets the function, a called one a text or nothing."""
    return (None, given) if given is None or issubclass(type(given), str) else (given, None)


def _named(
    kind: Any, given: Any, options: Options, attributes: Mapping[str, AttributeValue] = MappingProxyType({})
) -> Any:
    function, text = _split(given)
    chosen: Options = {**options, "name": text} if text is not None else options
    return _apply(Instrument[Observation](kind, attributes=attributes, **chosen), function)


@overload
def session(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def session(
    given: str | None = None, /, *, task: str | None = None, new: bool = False, **options: Unpack[Options]
) -> Instrument[Session]: ...
def session(given: Any = None, /, *, task: str | None = None, new: bool = False, **options: Unpack[Options]) -> Any:
    """Record one task given to an agent, with its final answer.

    As a decorator, the task is the call's first argument and the final answer is what the function returns. As a
    context manager, set ``final_answer`` on its handle. A session inside a session is recorded as a sub-agent of it.

    Args:
        given: The function to decorate, or the task.
        task: The task, where it is not the call's first argument.
        new: Start a session of its own, also inside another one.
        **options: See :class:`Options`. Metadata keys such as ``learning_key`` and ``tenant`` mean what the Atlas
            contract says.

    Returns:
        The decorated function, or an object that decorates and can be entered with ``with`` or ``async with``.

    Example:
        >>> @atlas.session(name="helpdesk", tags=["support"])
        ... def answer(question: str) -> str:
        ...     return "Restart it."
        >>> answer("The printer is stuck.")
        'Restart it.'
        >>> with atlas.session("Summarise the ticket", metadata={"tenant": "acme"}) as session:
        ...     session.final_answer = "A stuck printer."
    """
    function, text = _split(given)
    instrument = Instrument[Session]("session", text=text if text is not None else task, new=new, **options)
    return _apply(instrument, function)


@overload
def step(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def step(
    given: str | None = None,
    /,
    *,
    description: str | None = None,
    id: SupportsIndex | None = None,
    attempt: SupportsIndex | None = None,
    **options: Unpack[Options],
) -> Instrument[Step]: ...
def step(
    given: Any = None,
    /,
    *,
    description: str | None = None,
    id: SupportsIndex | None = None,
    attempt: SupportsIndex | None = None,
    **options: Unpack[Options],
) -> Any:
    """Record one attempt at a step of the session's plan.

    The step is the one with ``id``; else the first step of the plan with this description that has not run; else a new
    one. The same ``id`` again is the next attempt.

    Args:
        given: The function to decorate, or the step's description.
        description: The description, where a decorated function's name is not.
        id: The step's number in the plan, a whole number from 0.
        attempt: Which attempt this is, from 1; None counts.
        **options: See :class:`Options`.

    Returns:
        The decorated function, or an object that decorates and can be entered with ``with`` or ``async with``.

    Raises:
        TypeError: ``id`` or ``attempt`` is no whole number in its range.

    Example:
        >>> with atlas.session("Count the files"), atlas.step("Collect", id=1) as step:
        ...     step.output = ["a", "b"]
        >>> step.id, step.attempt
        (1, 1)
    """
    function, text = _split(given)
    text = text if text is not None else description
    number, which = given_number(id, "a step's id", 0), given_number(attempt, "an attempt", 1)
    return _apply(Instrument[Step]("step", text=text, step_id=number, attempt=which, **options), function)


@overload
def tool(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tool(given: str | None = None, /, **options: Unpack[Options]) -> Instrument[Observation]: ...
def tool(given: Any = None, /, **options: Unpack[Options]) -> Any:
    """Record a tool call: its arguments, and its result or error (span ``execute_tool {name}``).

    Args:
        given: The function to decorate, or the tool's name.
        **options: See :class:`Options`.

    Returns:
        The decorated function, or an object that decorates and can be entered with ``with`` or ``async with``.

    Example:
        >>> @atlas.tool(ignore_inputs=["token"])
        ... def search(query: str, token: str) -> list[str]:
        ...     return [query.upper()]
        >>> search("a", token="secret")
        ['A']
    """
    return _named("tool", given, options)


@overload
def llm(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def llm(
    given: str | None = None,
    /,
    *,
    model: str | None = None,
    provider: str | None = None,
    **options: Unpack[Options],
) -> Instrument[Observation]: ...
def llm(
    given: Any = None, /, *, model: str | None = None, provider: str | None = None, **options: Unpack[Options]
) -> Any:
    """Record a model call: its messages, answer and tokens (span ``chat {model}``).

    An argument named ``messages`` is kept as chat messages; tokens, model and finish reasons are read from what the
    function returns where it is shaped like OpenAI's or Anthropic's answer. A generator's items are joined where they
    are text; ``output_reducer`` makes something better of them.

    Args:
        given: The function to decorate, or the span's name.
        model: The model that is asked.
        provider: Who serves it, such as ``openai``.
        **options: See :class:`Options`. ``output_reducer`` makes one answer of a stream's items.

    Returns:
        The decorated function, or an object that decorates and can be entered with ``with`` or ``async with``.

    Example:
        >>> @atlas.llm(model="gpt-5-mini", provider="openai")
        ... def complete(messages: list[dict[str, str]]) -> str:
        ...     return "Paris."
        >>> complete([{"role": "user", "content": "The capital of France?"}])
        'Paris.'
    """
    named = {semconv.GEN_AI_REQUEST_MODEL: model, semconv.GEN_AI_PROVIDER_NAME: provider}
    return _named("llm", given, options, {key: value for key, value in named.items() if value is not None})


@overload
def agent(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def agent(given: str | None = None, /, **options: Unpack[Options]) -> Instrument[Observation]: ...
def agent(given: Any = None, /, **options: Unpack[Options]) -> Any:
    """Record a call of a sub-agent inside a session (span ``invoke_agent {name}``).

    Args:
        given: The function to decorate, or the agent's name.
        **options: See :class:`Options`.

    Returns:
        The decorated function, or an object that decorates and can be entered with ``with`` or ``async with``.

    Example:
        >>> @atlas.agent("reviewer")
        ... def review(text: str) -> str:
        ...     return "Fine."
        >>> review("A draft.")
        'Fine.'
    """
    return _named("agent", given, options)


@overload
def observe(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def observe(given: str | None = None, /, **options: Unpack[Options]) -> Instrument[Observation]: ...
def observe(given: Any = None, /, **options: Unpack[Options]) -> Any:
    """Record any other call worth seeing.

    Args:
        given: The function to decorate, or the span's name.
        **options: See :class:`Options`.

    Returns:
        The decorated function, or an object that decorates and can be entered with ``with`` or ``async with``.

    Example:
        >>> with atlas.observe("rank results", metadata={"method": "bm25"}) as ranking:
        ...     ranking.output = [3, 1, 2]
    """
    return _named("function", given, options)


def current_session() -> Session | None:
    """Return the session in force that this process opened, or None.

    Example:
        >>> with atlas.session("t") as session:
        ...     atlas.current_session() == session
        True
        >>> atlas.current_session() is None
        True
    """
    found = current_frame().session
    return Session(found.root, found) if found is not None and found.root is not None else None


def current_step() -> Step | None:
    """Return the step in force, or None.

    Example:
        >>> with atlas.session("t"), atlas.step("Look", id=4):
        ...     atlas.current_step().id
        4
    """
    found = current_frame().step
    return Step(found) if found is not None else None


def get_trace_id() -> str | None:
    """Return the trace in force, as 32 hex digits, or None.

    Example:
        >>> with atlas.session("t"):
        ...     len(atlas.get_trace_id())
        32
    """
    ids = trace.get_current_span().get_span_context()
    return format(ids.trace_id, "032x") if ids.is_valid else None


def get_trace_url(trace_id: str | None = None) -> str | None:
    """Return where to look at a trace in Jaeger, or None where there is no trace or no address.

    The address is ``ATLAS_OTEL_JAEGER_URL`` (default ``http://localhost:16686``).

    Args:
        trace_id: 32 hex digits; None: the trace in force.

    Example:
        >>> telemetry = atlas.configure("docs")
        >>> atlas.get_trace_url("0af7651916cd43dd8448eb211c80319c")
        'http://localhost:16686/trace/0af7651916cd43dd8448eb211c80319c'
        >>> telemetry.shutdown()
        True
    """
    trace_id = trace_id or get_trace_id()
    template = state.current().trace_url
    return template.format(trace_id=trace_id) if trace_id is not None and template is not None else None
