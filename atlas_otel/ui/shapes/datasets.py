"""Datasets: what was made, and making one of the current filter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from atlas_otel.ui.shapes.base import Answer, Asked, Json
from atlas_otel.ui.shapes.sessions import LineFormat, Name, SessionQuery

DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", examples=["support-2026-11"])]


class Count(Answer):
    """How many of what."""

    name: str
    count: int


class DatasetFile(Answer):
    """One file of rows."""

    path: str
    split: str
    rows: int
    bytes: int
    sha256: str


class DatasetItem(Answer):
    """A dataset in a list."""

    name: str = Field(description="Its folder, below the folder of datasets.")
    title: str
    format: str
    sessions: int
    rows: int
    bytes: int
    content_hash: str


class Datasets(Answer):
    """What was made, by name. ``folder`` is null where the server was given none: then none can be built."""

    folder: str | None
    datasets: list[DatasetItem]


class LineageRow(Answer):
    """Where a row comes from."""

    split: str
    session_id: int
    session_key: str | None
    spans: list[str]
    reward: float | None


class Dataset(Answer):
    """One dataset: what it says of itself, and where its first 200 rows come from."""

    item: DatasetItem
    database: str
    writer: str
    selection: Json
    options: Json
    counts: list[Count]
    left_out: list[Count]
    files: list[DatasetFile]
    splits: list[Count] = Field(description="Rows of each split.")
    lineage: list[LineageRow]


class CompareDatasetsQuery(Asked):
    """Two datasets."""

    left: Name
    right: Name


class DatasetComparison(Answer):
    """Two datasets side by side, with how many sessions both hold."""

    left: Dataset
    right: Dataset
    sessions_in_both: int
    sessions_left_only: int
    sessions_right_only: int


class BuildBody(Asked):
    """A dataset of the approved sessions of a query (``every_status``: of all of them)."""

    name: DatasetName
    format: LineFormat = "chat"
    query: SessionQuery
    every_status: bool = False
    files: Literal["parquet", "jsonl"] = "jsonl"
    train: float = Field(default=0.9, ge=0, le=1)
    validation: float = Field(default=0.05, ge=0, le=1)
    test: float = Field(default=0.05, ge=0, le=1)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class Build(Answer):
    """A build that was asked for."""

    id: str
    name: str
    state: Literal["running", "done", "failed"]
    done: int = Field(description="Sessions read so far.")
    total: int
    error: str | None


class Builds(Answer):
    """Builds since the server started, newest first."""

    builds: list[Build]
