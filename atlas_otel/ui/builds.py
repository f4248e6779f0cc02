"""Datasets that are being made: one at a time, each known until the server ends."""

from __future__ import annotations


class Builds:
    """The builds of this server."""
