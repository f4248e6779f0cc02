"""Who asks, and what the server is set up for."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Final, get_args

from atlas_otel.postgres.dsn import describe
from atlas_otel.ui.shapes.sessions import LineFormat
from atlas_otel.ui.shapes.setup import Criterion, Health, Me, Rubric, Setup

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.ui.asking import Answered, Ask

POLL_S: Final = 2.0
MAX_PAYLOAD: Final = 2 * 1024 * 1024
LOW_REWARD: Final = 0.5
"""As in keep_facts.sql."""
DISAGREEMENT: Final = 0.15


def health(ask: Ask) -> Health:
    """The database answers: else there was no connection."""
    ask.connection.execute("SELECT 1")
    return Health(database="ready")


def me(ask: Ask) -> Me:
    """Who asks."""
    return Me(user=ask.user.name, role=ask.user.role, csrf_token=ask.guard.csrf_token(ask.user))


def setup(ask: Ask) -> Setup:
    """What the page has to know."""
    options = ask.options
    rubric = Rubric(
        verdicts=options.rubric.verdicts,
        criteria=[Criterion(**one.model_dump()) for one in options.rubric.criteria],
    )
    return Setup(
        version=version("atlas-otel"),
        database=describe(options.database_url),
        jaeger_url=options.jaeger_url,
        rubric=rubric,
        reserve_minutes=options.rubric.reserve_minutes,
        datasets=options.datasets is not None,
        formats=list(get_args(LineFormat)),
        poll_seconds=POLL_S,
        max_payload_bytes=MAX_PAYLOAD,
        low_reward=LOW_REWARD,
        disagreement=DISAGREEMENT,
    )


HANDLERS: Final[dict[str, Callable[[Ask], Answered]]] = {"health": health, "me": me, "setup": setup}
