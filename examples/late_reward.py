"""A reward that arrives a day later, from another process: keep the session's id with whatever is scored later.

    python examples/late_reward.py order "2 apples"      # prints the session's id, which the order keeps
    python examples/late_reward.py returned ID           # the next day: the customer sent it back

`atlas-otel reward ID 0.0 --rationale "sent back"` does the same from a shell.
"""

from __future__ import annotations

import sys

import atlas_otel as atlas

atlas.configure("shop")


@atlas.tool
def place(order: str) -> str:
    return f"ordered {order}"


@atlas.session
def take_order(request: str) -> str:
    with atlas.step("Place the order", id=1) as step:
        step.output = place(request)
    session = atlas.current_session()
    assert session is not None
    return session.id


def score(session_id: str, *, kept: bool) -> None:
    """Score the session and its step. The span of a late reward links to the session's trace."""
    why = "kept" if kept else "sent back"
    atlas.record_reward(float(kept), session_id=session_id, rationale=why, judge="customer")
    atlas.record_reward(float(kept), session_id=session_id, step=1, rationale=why, judge="customer")


if __name__ == "__main__":
    command, argument = sys.argv[1:]
    if command == "order":
        print(take_order(argument))
    else:
        score(argument, kept=command == "kept")
    atlas.flush()
