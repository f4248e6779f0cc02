"""A database, and the way of records into it: journal, drain, accounts and recorder, put together."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.drain import Drain
from atlas_otel.delivery.journal import MemoryJournal
from atlas_otel.delivery.journal_recorder import JournalRecorder, RunningSpans
from atlas_otel.errors import ConfigError, SpoolError
from atlas_otel.records.store import DEFAULT_PATIENCE, Patience

if TYPE_CHECKING:
    from atlas_otel.delivery.journal import Journal
    from atlas_otel.records.store import Store
    from atlas_otel.settings import Durability, Projection, Settings

_log = logging.getLogger("atlas_otel")


class Storage(NamedTuple):
    """Where records go, and who sees to it."""

    recorder: JournalRecorder
    drain: Drain
    accounts: Accounts
    journal: Journal


def open_storage(settings: Settings) -> Storage:
    """The way into ``settings.database_url``. No thread and no connection before there is a record to store.

    Raises ConfigError where the URL is none, or the driver, the embedded server or the spool's folder cannot be used;
    where nobody named that folder, and the user's own cannot be used, memory takes its place, and a line says so.
    """
    url = settings.database_url
    assert url is not None
    return storage_for(url, settings.durability, patience=patience_of(settings), projection=settings.projection)


def patience_of(settings: Settings) -> Patience:
    """How long sessions must be quiet before they are over."""
    return Patience(settings.quiet_s, settings.root_wait_s)


def storage_for(
    database_url: str,
    durability: Durability,
    *,
    accounts: Accounts | None = None,
    patience: Patience = DEFAULT_PATIENCE,
    projection: Projection = "own",
    project_every_s: float | None = None,
    spool_bytes: int | None = None,
) -> Storage:
    """The same, for a URL and a durability.

    ``accounts``: who keeps them, where it is not :class:`Accounts` itself. ``patience``: how long a session must be
    quiet before it is over. ``projection``: as in the settings. ``project_every_s``: project what other
    processes stored too, this often, also when nothing comes in here. ``spool_bytes``: the bound of the spool's folder.
    """
    try:
        from atlas_otel.postgres.dsn import check_usable, describe
    except ImportError as error:  # psycopg without libpq
        said = " ".join(str(error).split())
        raise ConfigError(f"the Postgres driver cannot be loaded ({said}): pip install 'psycopg[binary]'") from None

    check_usable(database_url)
    accounts = accounts if accounts is not None else Accounts()
    journal: Journal
    left = False
    if durability == "memory":
        journal = MemoryJournal(accounts)
    else:
        from atlas_otel.delivery.spool import DEFAULT_MAX_BYTES, SpoolJournal
        from atlas_otel.delivery.spool_folder import ENV_SPOOL_DIR
        from atlas_otel.delivery.spool_owner import tokens

        try:
            journal = SpoolJournal(accounts, target=describe(database_url), max_bytes=spool_bytes or DEFAULT_MAX_BYTES)
        except SpoolError as error:
            if os.environ.get(ENV_SPOOL_DIR, "").strip():
                raise ConfigError(str(error)) from None
            # Nobody said where: the agent runs, and what is promised is said.
            _log.warning("durability is memory, what is not stored dies with the process: %s", error)
            journal = MemoryJournal(accounts)
        else:
            left = bool(tokens(journal.folder))
    running = RunningSpans()

    def open_store() -> Store:
        from atlas_otel.postgres.store import PostgresStore

        return PostgresStore(database_url, patience=patience)

    drain = Drain(
        journal,
        accounts,
        open_store,
        running,
        projection=projection,
        project_every_s=project_every_s,
        settle_s=patience,
    )
    if left:  # of a process that died, perhaps: it is stored also where this one records nothing
        drain.wake()
    return Storage(JournalRecorder(journal, accounts, drain, running), drain, accounts, journal)
