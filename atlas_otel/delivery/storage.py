"""The way of records into a store: journal, drain, accounts and recorder, put together."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.delivery.drain import Drain, Pace
from atlas_otel.delivery.journal import MemoryJournal
from atlas_otel.delivery.journal_recorder import JournalRecorder, RunningSpans
from atlas_otel.errors import ConfigError, SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.delivery.journal import Journal
    from atlas_otel.records.store import PoisonedRecord, Store
    from atlas_otel.settings import Durability, Projection

_log = logging.getLogger("atlas_otel")
DEFAULT_PACE: Final = Pace()


class Storage(NamedTuple):
    """Where records go, and who sees to it."""

    recorder: JournalRecorder
    drain: Drain
    accounts: Accounts
    journal: Journal


class Target(NamedTuple):
    """A store to write to. ``name``: without a password; the spool keeps apart what is for one and for another.

    ``open_store`` is given what takes records that the store refuses, where it does not keep them itself.
    """

    name: str
    open_store: Callable[[Callable[[Sequence[PoisonedRecord]], None]], Store]
    pace: Pace = DEFAULT_PACE


def storage_to(
    target: Target,
    durability: Durability,
    accounts: Accounts,
    *,
    projection: Projection = "none",
    project_every_s: float | None = None,
    settle_s: Sequence[float] = (),
    spool_bytes: int | None = None,
) -> Storage:
    """The way into a store. No thread and no connection before there is a record to store.

    Raises ConfigError where the spool's folder cannot be used; where nobody named it, memory takes its place, and a
    line says so. The arguments are those of :class:`Drain`; ``spool_bytes``: the bound of the spool's folder.
    """
    journal: Journal
    left = False
    if durability == "memory":
        journal = MemoryJournal(accounts)
    else:
        from atlas_otel.delivery.spool import DEFAULT_MAX_BYTES, SpoolJournal
        from atlas_otel.delivery.spool_folder import ENV_SPOOL_DIR
        from atlas_otel.delivery.spool_owner import tokens

        try:
            journal = SpoolJournal(accounts, target=target.name, max_bytes=spool_bytes or DEFAULT_MAX_BYTES)
        except SpoolError as error:
            if os.environ.get(ENV_SPOOL_DIR, "").strip():
                raise ConfigError(str(error)) from None
            # Nobody said where: the agent runs, and what is promised is said.
            _log.warning("durability is memory, what is not stored dies with the process: %s", error)
            journal = MemoryJournal(accounts)
        else:
            left = bool(tokens(journal.folder))
    running = RunningSpans()
    drain = Drain(
        journal,
        accounts,
        lambda: target.open_store(journal.set_aside),
        running,
        projection=projection,
        project_every_s=project_every_s,
        settle_s=settle_s,
        pace=target.pace,
    )
    if left:  # of a process that died, perhaps: it is stored also where this one records nothing
        drain.wake()
    return Storage(JournalRecorder(journal, accounts, drain, running), drain, accounts, journal)
