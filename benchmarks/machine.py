"""On what the figures were taken: the machine and the versions, with no name or path of it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmarks.postgres import server

_PACKAGES: Final = (
    "atlas-otel",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "psycopg",
    "orjson",
    "pydantic",
)


def machine() -> list[tuple[str, str]]:
    """Processor, cores, memory, kernel."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        ("processor", _processor()),
        ("cores", str(cores)),
        ("memory", f"{memory:.0f} GiB"),
        ("kernel", f"{platform.system()} {platform.release().partition('-')[0]}"),
    ]


def versions() -> list[tuple[str, str]]:
    """Python, Postgres, and the packages that matter."""
    with server() as postgres:
        kind = "named" if postgres.folder is None else "from the wheel, its settings as they come"
        found = [("Python", platform.python_version()), ("PostgreSQL", f"{postgres.version} ({kind})")]
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "not installed"))
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
