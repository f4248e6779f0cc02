"""Rows as Parquet with explicit columns. Needs pyarrow: ``pip install 'atlas-otel[parquet]'``."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from atlas_otel.errors import ConfigError, ExportError
from atlas_otel.records.exact_json import dump
from atlas_otel_exporters.training.features import parquet_features

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.training.features import Feature

ROWS_A_GROUP: Final = 1_000
BYTES_A_GROUP: Final = 16 * 1024 * 1024
"""What is held at once, counted as lines."""


class ParquetLines:
    """Takes lines of JSON and writes them as row groups; ``bytes_written`` counts the lines."""

    def __init__(self, stream: IO[bytes], features: Mapping[str, Feature]) -> None:
        self._pa, self._parquet = pyarrow_modules()
        self._features = features
        self._schema = _schema(self._pa, features)
        self._held_as = _schema(self._pa, features, json_as_text=True)
        # The writer's name and version would make the same rows give other bytes under another pyarrow's; its
        # statistics, compression and page layout are set here for the same reason.
        self._writer = self._parquet.ParquetWriter(stream, self._schema, compression="zstd", version="2.6")
        self._rows: list[JsonObject] = []
        self._held = 0
        self.bytes_written = 0

    def write(self, line: bytes) -> None:
        """Write one row."""
        row = orjson.loads(line)
        if unknown := row.keys() - self._features.keys():
            raise ExportError(f"a row has columns that its format does not name: {', '.join(sorted(unknown))}")
        self._rows.append({name: _stored(row.get(name), feature) for name, feature in self._features.items()})
        self.bytes_written += len(line) + 1
        self._held += len(line)
        if len(self._rows) >= ROWS_A_GROUP or self._held >= BYTES_A_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is held as a row group."""
        if self._rows:
            # No rows can be made with JSON inside of lists at once; a cast takes nothing but its name.
            held = self._pa.Table.from_pylist(self._rows, schema=self._held_as)
            self._writer.write_table(held.cast(self._schema))
        self._rows, self._held = [], 0

    def close(self) -> None:
        """Write the rest and the file's end."""
        self.flush()
        self._writer.close()


def _stored(value: JsonValue, feature: Feature) -> JsonValue:
    """A value as its column holds it: JSON as text."""
    if value is None or feature == "json":
        return None if value is None else dump(value).decode()
    if isinstance(feature, tuple):
        return [_stored(item, feature[0]) for item in value] if isinstance(value, list) else None
    if isinstance(feature, str):
        return value
    held = value if isinstance(value, dict) else {}
    return {name: _stored(held.get(name), item) for name, item in feature.items()}


def _schema(pa: Any, features: Mapping[str, Feature], *, json_as_text: bool = False) -> Any:
    text = pa.string()
    scalars = {
        "string": text,
        # The type by which ``datasets`` knows JSON in a file, whatever else the file says.
        "json": text if json_as_text else pa.json_(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
    }
    fields = [pa.field(name, _type(pa, feature, scalars)) for name, feature in features.items()]
    said = {"info": {"features": parquet_features(features)}}
    return pa.schema(fields, metadata={"huggingface": orjson.dumps(said)})


def _type(pa: Any, feature: Feature, scalars: Mapping[str, Any]) -> Any:
    if isinstance(feature, str):
        return scalars[feature]
    if isinstance(feature, tuple):
        return pa.list_(_type(pa, feature[0], scalars))
    return pa.struct([pa.field(name, _type(pa, item, scalars)) for name, item in feature.items()])


def pyarrow_modules() -> tuple[Any, Any]:
    """``pyarrow`` and ``pyarrow.parquet``. Raises ConfigError where they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise ConfigError("a .parquet file needs pyarrow: pip install 'atlas-otel[parquet]', or use .jsonl") from None
    return pyarrow, pyarrow.parquet
