"""Collector and Jaeger: whether a trace that was sent arrives where it is looked at."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from atlas_otel.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from atlas_otel.settings import Settings

_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PORTS: Final = {"https": 443, "http": 80}
_NOT_THERE: Final = "see that the Collector's traces pipeline leads to it: its log says what it cannot pass on"
_NOT_UP: Final = "start Jaeger (make up), or correct ATLAS_OTEL_JAEGER_URL; what was sent waits in the Collector"


def otlp_endpoint(settings: Settings) -> str | None:
    """Where spans are sent; None where they are not."""
    if os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return None
    return settings.otlp_endpoint or next((url for url in map(os.environ.get, _VARIABLES) if url), None)


def examine_collector(endpoint: str) -> Finding:
    """Whether anybody listens there. The way beyond is proven by the trace that arrives in Jaeger."""
    parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    shown = f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 4317)}"
    try:
        with socket.create_connection((parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 4317)), timeout=3):
            return ok("collector", f"{shown} takes connections")
    except OSError as error:
        todo = "start the Collector (make up), or correct OTEL_EXPORTER_OTLP_ENDPOINT; Postgres does not need it"
        return fail("collector", f"{shown}: {error.strerror or error}", todo)


def examine_jaeger(url: str, trace_id: str, *, sampled: bool, patience_s: float = 10.0) -> Finding:
    """Whether Jaeger shows the trace, by its v3 API, within ``patience_s``."""
    deadline = time.monotonic() + patience_s
    shown = without_secret(url).rstrip("/")
    while True:
        spans, said, todo = 0, "does not know the probe", _NOT_THERE
        try:
            spans = _spans(f"{shown}/api/v3/traces/{trace_id}")
        except (OSError, ValueError) as error:
            said, todo = f"cannot be asked: {getattr(error, 'reason', None) or error}", _NOT_UP
        except HTTPException as error:
            said, todo = f"does not answer in HTTP ({type(error).__name__})", _NOT_UP
        if spans:
            return ok("jaeger", f"shows the probe's {spans} spans: {shown}/trace/{trace_id}")
        if time.monotonic() > deadline or not sampled:
            break
        time.sleep(0.3)
    if not sampled:
        return warn("jaeger", "the sampler did not have the probe sent", "run it again, or without OTEL_TRACES_SAMPLER")
    return fail("jaeger", f"{shown} {said} after {patience_s:.0f} s", todo)


def without_secret(url: str) -> str:
    """The address without user and password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _spans(address: str) -> int:
    """How many spans the answer holds; 0 where the trace is not known (yet)."""
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError("its address is not an http URL")
    try:
        with urllib.request.urlopen(address, timeout=3) as answer:  # noqa: S310 - the scheme is checked
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return 0
        raise
    return sum(
        len(scope["spans"])
        for resource in found.get("result", {}).get("resourceSpans", ())
        for scope in resource.get("scopeSpans", ())
    )
