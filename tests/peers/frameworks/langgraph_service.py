"""The LangGraph agent of ``langgraph_agent.py`` in a program that has a span around it, as a web server has."""

from __future__ import annotations

from langgraph_agent import main
from opentelemetry import trace

if __name__ == "__main__":
    with trace.get_tracer("weather").start_as_current_span("weather service"):
        main()
