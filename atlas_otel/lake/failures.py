"""What goes wrong with a lake, as errors of ours: one line that says where, and what to do."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import AtlasOtelError, ConfigError, PermanentStoreError, RetryableStoreError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.lake.location import Location

_REFUSED: Final = ("access_denied", "access denied", "forbidden", "invalidaccesskeyid", "signaturedoesnotmatch")
_DAMAGED: Final = (ValueError, EOFError, TypeError)
_NO_BUCKET: Final = ("nosuchbucket", "no_such_bucket", "bucket does not exist")


@contextmanager
def translating(location: Location) -> Iterator[None]:
    """Errors of the table format, its catalog and its storage leave the block as errors of ours.

    None of their texts is passed on where it may quote a password.
    """
    try:
        yield
    except (AtlasOtelError, GeneratorExit):
        raise
    except ImportError as error:
        raise ConfigError(f"a lake needs more packages: pip install 'atlas-otel[lake]' ({error.name})") from None
    except Exception as error:
        known = translated(error, location)
        if known is None:
            raise
        raise known from None


def translated(error: Exception, location: Location) -> AtlasOtelError | None:
    """The error of ours for one of theirs; None for what is nobody's but a defect."""
    from pyiceberg import exceptions as iceberg
    from sqlalchemy import exc as sql

    if isinstance(error, iceberg.CommitFailedException):
        return RetryableStoreError(f"the lake {location} was changed by others again and again; try again")
    if isinstance(error, iceberg.ValidationException):
        return RetryableStoreError(f"others rewrote the same files of the lake {location} meanwhile; try again")
    if isinstance(error, iceberg.NoSuchTableError):
        return SchemaError(f"there is no lake at {location} yet: atlas-otel lake archive, or collect --lake, makes it")
    if isinstance(error, sql.SQLAlchemyError):
        return _of_catalog(error, location)
    if isinstance(error, FileNotFoundError):
        return PermanentStoreError(
            f"the lake {location} lacks a file that its table names ({_line(error)}): run atlas-otel lake verify"
        )
    if isinstance(error, OSError):
        return _of_storage(error, location)
    if isinstance(error, (*_DAMAGED, iceberg.ValidationError)):  # metadata, a manifest (Avro), data (Arrow)
        return PermanentStoreError(
            f"the lake {location} holds a file that is cut or damaged ({type(error).__name__}): atlas-otel lake verify "
            "names it; what is in the other files is whole"
        )
    return None


def _of_catalog(error: Exception, location: Location) -> AtlasOtelError:
    # What SQLAlchemy says quotes statements and their values; what its driver says may quote the URL.
    cause = getattr(error, "orig", None)
    name = type(cause or error).__name__
    if "locked" in str(cause).lower():
        return RetryableStoreError(f"the catalog of the lake {location} is locked by others; try again")
    if "readonly" in str(cause).lower() or "unable to open" in str(cause).lower():
        return PermanentStoreError(f"the catalog of the lake {location} cannot be written: check its folder's rights")
    if type(error).__name__ == "OperationalError":
        return RetryableStoreError(f"the catalog of the lake {location} cannot be reached ({name}); is it running?")
    return PermanentStoreError(f"the catalog of the lake {location} refused ({name}): check the rights of its user")


def _of_storage(error: OSError, location: Location) -> AtlasOtelError:
    text = str(error).lower()
    if any(word in text for word in _NO_BUCKET):
        return PermanentStoreError(f"the lake {location} has no bucket: make it, or check its name and the region")
    if isinstance(error, PermissionError) or any(word in text for word in _REFUSED):
        return PermanentStoreError(f"no right to the lake {location}: check the key, and what it may do there")
    if "no space" in text:
        return RetryableStoreError(f"the disk of the lake {location} is full")
    return RetryableStoreError(f"the lake {location} cannot be reached: {_line(error)}")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


class _Quiet(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR


def quiet_logs() -> None:
    """What pyiceberg warns of is handled here: a conflict is tried again, a missing snapshot is none."""
    for name in ("pyiceberg.table", "pyiceberg.io", "pyiceberg.catalog.sql", "pyiceberg.manifest"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, _Quiet) for one in logger.filters):
            logger.addFilter(_Quiet())
