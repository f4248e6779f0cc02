"""Which sessions a question is about: the filters that ``sessions list``, ``stats`` and ``stats --failures`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from atlas_otel.postgres.statements import composable

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import sql


class SessionFilter(NamedTuple):
    """Conditions that all have to hold; None asks for nothing.

    ``agent``, ``model`` and ``tool`` are whole names. ``since`` and ``until`` compare the session's start;
    ``until`` is exclusive. ``failed`` keeps sessions that failed and those in which a step or a call failed. ``text``
    is found in tasks, answers, messages, arguments, results and errors: a part of a text in any language, ignoring
    case. ``conversation`` is the id that the sessions of one conversation share.
    """

    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    agent: str | None = None
    model: str | None = None
    tool: str | None = None
    min_reward: float | None = None
    failed: bool = False
    text: str | None = None
    conversation: str | None = None

    def parameters(self) -> dict[str, Any]:
        """The parameters of ``look_which.sql``."""
        return {
            **self._asdict(),
            "text": None if self.text is None else f"%{_like(self.text)}%",
            # Events are searched as JSON text, in which quotes, backslashes and line ends are escaped.
            "json_text": None if self.text is None else f"%{_like(orjson.dumps(self.text).decode()[1:-1])}%",
        }


EVERY_SESSION: Final = SessionFilter()


def query(name: str) -> sql.Composed:
    """The statement ``name``, with the conditions of :class:`SessionFilter` in place of its ``{which}``."""
    return composable(name).format(which=composable("look_which"))


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
