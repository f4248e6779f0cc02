"""What each count of ``accounts.absorbed`` means, and what to do: for the line at exit and for ``doctor``. Pure."""

from __future__ import annotations

from typing import Final

_OURS: Final = "a defect of atlas-otel, kept from your program: report it with the log of atlas_otel"
_GUEST: Final = "another library's span processor, sampler or provider raised: spans may be missing there"

_SAID: Final[dict[str, str]] = {
    "adopt": "a tracer provider that the program set could not be recorded from: see the log of atlas_otel",
    "after_session": "began after their session had ended, on a thread or task that was started in it: "
    "open a session around that work, or hand it to a pool",
    "bridge": "steps that a bridge could not take over: see the log of atlas_otel",
    "capture": "values or answers that could not be read: their spans are whole but for them",
    "capture_failed": "values, or parts, that raised when they were read and are only described: "
    "give their type a form (atlas_otel.register_form)",
    "console": "lines that the console could not show",
    "console_closed": "lines that the console could not show: stderr was closed",
    "emit_event": "events of an adapter that could not be recorded: see the log of atlas_otel",
    "event": "reports that could not be recorded: see the log of atlas_otel",
    "event_outside_session": "reports outside a session, not recorded: call them inside one, or name it (session_id=)",
    "export": "spans that could not be made safe, and were not stored: " + _OURS,
    "intermediate_step": "pushed steps that fit no open one: they are recorded, marked atlas.intermediate_step.anomaly",
    "late_reward": "late rewards that could not be recorded: see the log of atlas_otel",
    "output_reducer": "streams whose output_reducer raised: their items are recorded in place of its answer",
    "post_instrument": "recording could not be set up by opentelemetry-instrument: see the log of atlas_otel",
    "push": "pushed steps that could not be recorded: see the log of atlas_otel",
    "redaction_failed": "texts withheld, as the redactor raised or answered no text: mend the redactor",
    "redaction_withheld": "texts withheld, as the redactor was over its budget of time: make it faster, or raise "
    "ATLAS_OTEL_REDACTOR_SECONDS",
    "report_refused": "reports that mean nothing (a NaN score, a step without a description): see the log",
    "sanitize": "spans of others that could not be made safe: only their place in the tree is kept",
    "set_attribute": _GUEST,
    "span_processor": _GUEST,
    "start_span": _GUEST,
    "stream": "streams of a model whose pieces could not be joined: they are recorded one by one",
    "subscriber": "a subscriber to intermediate steps raised: what it did with them is incomplete",
    "uninstrument": "an instrumentation that the program has its own of could not be taken back: calls may be doubled",
    "view": "spans of which Jaeger's view could not be made: they are sent as they are, and recorded whole",
    "takedown": "a processor or exporter raised while it was shut down",
}
_FAMILIES: Final[dict[str, str]] = {
    "not_understood ": "spans of this scope look like model calls, and were kept but not understood: their content is "
    "read once a dialect knows them (then: atlas-otel rebuild); report the library's name and version",
    "intermediate_step_": _SAID["intermediate_step"],
    "governance_": "calls of a judge, teacher or probe that failed: the run went on without them, as its record says",
}


def meaning(cause: str) -> str:
    """What a cause means and what to do, in half a line; never empty."""
    said = _SAID.get(cause)
    if said is None:
        said = next((text for family, text in _FAMILIES.items() if cause.startswith(family)), None)
    return said if said is not None else _OURS
