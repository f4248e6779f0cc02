"""The whole examination, in order."""

from __future__ import annotations

import os
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Final

import atlas_otel as atlas
from atlas_otel.doctor.database import examine_database
from atlas_otel.doctor.finding import Finding, fail, failed, ok
from atlas_otel.doctor.jaeger import examine_collector, examine_jaeger, otlp_endpoint, without_secret
from atlas_otel.doctor.probe import NAME, absorbed_of, accounts_of, follow_probe, record_probe
from atlas_otel.doctor.provider import examine_provider
from atlas_otel.doctor.spool import examine_spool
from atlas_otel.postgres.dsn import describe
from atlas_otel.settings import CONFIG_FILE_VARIABLE, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.pipeline import Telemetry

_DEFAULTS: Final = Settings()


def examine(database_url: str | None, application: str | None = None, *, probe: bool = True) -> Iterator[Finding]:
    """Each finding as it is made. Raises ConfigError for a setting that is wrong.

    ``application``: a module to import first, as the program would: its provider and its ``configure`` are examined.
    ``probe``: record a session to prove the way; without, everything is only looked at.
    """
    if application is not None:
        import_module(application)
    telemetry = atlas.configure(os.environ.get("OTEL_SERVICE_NAME") or NAME, database_url=database_url, console=False)
    try:
        yield from _look(telemetry, probe)
    finally:
        telemetry.shutdown()


def _look(telemetry: Telemetry, probe: bool) -> Iterator[Finding]:
    settings = telemetry.settings
    yield _settings(settings)
    if not settings.enabled:
        yield fail("recording", "is off", "unset OTEL_SDK_DISABLED, ATLAS_OTEL_ENABLED, or configure(enabled=False)")
        return
    url = settings.database_url
    database = examine_database(url) if url is not None else []
    yield from database
    if url is None:
        todo = "set ATLAS_OTEL_DATABASE_URL; to try: ATLAS_OTEL_DATABASE_URL=embedded"
        yield fail("database", "none is named: nothing is stored", todo)
    yield from examine_spool(settings)
    yield from examine_provider(telemetry.tracer_provider)
    endpoint = otlp_endpoint(settings)
    if not probe:
        return
    sent = record_probe()
    if url is not None and not failed(database):
        yield from follow_probe(sent, telemetry, url)
    if endpoint is None:
        yield ok("jaeger", "spans are not sent: no OTLP endpoint is named")
    else:
        collector = examine_collector(endpoint)
        yield collector
        if collector.grade == "OK":
            telemetry.flush(10)
            yield examine_jaeger(settings.jaeger_url, sent.trace_id, sampled=sent.sampled)
    yield accounts_of(telemetry)
    yield from absorbed_of(telemetry)


def _settings(settings: Settings) -> Finding:
    """What is in force and not the default. A setting that may hold a secret is described, never shown."""
    shown = []
    for one in fields(settings):
        value = getattr(settings, one.name)
        if value == getattr(_DEFAULTS, one.name) or one.name in ("database_url", "console"):
            continue
        if one.name == "metadata":
            value = f"({len(value)} keys)"
        elif one.name == "redact":
            value = "a callable" if callable(value) else ",".join(value)
        elif one.name in ("otlp_endpoint", "jaeger_url"):
            value = without_secret(value)
        shown.append(f"{one.name}={value}")
    if settings.database_url is not None:
        shown.insert(0, f"database_url={describe(settings.database_url)}")
    if path := os.environ.get(CONFIG_FILE_VARIABLE):
        shown.append(f"file={path}")
    return ok("settings", "; ".join(shown) or "all are the defaults")
