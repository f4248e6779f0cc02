"""How Spark is told of a lake. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from atlas_otel.errors import ConfigError
from atlas_otel.lake.location import CATALOG_NAME, CATALOG_SCHEMA, storage_settings
from atlas_otel.lake.schema import NAMESPACE
from atlas_otel.postgres.dsn import describe, resolve_database_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.lake.location import Location

_CATALOG: Final = f"spark.sql.catalog.{CATALOG_NAME}"
# libpq's names of what Postgres' JDBC driver calls otherwise.
_JDBC_NAMES: Final = {"connect_timeout": "connectTimeout", "application_name": "ApplicationName"}
_JDBC_TAKES: Final = ("user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey", *_JDBC_NAMES)


def table_name(table: str) -> str:
    """A table of the lake as Spark's SQL names it: ``atlas.atlas_otel.spans``."""
    return f"{CATALOG_NAME}.{NAMESPACE}.{table}"


def spark_settings(location: Location, env: Mapping[str, str]) -> dict[str, str]:
    """The settings of a Spark session that reads and writes this lake. They may hold a password and a key.

    The jars come apart: ``iceberg-spark-runtime`` of Spark's version, a JDBC driver for the catalog, and for a bucket
    ``iceberg-aws-bundle``. Only the driver reaches for the catalog; executors read and write files.
    """
    settings = {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.session.timeZone": "UTC",
        _CATALOG: "org.apache.iceberg.spark.SparkCatalog",
        f"{_CATALOG}.catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
        f"{_CATALOG}.jdbc.schema-version": "V1",
        f"{_CATALOG}.warehouse": location.warehouse,
        f"{_CATALOG}.uri": jdbc_url(location),
        f"{_CATALOG}.cache-enabled": "false",
    }
    if location.warehouse.startswith("s3:"):
        settings[f"{_CATALOG}.io-impl"] = "org.apache.iceberg.aws.s3.S3FileIO"
        stated = storage_settings(env)
        region = stated.pop("s3.region", None)
        if region is not None:
            settings[f"{_CATALOG}.client.region"] = region
        if "s3.endpoint" in stated:
            settings[f"{_CATALOG}.s3.path-style-access"] = "true"
        settings.update({f"{_CATALOG}.{key}": value for key, value in stated.items()})
    return settings


def jdbc_url(location: Location) -> str:
    """The catalog for a JDBC driver. Raises ConfigError where it listens on a socket file only, as an embedded server
    does: Java reaches none."""
    if location.catalog.startswith("sqlite:"):
        return f"jdbc:{location.catalog}"
    from psycopg.conninfo import conninfo_to_dict

    stated = {key: str(value) for key, value in conninfo_to_dict(resolve_database_url(location.catalog)).items()}
    options = {_JDBC_NAMES.get(key, key): stated[key] for key in _JDBC_TAKES if key in stated}
    options["currentSchema"] = CATALOG_SCHEMA
    host = stated.get("host") or "localhost"
    if host.startswith(("/", "@")):
        raise ConfigError(
            f"Spark reaches its catalog by TCP, and {describe(location.catalog)} is a socket: name a host"
        )
    place = f"{host}:{stated['port']}" if "port" in stated else host
    return f"jdbc:postgresql://{place}/{quote(stated.get('dbname', ''))}?{urlencode(options)}"
