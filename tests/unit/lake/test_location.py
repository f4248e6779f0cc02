"""How a lake and its catalog are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_otel.errors import ConfigError
from atlas_otel.lake.location import catalog_uri, locate, storage_settings


@pytest.mark.parametrize(
    ("url", "warehouse"),
    [
        ("/data/lake/", "file:///data/lake"),
        ("file:///data/lake", "file:///data/lake"),
        ("/data/my lake", "file:///data/my%20lake"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3a://bucket", "s3://bucket"),
    ],
)
def test_forms_of_a_url(url: str, warehouse: str) -> None:
    place = locate(url, "postgresql://u@h/db", env={})
    assert place.warehouse == warehouse
    assert (place.folder is None) == warehouse.startswith("s3:")


def test_a_relative_folder_is_made_absolute() -> None:
    assert locate("lake", env={}).folder == Path("lake").absolute()


@pytest.mark.parametrize("url", ["", "gs://bucket/x", "s3://", "s3://key@bucket/x", "http://h/x", "file://host/x"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="none of the forms"):
        locate(url, env={})


@pytest.mark.parametrize(
    ("catalog", "env", "expected"),
    [
        (None, {}, "sqlite:/data/lake/catalog.db"),
        ("/x/c.db", {}, "sqlite:/x/c.db"),
        ("sqlite:///x/c.db", {"ATLAS_OTEL_LAKE_CATALOG": "postgresql://h/d"}, "sqlite:/x/c.db"),
        (None, {"ATLAS_OTEL_LAKE_CATALOG": "postgresql://h/d"}, "postgresql://h/d"),
        ("host=h dbname=d", {}, "host=h dbname=d"),
        ("embedded", {}, "embedded"),
    ],
)
def test_forms_of_a_catalog(catalog: str | None, env: dict[str, str], expected: str) -> None:
    assert locate("/data/lake", catalog, env=env).catalog == expected


def test_a_bucket_takes_the_databases_catalog_or_asks_for_one() -> None:
    assert locate("s3://b/x", env={"ATLAS_OTEL_DATABASE_URL": "postgresql://h/d"}).catalog == "postgresql://h/d"
    with pytest.raises(ConfigError, match="needs a catalog"):
        locate("s3://b/x", env={})
    with pytest.raises(ConfigError, match="none that is known"):
        locate("s3://b/x", "mysql://h/d", env={})


def test_the_catalogs_uri_keeps_what_libpq_was_told() -> None:
    pytest.importorskip("sqlalchemy")
    uri = catalog_uri(locate("/l", "postgresql://u:p%40ss@h:5433/d?sslmode=require", env={}))
    assert uri.startswith("postgresql+psycopg://")
    for part in ("host=h", "port=5433", "password=p%40ss", "sslmode=require", "atlas_otel_lake"):
        assert part in uri


def test_storage_is_told_as_other_tools_are() -> None:
    env = {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b", "AWS_ACCESS_KEY_ID": "k"}
    assert storage_settings(env) == {
        "s3.endpoint": "http://b",
        "s3.access-key-id": "k",
        "s3.region": "us-east-1",
    }
    assert storage_settings({}) == {}
