"""Every error that atlas-otel raises on purpose.

::

    AtlasOtelError
    ├── ConfigError          a setting, file or argument is wrong; nothing was started
    ├── UsageError           an API was called in a way that cannot work
    ├── StoreError           a database could not do what was asked
    │   ├── RetryableStoreError   the same call may go through later
    │   ├── PermanentStoreError   it never will: somebody has to change something
    │   │   └── SchemaError       the schema is missing, or newer than this program
    │   └── UnavailableStoreError no record can be stored at all: the records wait
    ├── SpoolError           a spool segment cannot be read or written
    ├── RecordError          a stored or received record cannot be decoded
    ├── ExportError          an export could not be written
    └── AdapterError         an agent adapter failed, or answered out of contract (a RuntimeError too)

None of them ever reaches a decorated function: they come from :func:`atlas_otel.configure` (only
:class:`ConfigError`), from commands, and from readers. The first line of each message says what is wrong, where,
and what to do about it; it never holds a password or a key. ``topic`` names the section of docs/troubleshooting.md
that explains the kind.
"""

from __future__ import annotations

__all__ = [
    "AdapterError",
    "AtlasOtelError",
    "ConfigError",
    "ExportError",
    "PermanentStoreError",
    "RecordError",
    "RetryableStoreError",
    "SchemaError",
    "SpoolError",
    "StoreError",
    "UnavailableStoreError",
    "UsageError",
]


class AtlasOtelError(Exception):
    """The root of the tree: catch it to catch everything that is ours.

    ``exit_code`` is what a command that ends with this error returns to the shell: 2 if the call itself was
    wrong, 1 if it was right and failed.
    """

    exit_code: int = 1
    topic: str = "something-else"


class ConfigError(AtlasOtelError):
    """A setting is wrong: an argument, an environment variable, or a key of a config file."""

    exit_code = 2
    topic = "a-setting-is-wrong"


class UsageError(AtlasOtelError):
    """An API was called in a way that cannot work, such as a NaN reward."""

    exit_code = 2
    topic = "a-command-was-called-wrongly"


class StoreError(AtlasOtelError):
    """A store could not do what was asked."""

    topic = "the-database-refuses"


class RetryableStoreError(StoreError):
    """The server is away, busy, or shutting down: the same call may go through later."""

    topic = "the-database-cannot-be-reached"


class PermanentStoreError(StoreError):
    """The server understood and refused; trying again changes nothing."""


class SchemaError(PermanentStoreError):
    """The database's schema is missing, or newer than this program knows."""

    topic = "the-schema-is-missing-or-does-not-fit"


class UnavailableStoreError(StoreError):
    """The store cannot be opened, or takes no record at all: configuration, driver, rights, schema or server.

    No record is at fault, so none is given up. ``retryable``: whether it may end by itself soon, as when a server
    restarts; otherwise you have to change something.
    """

    topic = "nothing-is-stored"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class SpoolError(AtlasOtelError):
    """A spool segment cannot be read or written."""

    topic = "the-spool-cannot-be-used"


class RecordError(AtlasOtelError):
    """A stored or received record cannot be decoded."""

    topic = "a-record-cannot-be-read"


class ExportError(AtlasOtelError):
    """An export could not be written."""

    topic = "an-export-fails-or-is-empty"


class AdapterError(AtlasOtelError, RuntimeError):
    """An agent adapter failed, or answered out of the contract (contract §5)."""

    topic = "an-adapter-fails"
