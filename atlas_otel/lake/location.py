"""Where a lake is: its URL, the catalog that names its current files, and how its storage is reached. Pure.

A *lake URL* is a folder (``/data/lake``, ``file:///data/lake``) or a bucket with a prefix (``s3://bucket/prefix``).
The *catalog* is a database with two small tables that say which metadata file of each table is the current one. For
a folder it is a SQLite file in it, unless another is named; a bucket needs one: a Postgres, mostly the one of
``atlas-otel``, where the catalog's tables live in a schema of their own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from atlas_otel.errors import ConfigError
from atlas_otel.postgres.dsn import check_database_url, is_embedded, resolve_database_url

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_LAKE: Final = "ATLAS_OTEL_LAKE"
ENV_CATALOG: Final = "ATLAS_OTEL_LAKE_CATALOG"
CATALOG_NAME: Final = "atlas"
CATALOG_SCHEMA: Final = "atlas_otel_lake"
"""The schema of a Postgres in which the catalog's tables live."""
CATALOG_FILE: Final = "catalog.db"
_FORMS: Final = "a folder (/data/lake) or a bucket (s3://bucket/prefix)"
_S3_SETTINGS: Final = {
    "s3.endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "s3.access-key-id": ("AWS_ACCESS_KEY_ID",),
    "s3.secret-access-key": ("AWS_SECRET_ACCESS_KEY",),
    "s3.session-token": ("AWS_SESSION_TOKEN",),
    "s3.region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
}


class Location(NamedTuple):
    """A lake's place. ``warehouse``: a ``file://`` or ``s3://`` URL without a slash at its end. ``catalog``: a
    database URL in any of its forms, or ``sqlite:`` and an absolute path."""

    warehouse: str
    catalog: str

    @property
    def folder(self) -> Path | None:
        """The folder that it is; None for a bucket."""
        parts = urlsplit(self.warehouse)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    def __str__(self) -> str:
        return str(self.folder or self.warehouse)


def locate(
    url: str, catalog: str | None = None, *, database: str | None = None, env: Mapping[str, str] = os.environ
) -> Location:
    """The place that ``url`` means. ``catalog``: a database URL or the path of a SQLite file; None: what
    ``ATLAS_OTEL_LAKE_CATALOG`` says, else a file beside the data where the lake is a folder, else ``database``, else
    the database of ``ATLAS_OTEL_DATABASE_URL``.

    Raises ConfigError where either has none of the forms, or a bucket has no catalog.

    >>> locate("/data/lake", env={}).catalog
    'sqlite:/data/lake/catalog.db'
    """
    warehouse = _warehouse(url)
    named = (catalog or env.get(ENV_CATALOG) or "").strip()
    if named:
        return Location(warehouse, _catalog(named))
    folder = Location(warehouse, "").folder
    if folder is not None:
        return Location(warehouse, f"sqlite:{folder / CATALOG_FILE}")
    database = (database or env.get("ATLAS_OTEL_DATABASE_URL") or "").strip()
    if not database:
        raise ConfigError(
            f"the lake {warehouse} needs a catalog: name a Postgres with --catalog, {ENV_CATALOG} or "
            "ATLAS_OTEL_DATABASE_URL"
        )
    check_database_url(database, source="the database URL")
    return Location(warehouse, database)


def _warehouse(url: str) -> str:
    url = url.strip()
    parts = urlsplit(url)
    if parts.scheme in ("s3", "s3a") and parts.netloc and not (parts.query or parts.fragment or "@" in parts.netloc):
        return f"s3://{parts.netloc}{parts.path}".rstrip("/")
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return Path(unquote(parts.path)).absolute().as_uri().rstrip("/")
    if url and "://" not in url:
        return Path(url).expanduser().absolute().as_uri().rstrip("/")
    raise ConfigError(f"the lake URL has none of the forms: {_FORMS}")


def _catalog(value: str) -> str:
    if value.startswith("sqlite:"):
        path = value.removeprefix("sqlite:")
        path = "/" + path.lstrip("/") if path.startswith("//") else path
        return f"sqlite:{Path(path).expanduser().absolute()}"
    if value.startswith(("postgresql:", "postgres:")) or is_embedded(value) or "=" in value:
        check_database_url(value, source="the catalog")
        return value
    if "://" in value:
        raise ConfigError("the catalog is none that is known: give a Postgres URL, or the path of a SQLite file")
    return f"sqlite:{Path(value).expanduser().absolute()}"


def storage_settings(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """How S3 or what is compatible with it is reached, by the names of Iceberg's settings: as AWS' own tools are told.

    ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL`` names another server than Amazon's.
    """
    found: dict[str, str] = {}
    for setting, names in _S3_SETTINGS.items():
        value = next((env[name] for name in names if env.get(name)), None)
        if value is not None:
            found[setting] = value
    if "s3.endpoint" in found:
        found.setdefault("s3.region", "us-east-1")
    return found


def catalog_uri(location: Location) -> str:
    """The catalog for SQLAlchemy; it may hold a password. An embedded server is started.

    Raises ConfigError, which names what is wrong with it.
    """
    if location.catalog.startswith("sqlite:"):
        path = Path(location.catalog.removeprefix("sqlite:"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make the lake's folder {path.parent}: {error.strerror or error}") from None
        return f"sqlite:///{path}"
    from psycopg.conninfo import conninfo_to_dict
    from sqlalchemy.engine import URL

    stated = conninfo_to_dict(resolve_database_url(location.catalog))
    query = {key: str(value) for key, value in stated.items() if value is not None and key != "options"}
    query["options"] = f"{stated.get('options') or ''} -c search_path={CATALOG_SCHEMA}".strip()
    query.setdefault("application_name", "atlas-otel")
    return URL.create("postgresql+psycopg", query=query).render_as_string(hide_password=False)
