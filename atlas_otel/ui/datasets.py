"""Datasets below the folder that the server was given, as the API shows them."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final

from atlas_otel.ui.asking import missing
from atlas_otel.ui.shapes import datasets as shapes
from atlas_otel_exporters.datasets.manifest import datasets_below, read_lineage, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_otel_exporters.datasets.manifest import Manifest

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LINEAGE: Final = 200


def named_dataset(folder: Path | None, name: str) -> Path:
    """The folder of the dataset called ``name``. Raises Refused (404) where there is none; no name leads elsewhere."""
    if folder is None or not _NAME.fullmatch(name) or not (folder / name / "manifest.json").is_file():
        raise missing(f"there is no dataset {name}")
    return folder / name


def listed(folder: Path | None) -> list[shapes.DatasetItem]:
    """The datasets right below ``folder``, by name."""
    if folder is None or not folder.is_dir():
        return []
    return [dataset_item(path, manifest) for path, manifest in datasets_below(folder) if path.parent == folder]


def dataset_item(path: Path, manifest: Manifest) -> shapes.DatasetItem:
    """A dataset in a list."""
    return shapes.DatasetItem(
        name=path.name,
        title=manifest.name,
        format=manifest.format,
        sessions=manifest.counts.get("sessions", 0),
        rows=manifest.counts.get("rows", sum(one.rows for one in manifest.files)),
        bytes=sum(one.bytes for one in manifest.files),
        content_hash=manifest.content_hash,
    )


def dataset_view(path: Path) -> shapes.Dataset:
    """One dataset, whole."""
    manifest = read_manifest(path)
    splits: Counter[str] = Counter()
    for one in manifest.files:
        splits[one.split] += one.rows
    return shapes.Dataset(
        item=dataset_item(path, manifest),
        database=manifest.database,
        writer=manifest.writer,
        selection=manifest.selection,
        options=manifest.options,
        counts=[shapes.Count(name=name, count=count) for name, count in manifest.counts.items()],
        left_out=[shapes.Count(name=name, count=count) for name, count in manifest.left_out.items()],
        files=[
            shapes.DatasetFile(path=one.path, split=one.split, rows=one.rows, bytes=one.bytes, sha256=one.sha256)
            for one in manifest.files
        ],
        splits=[shapes.Count(name=name, count=count) for name, count in splits.items()],
        lineage=[
            shapes.LineageRow(
                split=one.split,
                session_id=one.session_id,
                session_key=one.session_key,
                spans=one.span_ids,
                reward=one.reward,
            )
            for one in islice(read_lineage(path), _LINEAGE)
        ],
    )


def sessions_of(path: Path) -> set[str]:
    """The sessions that a dataset holds rows of, by key, else by number."""
    return {one.session_key or str(one.session_id) for one in read_lineage(path)}
