"""Stored records and rows → JSONL and its kin."""
