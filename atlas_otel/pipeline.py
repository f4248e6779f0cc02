"""``configure``: the one place that puts the parts together.

A guest in the process: an existing tracer provider is adopted and never replaced; ours becomes the global one only
where there is none. No thread and no network before the first record.
"""

from __future__ import annotations

import atexit
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from opentelemetry import trace

from atlas_otel import __version__, semconv, settings
from atlas_otel.capture.capture import Capture
from atlas_otel.console.exit_report import tell_losses
from atlas_otel.errors import ConfigError
from atlas_otel.process import fork
from atlas_otel.process.host_key import host_key
from atlas_otel.records import utf8
from atlas_otel.sdk.bounded import bounded
from atlas_otel.tracing import state
from atlas_otel.tracing.control_flow import expected_types
from atlas_otel.tracing.session_trust import SessionTrust
from atlas_otel.tracing.threads import carry_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    from atlas_otel.console.console import ConsoleRecorder
    from atlas_otel.delivery.accounts import Accounts, AccountsSnapshot
    from atlas_otel.delivery.drain import Drain
    from atlas_otel.sdk.awaited_provider import AwaitedProvider
    from atlas_otel.sdk.otlp_sender import OtlpSender
    from atlas_otel.sdk.processor import AtlasSpanProcessor
    from atlas_otel.settings import AcceptSession, Settings
    from atlas_otel.tracing.control_flow import Expected

_log = logging.getLogger("atlas_otel")

_lock = fork.lock()
_telemetry: Telemetry | None = None
_ahead = False
"""Whether the program has yet to run."""


class Telemetry:
    """What ``configure`` put in place: wait for it, look at its accounts, take it down."""

    def __init__(
        self,
        in_force: Settings,
        *,
        provider: TracerProvider | None = None,
        owned: bool = False,
        processors: Sequence[SpanProcessor] = (),
        senders: Sequence[OtlpSender] = (),
        sink: AtlasSpanProcessor | None = None,
        drain: Drain | None = None,
        accounts: Accounts,
        console: ConsoleRecorder | None = None,
    ) -> None:
        self.settings = in_force
        self._provider = provider
        self._owned = owned
        self._processors = tuple(processors)
        self._senders = tuple(senders)
        self._sink = sink
        self._drain = drain
        self._accounts = accounts
        self._console = console
        self._down = False
        self.awaited: AwaitedProvider | None = None
        """Where the program's own provider is waited for: who waits."""

    @property
    def accounts(self) -> AccountsSnapshot:
        """Of all spans and events of this process: started = stored + open + spooled + dropped, by cause; beside them,
        what was handed over for OTLP and what a Collector took."""
        handed, sent = sum(one.handed for one in self._senders), sum(one.sent for one in self._senders)
        return replace(self._accounts.snapshot(), handed=handed, sent=sent)

    @property
    def database_url(self) -> str | None:
        """The database that was named, as given (it may hold a password); None where nothing is stored."""
        return self.settings.database_url

    @property
    def tracer_provider(self) -> trace.TracerProvider:
        """The provider in force: ours, or the adopted one."""
        return self._provider if self._provider is not None else trace.get_tracer_provider()

    def unrecorded(self) -> Mapping[str, int]:
        """Spans of other instrumentations that were not recorded, as they came outside of any session and no agent or
        model showed in their traces: how many, by instrumentation scope."""
        return self._sink.unrecorded() if self._sink is not None else {}

    def adopt(self, provider: trace.TracerProvider) -> None:
        """Record from ``provider``, which the program set, in place of ours.

        The environment's OTLP endpoint is the program's to serve from now on; only one that was given to us is ours.
        """
        from atlas_otel.sdk.awaited_provider import add_processor
        from atlas_otel.sdk.redacting_processor import cleaned

        parts = state.current()
        exporting = self._processors if self.settings.otlp_endpoint is not None else ()
        for processor in (*filter(None, [self._sink]), *exporting):
            add_processor(provider, processor)
        self._provider, self._owned = cast("TracerProvider", provider), False
        resource = getattr(provider, "resource", None)
        state.install(
            replace(
                parts,
                tracer=provider.get_tracer(semconv.SCOPE_NAME, __version__),
                own=None,
                adopted=True,
                resource=dict(cleaned(resource, parts.capture).attributes) if resource is not None else parts.resource,
            )
        )

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Wait until everything recorded so far is stored and projected, and sent where it is exported.

        Returns whether it was, within ``timeout_s`` seconds. Call it from anywhere but the event loop's own thread.
        """
        from time import monotonic

        deadline = monotonic() + timeout_s
        done = self._drain.flush(timeout_s) if self._drain is not None else True
        for processor in self._processors:
            left_ms = max(int((deadline - monotonic()) * 1000), 0)
            done = bounded(lambda p=processor, ms=left_ms: p.force_flush(ms), left_ms / 1000) and done  # type: ignore[misc]
        return done

    def shutdown(self, timeout_s: float | None = None) -> bool:
        """Flush, and take everything down; at most ``timeout_s`` seconds (default: ``exit_timeout_s``, 2 s).

        What could not be stored in time stays in the spool for the next process, or with ``memory`` is counted as
        dropped. Returns whether everything was stored. Idempotent.
        """
        global _telemetry
        with _lock:
            if self._down:
                return True
            self._down = True
            if _telemetry is self:
                _telemetry = None
        from time import monotonic

        limit = self.settings.exit_timeout_s if timeout_s is None else timeout_s
        deadline = monotonic() + limit
        state.install(state.Instrumentation())
        if self._sink is not None:
            self._sink.shutdown()
        done = self._drain.shutdown(limit) if self._drain is not None else True
        takedown = (
            [self._provider.shutdown]
            if self._owned and self._provider is not None
            else [p.shutdown for p in self._processors]
        )
        for down in takedown:
            bounded(down, deadline - monotonic())
        if self._console is not None:
            self._console.close(max(deadline - monotonic(), 0.1))
        return done


def configure(
    service_name: str | None = None,
    *,
    database_url: str | None = None,
    durability: Literal["spool", "memory"] = "spool",
    otlp_endpoint: str | None = None,
    tracer_provider: TracerProvider | None = None,
    span_processors: Sequence[SpanProcessor] = (),
    capture_content: bool | None = None,
    redact: Callable[[str, str], str] | Sequence[str] | None = None,
    console: bool | None = None,
    instrument_threads: bool = True,
    max_string_bytes: int = 65_536,
    max_value_bytes: int = 1_048_576,
    enabled: bool | None = None,
    metadata: Mapping[str, Any] | None = None,
    accept_session: AcceptSession | None = None,
    projection: Literal["own", "any", "none"] = "own",
    expected: type[BaseException] | Sequence[type[BaseException]] = (),
) -> Telemetry:
    """Put recording in place for this process. Idempotent: a second call returns what the first one made.

    Each setting: the argument, else the environment (OpenTelemetry's variable, then ``ATLAS_OTEL_<NAME>``), else the
    YAML file that ``ATLAS_OTEL_CONFIG`` names; an argument equal to its default counts as not given.

    Args:
        service_name: The resource's ``service.name`` (``OTEL_SERVICE_NAME``).
        database_url: A Postgres URL, or ``embedded`` or ``embedded:<folder>`` for the server in the wheel
            (``atlas-otel[embedded]``). None: nothing is stored.
        durability: ``spool`` (what was recorded survives the process) or ``memory``.
        otlp_endpoint: Where spans are sent, such as ``http://localhost:4318``; None: ``OTEL_EXPORTER_OTLP_*``, and
            nothing is sent where that is unset. HTTP unless the environment says ``grpc``.
        tracer_provider: The provider to add to; else the global one is adopted where one was set. Never replaced.
        span_processors: Get every span, redacted.
        capture_content: False keeps everything but an allowlist from leaving the process (``docs/privacy.md``).
        redact: A callable ``(text, where) -> text``, or names of shipped patterns.
        console: Show the run on stderr; None: where that is a terminal.
        instrument_threads: Threads, pools and greenlets take the context of who starts them or hands them work.
        max_string_bytes, max_value_bytes: Longer strings and larger values are bounded, saying so.
        enabled: False records nothing (``OTEL_SDK_DISABLED``).
        metadata: Stands in every session's metadata.
        accept_session: Which session that a caller's W3C baggage names is joined: ``never``, ``same-host`` (signed by
            a process of this user on this machine, or with ``ATLAS_OTEL_SESSION_SECRET``), ``signed`` or ``always``.
        projection: Which sessions this process computes the rows of: its ``own``, of a size that fits into memory;
            ``any``, what others left too and of any size; ``none``.
        expected: Exception types that are no failure whoever raises them, such as ``(GraphInterrupt, Retry)``.

    Returns:
        What was put in place: flush it, look at its accounts, shut it down.

    Raises:
        ConfigError: A setting is wrong; one line says which and where it came from. A database that cannot be reached
            is no error here: the agent runs, and what it records waits.

    Example:
        >>> telemetry = atlas.configure("helpdesk", capture_content=False)
        >>> telemetry.shutdown()
        True
    """
    arguments = {
        "service_name": service_name,
        "database_url": database_url,
        "durability": durability,
        "otlp_endpoint": otlp_endpoint,
        "capture_content": capture_content,
        "redact": redact,
        "console": console,
        "instrument_threads": instrument_threads,
        "max_string_bytes": max_string_bytes,
        "max_value_bytes": max_value_bytes,
        "enabled": enabled,
        "metadata": metadata,
        "accept_session": accept_session,
        "projection": projection,
    }
    in_force = settings.resolve(arguments, os.environ)
    try:
        no_failures = expected_types(expected)
    except TypeError as error:
        raise ConfigError(f"configure(): {error}") from None
    global _telemetry
    with _lock:
        if _telemetry is not None:
            if _telemetry.settings != in_force:
                _log.warning("configure() was already called with other settings; they stay in force until shutdown()")
            return _telemetry
        _telemetry = _build(in_force, tracer_provider, tuple(span_processors), no_failures)
        return _telemetry


def current() -> Telemetry | None:
    """What ``configure`` put in place and ``shutdown`` has not taken down."""
    return _telemetry


def flush(timeout_s: float = 30.0) -> bool:
    """:meth:`Telemetry.flush` of the one in force; True where there is none."""
    return _telemetry.flush(timeout_s) if _telemetry is not None else True


def shutdown(timeout_s: float | None = None) -> bool:
    """:meth:`Telemetry.shutdown` of the one in force; True where there is none."""
    return _telemetry.shutdown(timeout_s) if _telemetry is not None else True


def post_instrument() -> None:
    """The hook that ``opentelemetry-instrument`` calls once its own work is done: adds the full processor.

    An exporter named by ``OTEL_TRACES_EXPORTER`` sees finished, sampled spans only; the processor sees all of them.
    Does nothing where no database is configured; never raises into the program that starts.
    """
    try:
        if settings.resolve({}, os.environ).database_url:
            configure_ahead()
    except Exception as error:
        state.absorbed("post_instrument")
        _log.warning("not recording: %s", error if isinstance(error, ConfigError) else type(error).__name__)


def configure_ahead() -> Telemetry:
    """:func:`configure` before the program runs, from the environment: a provider that the program sets is waited for,
    and adopted (``sdk.awaited_provider``)."""
    global _ahead
    with _lock:
        _ahead = True
        try:
            return configure()
        finally:
            _ahead = False


def _build(
    in_force: Settings, given: TracerProvider | None, span_processors: tuple[SpanProcessor, ...], expected: Expected
) -> Telemetry:
    from atlas_otel.delivery.accounts import Accounts

    if not in_force.enabled:
        state.install(state.SILENT)
        return Telemetry(in_force, accounts=Accounts())
    from atlas_otel.console.console import open_console
    from atlas_otel.delivery.metrics import observe_accounts
    from atlas_otel.postgres.storage import open_storage
    from atlas_otel.records.recorder import tee
    from atlas_otel.sdk.awaited_provider import AwaitedProvider, add_processor
    from atlas_otel.sdk.otlp_export import otlp_senders
    from atlas_otel.sdk.own_provider import choose_provider
    from atlas_otel.sdk.processor import AtlasSpanProcessor
    from atlas_otel.sdk.redacting_processor import RedactingProcessor, cleaned

    capture = Capture.from_settings(in_force, on_loss=state.absorbed)
    storage = open_storage(in_force) if in_force.database_url else None
    accounts = storage.accounts if storage is not None else Accounts()
    state.count_into(accounts.absorbed)
    provider, own = choose_provider(given, in_force.service_name, ahead=_ahead)
    senders = otlp_senders(in_force, owned=own is not None)
    exporting = [RedactingProcessor(sender, capture) for sender in senders]
    given_ones = [RedactingProcessor(processor, capture) for processor in span_processors]
    # A link is shown only where the trace may be: somebody exports it, or says where it can be looked at.
    exported = exporting or given_ones or own is None or in_force.jaeger_url != settings.DEFAULT_JAEGER_URL
    url = _trace_url(in_force)
    console = open_console(in_force.console, trace_url=lambda i: url.format(trace_id=i) if exported else None)
    recorder = tee(*(r for r in (storage.recorder if storage else None, console) if r is not None))
    sink = AtlasSpanProcessor(recorder, capture)
    if own is not None:
        own.add_own(sink)
        for sender, exporter in zip(senders, exporting, strict=True):
            own.add_own(exporter, take=sender.take)
    else:
        for processor in (sink, *exporting):
            add_processor(provider, processor)
    for guest in given_ones:
        provider.add_span_processor(guest)
    processors = [*exporting, *given_ones]
    if in_force.instrument_threads:
        carry_context()
    resource = cleaned(provider.resource, capture)
    if own is not None:
        own.shown_resource = resource
    state.install(
        state.Instrumentation(
            tracer=provider.get_tracer(semconv.SCOPE_NAME, __version__),
            recorder=recorder,
            capture=capture,
            own=own,
            adopted=own is None,
            utf8_over=utf8.least(durable=storage.journal.durable)
            if storage is not None and recorder is storage.recorder
            else utf8.NEVER,
            records=storage is not None or console is not None,
            propagate=in_force.propagate_session,
            trust=SessionTrust(in_force.accept_session, in_force.session_secret, host_key),
            metadata=dict(in_force.metadata),
            expected=expected,
            resource=dict(resource.attributes),
            trace_url=url,
            step_descriptions=in_force.step_names == "description",
        )
    )
    telemetry = Telemetry(
        in_force,
        provider=provider,
        owned=own is not None,
        processors=processors,
        senders=senders,
        sink=sink,
        drain=storage.drain if storage else None,
        accounts=accounts,
        console=console,
    )
    observe_accounts(accounts.snapshot)
    if own is not None and _ahead:
        telemetry.awaited = AwaitedProvider(own, telemetry.adopt)
        telemetry.awaited.stand_by()
    atexit.register(_at_exit, telemetry)
    return telemetry


def _trace_url(in_force: Settings) -> str:
    return in_force.jaeger_url.rstrip("/") + "/trace/{trace_id}"


def _at_exit(telemetry: Telemetry) -> None:
    """The end of the program: store what can be stored in time, and say so where something was lost."""
    telemetry.shutdown()
    tell_losses(telemetry.accounts)
