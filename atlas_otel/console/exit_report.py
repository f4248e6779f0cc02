"""What a program says on stderr at its end, where something that it recorded was lost or has yet to be stored."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas_otel.delivery.accounts import AccountsSnapshot


def tell_losses(accounts: AccountsSnapshot) -> None:
    """Say what ``accounts`` hold of losses, a line each; nothing where everything was stored."""
    if lost := accounts.dropped:
        causes = ", ".join(f"{number} {cause}" for cause, number in sorted(lost.items()))
        _say(f"not recorded: {causes} (spans and events){_because(accounts)}")
    left = accounts.spans.spooled + accounts.events.spooled
    if left and not accounts.waiting:  # else the log has said why they wait
        _say(f"{left} spans and events wait in the spool for the next process")
    from atlas_otel.delivery.causes import meaning

    for cause, number in sorted(accounts.absorbed.items()):
        _say(f"{number} × {cause}: {meaning(cause)}")
    if unsent := accounts.handed - accounts.sent:
        _say(f"not sent over OTLP: {unsent} of {accounts.handed} spans, which Jaeger lacks")


def _because(accounts: AccountsSnapshot) -> str:
    return f"; cannot write to the database: {accounts.waiting}" if accounts.waiting else ""


def _say(text: str) -> None:
    stream = sys.stderr
    if stream is None:  # a service's process may have none, and print() would take the agent's stdout instead
        return
    with contextlib.suppress(OSError, ValueError):  # closed, or whoever read it is gone
        print(f"atlas-otel: {text}", file=stream)
