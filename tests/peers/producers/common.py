"""What the programs here share: the tool, and a tracer provider that exports over OTLP."""

from __future__ import annotations

import importlib
import os
from typing import Any

from model_wires import SYSTEM, TASK

__all__ = ["MODEL_URL", "OPENAI_TOOLS", "SYSTEM", "TASK", "called", "get_weather", "instrument", "provider", "run"]

MODEL_URL = os.environ["MODEL_URL"]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
    "required": ["city", "unit"],
}
OPENAI_TOOLS = [
    {
        "type": "function",
        "function": {"name": "get_weather", "description": "The weather of a city.", "parameters": SCHEMA},
    }
]


def get_weather(city: str, unit: str) -> str:
    """The weather of a city.

    Args:
        city: The city.
        unit: C or F.
    """
    if city != "Oslo":
        raise LookupError(f"no such city: {city}")
    return "4 degrees"


def called(arguments: dict[str, Any]) -> tuple[str, bool]:
    """What the tool answers, and whether it failed."""
    try:
        return get_weather(**arguments), False
    except LookupError as error:
        return str(error), True


def provider(*, set_it: bool = True) -> Any:
    """A tracer provider that exports each span at its end."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    made = TracerProvider(resource=Resource({"service.name": "weather"}))
    made.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    if set_it:
        trace.set_tracer_provider(made)
    return made


def instrument(name: str, made: Any) -> None:
    """Switch on an instrumentation, named ``module:Class``."""
    module, _, kind = name.partition(":")
    getattr(importlib.import_module(module), kind)().instrument(tracer_provider=made)


def run() -> Any:
    """A plain span of the program's own around what it does."""
    from opentelemetry import trace

    return trace.get_tracer("weather").start_as_current_span("run")
