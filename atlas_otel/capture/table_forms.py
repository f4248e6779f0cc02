"""How tables, series, arrays and tensors are written as JSON: as many of their values as fit. Pure.

=====================================================  ================================================================
pandas, polars, pyarrow: a table                       ``{"columns": […], "rows": [[…], …]}``, with ``index`` where
                                                       pandas has one that says something
a series, index or array of these                      list; a pandas series with such an index: object
numpy, torch, jax, TensorFlow: a scalar, an array      number, nested lists; over the budget, or on another device:
                                                       ``{"type", "dtype", "shape"}`` and the first values, ``head``
=====================================================  ================================================================

What is missing in a table (NaN, NaT, NA) is ``null``. A lazy frame is never collected, and a tensor on another device
never fetched, since that would make the agent wait: they are described.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.capture.value_forms import clean, shown_form, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.capture.value_forms import Form, ValueReader
    from atlas_otel.models.json_types import JsonObject, JsonValue

_HEAD: Final = 32


def _table(
    reader: ValueReader, columns: Iterable[Any], rows: Iterable[Any], size: int, depth: int, **more: Any
) -> JsonValue:
    names = list(columns)
    tree: JsonObject = {"columns": reader.items(names, len(names), depth + 1)}
    for key, held in more.items():
        tree[key] = reader.items(held, size, depth + 1)
    tree["rows"] = reader.items(rows, size, depth + 1)
    return tree


def _rows_that_fit(reader: ValueReader, width: int) -> int:
    return reader.fitting // max(width, 1) + 1


# --- pandas ------------------------------------------------------------------------------------------------------


def _pandas_frame(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    width = min(value.shape[1], reader.fitting)
    head = value.iloc[: _rows_that_fit(reader, width), :width]
    columns = [_pandas_list(head.iloc[:, number]) for number in range(width)]
    names = list(islice(value.columns.tolist(), width))
    rows = zip(*columns, strict=True) if columns else ()
    index = {} if _is_default(value.index) else {"index": _pandas_list(head.index)}
    if width < value.shape[1]:
        reader.omitted += int(value.shape[1] - width)
    return _table(reader, names, rows, len(value), depth, **index)


def _pandas_series(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    head = value.iloc[: reader.fitting + 1]
    if _is_default(value.index):
        return reader.items(_pandas_list(head), len(value), depth)
    return reader.entries(zip(_pandas_list(head.index), _pandas_list(head), strict=True), len(value), depth)


def _pandas_array(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.items(_pandas_list(value[: reader.fitting + 1]), len(value), depth)


def _pandas_list(held: Any) -> list[Any]:
    """Values as Python's own, None for what is missing."""
    missing = held.isna() if getattr(held, "nlevels", 1) == 1 else [False] * len(held)
    return [None if gone else one for one, gone in zip(held.tolist(), missing, strict=True)]


def _is_default(index: Any) -> bool:
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1


def _missing(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return None


# --- polars, pyarrow ---------------------------------------------------------------------------------------------


def _polars_frame(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    rows = value.head(_rows_that_fit(reader, value.width)).rows()
    return _table(reader, value.columns, rows, value.height, depth)


def _polars_series(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.items(value.head(reader.fitting + 1).to_list(), value.len(), depth)


def _arrow_table(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    head = value.slice(0, _rows_that_fit(reader, value.num_columns))
    rows = zip(*(column.to_pylist() for column in head.columns), strict=True)
    return _table(reader, value.schema.names, rows, value.num_rows, depth)


def _arrow_array(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.items(value.slice(0, reader.fitting + 1).to_pylist(), len(value), depth)


def _arrow_scalar(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.read(value.as_py(), depth)


# --- numpy and tensors -------------------------------------------------------------------------------------------


def _numpy_scalar(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    item = value.item()
    if value.dtype.kind in "mM" or type(item) is type(value):  # nanoseconds would come as a bare number
        return clean(str(value))
    if value.dtype.names and type(item) is tuple:
        return reader.entries(zip(value.dtype.names, item, strict=True), len(item), depth)
    return reader.read(item, depth)


def _numpy_array(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    if value.size > reader.fitting:
        return _array_head(reader, value, value.dtype, value.size, _numpy_list(value.flat[:_HEAD]), depth)
    if value.dtype.names and value.ndim == 1:
        return _table(reader, value.dtype.names, value.tolist(), len(value), depth)
    return reader.read(_numpy_list(value), depth)


def _numpy_list(value: Any) -> Any:
    return (value.astype(str) if value.dtype.kind in "mM" else value).tolist()


def _array_head(reader: ValueReader, value: Any, dtype: Any, size: int, head: list[Any], depth: int) -> JsonValue:
    reader.omitted += max(int(size) - len(head), 0)
    tree: JsonObject = {"type": type_name(type(value)), "dtype": str(dtype), "shape": [int(n) for n in value.shape]}
    if head:
        tree["head"] = reader.items(head, len(head), depth + 1)
    else:
        reader.describe(value)
    return tree


def _torch_tensor(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    # A subclass may have its own __torch_function__: the base class's methods, under no_grad's rules, read plain data.
    plain = value.detach()
    if plain.device.type != "cpu" or str(plain.layout) != "torch.strided":
        return {**_described_tensor(reader, value, plain.dtype), "device": str(plain.device)}
    if plain.numel() > reader.fitting:
        head = plain.flatten()[:_HEAD].tolist() if plain.is_contiguous() else []
        return _array_head(reader, value, plain.dtype, plain.numel(), head, depth)
    return reader.read(plain.tolist(), depth)


def _jax_array(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    if any(device.platform != "cpu" for device in value.devices()) or not value.is_fully_addressable:
        return _described_tensor(reader, value, value.dtype)
    if value.size > reader.fitting:
        return _array_head(reader, value, value.dtype, value.size, [], depth)
    return reader.read(value.tolist(), depth)


def _eager_tensor(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    if "CPU" not in value.device:
        return _described_tensor(reader, value, value.dtype.name)
    return reader.read(value.numpy(), depth)


def _described_tensor(reader: ValueReader, value: Any, dtype: Any) -> JsonObject:
    reader.describe(value)
    return {"type": type_name(type(value)), "dtype": str(dtype), "shape": [int(n) for n in value.shape]}


BY_NAME: Final[dict[tuple[str, str], Form]] = {
    ("pandas", "DataFrame"): _pandas_frame,
    ("pandas", "Series"): _pandas_series,
    ("pandas", "Index"): _pandas_array,
    ("pandas", "ExtensionArray"): _pandas_array,
    ("pandas", "NAType"): _missing,
    ("pandas", "NaTType"): _missing,
    ("pandas", "Interval"): shown_form,
    ("pandas", "Period"): shown_form,
    ("polars", "DataFrame"): _polars_frame,
    ("polars", "Series"): _polars_series,
    ("pyarrow", "_Tabular"): _arrow_table,
    ("pyarrow", "Array"): _arrow_array,
    ("pyarrow", "ChunkedArray"): _arrow_array,
    ("pyarrow", "Scalar"): _arrow_scalar,
    ("numpy", "generic"): _numpy_scalar,
    ("numpy", "ndarray"): _numpy_array,
    ("torch", "Tensor"): _torch_tensor,
    ("jaxlib", "ArrayImpl"): _jax_array,
    ("jax", "ArrayImpl"): _jax_array,
    ("tensorflow", "EagerTensor"): _eager_tensor,
}
