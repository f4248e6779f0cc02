"""How the objects of libraries are written as JSON: their public fields, as far as they are loaded. Pure.

=====================================================  ================================================================
pydantic model, v1 or v2                               its fields but private, ``repr=False`` and ``exclude=True`` ones;
                                                       its own serializers and computed fields where it has any
attrs, msgspec                                         its fields
protobuf, proto-plus                                   the fields that are set; ``Struct``, ``Value``, ``Timestamp`` and
                                                       their like as what they stand for
SQLAlchemy row; object of a mapped class               object of its columns; what is loaded of it, else its primary key
=====================================================  ================================================================

Nothing here queries a database, waits, or asks a value for more than it holds.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, get_args, get_origin

from atlas_otel.capture.value_forms import clean, fields_form, shown_form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.capture.value_forms import Form, ValueReader
    from atlas_otel.models.json_types import JsonValue

_SERIALIZERS: Final = frozenset({"PlainSerializer", "WrapSerializer"})


# --- pydantic ----------------------------------------------------------------------------------------------------


class _Fields(NamedTuple):
    """How the models of one class are read."""

    shown: tuple[str, ...]
    serialized: frozenset[str]
    """Those that have a serializer of their own."""
    computed: tuple[str, ...]
    whole: bool
    """The model has a serializer: only that says what it is."""


@lru_cache(maxsize=1024)
def _fields_of(cls: Any) -> _Fields:
    fields = cls.__pydantic_fields__
    decorators = getattr(cls, "__pydantic_decorators__", None)
    serialized: set[str] = set()
    for one in getattr(decorators, "field_serializers", {}).values():
        serialized.update(fields if "*" in one.info.fields else one.info.fields)
    shown = []
    for name, field in fields.items():
        if field.repr and field.exclude is not True and not name.startswith("_"):
            shown.append(name)
            if _is_serialized([Annotated[(Any, *field.metadata)]] if field.metadata else []) or _is_serialized(
                [field.annotation]
            ):
                serialized.add(name)
    computed = getattr(decorators, "computed_fields", {}).items()
    return _Fields(
        tuple(shown),
        frozenset(serialized),
        tuple(name for name, one in computed if getattr(one.info, "repr", True)),
        bool(getattr(decorators, "model_serializers", None)),
    )


def _is_serialized(annotations: list[Any], depth: int = 8) -> bool:
    """Whether a type anywhere in an annotation comes with a serializer."""
    for annotation in annotations:
        if get_origin(annotation) is Annotated and any(
            type(m).__name__ in _SERIALIZERS for m in annotation.__metadata__
        ):
            return True
        if depth and _is_serialized([a for a in get_args(annotation) if a is not annotation], depth - 1):
            return True
    return False


def _model(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    cls: Any = type(value)
    if not hasattr(cls, "__pydantic_fields__"):
        return _model_v1(reader, value, depth)
    held = object.__getattribute__(value, "__dict__")
    plan = _fields_of(cls)
    if plan.whole:
        dumped = value.model_dump(mode="python", by_alias=False, warnings=False)
        if type(dumped) is dict:
            hidden = set(cls.__pydantic_fields__).difference(plan.shown)
            dumped = {key: item for key, item in dumped.items() if key not in hidden}
        return reader.read(dumped, depth)
    wanted = plan.serialized.intersection(plan.shown, held)
    dumped = value.model_dump(mode="python", by_alias=False, warnings=False, include=wanted) if wanted else {}
    if getattr(cls, "__pydantic_root_model__", False):
        return reader.read(dumped if wanted else held["root"], depth)
    pairs = [(name, dumped.get(name, held[name])) for name in plan.shown if name in held]
    extra = object.__getattribute__(value, "__pydantic_extra__")
    if type(extra) is dict:
        pairs += [(name, item) for name, item in extra.items() if not name.startswith("_")]
    for name in plan.computed:
        try:
            pairs.append((name, getattr(value, name)))
        except Exception:  # the model's own code
            reader.failures += 1
    return reader.entries(pairs, len(pairs), depth)


def _model_v1(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = object.__getattribute__(value, "__dict__")
    fields = type(value).__fields__
    if "__root__" in fields:
        return reader.read(held["__root__"], depth)
    hidden = {
        name
        for name, field in fields.items()
        if not getattr(field.field_info, "repr", True) or field.field_info.exclude
    }
    pairs = [(name, item) for name, item in held.items() if name not in hidden and not name.startswith("_")]
    return reader.entries(pairs, len(pairs), depth)


# --- attrs, msgspec ----------------------------------------------------------------------------------------------


def attrs_object(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    """An attrs class's public fields whose ``repr`` is on."""
    return fields_form(reader, value, (field.name for field in type(value).__attrs_attrs__ if field.repr), depth)


def _struct(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return fields_form(reader, value, type(value).__struct_fields__, depth)


# --- protobuf ----------------------------------------------------------------------------------------------------

_AS_TEXT: Final = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"})


def _message(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    name = type(value).DESCRIPTOR.full_name
    if name == "google.protobuf.Struct":
        return reader.entries(islice(value.fields.items(), reader.fitting + 1), len(value.fields), depth)
    if name == "google.protobuf.ListValue":
        return reader.items(islice(value.values, reader.fitting + 1), len(value.values), depth)
    if name == "google.protobuf.Value":
        kind = value.WhichOneof("kind")
        return None if kind in (None, "null_value") else reader.read(getattr(value, kind), depth)
    if name in _AS_TEXT:
        return clean(value.ToJsonString())
    if name.startswith("google.protobuf.") and name.endswith("Value"):
        return reader.read(value.value, depth)
    pairs = [(field.name, _held(reader, field, held)) for field, held in value.ListFields()]
    return reader.entries(pairs, len(pairs), depth)


def _held(reader: ValueReader, field: Any, held: Any) -> Any:
    """A field's value as Python's own: a map as a dict, what is repeated as a list, an enum's number as its name."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(islice(held.items(), reader.fitting + 1))
    names = field.enum_type.values_by_number if field.enum_type is not None else {}
    if hasattr(held, "append"):
        listed = islice(held, reader.fitting + 1)
        return [names[one].name if one in names else one for one in listed] if names else list(listed)
    return names[held].name if names and held in names else held


def _repeated(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.items(islice(value, reader.fitting + 1), len(value), depth)


def _map(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.entries(islice(value.items(), reader.fitting + 1), len(value), depth)


def _proto_plus(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.read(object.__getattribute__(value, "__dict__")["_pb"], depth)


# --- SQLAlchemy --------------------------------------------------------------------------------------------------


def _row(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = tuple(value)
    return reader.entries(zip(value._fields, held, strict=False), len(held), depth)


def _row_mapping(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.entries(list(value.items()), len(value), depth)


def orm_object(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    """An object of a mapped class: what is loaded of it. After a commit nothing is, and to ask would query."""
    held = dict(object.__getattribute__(value, "__dict__"))
    state = held.pop("_sa_instance_state", None)
    pairs = [(key, item) for key, item in _public(held) if not key.startswith("_")]
    if not pairs and getattr(state, "key", None):
        return {"type": reader.describe(value)[1:-1], "primary_key": reader.read(state.key[1], depth + 1)}
    return reader.entries(pairs, len(pairs), depth)


def _public(held: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, item) for key, item in held.items() if type(key) is str)


BY_NAME: Final[dict[tuple[str, str], Form]] = {
    ("pydantic", "BaseModel"): _model,
    ("pydantic", "_BaseUrl"): shown_form,
    ("pydantic", "_BaseMultiHostUrl"): shown_form,
    ("pydantic_core", "Url"): shown_form,
    ("msgspec", "Struct"): _struct,
    ("google.protobuf", "Message"): _message,
    ("google._upb", "RepeatedCompositeContainer"): _repeated,
    ("google._upb", "RepeatedScalarContainer"): _repeated,
    ("google._upb", "MessageMapContainer"): _map,
    ("google._upb", "ScalarMapContainer"): _map,
    ("google.protobuf", "BaseContainer"): _repeated,
    ("google.protobuf", "ScalarMap"): _map,
    ("google.protobuf", "MessageMap"): _map,
    ("proto", "Message"): _proto_plus,
    ("sqlalchemy", "Row"): _row,
    ("sqlalchemy", "RowMapping"): _row_mapping,
    ("bson", "ObjectId"): shown_form,
}
