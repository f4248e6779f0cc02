"""Filters of a scan, typed: pyiceberg's own constructors are models whose signatures a type checker misreads. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.expressions import BooleanExpression


def among(column: str, values: Iterable[str]) -> BooleanExpression:
    """``column`` is one of ``values``."""
    from pyiceberg.expressions import In

    return cast("BooleanExpression", cast("Any", In)(column, set(values)))


def at_least(column: str, value: str | int) -> BooleanExpression:
    """``column`` is ``value`` or more; a time is given in ISO 8601."""
    from pyiceberg.expressions import GreaterThanOrEqual

    return cast("BooleanExpression", cast("Any", GreaterThanOrEqual)(column, value))


def at_most(column: str, value: str | int) -> BooleanExpression:
    """``column`` is ``value`` or less."""
    from pyiceberg.expressions import LessThanOrEqual

    return cast("BooleanExpression", cast("Any", LessThanOrEqual)(column, value))


def missing(column: str) -> BooleanExpression:
    """``column`` is NULL."""
    from pyiceberg.expressions import IsNull

    return cast("BooleanExpression", cast("Any", IsNull)(column))


def stated(column: str) -> BooleanExpression:
    """``column`` is not NULL."""
    from pyiceberg.expressions import NotNull

    return cast("BooleanExpression", cast("Any", NotNull)(column))


def both(first: BooleanExpression | None, second: BooleanExpression | None) -> BooleanExpression:
    """What both let through; None is no filter."""
    from pyiceberg.expressions import AlwaysTrue, And

    return And(first or AlwaysTrue(), second or AlwaysTrue())


def either(first: BooleanExpression, second: BooleanExpression) -> BooleanExpression:
    """What one of them lets through."""
    from pyiceberg.expressions import Or

    return Or(first, second)
