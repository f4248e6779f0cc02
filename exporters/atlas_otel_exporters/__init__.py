"""Stored records and rows → JSONL and its kin."""

from atlas_otel_exporters.export import ExportProgress, ExportSummary, export_jsonl
from atlas_otel_exporters.selection import ReviewSettings, review_statuses

__all__ = ["ExportProgress", "ExportSummary", "ReviewSettings", "export_jsonl", "review_statuses"]
