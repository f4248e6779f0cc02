"""Stored records and rows → JSONL and its kin."""

from atlas_otel_exporters.export import export_jsonl
from atlas_otel_exporters.selection import ReviewSettings, review_statuses
from atlas_otel_exporters.summary import ExportProgress, ExportSummary

__all__ = ["ExportProgress", "ExportSummary", "ReviewSettings", "export_jsonl", "review_statuses"]
