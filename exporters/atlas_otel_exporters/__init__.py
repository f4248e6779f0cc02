"""Stored records and rows → lines and datasets: JSONL in every format, Parquet, review, verification.

From outside: the names below, which are public, and what the command line needs of ``review``, ``verify`` and ``read``.
"""

from atlas_otel_exporters.export import export_jsonl
from atlas_otel_exporters.selection import ReviewSettings, review_statuses
from atlas_otel_exporters.summary import ExportProgress, ExportSummary

__all__ = ["ExportProgress", "ExportSummary", "ReviewSettings", "export_jsonl", "review_statuses"]
