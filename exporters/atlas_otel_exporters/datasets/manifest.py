"""What a dataset says of itself: ``manifest.json``, and a line of ``lineage.jsonl`` for each row. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from atlas_otel.errors import UsageError
from atlas_otel.records.exact_json import dump
from atlas_otel_exporters.encode import REVISION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from atlas_otel.models.json_types import JsonObject, JsonValue

MANIFEST: Final = "manifest.json"
LINEAGE: Final = "lineage.jsonl"
CARD: Final = "README.md"
SCHEMA_VERSION: Final = 1
SPLITS: Final = ("train", "validation", "test")

_WHERE_FROM: Final = frozenset(
    {"session_id", "session_key", "rejected_session_key", "span_ids", "trace_id", "task_group", "advantage", REVISION}
)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of rows."""

    path: str
    split: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A dataset. Nothing in it says when it was made: the same selection over the same data gives the same bytes.

    ``counts`` are rows and sessions; ``left_out`` what is not there, by cause. ``content_hash`` is over the files.
    """

    name: str
    format: str
    selection: JsonObject
    options: JsonObject
    counts: Mapping[str, int]
    left_out: Mapping[str, int]
    files: tuple[DataFile, ...]
    database: str
    database_schema: int
    writer: str
    schema_version: int = SCHEMA_VERSION
    content_hash: str = field(default="")

    def to_json(self) -> bytes:
        """The text of ``manifest.json``."""
        held = {**asdict(self), "content_hash": content_hash(self.files)}
        return orjson.dumps(held, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


class Traced(NamedTuple):
    """Where a row comes from. ``content`` is a digest of what it says, without where it comes from."""

    split: str
    session_id: int
    session_key: str | None
    span_ids: list[str]
    reward: float | None
    content: str


def content_hash(files: tuple[DataFile, ...]) -> str:
    """One hash over all files."""
    return sha256("\n".join(f"{one.path} {one.sha256}" for one in files).encode()).hexdigest()


def content_of(row: JsonObject, *, of_session: str | None = None) -> str:
    """A digest of what a row says. ``of_session``: of one session alone, so that another's is never the same."""
    said = {key: value for key, value in _flat(row).items() if key not in _WHERE_FROM}
    return blake2b(dump([said, of_session]), digest_size=16).hexdigest()


def _flat(row: JsonObject) -> JsonObject:
    held = row.get("extra_info")
    if not isinstance(held, dict):
        return row
    told: JsonValue = {key: value for key, value in held.items() if key not in _WHERE_FROM and key != "index"}
    return {**row, "extra_info": told}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the dataset in ``folder``. Raises UsageError where there is none that can be read."""
    path = folder / MANIFEST
    try:
        held = orjson.loads(path.read_bytes())
        files = tuple(DataFile(**one) for one in held.pop("files"))
        manifest = Manifest(**held, files=files)
    except OSError as error:
        raise UsageError(f"{folder} holds no dataset: {MANIFEST} cannot be read ({error.strerror or error})") from None
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is not a dataset's manifest ({error})") from None
    if manifest.schema_version > SCHEMA_VERSION:
        raise UsageError(f"{path} was written by a newer atlas-otel ({manifest.writer}): upgrade this one")
    return manifest


def read_lineage(folder: Path) -> Iterator[Traced]:
    """Where each row comes from, in the order of the files. Raises UsageError where that cannot be read."""
    path = folder / LINEAGE
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield Traced(*orjson.loads(line))
                except (ValueError, TypeError):
                    raise UsageError(f"{path}, line {number}: not a line that `dataset create` wrote") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror or error})") from None


def datasets_below(folder: Path) -> list[tuple[Path, Manifest]]:
    """The datasets in ``folder`` and below it, by their folders. Raises UsageError where ``folder`` is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    # A build that was broken off stands in a hidden folder.
    paths = sorted(path.parent for path in folder.rglob(MANIFEST) if not any(p.startswith(".") for p in path.parts))
    return [(path, read_manifest(path)) for path in paths if (path / LINEAGE).exists()]


def datasets_of(session: str, folder: Path) -> Iterator[tuple[Path, Manifest, int]]:
    """The datasets below ``folder`` that hold rows of a session (its key, or its number), and how many.

    Raises UsageError where ``folder`` is none.
    """
    for path, manifest in datasets_below(folder):
        rows = sum(session in (row.session_key, str(row.session_id)) for row in read_lineage(path))
        if rows:
            yield path, manifest, rows
