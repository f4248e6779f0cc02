from __future__ import annotations

import psycopg
import pytest

from atlas_otel.errors import PermanentStoreError, RetryableStoreError, SchemaError, StoreError
from atlas_otel.postgres.failures import is_data_error, translated, translating

URL = "postgresql://ada:s3cret@db/runs"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DeadlockDetected("x"), RetryableStoreError),
        (psycopg.errors.SerializationFailure("x"), RetryableStoreError),
        (psycopg.errors.AdminShutdown("x"), RetryableStoreError),
        (psycopg.errors.CannotConnectNow("x"), RetryableStoreError),
        (psycopg.errors.DiskFull("x"), RetryableStoreError),
        (psycopg.errors.TooManyConnections("x"), RetryableStoreError),
        (psycopg.errors.QueryCanceled("x"), RetryableStoreError),
        (psycopg.errors.ReadOnlySqlTransaction("x"), RetryableStoreError),
        (psycopg.errors.LockNotAvailable("x"), RetryableStoreError),
        (psycopg.OperationalError("connection refused"), RetryableStoreError),
        (psycopg.OperationalError('could not translate host name "x": it does not exist'), RetryableStoreError),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), RetryableStoreError),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), RetryableStoreError),
        (psycopg.OperationalError('FATAL:  database "x" does not exist'), PermanentStoreError),
        (psycopg.OperationalError('FATAL:  password authentication failed for user "x"'), PermanentStoreError),
        (psycopg.errors.ConnectionTimeout("x"), RetryableStoreError),
        (psycopg.errors.InsufficientPrivilege("x"), PermanentStoreError),
        (psycopg.errors.InvalidPassword("x"), PermanentStoreError),
        (psycopg.errors.InvalidCatalogName("x"), PermanentStoreError),
        (psycopg.ProgrammingError("x"), PermanentStoreError),
        (psycopg.errors.UndefinedTable("x"), SchemaError),
        (psycopg.errors.InvalidSchemaName("x"), SchemaError),
    ],
)
def test_what_a_failure_means(error: psycopg.Error, kind: type[StoreError]) -> None:
    assert type(translated(error, URL)) is kind


@pytest.mark.parametrize(
    ("error", "is_data"),
    [
        (psycopg.errors.UntranslatableCharacter("x"), True),
        (psycopg.errors.InvalidTextRepresentation("x"), True),
        (psycopg.errors.NotNullViolation("x"), True),
        (psycopg.errors.ProgramLimitExceeded("x"), True),
        (psycopg.errors.DiskFull("x"), False),
        (psycopg.OperationalError("x"), False),
        (psycopg.errors.DeadlockDetected("x"), False),
        (ValueError("x"), False),
    ],
)
def test_which_failures_are_a_records_fault(error: Exception, is_data: bool) -> None:
    assert is_data_error(error) is is_data


def test_the_message_says_where_in_one_line_without_the_password_or_the_cause() -> None:
    with pytest.raises(RetryableStoreError) as raised, translating(URL):
        raise psycopg.OperationalError("cannot\nconnect with s3cret")

    assert str(raised.value) == "database runs at db as ada: cannot connect with ***"
    assert raised.value.__suppress_context__
