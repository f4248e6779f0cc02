from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from atlas_otel.errors import ConfigError
from atlas_otel.postgres import dsn

SECRET = "hunter2-Geheim"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user@host:5432/name",
        "postgres://host/name?sslmode=verify-full",
        "postgresql://user:p%40ss@[::1]:5433/name",
        "host=/var/run/postgresql dbname=name",
        "embedded",
        "embedded:/srv/data",
        "embedded:relative/folder",
    ],
)
def test_forms_that_are_taken(url: str) -> None:
    dsn.check_database_url(url)
    assert dsn.database_url_from(f" {url} ", {}) == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "nonsense",
        "mysql://host/name",
        "embeded",
        f"postgresql://user:{SECRET}@x@host/name",
        f"postgresql://user:{SECRET}@host:port/name",
        f"postgresql://user:{SECRET}@host:99999/name",
        f"postgresql://user:{SECRET}@[::1/name",
        f"postgresql://user:%zz{SECRET}@host/name",
        f"host=h passwort={SECRET}",
        f"host=h password='{SECRET}",
    ],
)
def test_a_wrong_url_is_refused_in_one_line_that_says_where_and_holds_no_secret(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        dsn.database_url_from(None, {"ATLAS_OTEL_DATABASE_URL": url})

    message = str(raised.value)
    assert message.startswith("ATLAS_OTEL_DATABASE_URL ")
    assert "\n" not in message
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_the_argument_counts_before_the_environment() -> None:
    env = {"ATLAS_OTEL_DATABASE_URL": "embedded:/env"}
    assert dsn.database_url_from("embedded:/argument", env) == "embedded:/argument"
    assert dsn.database_url_from(None, env) == "embedded:/env"
    assert dsn.database_url_from("", {"ATLAS_OTEL_DATABASE_URL": " "}) is None
    assert dsn.database_url_from(None, {}) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql://ada:{SECRET}@db.example:5433/runs", "database runs at db.example:5433 as ada"),
        (f"host=db password={SECRET} dbname=runs sslpassword={SECRET}", "database runs at db"),
        ("postgresql:///runs", "database runs at the local socket"),
        ("embedded:/srv/data", "embedded:/srv/data"),
        (f"what {SECRET} is", "(a database URL that cannot be read)"),
    ],
)
def test_a_description_says_what_and_where_and_no_secret(url: str, said: str) -> None:
    assert dsn.describe(url) == said


def test_scrubbing_takes_out_the_password_and_joins_lines() -> None:
    url = "postgresql://ada:p%40ss-word@db/runs"
    assert dsn.scrub("refused:\n\t p@ss-word is wrong", url) == "refused: *** is wrong"
    assert dsn.scrub("refused: p%40ss-word", url) == "refused: ***"


def test_defaults_do_not_replace_what_the_url_states() -> None:
    made = conninfo_to_dict(dsn.with_defaults("postgresql://h/n?connect_timeout=1", connect_timeout=5, keepalives=1))
    assert made["connect_timeout"] == "1"
    assert made["keepalives"] == "1"


@given(st.text(max_size=40))
def test_no_text_makes_anything_but_a_config_error(text: str) -> None:
    try:
        dsn.check_database_url(text)
    except ConfigError:
        assert dsn.describe(text) == "(a database URL that cannot be read)"
    else:
        dsn.describe(text)
