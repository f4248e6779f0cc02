"""The forms in which a database is named, and how one is named in a message.

A *database URL* is one of:

- a Postgres URL (``postgresql://user@host:5432/name?sslmode=verify-full``) or libpq conninfo (``host=… dbname=…``);
- ``embedded``: the server of the wheel, in this user's data folder;
- ``embedded:<folder>``: the same server, in that folder.

No message made here holds a password: libpq's own messages quote what they could not parse, so they are never
passed on as they are.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from atlas_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_DATABASE_URL: Final = "ATLAS_OTEL_DATABASE_URL"
EMBEDDED: Final = "embedded"
_EMBEDDED_FOLDER: Final = "embedded:"
_SECRET_KEYS: Final = ("password", "sslpassword", "oauth_client_secret")
_FORMS: Final = 'a Postgres URL ("postgresql://user@host:5432/name"), "embedded" or "embedded:<folder>"'


def database_url_from(argument: str | None, env: Mapping[str, str]) -> str | None:
    """The database URL to use: the argument where it is given, else ``ATLAS_OTEL_DATABASE_URL``, else None.

    Raises ConfigError, which names the place it came from, where it is none of the forms.
    """
    for value, source in ((argument, "the database URL"), (env.get(ENV_DATABASE_URL), ENV_DATABASE_URL)):
        if value is not None and value.strip():
            check_database_url(value, source=source)
            return value.strip()
    return None


def check_database_url(value: str, *, source: str = "the database URL") -> None:
    """Check the form of a database URL without reaching for a server; ConfigError where it is wrong."""
    value = value.strip()
    if not is_embedded(value):
        _parse(value, source)


def check_usable(value: str) -> None:
    """Check what can be known of a database URL before a server is started or reached: its form, and for the embedded
    forms that the server is installed and may use its folder. Raises ConfigError; changes nothing."""
    value = value.strip()
    check_database_url(value)
    if is_embedded(value):
        _refuse_windows()
        from atlas_otel.postgres import embedded

        embedded.check(_embedded_folder(value))


def resolve_database_url(value: str, *, source: str = "the database URL") -> str:
    """A conninfo for psycopg. For the embedded forms the server is started, and kept until this process ends.

    Raises ConfigError where ``value`` is none of the forms, or where the embedded server cannot run here.
    """
    value = value.strip()
    if is_embedded(value):
        _refuse_windows()
        from atlas_otel.postgres import embedded

        return embedded.ensure_running(_embedded_folder(value))
    _parse(value, source)
    return value


def describe(value: str) -> str:
    """``value`` for a message: what and where, never a password."""
    value = value.strip()
    if is_embedded(value):
        return value
    try:
        parts = _parse(value, "")
    except ConfigError:
        return "(a database URL that cannot be read)"
    name = parts.get("dbname") or parts.get("user") or "?"
    place = parts.get("host") or parts.get("hostaddr") or "the local socket"
    port = f":{parts['port']}" if parts.get("port") else ""
    user = f" as {parts['user']}" if parts.get("user") else ""
    return f"database {name} at {place}{port}{user}"


def scrub(message: str, value: str) -> str:
    """``message`` as one line, without any password of ``value``."""
    line = " ".join(message.split())
    if is_embedded(value):
        return line  # it holds no password
    try:
        parts = _parse(value, "")
    except ConfigError:
        return "(no details: the database URL cannot be read)"
    for key in _SECRET_KEYS:
        secret = parts.get(key)
        if secret:
            line = line.replace(secret, "***").replace(quote(secret, safe=""), "***")
    return line


def with_defaults(value: str, **settings: str | int) -> str:
    """``value`` with libpq settings added where it does not state them itself."""
    from psycopg.conninfo import make_conninfo

    stated = _parse(value, "the database URL")
    return make_conninfo(value, **{key: item for key, item in settings.items() if key not in stated})


def is_embedded(value: str) -> bool:
    """Whether this database URL means a server from the wheel."""
    value = value.strip()
    return value == EMBEDDED or value.startswith(_EMBEDDED_FOLDER)


def _embedded_folder(value: str) -> str | None:
    return value[len(_EMBEDDED_FOLDER) :] or None if value.startswith(_EMBEDDED_FOLDER) else None


def _refuse_windows() -> None:
    if sys.platform == "win32":
        raise ConfigError("the embedded database does not run on Windows: give a Postgres URL")


def _parse(value: str, source: str) -> dict[str, str]:
    # Loaded where a database is really named: a command's help does without the driver.
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    # `from None` everywhere: libpq's message, with the password in it, would stand in the traceback.
    try:
        parsed = conninfo_to_dict(value) if value else {}
    except (ProgrammingError, UnicodeError, ValueError):
        raise ConfigError(f"{source} has none of the forms {_FORMS}; check for unescaped characters") from None
    parts = {key: str(item) for key, item in parsed.items() if item is not None}
    if not parts:
        raise ConfigError(f"{source} is empty: give one of the forms {_FORMS}")
    if "@" in parts.get("host", ""):
        # "postgresql://u:p@ss@host": libpq ends the password at the first @, and the rest of it looks like a host.
        raise ConfigError(f'{source} has an "@" in its host: write an "@" of the password as %40')
    port = parts.get("port", "")
    if not all(item.isdigit() and 0 < int(item) < 65536 for item in port.split(",") if item):
        raise ConfigError(f"{source} has a port that is not a number from 1 to 65535")
    return parts
