"""What a handler is asked, and what it may answer beside a shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from atlas_otel.errors import AtlasOtelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from atlas_otel.postgres.overlap import OverlappingConnection
    from atlas_otel.ui.builds import Builds
    from atlas_otel.ui.guard import Guard
    from atlas_otel.ui.options import UiOptions, User
    from atlas_otel.ui.shapes.base import Change, Code

ModelT = TypeVar("ModelT", bound="BaseModel")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: who asks, over which connection, for what. The connection is in a transaction."""

    user: User
    options: UiOptions
    connection: OverlappingConnection
    guard: Guard
    builds: Builds
    path: Mapping[str, str]
    query: BaseModel | None = None
    body: BaseModel | None = None

    def queried(self, kind: type[ModelT]) -> ModelT:
        """The query, which is of ``kind``."""
        assert isinstance(self.query, kind)
        return self.query

    def given(self, kind: type[ModelT]) -> ModelT:
        """The body, which is of ``kind``."""
        assert isinstance(self.body, kind)
        return self.body


class Tagged(NamedTuple):
    """An answer with its revision."""

    revision: str
    answer: BaseModel | bytes


class File(NamedTuple):
    """A file to download. ``name`` is plain ASCII."""

    name: str
    content: bytes


class Refused(AtlasOtelError):
    """What cannot be done, as the answer says it."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        *,
        revision: str | None = None,
        changes: list[Change] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.revision = revision
        self.changes = changes or []
        self.retry_after_s = retry_after_s


def missing(what: str) -> Refused:
    """There is no such thing."""
    return Refused(404, "not_found", what)


Answered = Any
"""A shape, :class:`Tagged` or :class:`File`."""
