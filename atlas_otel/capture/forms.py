"""Which form a type of value has: the user's, the standard library's, a library's; found without importing anything.

>>> atlas_otel.register_form("shop.Basket", lambda basket: {"items": list(basket.items), "total": basket.total})
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from atlas_otel.capture import object_forms, table_forms, value_forms
from atlas_otel.capture.value_forms import dataclass_form
from atlas_otel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.capture.value_forms import Form, ValueReader
    from atlas_otel.models.json_types import JsonValue

T = TypeVar("T")

_BY_NAME: Final = {**value_forms.BY_NAME, **object_forms.BY_NAME, **table_forms.BY_NAME}
_BY_MARK: Final[tuple[tuple[str, Form], ...]] = (
    ("_sa_class_manager", object_forms.orm_object),
    ("__dataclass_fields__", dataclass_form),
    ("__attrs_attrs__", object_forms.attrs_object),
)
"""What a library's decorator or metaclass leaves in the class."""
_BUILT_IN: Final = frozenset({str, int, float, bool, type(None), dict, list, tuple, object, type})
_NAMESPACES: Final = frozenset({"google", "azure"})
_MODULE: Final = type.__dict__["__module__"]
_QUALNAME: Final = type.__dict__["__qualname__"]
_ATTRIBUTES: Final = type.__dict__["__dict__"]
_MRO: Final = type.__dict__["__mro__"]

_registered: dict[type | str, Form] = {}


def register_form(type: type[T] | str, function: Callable[[T], object]) -> None:
    """Say how values of a type are recorded: what ``function`` returns stands for them, in inputs, outputs and items.

    - ``type``: a class, or its full name (``"package.module.Class"``) so that nothing has to be imported. Subclasses
      count too; a nearer class's form wins, and yours over one of ours.
    - ``function``: called with the value, returns anything that can be recorded: a dict, a list, text, also other
      objects. It runs on the agent's thread whenever such a value is recorded, so it has to be quick and must not wait.
      Where it raises, the value is only described (``<package.module.Class>``), and ``capture_failed`` is counted.

    Registering a type again replaces its form. May be called at any time, before ``configure`` too; thread-safe.

    Raises UsageError for what is no class, a function that cannot be called, and the built-in types that are JSON
    already (``str``, ``int``, ``float``, ``bool``, ``dict``, ``list``, ``tuple``, ``None``).

    >>> atlas_otel.register_form("shop.Basket", lambda basket: {"items": list(basket.items), "total": basket.total})
    """
    if not isinstance(type, (_Class, str)) or not type:
        raise UsageError("register_form: give a class or its full name, such as 'shop.Basket'")
    if type in _BUILT_IN:
        raise UsageError(f"register_form: values of {type!r} are recorded as they are; register a subclass of it")
    if not callable(function):
        raise UsageError("register_form: the second argument is a function that takes the value")

    def form(reader: ValueReader, value: Any, depth: int) -> JsonValue:
        return reader.read(function(value), depth + 1)

    _registered[type] = form
    form_of.cache_clear()


_Class: Final = type


@lru_cache(maxsize=1024)
def form_of(cls: type) -> Form | None:
    """How values of a type are read: the first of its bases that has a form; None where none has."""
    for base in _MRO.__get__(cls):
        name = _QUALNAME.__get__(base)
        module = _MODULE.__get__(base)
        if not isinstance(module, str):
            module = ""
        form = _registered.get(base) or _registered.get(f"{module}.{name}")
        form = form or value_forms.BY_TYPE.get(base) or _BY_NAME.get((_package(module), name))
        if form is not None:
            return form
        held = _ATTRIBUTES.__get__(base)
        for mark, marked in _BY_MARK:
            if mark in held:
                return marked
    return None


def _package(module: str) -> str:
    """The package that a module is of; where many projects share a namespace, the part below it too."""
    first, _, rest = module.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first in _NAMESPACES else first
