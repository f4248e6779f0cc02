"""Stored records and rows → lines and datasets: JSONL in every format, Parquet, review, verification.

From outside: the names below, which are public, and what the command line needs of ``review``, ``verify`` and ``read``.
They are loaded when they are first used: a command's options do without the database's driver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from atlas_otel_exporters.export import export_jsonl
    from atlas_otel_exporters.selection import ReviewSettings, review_statuses
    from atlas_otel_exporters.summary import ExportProgress, ExportSummary

_HOME_OF: Final = {
    "ExportProgress": "summary",
    "ExportSummary": "summary",
    "ReviewSettings": "selection",
    "export_jsonl": "export",
    "review_statuses": "selection",
}

__all__ = ["ExportProgress", "ExportSummary", "ReviewSettings", "export_jsonl", "review_statuses"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    return value
